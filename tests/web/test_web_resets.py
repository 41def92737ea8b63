"""Meter changes through the API: entered, counted, listed, taken back, and each account's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from served import Served

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import NewAccount, NewToken
from solarocpp.store.effects import DatumObserved, SessionEnded, SessionStarted

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SESSION = UUID("00000000-0000-8000-8000-000000000001")
OUTLET = "/ocpp/cp/CP001/1/Outlet"
# The session reads 5000, 5100, and then 40 of the new meter.
CHANGE = {"sourceId": OUTLET, "at": "2026-03-01T08:15:00Z", "final": 5150, "start": 10, "note": "meter replaced"}


async def record_session(api: Served) -> None:
    """One session, ended, whose meter was changed in the middle."""

    def datum(minute: int, watt_hours: float) -> DatumObserved:
        session = SessionProperties(SESSION, 1, "TAG", minute * 60)
        at = START + timedelta(minutes=minute)
        return DatumObserved(Datum(1, SourceId(OUTLET), at, {"wattHours": watt_hours}, session=session), at)

    started = SessionStarted(SESSION, 1, OUTLET, 1, 1, 1, "TAG", START, 5000.0)
    ended = SessionEnded(SESSION, START + timedelta(minutes=20), "Local", "TAG", None)
    api.store.record(None, [started, datum(0, 5000), datum(10, 5100), datum(20, 40), ended])
    await api.store.settle()


async def energy(api: Served) -> list[Any]:
    query = "SELECT energy, quality, (SELECT max(energy) FROM energy) FROM session"
    rows: list[Any] = (await api.http.post("/api/sql", json={"query": query})).json()["rows"]
    return rows


async def test_meter_change_is_counted_listed_and_taken_back(api: Served) -> None:
    """100 before, 50 on the old meter, 30 on the new one; the rule alone would say 40 since zero."""
    await record_session(api)
    assert await energy(api) == [[140.0, "stitched", 140.0]]
    made = (await api.http.post("/api/resets", json=CHANGE)).json()
    assert {key: made[key] for key in ("resetId", "created", "nodeId", "final", "start", "property", "note")} == {
        "resetId": 1,
        "created": "2026-03-01T08:15:00Z",
        "nodeId": 1,
        "final": 5150.0,
        "start": 10.0,
        "property": "wattHours",
        "note": "meter replaced",
    }
    assert await energy(api) == [[180.0, "stitched", 180.0]]
    assert (await api.http.get("/api/resets")).json() == [made]
    assert (await api.http.delete("/api/resets/1")).json() == made
    assert await energy(api) == [[140.0, "stitched", 140.0]]
    assert (await api.http.get("/api/resets")).json() == []


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"sourceId": "/a"}, 404, "There is no source '/a'. See: solarocpp datums --latest"),
        ({"nodeId": 7}, 404, f"There is no source '{OUTLET}'"),
        ({"property": "watts"}, 422, "'watts' is no register; the usual one is wattHours."),
        ({"final": -1}, 400, "`float` >= 0.0"),
        ({"at": "2026-03-01T08:15:00"}, 400, "timezone"),
        ({"at": "noon"}, 400, "RFC3339"),
    ],
)
async def test_meter_change_that_cannot_be_is_refused(
    api: Served, change: dict[str, Any], status: int, text: str
) -> None:
    await record_session(api)
    answer = await api.http.post("/api/resets", json={**CHANGE, **change})
    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text


async def test_meter_change_that_is_not_there_cannot_be_removed(api: Served) -> None:
    answer = await api.http.delete("/api/resets/9")
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "There is no meter change 9. See: solarocpp reset list",
    )


async def test_source_of_two_nodes_needs_a_node(api: Served) -> None:
    await record_session(api)
    other = DatumObserved(Datum(2, SourceId(OUTLET), START, {"wattHours": 1.0}), START)
    api.store.record(None, [other])
    await api.store.settle()
    answer = await api.http.post("/api/resets", json=CHANGE)
    assert (answer.status_code, "say which with --node" in answer.json()["error"]) == (409, True)
    assert (await api.http.post("/api/resets", json={**CHANGE, "nodeId": 2})).json()["nodeId"] == 2


async def test_another_account_neither_sees_nor_touches_them(api: Served) -> None:
    await record_session(api)
    await api.http.post("/api/resets", json=CHANGE)
    account = await api.registry.add_account(NewAccount(name="north"), now=START)
    _, token = await api.registry.add_token(NewToken(name="north"), now=START, account_id=account.account_id)
    async with api.as_caller(token) as theirs:
        assert (await theirs.get("/api/resets")).json() == []
        assert (await theirs.delete("/api/resets/1")).status_code == 404
        assert (await theirs.post("/api/resets", json=CHANGE)).status_code == 404
    assert len((await api.http.get("/api/resets")).json()) == 1
