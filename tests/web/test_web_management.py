"""Routes that change what is registered: bodies, receipts, refusals."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import trio
from served import TOKEN, FakeLink, Served

CP001 = {
    "identifier": "CP001",
    "nodeId": 1,
    "enabled": True,
    "registrationStatus": "Accepted",
    "adopted": True,
    "securityProfile": 1,
    "connected": False,
    "connectorCount": 0,
    "vendor": "ACME",
    "model": "",
    "chargePointSerialNumber": None,
    "chargeBoxSerialNumber": None,
    "firmwareVersion": None,
    "iccid": None,
    "imsi": None,
    "meterType": None,
    "meterSerialNumber": None,
    "supplyPhases": None,
    "supplyVoltage": None,
    "sourceIdTemplate": None,
    "publish": None,
    "chargerId": 1,
    "created": "2026-03-01T12:00:00Z",
}


async def add_charger(api: Served, **order: Any) -> None:
    answer = await api.http.post("/api/chargers", json={"identifier": "CP001", "vendor": "ACME", **order})
    assert answer.status_code == 201, answer.text


async def test_a_charger_is_added_shown_changed_and_removed(api: Served) -> None:
    answer = await api.http.post("/api/chargers", json={"identifier": "CP001", "vendor": "ACME"})
    assert (answer.status_code, answer.json()) == (201, {"charger": CP001, "warnings": []})
    assert (await api.http.get("/api/chargers")).json() == [CP001]
    api.links.append(FakeLink(1, "CP001"))
    assert (await api.http.get("/api/chargers/cp001")).json() == {**CP001, "connected": True}
    api.links.clear()
    answer = await api.http.patch("/api/chargers/CP001", json={"enabled": False, "publish": False})
    assert (answer.status_code, answer.json()["charger"]) == (200, {**CP001, "enabled": False, "publish": False})
    answer = await api.http.delete("/api/chargers/CP001")
    assert (answer.status_code, answer.json()["charger"]["identifier"]) == (200, "CP001")
    assert (await api.http.get("/api/chargers")).json() == []


async def test_an_identifier_of_any_printable_characters_can_be_addressed(api: Served) -> None:
    """Q08, Q09: percent-encoding in URLs is where other systems lose such chargers."""
    for identifier in ("a/b", "50 % full", "RDAM|123", "q?x=1#y", "Zürich", "%2F"):
        await add_charger(api, identifier=identifier)
        answer = await api.http.get(f"/api/chargers/{quote(identifier, safe='')}")
        assert (answer.status_code, answer.json()["identifier"]) == (200, identifier)


REFUSALS: list[tuple[str, str, object, int, str, str]] = [
    ("POST", "chargers", {"identifier": "cp001"}, 409, "charger_taken", "There is a charger 'CP001' already."),
    ("POST", "chargers", {"identifier": ""}, 422, "charger_refused", "must have printable characters"),
    ("POST", "chargers", {"identifier": "X", "nodeId": 9}, 404, "node_unknown", "There is no node 9; there is 1."),
    ("POST", "chargers", {"identifier": "X", "nodeId": 0}, 400, "bad_request", "nodeId: Expected `int` >= 1."),
    ("POST", "chargers", {"identifer": "X"}, 400, "bad_request", "Object contains unknown field `identifer`."),
    ("POST", "chargers", {}, 400, "bad_request", "Object missing required field `identifier`."),
    (
        "PATCH",
        "chargers/CP001",
        {"registrationStatus": "Maybe"},
        400,
        "bad_request",
        "registrationStatus: Invalid enum value 'Maybe'.",
    ),
    ("GET", "chargers/CP01", None, 404, "charger_unknown", "There is no charger 'CP01'. Did you mean CP001?"),
    ("DELETE", "credentials/nobody", None, 404, "credential_unknown", "There is no credential 'nobody'."),
    ("PATCH", "settings", {"sourceIdTemplate": "/"}, 422, "settings_refused", "gives no source ID"),
    ("POST", "authorizations", {"token": "T", "expires": "2030-01-01T00:00:00"}, 400, "bad_request", "expires"),
    ("PUT", "chargers", {}, 405, "no_such_method", "Method Not Allowed"),
    ("GET", "nothing", None, 404, "no_such_route", "Not Found"),
]


async def test_a_refusal_names_what_is_wrong(api: Served) -> None:
    await add_charger(api)
    for method, path, body, status, kind, error in REFUSALS:
        answer = await api.http.request(method, f"/api/{path}", json=body)
        failure = answer.json()
        assert (answer.status_code, failure["kind"]) == (status, kind), (method, path, body)
        assert error in failure["error"]


async def test_a_body_beyond_all_reason_is_refused_before_it_is_sent(api: Served) -> None:
    url = api.http.base_url
    head = "POST /api/chargers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 1000001\r\n\r\n"
    async with await trio.open_tcp_stream(url.host, url.port or 0) as stream:
        await stream.send_all(head.format(TOKEN).encode())
        answer = bytes(await stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 413 ")


NO_JSON = [b"{", b'{"identifier":"\xff"}', b"[" * 100_000]


async def test_a_body_that_is_no_json_is_refused(api: Served) -> None:
    """However it is none: whoever sent it is told so, and the log is not filled with what looks like our defects."""
    for content in NO_JSON:
        answer = await api.http.post("/api/chargers", content=content)
        assert (answer.status_code, answer.json()["kind"]) == (400, "bad_request"), content[:20]


async def test_a_generated_password_is_shown_once_and_nowhere_else(api: Served) -> None:
    answer = await api.http.post("/api/credentials", json={"username": "depot"})
    receipt = answer.json()
    assert answer.status_code == 201
    assert len(receipt["password"]) == 22
    assert receipt["warnings"] == []
    view = {
        "username": "depot",
        "kind": "generated",
        "allowed": [],
        "credentialId": 1,
        "created": "2026-03-01T12:00:00Z",
    }
    assert receipt["credential"] == view
    assert (await api.http.get("/api/credentials")).json() == [view]
    rotated = (await api.http.patch("/api/credentials/depot", json={"password": None})).json()
    assert len(rotated["password"]) == 22
    assert rotated["password"] != receipt["password"]
    allowed = (await api.http.patch("/api/credentials/depot", json={"allowed": ["CP001"]})).json()
    assert allowed["password"] is None
    credential = api.registry.credential("depot")
    assert credential is not None
    assert await api.registry.verify(credential, rotated["password"].encode())


async def test_a_chosen_password_is_not_repeated_and_weak_ones_are_warned_about(api: Served) -> None:
    order = {"username": "depot", "password": "swordfish", "allowed": ["CP009"]}
    answer = await api.http.post("/api/credentials", json=order)
    assert answer.status_code == 201
    assert "swordfish" not in answer.text
    assert answer.json()["warnings"] == [
        "The password has 9 characters; OCPP asks for 16 at least.",
        "There is no charger 'CP009' yet; add it with: solarocpp charger add CP009",
    ]


async def test_no_refusal_repeats_a_password(api: Served) -> None:
    for order in (
        {"username": "a:b", "password": "swordfish"},
        {"username": "depot", "password": "swordfish", "allowed": "CP001"},
        {"username": "depot", "password": "swordfish" * 200},
    ):
        answer = await api.http.post("/api/credentials", json=order)
        assert answer.status_code in {400, 422}
        assert "swordfish" not in answer.text


async def test_id_tags_are_kept_with_their_rules(api: Served) -> None:
    order = {"token": "04/E9", "expires": "2026-03-01T13:00:00+02:00", "parent": "P", "maxActive": 1}
    answer = await api.http.post("/api/authorizations", json=order)
    view = {
        "token": "04/E9",
        "enabled": True,
        "expires": "2026-03-01T11:00:00Z",
        "expired": True,
        "parent": "P",
        "maxActive": 1,
        "chargers": [],
        "authorizationId": 1,
        "created": "2026-03-01T12:00:00Z",
    }
    assert (answer.status_code, answer.json()) == (201, {"authorization": view, "warnings": []})
    change = {"expires": None, "enabled": False}
    answer = await api.http.patch("/api/authorizations/04%2Fe9", json=change)
    assert answer.json()["authorization"] == {**view, "expires": None, "expired": False, "enabled": False}
    assert (await api.http.delete("/api/authorizations/04%2Fe9")).status_code == 200
    assert (await api.http.get("/api/authorizations")).json() == []


async def test_settings_say_where_they_come_from(api: Served) -> None:
    built_in = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"
    await add_charger(api)
    assert (await api.http.get("/api/settings")).json() == {
        "sourceIdTemplate": built_in,
        "sourceIdTemplateFrom": "default",
        "publish": True,
        "publishFrom": "default",
        "unknownChargers": "refuse",
        "unknownChargersFrom": "default",
        "hid": api.registry.accounts()[0].hid,
    }
    answer = await api.http.patch("/api/settings", json={"sourceIdTemplate": "/depot", "publish": False})
    assert answer.json()["warnings"] == [
        "Without {chargerIdentifier} all chargers of a node share one stream.",
        "Without {connectorId} all connectors of a charger share one stream.",
    ]
    await api.http.patch("/api/chargers/CP001", json={"publish": True})
    assert (await api.http.get("/api/charger-settings/CP001")).json() == {
        "sourceIdTemplate": "/depot",
        "sourceIdTemplateFrom": "account",
        "publish": True,
        "publishFrom": "charger",
    }
