"""`/api/reservations`: asked of a charger, used, ended, cancelled; over real sockets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import trio
from instructed import NOW, ChargePoint, Told
from test_limits import meanwhile

from solarocpp.instructions.queue import MOST_WAITING
from solarocpp.store.reservations import select_reservations

ORDER = {"charger": "CP001", "connector": 1, "token": "TAG", "until": "13:00"}


async def reserve(
    desk: httpx.AsyncClient, charge_point: ChargePoint, status: str = "Accepted", **changes: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gives what the API said and what the charger was told."""
    heard: list[dict[str, Any]] = []

    async def answers() -> None:
        heard.append(await charge_point.answers("ReserveNow", {"status": status}))

    async def asks() -> httpx.Response:
        answer = await desk.post("/reservations", json={**ORDER, **changes})
        assert answer.status_code == 201, answer.text
        return httpx.Response(200, content=answer.content)

    return await meanwhile(asks, answers), heard[0]


async def status_of(desk: httpx.AsyncClient, number: int = 1) -> tuple[str, Any, Any]:
    row = (await desk.get(f"/reservations/{number}")).json()
    return row["status"], row["reason"], row["transactionId"]


async def test_a_connector_waits_and_its_transaction_uses_it(desk: httpx.AsyncClient, told: Told) -> None:
    await desk.post("/authorizations", json={"token": "TAG", "parent": "FLEET"})
    async with told.booted() as charge_point:
        said, heard = await reserve(desk, charge_point)
        assert heard == {
            "connectorId": 1,
            "expiryDate": "2026-03-01T13:00:00.000Z",
            "idTag": "TAG",
            "reservationId": 1,
            "parentIdTag": "FLEET",
        }
        assert (said["said"], said["warnings"], said["reservation"]["status"]) == ("Accepted", [], "active")
        assert [row["reservationId"] for row in (await desk.get("/reservations?active=true")).json()] == [1]
        await charge_point.status(1, "Reserved")
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}
        await charge_point.say("StartTransaction", {**start, "reservationId": 1})
        assert await status_of(desk) == ("used", None, 1)
    assert (await desk.get("/reservations?active=true")).json() == []
    assert len((await desk.get("/reservations?charger=cp001")).json()) == 1


@pytest.mark.parametrize("status", ["Occupied", "Rejected"])
async def test_a_charger_that_does_not_reserve(desk: httpx.AsyncClient, told: Told, status: str) -> None:
    async with told.booted() as charge_point:
        said, _ = await reserve(desk, charge_point, status)
    assert said["reservation"]["status"] == "refused"
    assert said["reservation"]["reason"] == f"the charger says {status}"
    assert said["warnings"] == ["TAG is no id tag that may charge: solarocpp authorization add"]


async def test_a_charger_that_cannot_reserve(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        number: list[Any] = []

        async def answers() -> None:
            unique_id, action, _ = await charge_point.told()
            number.append(action)
            await charge_point.send([4, unique_id, "NotSupported", "", {}])

        async def asks() -> httpx.Response:
            answer = await desk.post("/reservations", json=ORDER)
            return httpx.Response(200, content=answer.content)

        said = await meanwhile(asks, answers)
    assert number == ["ReserveNow"]
    assert said["reservation"]["status"] == "refused"
    assert "NotSupported" in said["reservation"]["reason"]


async def test_a_fault_ends_it(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        await reserve(desk, charge_point)
        await charge_point.status(1, "Faulted")
        assert await status_of(desk) == ("ended", "the connector is Faulted", None)


async def test_it_is_cancelled_once(desk: httpx.AsyncClient, told: Told) -> None:
    async with told.booted() as charge_point:
        await reserve(desk, charge_point)
        heard: list[Any] = []

        async def answers() -> None:
            heard.append(await charge_point.answers("CancelReservation", {"status": "Accepted"}))

        said = await meanwhile(lambda: desk.delete("/reservations/1"), answers)
    assert heard == [{"reservationId": 1}]
    assert (said["said"], said["reservation"]["status"]) == ("Accepted", "cancelled")
    again = await desk.delete("/reservations/1")
    assert (again.status_code, again.json()["error"]) == (409, "Reservation 1 is over: cancelled.")


async def test_its_time_is_over_without_a_word(desk: httpx.AsyncClient, told: Told) -> None:
    """A charger that is away says nothing."""
    answer = (await desk.post("/reservations", json={**ORDER, "wait": 0})).json()
    assert answer["said"] in {"accepted", "waiting"}  # as far as its delivery has come
    assert answer["reservation"]["status"] == "requested"
    (row,) = await told.store.read(lambda con: select_reservations(con, 1))
    ends = NOW + timedelta(hours=1)
    assert row.at(ends - timedelta(seconds=1)).status == "requested"
    assert (row.at(ends).status, row.at(ends).status_date) == ("expired", ends)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"charger": "CP009"}, 404, "There is no charger 'CP009'"),
        ({"until": "2026-02-01"}, 422, "is not within 31 days from now"),
        ({"until": "2026-05-01"}, 422, "is not within 31 days from now"),
        ({"token": "x" * 21}, 400, "token"),
        ({"connector": -1}, 400, "connector"),
    ],
)
async def test_what_cannot_be_reserved(
    desk: httpx.AsyncClient, changes: dict[str, Any], status: int, text: str
) -> None:
    answer = await desk.post("/reservations", json={**ORDER, **changes})
    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text
    assert (await desk.get("/reservations")).json() == []


async def test_what_the_queue_does_not_take_is_refused(desk: httpx.AsyncClient, told: Told) -> None:
    """And no reservation that waits for an answer nobody will ever give."""
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_WAITING):
            nursery.start_soon(told.order, "ClearCache")
    answer = await desk.post("/reservations", json={**ORDER, "wait": 0})
    assert answer.status_code == 409
    status, reason, _ = await status_of(desk)
    assert (status, reason) == ("refused", answer.json()["error"])
    assert reason.startswith("200 instructions wait for CP001 already.")
