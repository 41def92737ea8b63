"""SolarNetwork's status lists as JSON, CBOR or CSV (spec 2.6); CBOR is read by its first writing, by hand."""

from __future__ import annotations

import csv
import io

import cbor2
import httpx
from served import NOW, FakeLink, Served

from solarocpp.registry import NewCharger
from solarocpp.store import ChargerFacts, Exchange

BASE = "/solaruser/api/v1/sec/user/ocpp/chargers"
LINK_ID = "00000000-0000-0000-0000-000000000007"
STATUS = {
    "created": "2026-03-01 12:00:00Z",
    "userId": 1,
    "chargePointId": 1,
    "connectedTo": "192.0.2.7:50000",
    "sessionId": LINK_ID,
    "connectedDate": "2026-03-01 12:00:00Z",
}


async def ask(api: Served, path: str, accept: str | None) -> httpx.Response:
    headers = {} if accept is None else {"Accept": accept}
    answer = await api.http.get(f"{BASE}/{path}", headers=headers)
    assert answer.headers["vary"] == "Accept"
    return answer


async def test_who_is_connected_is_told_in_each_form(api: Served) -> None:
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    api.links.append(FakeLink(1, "CP001"))
    whole = {"success": True, "data": [STATUS]}
    for accept in (None, "*/*", "application/json", "text/html, application/json;q=0.5", "text/csv;q=0.1, */*;q=0.9"):
        answer = await ask(api, "status", accept)
        assert (answer.headers["content-type"], answer.json()) == ("application/json", whole), accept
    for accept in ("application/cbor", "application/cbor, text/csv;q=0.9", "application/json;q=0.5, application/cbor"):
        answer = await ask(api, "status", accept)
        assert answer.headers["content-type"] == "application/cbor", accept
        assert cbor2.loads(answer.content) == whole
        # A map of two, with the text of seven letters `success` and true (RFC 8949).
        assert answer.content.startswith(b"\xa2\x67success\xf5\x64data\x81\xa6")
    answer = await ask(api, "status", "text/csv")
    assert (answer.headers["content-type"], answer.text) == (
        "text/csv; charset=utf-8",
        (
            "created,userId,chargePointId,connectedTo,sessionId,connectedDate\r\n"
            f"2026-03-01 12:00:00Z,1,1,192.0.2.7:50000,{LINK_ID},2026-03-01 12:00:00Z\r\n"
        ),
    )


async def test_what_chargers_said_last_is_told_in_each_form(api: Served) -> None:
    charger = await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    facts = ChargerFacts(charger.charger_id, "CP001", 1, 1, "/x/{connectorId}", publish=True)
    said = '[2,"m,1","StatusNotification",{"connectorId":2}]'
    api.store.record(Exchange(NOW, facts, "in", "StatusNotification", said, '[3,"m,1",{}]'), [])
    row = {
        "created": "2026-03-01 12:00:00Z",
        "userId": 1,
        "chargePointId": 1,
        "evseId": 0,
        "connectorId": 2,
        "action": "StatusNotification",
        "messageId": "m,1",
        "ts": "2026-03-01 12:00:00Z",
    }
    path = "action-status?startDate=2026-03-01"
    assert (await ask(api, path, None)).json() == {"success": True, "data": [row]}
    assert cbor2.loads((await ask(api, path, "application/cbor")).content) == {"success": True, "data": [row]}
    table = list(csv.reader(io.StringIO((await ask(api, path, "text/csv")).text)))
    assert table == [list(row), [str(cell) for cell in row.values()]]


async def test_nothing_is_no_data_and_names_without_lines(api: Served) -> None:
    for path in ("status", "action-status"):
        assert (await ask(api, path, None)).json() == {"success": True}
        assert cbor2.loads((await ask(api, path, "application/cbor")).content) == {"success": True}
        assert len((await ask(api, path, "text/csv")).text.splitlines()) == 1


async def test_a_form_there_is_not_is_refused(api: Served) -> None:
    answer = await ask(api, "status", "application/xml")
    assert (answer.status_code, answer.json()) == (
        406,
        {
            "success": False,
            "message": "There is no application/xml here, only application/json, application/cbor and text/csv.",
        },
    )


async def test_the_schema_shows_the_forms(api: Served) -> None:
    paths = (await api.http.get("/schema/openapi.json")).json()["paths"]
    for path in ("status", "action-status"):
        content = paths[f"{BASE}/{path}"]["get"]["responses"]["200"]["content"]
        assert sorted(content) == ["application/cbor", "application/json", "text/csv"]
        assert "$ref" in str(content["application/json"])
