"""`/api/limits` and `/api/composite-schedules`: offered, accepted or not, kept to or not; over real sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import trio
from instructed import NOW, ChargePoint, Told


async def meanwhile(asks: Callable[[], Awaitable[httpx.Response]], answers: Callable[[], Awaitable[Any]]) -> Any:
    """Asks the API while the charger answers; gives what the API said."""
    found: list[httpx.Response] = []

    async def ask() -> None:
        found.append(await asks())

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(answers)
    assert found[0].status_code == 200, found[0].text
    return found[0].json()


def order(desk: httpx.AsyncClient, limit: str | None, **more: Any) -> Callable[[], Awaitable[httpx.Response]]:
    return lambda: desk.post("/limits", json={"charger": "CP001", "limit": limit, **more})


def schedule(limit: float, unit: str = "A", seconds: int = 86_400) -> dict[str, Any]:
    return {
        "status": "Accepted",
        "connectorId": 0,
        "scheduleStart": NOW.isoformat(),
        "chargingSchedule": {
            "duration": seconds,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }


async def set_limit(desk: httpx.AsyncClient, charge_point: ChargePoint, limit: str, **more: Any) -> dict[str, Any]:
    """Has a limit accepted by a charger that does not tell what it keeps to; gives what it was told."""
    profile: dict[str, Any] = {}

    async def answers() -> None:
        profile.update(await charge_point.answers("SetChargingProfile", {"status": "Accepted"}))
        await charge_point.answers("GetCompositeSchedule", {"status": "Rejected"})

    said = await meanwhile(order(desk, limit, **more), answers)
    assert (said["accepted"], said["said"], said["differences"]) == (True, "Accepted", None)
    return profile


async def test_a_limit_is_set_and_kept_to(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        heard: list[dict[str, Any]] = []

        async def answers() -> None:
            heard.append(await charge_point.answers("SetChargingProfile", {"status": "Accepted"}))
            heard.append(await charge_point.answers("GetCompositeSchedule", schedule(16.0)))

        said = await meanwhile(order(desk, "16A", until="18:00"), answers)
    profile = heard[0]["csChargingProfiles"]
    assert heard[0]["connectorId"] == 0
    assert profile["chargingProfilePurpose"] == "ChargePointMaxProfile"
    period = {"startPeriod": 0, "limit": 16.0}
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [period]
    assert profile["chargingSchedule"]["startSchedule"].startswith("2026-03-01T11:5")  # Q105: in the past
    assert 22_180 <= profile["chargingSchedule"]["duration"] <= 22_200  # ten minutes and six hours
    assert heard[1]["connectorId"] == 0
    assert 21_580 <= heard[1]["duration"] <= 21_600  # as long as it holds
    assert (said["accepted"], said["until"], said["refused"]) == (True, "2026-03-01T18:00:00Z", [])
    assert said["differences"] == []
    assert await told.rows('SELECT "connectorId", purpose, "stackLevel" FROM "installedProfile"') == [
        (0, "ChargePointMaxProfile", 0)
    ]


async def test_a_limit_that_is_not_kept_to_is_told(desk: httpx.AsyncClient, told: Told) -> None:
    """Q78, Q105: accepted, and nothing happens."""
    async with told.booted() as charge_point:

        async def answers() -> None:
            await charge_point.answers("SetChargingProfile", {"status": "Accepted"})
            await charge_point.answers("GetCompositeSchedule", schedule(32.0))

        said = await meanwhile(order(desk, "16A"), answers)
    assert [(row["ours"], row["theirs"]) for row in said["differences"]] == [(16.0, 32.0)]


async def test_what_a_charger_refuses_is_offered_in_other_words(desk: httpx.AsyncClient, told: Told) -> None:
    """Q103, Q104: they do not say why."""
    async with told.booted() as charge_point:
        heard: list[Any] = []

        async def answers() -> None:
            for status in ("NotSupported", "Rejected", "Rejected", "Accepted"):
                told_so = await charge_point.answers("SetChargingProfile", {"status": status})
                profile = told_so["csChargingProfiles"]
                heard.append((profile["chargingProfilePurpose"], profile["chargingSchedule"]["chargingRateUnit"]))
            await charge_point.answers("GetCompositeSchedule", {"status": "Rejected"})

        said = await meanwhile(order(desk, "16A"), answers)
    assert heard == [
        ("ChargePointMaxProfile", "A"),
        ("TxDefaultProfile", "A"),
        ("ChargePointMaxProfile", "W"),
        ("TxDefaultProfile", "W"),
    ]
    assert said["refused"] == [
        "ChargePointMaxProfile in A: NotSupported",
        "TxDefaultProfile in A: Rejected",
        "ChargePointMaxProfile in W: Rejected",
    ]
    assert said["accepted"]
    assert said["differences"] is None


async def test_a_limit_that_is_never_taken_says_so(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:

        async def answers() -> None:
            for _ in range(2):
                await charge_point.answers("SetChargingProfile", {"status": "Rejected"})

        said = await meanwhile(order(desk, "3.7kW", connector=1, phases=1), answers)
    assert (said["accepted"], said["said"]) == (False, "Rejected")
    assert said["refused"] == ["TxDefaultProfile in W: Rejected"]
    assert await told.rows('SELECT * FROM "installedProfile"') == []


async def test_a_limit_waits_for_a_charger_that_is_away(desk: httpx.AsyncClient, told: Told) -> None:
    answer = await desk.post("/limits", json={"charger": "CP001", "limit": "16A", "wait": 0.1})
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["said"]) == (None, "waiting")
    async with told.booted() as charge_point:
        await charge_point.answers("SetChargingProfile", {"status": "Accepted"})
        await told.ended(answer.json()["instructionId"])
    assert len(await told.rows('SELECT * FROM "installedProfile"')) == 1


async def test_a_limit_is_taken_away(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        await set_limit(desk, charge_point, "16A", connector=1)
        assert len(await told.rows('SELECT * FROM "installedProfile"')) == 1
        heard: list[Any] = []

        async def answers() -> None:
            heard.append(await charge_point.answers("ClearChargingProfile", {"status": "Accepted"}))

        said = await meanwhile(order(desk, None, connector=1), answers)
    assert heard == [{"id": 2}]
    assert (said["accepted"], said["limit"], said["profile"]) == (True, None, None)
    assert await told.rows('SELECT * FROM "installedProfile"') == []


async def test_a_new_limit_replaces_the_one_before(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        first = await set_limit(desk, charge_point, "16A")
        second = await set_limit(desk, charge_point, "10A")
    levels = [row["csChargingProfiles"]["stackLevel"] for row in (first, second)]
    assert levels == [0, 0]
    assert await told.rows(
        "SELECT profile->>'$.chargingSchedule.chargingSchedulePeriod[0].limit' FROM \"installedProfile\""
    ) == [("10.0",)]


async def test_the_schedule_of_a_connector_by_us_and_by_the_charger(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        await set_limit(desk, charge_point, "20A")
        await set_limit(desk, charge_point, "16A", connector=1, until="13:00")
        question = {"charger": "CP001", "connector": 1, "seconds": 7200, "wait": 5}

        async def answers() -> None:
            assert await charge_point.answers("GetCompositeSchedule", schedule(16.0, seconds=7200)) == {
                "connectorId": 1,
                "duration": 7200,
                "chargingRateUnit": "A",
            }

        said = await meanwhile(lambda: desk.post("/composite-schedules", json=question), answers)
    assert [(row["limit"], row["profiles"]) for row in said["steps"]] == [(16.0, ["1", "2"]), (20.0, ["1"])]
    assert said["steps"][0]["end"] == said["steps"][1]["start"] == "2026-03-01T13:00:00Z"
    assert [(row["ours"], row["theirs"]) for row in said["differences"]] == [(20.0, 16.0)]
    assert said["asked"] == "Accepted"
    assert said["theirs"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16.0}]


async def test_the_schedule_is_in_the_unit_that_is_asked_for(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        await set_limit(desk, charge_point, "16A")
    question = {"charger": "CP001", "connector": 0, "unit": "W", "phases": 1}
    said = (await desk.post("/composite-schedules", json=question)).json()
    assert [row["limit"] for row in said["steps"]] == [3680.0]
    assert (said["asked"], said["theirs"], said["differences"]) == (None, None, None)


async def test_what_a_charger_is_connected_to_is_kept(desk: httpx.AsyncClient, told: Told) -> None:
    """Two phases of 115 V, once said, make 16 A 3680 W; who asks may say otherwise, and null goes back."""
    async with told.booted() as charge_point:
        await set_limit(desk, charge_point, "16A")
    question = {"charger": "CP001", "connector": 0, "unit": "W"}
    kept = {"supplyPhases": 2, "supplyVoltage": 115}
    receipt = (await desk.patch("/chargers/CP001", json=kept)).json()
    assert {name: receipt["charger"][name] for name in kept} == kept
    found = []
    for more in ({}, {"phases": 1}, {"voltage": 230}):
        said = (await desk.post("/composite-schedules", json=question | more)).json()
        found.append(said["steps"][0]["limit"])
    await desk.patch("/chargers/CP001", json=dict.fromkeys(kept))
    said = (await desk.post("/composite-schedules", json=question)).json()
    assert [*found, said["steps"][0]["limit"]] == [3680.0, 1840.0, 7360.0, 11040.0]


@pytest.mark.parametrize(
    ("content", "status", "text"),
    [
        ({"charger": "CP009", "limit": "16A"}, 404, "There is no charger 'CP009'"),
        ({"charger": "CP001", "limit": "16V"}, 422, "'16V' is no limit; write it like 16A, 3700W or 11kW."),
        ({"charger": "CP001", "limit": "16A", "until": "soon"}, 422, "'soon' is no time; write it like 18:00"),
        ({"charger": "CP001", "limit": "16A", "until": "2026-02-28T18:00"}, 422, "is not within 366 days from now"),
        ({"charger": "CP001", "limit": "16A", "phases": 4}, 400, "phases"),
        ({"charger": "CP001", "limit": "16A", "conector": 1}, 400, "conector"),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(
    desk: httpx.AsyncClient, told: Told, content: dict[str, Any], status: int, text: str
) -> None:
    answer = await desk.post("/limits", json=content)
    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text
    assert await told.rows("SELECT * FROM instruction") == []


async def test_until_is_by_the_clock_of_the_node(desk: httpx.AsyncClient, told: Told) -> None:
    """NOW is 13:00 in Berlin: 12:30 there is tomorrow, 14:00 in an hour."""
    await desk.patch("/nodes/1", json={"timeZone": "Europe/Berlin"})
    for until, moment in (("14:00", NOW + timedelta(hours=1)), ("12:30", NOW + timedelta(hours=23, minutes=30))):
        said = (await desk.post("/limits", json={"charger": "CP001", "limit": "6A", "until": until, "wait": 0})).json()
        assert said["until"] == moment.isoformat().replace("+00:00", "Z")
