"""Charging profiles by name: kept, set on connectors, cleared; over real sockets."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from instructed import Told
from test_limits import meanwhile

NIGHT: dict[str, Any] = {
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-01-01T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 32.0}, {"startPeriod": 21600, "limit": 6.0}],
    },
}
CAR: dict[str, Any] = {
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3700.0}]},
}


async def keep(desk: httpx.AsyncClient, name: str = "night", profile: dict[str, Any] = NIGHT) -> dict[str, Any]:
    answer = await desk.post("/charging-profiles", json={"name": name, "profile": profile})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_profile_is_kept_shown_and_forgotten(desk: httpx.AsyncClient) -> None:
    made = await keep(desk)
    assert (made["name"], made["profileId"]) == ("night", 1001)
    assert made["profile"]["chargingSchedule"]["chargingSchedulePeriod"][1] == {"startPeriod": 21600, "limit": 6.0}
    assert "chargingProfileId" not in made["profile"]
    assert (await desk.get("/charging-profiles/Night")).json() == made
    assert (await desk.get("/charging-profiles")).json() == [made]
    assert (await desk.delete("/charging-profiles/night")).json() == made
    assert (await desk.get("/charging-profiles")).json() == []
    assert (await keep(desk))["profileId"] == 1002, "a number is never given again: a charger may still have it"


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ({**NIGHT, "recurrencyKind": "Hourly"}, "This is no ChargingProfile of OCPP 1.6: Invalid enum value 'Hourly'"),
        ({**NIGHT, "stacklevel": 1}, "no ChargingProfile of OCPP 1.6"),
        ({key: NIGHT[key] for key in NIGHT if key != "recurrencyKind"}, "recurrencyKind is for Recurring profiles"),
        ({**NIGHT, "transactionId": 4}, "only a TxProfile has a transactionId"),
    ],
)
async def test_what_is_no_profile_is_refused(desk: httpx.AsyncClient, profile: dict[str, Any], text: str) -> None:
    answer = await desk.post("/charging-profiles", json={"name": "night", "profile": profile})
    assert (answer.status_code, answer.json()["kind"]) == (422, "charging_profile_refused")
    assert text in answer.json()["error"]


async def test_a_name_is_given_once(desk: httpx.AsyncClient) -> None:
    await keep(desk)
    answer = await desk.post("/charging-profiles", json={"name": "NIGHT", "profile": CAR})
    assert (answer.status_code, answer.json()["kind"]) == (409, "charging_profile_taken")
    unknown = await desk.get("/charging-profiles/day")
    assert (unknown.status_code, unknown.json()["kind"]) == (404, "charging_profile_unknown")


async def test_a_profile_is_set_listed_and_cleared(desk: httpx.AsyncClient, told: Told) -> None:
    await keep(desk)
    async with told.booted() as charge_point:
        heard: list[Any] = []

        async def takes() -> None:
            heard.append(await charge_point.answers("SetChargingProfile", {"status": "Accepted"}))

        order = {"name": "night", "charger": "cp001", "connector": 1}
        said = await meanwhile(lambda: desk.post("/installed-profiles", json=order), takes)
        assert (said["charger"], said["accepted"], said["said"]) == ("CP001", True, "Accepted")
        assert heard[0]["connectorId"] == 1
        assert heard[0]["csChargingProfiles"]["chargingProfileId"] == 1001
        (row,) = (await desk.get("/installed-profiles", params={"charger": "CP001"})).json()
        assert (row["charger"], row["connector"], row["name"], row["purpose"], row["stackLevel"]) == (
            "CP001",
            1,
            "night",
            "TxDefaultProfile",
            0,
        )
        assert (await desk.get("/installed-profiles", params={"charger": "CP002"})).json() == []

        async def clears() -> None:
            heard.append(await charge_point.answers("ClearChargingProfile", {"status": "Accepted"}))

        clearing = {"charger": "CP001", "name": "night", "connector": 1}
        said = await meanwhile(lambda: desk.post("/installed-profiles/clear", json=clearing), clears)
    assert said["accepted"]
    assert heard[1] == {"id": 1001, "connectorId": 1}
    assert (await desk.get("/installed-profiles")).json() == []


async def test_a_charger_that_does_not_take_it(desk: httpx.AsyncClient, told: Told) -> None:
    await keep(desk)
    async with told.booted() as charge_point:

        async def refuses() -> None:
            await charge_point.answers("SetChargingProfile", {"status": "Rejected"})

        order = {"name": "night", "charger": "CP001", "connector": 1}
        said = await meanwhile(lambda: desk.post("/installed-profiles", json=order), refuses)
    assert (said["accepted"], said["said"]) == (False, "Rejected")
    assert (await desk.get("/installed-profiles")).json() == []


async def test_a_profile_of_a_transaction_goes_to_the_one_that_runs_and_ends_with_it(
    desk: httpx.AsyncClient, told: Told
) -> None:
    """Q105: with transactionId 0, or none, chargers accept it and do nothing."""
    await desk.post("/authorizations", json={"token": "TAG"})
    await keep(desk, "car", CAR)
    order = {"name": "car", "charger": "CP001", "connector": 1}
    nothing = await desk.post("/installed-profiles", json=order)
    assert (nothing.status_code, nothing.json()["error"]) == (409, "No transaction runs at connector 1 of CP001.")
    async with told.booted() as charge_point:
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}
        await charge_point.say("StartTransaction", start)
        heard: list[Any] = []

        async def takes() -> None:
            heard.append(await charge_point.answers("SetChargingProfile", {"status": "Accepted"}))

        await meanwhile(lambda: desk.post("/installed-profiles", json=order), takes)
        assert heard[0]["csChargingProfiles"]["transactionId"] == 1
        assert await told.rows('SELECT "transactionId" FROM "installedProfile"') == [(1,)]
        stop = {"transactionId": 1, "meterStop": 9, "timestamp": "2026-03-01T12:00:01Z"}
        await charge_point.say("StopTransaction", stop)
        assert await told.rows('SELECT "transactionId" FROM "installedProfile"') == []


async def test_where_a_profile_may_not_go(desk: httpx.AsyncClient) -> None:
    await keep(desk, "car", CAR)
    answer = await desk.post("/installed-profiles", json={"name": "car", "charger": "CP001"})
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "a TxProfile is for a transaction, so name its connector.",
    )
