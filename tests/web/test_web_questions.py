"""Routes that ask: rows as JSON, bounds, refusals, and how the server says it is doing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from served import FakeLink, Served

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import NewCharger
from solarocpp.store.effects import DatumObserved, SessionEnded, SessionStarted

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SESSION = UUID("00000000-0000-8000-8000-000000000001")
OUTLET = "/ocpp/cp/CP001/1/Outlet"


async def record_session(api: Served) -> None:
    """One hour of charging: 1,000 Wh, in three datums."""
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=START)

    def datum(minutes: int, watt_hours: float) -> DatumObserved:
        session = SessionProperties(SESSION, 1, "TAG", minutes * 60)
        at = START + timedelta(minutes=minutes)
        return DatumObserved(Datum(1, SourceId(OUTLET), at, {"wattHours": watt_hours}, session=session), at)

    started = SessionStarted(SESSION, 1, OUTLET, 1, 1, 1, "TAG", START, 5000.0)
    ended = SessionEnded(SESSION, START + timedelta(hours=1), "Local", "TAG", 6000.0)
    api.store.record(None, [started, datum(0, 5000), datum(30, 5400.5), datum(60, 6000), ended])
    await api.store.settle()


async def test_sessions_are_listed_with_times_in_utc(api: Served) -> None:
    await record_session(api)
    answer = await api.http.get("/api/sessions", params={"charger": "cp001"})
    table = answer.json()
    assert answer.status_code == 200
    assert table["cut"] is False
    (row,) = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert row["started"] == "2026-03-01T08:00:00Z"
    assert row["ended"] == "2026-03-01T09:00:00Z"
    assert row["sessionId"] == "00000000-0000-8000-8000-000000000001"
    assert (row["energy"], row["duration"], row["token"]) == (1000.0, 3600, "TAG")


async def test_sessions_are_aggregated_by_several_keys(api: Served) -> None:
    await record_session(api)
    table = (await api.http.get("/api/sessions", params={"by": "source, month"})).json()
    assert table["columns"][:4] == ["sourceId", "month", "sessions", "energy"]
    assert [row[:4] for row in table["rows"]] == [[OUTLET, "2026-03-01T00:00:00Z", 1, 1000.0]]


async def test_datums_are_rolled_up_by_the_clock_of_the_node(api: Served) -> None:
    await record_session(api)
    await api.http.patch("/api/nodes/1", json={"timeZone": "Asia/Kolkata"})
    params = {"aggregate": "day", "properties": "wattHours", "since": "2026-03-01", "until": "2026-03-02"}
    table = (await api.http.get("/api/datums", params=params)).json()
    assert table == {
        "columns": ["created", "nodeId", "sourceId", "wattHours"],
        "rows": [["2026-02-28T18:30:00Z", 1, OUTLET, 1000.0]],
        "cut": False,
    }


async def test_readings_of_a_range_and_by_period(api: Served) -> None:
    await record_session(api)
    asked = {"properties": "wattHours", "since": "2026-03-01T08:15:00Z", "until": "2026-03-01T09:00:00Z"}
    table = (await api.http.get("/api/readings", params={"type": "atd", **asked})).json()
    assert table["columns"][3:] == ["timeZone", "endDate", "wattHours", "wattHours_start", "wattHours_end"]
    assert table["rows"] == [
        ["2026-03-01T08:15:00Z", 1, OUTLET, "UTC", "2026-03-01T09:00:00Z", 799.75, 5200.25, 6000.0]
    ]
    table = (await api.http.get("/api/readings", params={"aggregate": "hour", "properties": "wattHours"})).json()
    assert [[row[0], *row[5:]] for row in table["rows"]] == [
        ["2026-03-01T08:00:00Z", 1000.0, 5000.0, 6000.0],
        ["2026-03-01T09:00:00Z", 0.0, 6000.0, 6000.0],
    ]


async def test_a_node_is_named_and_has_a_clock(api: Served) -> None:
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=START)
    answer = await api.http.patch("/api/nodes/1", json={"name": "Harbour", "timeZone": "europe/berlin"})
    assert answer.json()["node"] | {"created": ""} == {
        "nodeId": 1,
        "name": "Harbour",
        "timeZone": "Europe/Berlin",
        "chargers": 1,
        "created": "",
    }
    assert (await api.http.patch("/api/nodes/1", json={"timeZone": None})).json()["node"]["timeZone"] is None
    assert [node["name"] for node in (await api.http.get("/api/nodes")).json()] == ["Harbour"]
    refused = await api.http.patch("/api/nodes/1", json={"timeZone": "Europe/Berlyn"})
    assert (refused.status_code, refused.json()["error"]) == (
        422,
        "There is no time zone 'Europe/Berlyn'. Did you mean Europe/Berlin?",
    )


async def test_a_long_listing_is_cut_to_the_newest_and_says_so(api: Served) -> None:
    await record_session(api)
    table = (await api.http.get("/api/datums", params={"limit": 2})).json()
    at = table["columns"].index("created")
    assert table["cut"] is True
    assert [row[at] for row in table["rows"]] == ["2026-03-01T08:30:00Z", "2026-03-01T09:00:00Z"]
    whole = (await api.http.get("/api/datums", params={"limit": 3})).json()
    assert (whole["cut"], len(whole["rows"])) == (False, 3)


async def test_the_latest_datum_of_each_stream(api: Served) -> None:
    await record_session(api)
    table = (await api.http.get("/api/datums", params={"latest": "true", "source": "/ocpp/cp/*/1/**"})).json()
    (row,) = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert (row["created"], row["wattHours"]) == ("2026-03-01T09:00:00Z", 6000.0)


async def test_sql_is_answered_with_its_columns(api: Served) -> None:
    await record_session(api)
    query = 'FROM datum SELECT max("wattHours") AS top, 1.50::DECIMAL(4,2) AS number, NULL AS nothing'
    answer = await api.http.post("/api/sql", json={"query": query})
    assert answer.json() == {
        "columns": ["top", "number", "nothing"],
        "types": ["DOUBLE", "DECIMAL(4,2)", "INTEGER"],
        "rows": [[6000.0, 1.5, None]],
        "cut": False,
    }


REFUSALS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "sessions", {"by": "nod"}, 422, "unknown_property"),
    ("GET", "sessions", {"since": "2026-03-02", "until": "2026-03-01"}, 422, "bad_time_range"),
    ("GET", "sessions", {"since": "yesterday"}, 422, "bad_time_range"),
    ("GET", "datums", {"source": "/a//b"}, 422, "bad_source_pattern"),
    ("GET", "datums", {"aggregate": "week"}, 422, "unknown_property"),
    ("GET", "readings", {"type": "at", "until": "2026-01-01"}, 422, "bad_time_range"),
    ("GET", "readings", {"type": "at", "aggregate": "hour"}, 422, "bad_query"),
    ("GET", "readings", {"properties": "watts"}, 422, "bad_query"),
    ("GET", "datums", {"properties": "wats"}, 422, "unknown_property"),
    ("PATCH", "nodes/1", {"timeZone": "Mars"}, 422, "node_refused"),
    ("PATCH", "nodes/1", {"timezone": "UTC"}, 400, "bad_request"),
    ("PATCH", "nodes/7", {"name": "x"}, 404, "node_unknown"),
    ("GET", "datums", {"limit": "0"}, 400, "bad_request"),
    ("GET", "datums", {"limit": "1000000000"}, 400, "bad_request"),
    ("GET", "datums", {"node": "one"}, 400, "bad_request"),
    ("POST", "sql", {"query": "DROP TABLE datum"}, 422, "sql_refused"),
    ("POST", "sql", {"query": "FROM nothing"}, 422, "sql_refused"),
    ("POST", "sql", {"query": "FROM datum", "limit": 0}, 400, "bad_request"),
]


async def test_a_question_that_cannot_be_answered_says_why(api: Served) -> None:
    for method, path, question, status, kind in REFUSALS:
        asked: dict[str, Any] = {"params": question} if method == "GET" else {"json": question}
        answer = await api.http.request(method, f"/api/{path}", **asked)
        assert (answer.status_code, answer.json()["kind"]) == (status, kind), (question, answer.text)


async def test_the_status_tells_links_sessions_and_the_store(api: Served) -> None:
    await record_session(api)
    api.links.append(FakeLink(1, "CP001"))
    status = (await api.http.get("/api/status")).json()
    assert status["links"] == [
        {
            "chargerId": 1,
            "identifier": "CP001",
            "accountId": 1,
            "reached": "192.168.1.5",
            "peer": "192.0.2.7:50000",
            "linkId": "00000000-0000-0000-0000-000000000007",
            "since": "2026-03-01T12:00:00Z",
        }
    ]
    assert (status["chargers"], status["openSessions"], status["store"]["failing"]) == (1, 0, "")
    assert status["store"]["datums"] == 3
    assert status["storeId"] == str(api.store.store_id)


async def test_the_check_finds_what_an_operator_should_look_at(api: Served) -> None:
    await record_session(api)
    await api.http.post("/api/credentials", json={"username": "north", "allowed": ["CP009"]})
    token = api.store.directory / "admin.token"
    token.write_text("secret")
    token.chmod(0o644)
    findings = {(row["check"], row["result"]): row["detail"] for row in (await api.http.get("/api/check")).json()}
    assert findings["tables", "ok"] == "3 datum, 1 chargeSession, 0 ledger rows"
    assert findings["commits", "ok"] == ""
    assert findings["sessions", "ok"] == ""
    assert findings["secrets.duckdb", "ok"] == ""
    assert findings["admin.token", "error"].startswith("others may read it (mode 644); run: chmod 600 ")
    assert findings["credentials", "warning"] == "north allows CP009: no such charger"


async def test_the_check_tells_of_rows_that_must_not_be_there(api: Served) -> None:
    """What `store.health` looks for; a healthy store says nothing of it."""
    await record_session(api)
    assert "error" not in {row["result"] for row in (await api.http.get("/api/check")).json()}
    await api.store.write(lambda con: con.execute('DELETE FROM "chargeSession"'))
    findings = {(row["check"], row["result"]): row["detail"] for row in (await api.http.get("/api/check")).json()}
    assert findings["orphaned_datums", "error"] == "3 datums belong to a session that is not there"
