"""Nothing of one account is visible to another's token, on any route there is.

Account 1 has things called `quay-...` and node 4711, nobody has things called `jazz-...` or node 4712,
and the token of account 2 asks for both. The rule that every route is held to: what names account 1's
things is answered word for word as what names nobody's, and no answer mentions what was not asked for.
The routes, and the query parameters of each, are those of the app: one without a decision here fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import msgspec
import pytest
import trio
from served import NOW, TOKEN, FakeLink, Served

from solarocpp.central_system.instructions import read_order
from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.registry import (
    NewAccount,
    NewAuthorization,
    NewCharger,
    NewCredential,
    NewToken,
    NodeChange,
    SettingsChange,
)
from solarocpp.store import ChargerFacts, Exchange
from solarocpp.store.effects import (
    DatumObserved,
    EventHappened,
    ListRow,
    LocalListAccepted,
    ProfileInstalled,
    SessionEnded,
    SessionStarted,
)
from solarocpp.store.profiles import NamedProfile, insert_named_profile
from solarocpp.store.reservations import Reservation, insert_reservation
from solarocpp.store.resets import ResetRecord, insert_reset

THEIRS, NOBODYS = "quay", "jazz"
THEIR_NODE, NOBODYS_NODE = "4711", "4712"


class Box(NamedTuple):
    """Two accounts that have everything there is, and a token of each."""

    api: Served
    tokens: dict[str, str]


@pytest.fixture
async def box(api: Served) -> Box:
    """Account 1 is `quay`, account 2 is `mill`."""
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    (own,) = api.registry.nodes(2)
    return Box(api, {"quay": await fill(api, 1, "quay", 4711), "mill": await fill(api, 2, "mill", own.node_id)})


async def fill(api: Served, account_id: int, word: str, node: int) -> str:
    """Gives an account one thing of each kind, and returns its token."""
    registry = api.registry
    order = NewCharger(identifier=f"{word}-cp", vendor=f"{word}-vendor", node_id=node, create_node=node == 4711)
    charger = await registry.add_charger(order, now=NOW, account_id=account_id)
    await registry.set_node(node, NodeChange(name=f"{word}-site"), account_id=account_id)
    credential = NewCredential(username=f"{word}-user", password=f"{word}-password-of-16", allowed=[f"{word}-cp"])
    await registry.add_credential(credential, now=NOW, account_id=account_id)
    authorization = NewAuthorization(token=f"{word}-tag", parent=f"{word}-parent", chargers=[f"{word}-cp"])
    await registry.add_authorization(authorization, now=NOW, account_id=account_id)
    template = f"/{word}/{{chargerIdentifier}}/{{connectorId}}"
    await registry.set_settings(SettingsChange(source_id_template=template), account_id=account_id)
    _, text = await registry.add_token(NewToken(name=f"{word}-program"), now=NOW, account_id=account_id)
    api.links.append(FakeLink(charger.charger_id, f"{word}-cp", account_id))
    session, running, source = UUID(int=account_id), UUID(int=10 + account_id), f"/{word}/{word}-cp/1"
    facts = SessionProperties(session, account_id, f"{word}-tag", 0)
    said = f'[2,"1","StatusNotification",{{"timestamp":"{NOW.isoformat()}"}}]'
    spoke = ChargerFacts(charger.charger_id, charger.identifier, account_id, node, template, publish=True)
    api.store.record(
        Exchange(NOW, spoke, "in", "StatusNotification", said, '[3,"1",{}]'),
        [
            SessionStarted(session, node, source, charger.charger_id, 1, account_id, f"{word}-tag", NOW, 0.0),
            DatumObserved(
                Datum(node, SourceId(source), NOW, {"watts": 7.0, "wattHours": 5.0, f"{word}Mode": 1.0}, session=facts),
                NOW,
            ),
            SessionEnded(session, NOW + timedelta(hours=1), "Local", f"{word}-tag", 5.0),
            SessionStarted(running, node, source, charger.charger_id, 2, 9, f"{word}-tag", NOW, 0.0),
            EventHappened(NOW, "link_opened", f"{word}-cp", f"{word} came", {"cp": f"{word}-cp"}, account_id),
            LocalListAccepted(charger.charger_id, 1, True, (ListRow(f"{word}-tag", "Accepted"),), NOW),
            ProfileInstalled(charger.charger_id, 1, 1, "TxDefaultProfile", 0, None, "{}", NOW),
            EventHappened(NOW, "bytes_refused", "quay-cp", "nobody knows whose quay this is", {"cp": "quay-cp"}, None),
        ],
    )
    reset = ResetRecord(0, NOW, node, source, "wattHours", 1.0, 0.0, f"{word} meter", NOW)
    await api.store.write(lambda con: insert_reset(con, reset))
    await api.app.state["transferring"].offer_upload(charger, "diagnostics")
    transfer = read_order("DataTransfer", b'{"vendorId":"%s"}' % word.encode())
    await api.queue.submit(transfer, action="DataTransfer", charger=charger, requested_by=f"{word}-program")
    waits = Reservation(
        reservation_id=0,
        account_id=account_id,
        charger_id=charger.charger_id,
        identifier=charger.identifier,
        connector_id=1,
        token=f"{word}-tag",
        created=NOW,
        expires=NOW + timedelta(hours=1),
        status_date=NOW,
        requested_by=f"{word}-program",
    )
    await api.store.write(lambda con: insert_reservation(con, waits))
    profile = NamedProfile(0, account_id, f"{word}-profile", "{}", NOW)
    await api.store.write(lambda con: insert_named_profile(con, profile))
    return text


class Try(NamedTuple):
    """A request, its `{word}` and `{node}` still open, and how it is answered."""

    status: int
    kind: str = ""
    words: str = ""
    """What the path ends in."""
    body: object = None
    shared: str = ""
    """Why the answer may differ for what account 1 has: the kind it has then."""


def named(kind: str, words: str, body: object = None) -> list[Try]:
    """A thing by its name: there is none, whoever has it."""
    return [Try(404, f"{kind}_unknown", words, body)]


# A limit for every transaction; what is in it, another test asks.
PROFILE = {
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
}

LISTING = [Try(200)]
WHOLE_BOX = [Try(403, "forbidden")]
PUBLIC = [Try(200)]
ENDLESS: list[Try] = []
"""Answers that never end, each with tests of its own: tests/web/test_web_stream.py."""

# What must not change anything is tried before what makes new things, see below.
DECISIONS: dict[str, list[Try]] = {
    "GET /healthz": PUBLIC,
    "GET /schema": PUBLIC,
    "GET /schema/openapi.json": PUBLIC,
    "GET /schema/{path}": [Try(404, words="{word}")],
    "GET /api/chargers": LISTING,
    "GET /api/credentials": LISTING,
    "GET /api/authorizations": LISTING,
    "GET /api/tokens": LISTING,
    "GET /api/settings": LISTING,
    "GET /api/sessions": LISTING,
    "GET /api/datums": LISTING,
    "GET /api/clocks": LISTING,
    "GET /api/readings": LISTING,
    "GET /api/nodes": LISTING,
    "GET /api/events": LISTING,
    "GET /api/events/stream": ENDLESS,
    "GET /api/ledger": LISTING,
    "GET /api/links": LISTING,
    "GET /api/status": LISTING,
    "GET /api/accounts": WHOLE_BOX,
    "GET /api/check": WHOLE_BOX,
    "GET /metrics": WHOLE_BOX,
    "GET /api/snapshots": WHOLE_BOX,
    "POST /api/accounts": [Try(403, "forbidden", body={"name": "{word}"})],
    "POST /api/exports": [Try(403, "forbidden", body={})],
    "POST /api/snapshots": [Try(403, "forbidden", body={})],
    "POST /api/sql": [Try(403, "forbidden", body={"query": "FROM charger"})],
    "GET /api/chargers/{identifier}": named("charger", "{word}-cp"),
    "GET /api/charger-settings/{identifier}": named("charger", "{word}-cp"),
    "PATCH /api/chargers/{identifier}": named("charger", "{word}-cp", {"enabled": False}),
    "DELETE /api/chargers/{identifier}": named("charger", "{word}-cp"),
    "PATCH /api/credentials/{username}": named("credential", "{word}-user", {"password": None}),
    "DELETE /api/credentials/{username}": named("credential", "{word}-user"),
    "PATCH /api/authorizations/{token}": named("authorization", "{word}-tag", {"enabled": False}),
    "DELETE /api/authorizations/{token}": named("authorization", "{word}-tag"),
    "DELETE /api/tokens/{name}": named("token", "{word}-program") + named("token", "1"),
    "GET /api/resets": LISTING,
    "POST /api/resets": named(
        "reset", "", {"sourceId": "/{word}/{word}-cp/1", "at": "2026-03-01T12:00:00Z", "final": 1, "start": 0}
    ),
    "DELETE /api/resets/{number}": named("reset", "1"),
    "GET /api/transfers": LISTING,
    "GET /api/transfers/{number}": named("transfer", "1"),
    "GET /api/transfer-files/{number}": named("transfer", "1"),
    "DELETE /api/transfers/{number}": named("transfer", "1"),
    "POST /api/diagnostics": named("charger", "", {"charger": "{word}-cp"}),
    "POST /api/logs": named("charger", "", {"charger": "{word}-cp"}),
    "POST /api/firmware-updates": named("charger", "", {"charger": "{word}-cp", "url": "http://x/y"}),
    "GET /api/firmware": WHOLE_BOX,
    "PUT /api/firmware/{name}": [Try(403, "forbidden", "{word}.bin")],
    "DELETE /api/firmware/{name}": [Try(403, "forbidden", "{word}.bin")],
    "GET /api/instructions": LISTING,
    "POST /api/instructions": named("charger", "", {"charger": "{word}-cp", "action": "ClearCache"}),
    "GET /api/instructions/{number}": named("instruction", "1"),
    "DELETE /api/instructions/{number}": named("instruction", "1"),
    "GET /api/charging-profiles": LISTING,
    "GET /api/charging-profiles/{name}": named("charging_profile", "{word}-profile"),
    "DELETE /api/charging-profiles/{name}": named("charging_profile", "{word}-profile"),
    "GET /api/installed-profiles": LISTING,
    "POST /api/installed-profiles": named("charger", "", {"charger": "{word}-cp", "name": "{word}-profile"}),
    "POST /api/installed-profiles/clear": named("charger", "", {"charger": "{word}-cp"}),
    "POST /api/limits": named("charger", "", {"charger": "{word}-cp", "limit": "16A"}),
    "POST /api/composite-schedules": named("charger", "", {"charger": "{word}-cp"}),
    "GET /api/charger-keys/{identifier}": named("charger", "{word}-cp"),
    "POST /api/charger-keys": named("charger", "", {"charger": "{word}-cp"}),
    "DELETE /api/charger-keys/{identifier}": named("charger", "{word}-cp"),
    "GET /api/local-lists": LISTING,
    "GET /api/local-lists/{identifier}": named("charger", "{word}-cp"),
    "POST /api/local-lists": named("charger", "", {"charger": "{word}-cp", "order": "off"}),
    "GET /api/reservations": LISTING,
    "POST /api/reservations": named(
        "charger", "", {"charger": "{word}-cp", "connector": 1, "token": "TAG", "until": "18:00"}
    ),
    "GET /api/reservations/{number}": named("reservation", "1"),
    "DELETE /api/reservations/{number}": named("reservation", "1"),
    "GET /api/configuration/{identifier}": named("charger", "{word}-cp"),
    "GET /api/configuration-history/{identifier}": named("charger", "{word}-cp"),
    "PATCH /api/configuration/{identifier}": named("charger", "{word}-cp", {"desired": {"HeartbeatInterval": "60"}}),
    "PATCH /api/nodes/{number}": [Try(404, "node_unknown", "{node}", {"name": "x", "timeZone": "Asia/Tokyo"})],
    "PATCH /api/settings": [Try(200, body={"publish": False})],
    "POST /api/chargers": [
        Try(404, "node_unknown", body={"identifier": "cp9", "nodeId": "{node}"}),
        Try(201, body={"identifier": "{word}-cp"}),
        Try(
            201, body={"identifier": "{word}-cp2", "nodeId": "{node}", "createNode": True}, shared="node_taken"
        ),  # a node's number is part of every datum, so one on the box
    ],
    "POST /api/credentials": [
        # A username finds its account when a charger comes, so there is one on the box.
        Try(201, body={"username": "{word}-user", "allowed": ["{word}-cp"]}, shared="credential_taken"),
    ],
    "POST /api/authorizations": [Try(201, body={"token": "{word}-tag", "parent": "p", "chargers": ["{word}-cp"]})],
    "POST /api/charging-profiles": [Try(201, body={"name": "{word}-profile", "profile": PROFILE})],
    "POST /api/tokens": [
        Try(403, "forbidden", body={"name": "{word}-program", "wholeBox": True}),
        Try(201, body={"name": "{word}-program"}),
    ],
}

OCPP = "/solaruser/api/v1/sec/user/ocpp"
# As LISTING, of what is told by numbers.
NUMBERS = [Try(200)]
# Account 1 has the first of everything.
NUMBERED = [Try(404, "DAO.00102", "1")]
INFO = {"id": "{word}-cp9", "chargePointVendor": "v", "chargePointModel": "m"}


def saved(theirs: dict[str, object], own: dict[str, object], **more: Any) -> list[Try]:
    """An entity of SolarNetwork's: not in another's name, not over another's, but one's own."""
    return [Try(403, "ACCESS_DENIED", body={**theirs, "userId": 1}), Try(**{"status": 201, "body": own, **more})]


DECISIONS |= {
    f"GET {OCPP}/authorizations": LISTING,
    f"GET {OCPP}/chargers": LISTING,
    f"GET {OCPP}/credentials": LISTING,
    f"GET {OCPP}/settings": LISTING,
    f"GET {OCPP}/sessions": LISTING,
    f"GET {OCPP}/chargers/find": LISTING,
    f"GET {OCPP}/chargers/settings": NUMBERS,
    f"GET {OCPP}/chargers/status": NUMBERS,
    f"GET {OCPP}/chargers/action-status": NUMBERS,
    f"GET {OCPP}/connectors": NUMBERS,
    f"GET {OCPP}/authorizations/{{key}}": NUMBERED,
    f"GET {OCPP}/chargers/{{key}}": NUMBERED,
    f"GET {OCPP}/chargers/{{key}}/settings": NUMBERED,
    f"GET {OCPP}/credentials/{{key}}": NUMBERED,
    f"GET {OCPP}/connectors/{{charger}}": NUMBERED,
    f"GET {OCPP}/connectors/{{charger}}/{{connector}}": [Try(404, "DAO.00102", "1/1")],
    f"GET {OCPP}/connectors/{{charger}}/{{evse}}/{{connector}}": [Try(404, "DAO.00102", "1/0/1")],
    f"GET {OCPP}/sessions/incomplete/{{charger}}": NUMBERED,
    f"GET {OCPP}/sessions/{{key}}": [Try(200, words="00000000-0000-0000-0000-000000000001")],
    f"DELETE {OCPP}/authorizations/{{key}}": NUMBERED,
    f"DELETE {OCPP}/chargers/{{key}}": NUMBERED,
    f"DELETE {OCPP}/chargers/{{key}}/settings": NUMBERED,
    f"DELETE {OCPP}/credentials/{{key}}": NUMBERED,
    f"DELETE {OCPP}/connectors/{{charger}}/{{connector}}": [Try(404, "DAO.00102", "1/1")],
    f"DELETE {OCPP}/connectors/{{charger}}/{{evse}}/{{connector}}": [Try(404, "DAO.00102", "1/0/1")],
    f"DELETE {OCPP}/settings": [Try(200)],
    f"POST {OCPP}/sessions/end": [Try(200)],
    f"POST {OCPP}/settings": saved({"sourceIdTemplate": "/x"}, {"userId": 2, "sourceIdTemplate": "/x"}, status=200),
    f"POST {OCPP}/authorizations": [
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "id": 1, "token": "{word}-tag"}),
        *saved({"token": "{word}-tag"}, {"userId": 2, "token": "{word}-tag9"}),
    ],
    f"POST {OCPP}/chargers": [
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "id": 1, "nodeId": 2, "info": INFO}),
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "nodeId": 4711, "info": INFO}),
        *saved({"nodeId": 1, "info": INFO}, {"userId": 2, "nodeId": 2, "info": INFO}),
    ],
    f"POST {OCPP}/chargers/settings": [
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "chargePointId": 1, "sourceIdTemplate": "/x"})
    ],
    f"POST {OCPP}/connectors": [
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "chargePointId": 1, "connectorId": 1, "info": {}})
    ],
    f"POST {OCPP}/credentials": [
        Try(403, "UNKNOWN_OBJECT", body={"userId": 2, "id": 1, "username": "{word}-user"}),
        *saved({"username": "{word}-user"}, {"userId": 2, "username": "{word}-user9"}),
    ],
    "GET /solaruser/api/v1/sec/user/events": [Try(200)],
    "GET /solarquery/api/v1/sec/nodes": NUMBERS,
    "GET /solarquery/api/v1/sec/nodes/sources": LISTING,
    "GET /solarquery/api/v1/sec/datum/list": LISTING,
    "GET /solarquery/api/v1/sec/datum/reading": [Try(200)],
}

INSTR = "/solaruser/api/v1/sec/instr"
CLEAR_CACHE = {"action": "ClearCache", "chargerIdentifier": "{word}-cp"}
# Not to another's node; and to one's own node not to another's charger, which is Declined as nobody's is.
TOLD = [
    Try(403, "ACCESS_DENIED", body={"topic": "OCPP_v16", "nodeId": "{node}", "params": CLEAR_CACHE}),
    Try(200, body={"topic": "OCPP_v16", "nodeId": 2, "params": CLEAR_CACHE}),
]

DECISIONS |= {
    f"GET {INSTR}": LISTING,
    f"GET {INSTR}/view": [Try(404, "DAO.00102")],
    f"GET {INSTR}/viewActive": NUMBERS,
    f"GET {INSTR}/viewPending": NUMBERS,
    f"POST {INSTR}/add": TOLD,
    f"POST {INSTR}/add/{{topic}}": [attempt._replace(words="OCPP_v16") for attempt in TOLD],
    f"POST {INSTR}/exec": TOLD,
    f"POST {INSTR}/exec/{{topic}}": [attempt._replace(words="OCPP_v16") for attempt in TOLD],
    f"POST {INSTR}/updateState": [Try(200)],
}

# What some routes must be asked with; the session is account 1's, and runs.
ALWAYS: dict[str, dict[str, str]] = {
    f"GET {INSTR}/view": {"id": "1"},
    f"GET {INSTR}/viewActive": {"nodeId": "2"},
    f"GET {INSTR}/viewPending": {"nodeId": "2"},
    f"POST {INSTR}/updateState": {"state": "Declined", "nodeId": "2"},
    f"POST {OCPP}/sessions/end": {"id": "00000000-0000-0000-0000-00000000000b", "endReason": "Other"},
    "GET /solaruser/api/v1/sec/user/events": {"startDate": "2026-01-01", "endDate": "2027-01-01"},
    "GET /solarquery/api/v1/sec/datum/reading": {"readingType": "Difference"},
}

DECISIONS = dict(sorted(DECISIONS.items(), key=lambda row: any(attempt.status == 201 for attempt in row[1])))

# Every query parameter of every route, with what would show account 1's things if it could.
PARAMETERS: dict[str, list[str]] = {
    "action": ["StatusNotification"],
    "actions": ["StatusNotification,Heartbeat"],
    "chargePointId": ["1"],
    "chargePointIds": ["1,2"],
    "chargeSessionId": ["00000000-0000-0000-0000-000000000001"],
    "chargeSessionIds": ["00000000-0000-0000-0000-000000000001"],
    "connectorId": ["1"],
    "connectorIds": ["0,1,2"],
    "endAuthId": ["x"],
    "endDate": ["2027-01-01"],
    "endReason": ["Local"],
    "endReasons": ["Local,Remote"],
    "evseId": ["0"],
    "evseIds": ["0,1"],
    "id": ["00000000-0000-0000-0000-00000000000b"],
    "identifier": ["{word}-cp"],
    "identifiers": ["{word}-cp,x"],
    "expirationDate": ["2026-03-01 13:00:00Z"],
    "ids": ["1,2"],
    "instructionIds": ["1"],
    "localEndDate": ["2027-01-01"],
    "localStartDate": ["2026-01-01T00:00"],
    "max": ["1"],
    "mostRecent": ["true"],
    "nodeId": ["2"],
    "nodeIds": ["2"],
    "parameters[0].name": ["action"],
    "parameters[0].value": ["ClearCache"],
    "readingType": ["delta"],
    "resultMaxWait": ["0"],
    "offset": ["1"],
    "searchFilter": ["(/cp={word}-cp)"],
    "sorts[0].key": ["created"],
    "sorts[0].descending": ["true"],
    "sorts[0].sortKey": ["created"],
    "sourceId": ["/{word}/**", "**"],
    "sourceIds": ["/{word}/{word}-cp/1,**"],
    "startDate": ["2026-01-01"],
    "transactionId": ["1"],
    "transactionIds": ["1,9"],
    "username": ["mill-user"],
    "withNodeIds": ["true"],
    "withoutTotalResultsCount": ["true"],
    "active": ["true", "false"],
    "aggregate": ["hour"],
    "aggregation": ["Hour", "None"],
    "by": ["node,source,charger,token,day", "charger"],
    "charger": ["{word}-cp"],
    "curve": ["9"],
    "direction": ["in"],
    "kinds": ["datum"],
    "key": ["HeartbeatInterval"],
    "latest": ["true"],
    "limit": ["1"],
    "node": ["{node}", "1"],
    "own": ["true"],
    "properties": ["wattHours"],
    "since": ["2026-01-01"],
    "state": ["accepted", "declined"],
    "states": ["Received"],
    "source": ["/{word}/**", "**"],
    "tags": ["ocpp", "forbidden"],
    "token": ["{word}-tag"],
    "type": ["Difference"],
    "until": ["2027-01-01"],
    "wait": ["0"],
}


# Where a parameter means something else; in a list of what is found, nothing of account 1 is found by number.
VALUES: dict[tuple[str, str], list[str]] = {
    (f"GET {INSTR}/view", "id"): ["1"],
    (f"GET {INSTR}/view", "ids"): [],
    (f"GET {INSTR}", "id"): ["1"],
    (f"GET {INSTR}", "state"): ["Received", "Declined"],
    (f"POST {INSTR}/updateState", "id"): ["1"],
    (f"POST {INSTR}/updateState", "state"): ["Declined"],
    **{
        (f"POST {INSTR}/{path}", "nodeIds"): ["{node}", "2,{node}"]
        for path in ("add", "add/{topic}", "exec", "exec/{topic}")
    },
}


def routes(box: Box) -> Iterator[str]:
    for route in box.api.app.routes:
        for method in sorted(getattr(route, "methods", {type(route).__name__}) - {"OPTIONS"}):
            yield f"{method} {route.path_format}"


def decided(decision: list[Try]) -> list[str]:
    """The paths that are answered so."""
    return [route.removeprefix("GET ") for route, attempts in DECISIONS.items() if attempts is decision]


async def parameters(box: Box) -> dict[str, list[str]]:
    """The query parameters of each route, as the app describes itself."""
    paths = (await box.api.http.get("/schema/openapi.json")).json()["paths"]
    return {
        f"{method.upper()} {path}": [row["name"] for row in operation.get("parameters", []) if row["in"] == "query"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def written(content: Any, word: str, node: str) -> Any:
    """Fills in what is asked about."""
    text = msgspec.json.encode(content).decode().replace("{word}", word).replace('"{node}"', node)
    return msgspec.json.decode(text.replace("{node}", node))


# What differs from one new thing to the next, whoever has what.
COUNTED = re.compile(
    r'"(id|chargePointId|chargerId|credentialId|authorizationId|profileId|tokenId|password|secret)":("[^"]*"|\d+)'
)


class Walk:
    """Asks as account 2, once about account 1's things and once about nobody's, and compares."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, route: str, attempt: Try, params: dict[str, str]) -> None:
        theirs, nobodys = [
            await self._answer(route, attempt, params, word, node)
            for word, node in ((THEIRS, THEIR_NODE), (NOBODYS, NOBODYS_NODE))
        ]
        place = (route, attempt, params, theirs.text)
        assert nobodys.status_code == attempt.status, (*place, nobodys.text)
        if attempt.kind:
            assert kind_of(nobodys) == attempt.kind, place
        if attempt.shared:
            assert kind_of(theirs) == attempt.shared, place
            assert theirs.text.count(THEIRS) <= 1, place
            return
        about_nobody = theirs.text.replace(THEIRS, NOBODYS).replace(THEIR_NODE, NOBODYS_NODE)
        assert COUNTED.sub("", about_nobody) == COUNTED.sub("", nobodys.text), place
        if not asks_about(attempt, params):
            assert THEIRS not in theirs.text, place
            assert THEIR_NODE not in theirs.text, place

    async def _answer(self, route: str, attempt: Try, params: dict[str, str], word: str, node: str) -> httpx.Response:
        method, path = route.split()
        path = re.sub(r"\{.*\}", str(written(attempt.words, word, node)), path)
        body = None if attempt.body is None else written(attempt.body, word, node)
        while True:
            answer = await self._http.request(method, path, params=written(params, word, node), json=body)
            if answer.status_code != 429:
                return answer
            # A token asks so many times a second, and a quick machine comes to that.
            await trio.sleep(float(answer.headers["retry-after"]))


def kind_of(answer: httpx.Response) -> object:
    """Why it was refused, in our word or in SolarNetwork's."""
    told = answer.json()
    return told.get("kind") or told.get("code") or told.get("message")


def asks_about(attempt: Try, params: dict[str, str]) -> bool:
    asked = f"{attempt.words} {attempt.body} {params}"
    return "{word}" in asked or "{node}" in asked


@pytest.mark.slow  # the app describes itself
async def test_every_route_has_a_decision(box: Box) -> None:
    """A new route says here what another account's token may see of it; and a new parameter what it may ask."""
    assert sorted(routes(box)) == sorted(DECISIONS)
    asked = {name for names in (await parameters(box)).values() for name in names}
    assert asked == set(PARAMETERS)


@pytest.mark.slow  # some 150 requests
async def test_no_route_shows_or_changes_what_is_anothers(box: Box) -> None:
    before, secrets = await everything_of(box, 1), await secrets_of_account_1(box)
    known = await parameters(box)
    async with box.api.as_caller(box.tokens["mill"]) as http:
        walk = Walk(http)
        for route, attempts in DECISIONS.items():
            for attempt in attempts:
                await walk.ask(route, attempt, ALWAYS.get(route, {}))
            for name in known.get(route, []) if attempts else ():
                for value in VALUES.get((route, name), PARAMETERS[name]):
                    await walk.ask(route, attempts[0], ALWAYS.get(route, {}) | {name: value})
    assert await everything_of(box, 1) == before
    assert await secrets_of_account_1(box) == secrets == (True, True)


async def everything_of(box: Box, account_id: int) -> dict[str, Any]:
    """What an account has, as the whole box sees it; of the status what can stand still."""
    async with box.api.as_caller(TOKEN, **{"Solarocpp-Account": str(account_id)}) as http:
        found = {path: (await http.get(path)).json() for path in decided(LISTING)}
    del found["/api/status"]["store"]
    return found


async def secrets_of_account_1(box: Box) -> tuple[bool, bool]:
    """Whether its password and its token still open."""
    registry = box.api.registry
    right = await registry.verify(registry.credential("quay-user"), b"quay-password-of-16")
    return right, registry.token_by_text(box.tokens["quay"]) is not None


@pytest.mark.slow  # every listing twice
async def test_the_walk_could_find_something(box: Box) -> None:
    """Account 1's own token sees all that the walk looks for, and account 2's sees its own."""
    for word, node in (("quay", "4711"), ("mill", "2")):
        async with box.api.as_caller(box.tokens[word]) as http:
            for path in decided(LISTING):
                assert word in (await http.get(path)).text, path
            for params in ({"node": node}, {"source": f"/{word}/**"}):
                assert len((await http.get("/api/sessions", params=params)).json()["rows"]) == 2, params
                assert len((await http.get("/api/datums", params=params)).json()["rows"]) == 1, params
            table = (await http.get("/api/datums")).json()
            assert f"{word}Mode" in table["columns"]
            assert len(table["rows"][0]) == len(table["columns"])


async def test_the_node_of_another_has_no_rows(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        for path in ("/api/sessions", "/api/datums", "/api/datums?latest=true"):
            assert (await http.get(path, params={"node": 4711})).json()["rows"] == [], path


async def test_a_property_of_anothers_charger_is_unknown(box: Box) -> None:
    """Whether somebody's charger sends a thing of its own is theirs; the whole box may ask for it."""
    for path in ("/api/datums", "/api/readings"):
        async with box.api.as_caller(box.tokens["mill"]) as http:
            theirs, nobodys = [
                await http.get(path, params={"properties": f"wattHours,{word}Mode"}) for word in ("quay", "jazz")
            ]
        assert (theirs.status_code, theirs.json()["kind"]) == (422, "unknown_property")
        assert theirs.text.replace("quay", "jazz") == nobodys.text
    table = (await box.api.http.get("/api/datums", params={"properties": "QUAYMODE"})).json()
    assert table["columns"] == ["created", "nodeId", "sourceId", "quayMode"]


async def test_the_status_of_an_account_is_about_it_alone(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        status = (await http.get("/api/status")).json()
    assert status == {
        "chargers": 1,
        "links": [msgspec.to_builtins(FakeLink(2, "mill-cp", 2))],
        "openSessions": 1,
        "data": None,
        "storeId": None,
        "store": None,
    }


async def test_no_token_of_an_account_speaks_for_another(box: Box) -> None:
    """Not even to learn which accounts there are: 1 is answered as 99."""
    for number in ("1", "99"):
        async with box.api.as_caller(box.tokens["mill"], **{"Solarocpp-Account": number}) as http:
            for path in decided(LISTING):
                answer = await http.get(path)
                assert (answer.status_code, kind_of(answer) in {"account_unknown", "DAO.00102"}) == (404, True), path
            for path in decided(WHOLE_BOX):
                assert (await http.get(path)).status_code == 403, path
    async with box.api.as_caller(box.tokens["mill"], **{"Solarocpp-Account": "2"}) as http:
        assert [row["identifier"] for row in (await http.get("/api/chargers")).json()] == ["mill-cp"]


async def test_options_tell_methods_only(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        for route in box.api.app.routes:
            answer = await http.options(
                re.sub(r"\{[^}]*\}", "1", route.path_format),
            )
            assert (answer.status_code, answer.text) == (204, ""), route.path_format


@pytest.mark.slow  # every listing twice
async def test_whoever_has_the_whole_box_may_speak_for_an_account(box: Box) -> None:
    _, text = await box.api.registry.add_token(NewToken(name="fleet", whole_box=True), now=NOW)
    for token in (TOKEN, text):
        async with box.api.as_caller(token) as http:
            assert {row["identifier"] for row in (await http.get("/api/links")).json()} == {"quay-cp", "mill-cp"}
            assert len((await http.get("/api/events")).json()["rows"]) == 6
            # What is changed without an account is account 1's, which a box with one never names.
            assert [row["identifier"] for row in (await http.get("/api/chargers")).json()] == ["quay-cp"]
            assert len((await http.get("/api/accounts")).json()) == 2
        async with box.api.as_caller(token, **{"Solarocpp-Account": "2"}) as http:
            for path in decided(LISTING):
                answer = await http.get(path)
                assert "mill" in answer.text, path
                # Only the status goes on telling where the store is: somewhere below a directory called like this test.
                assert THEIRS not in answer.text.replace(str(box.api.store.directory), ""), path
        async with box.api.as_caller(token, **{"Solarocpp-Account": "99"}) as http:
            answer = await http.get("/api/chargers")
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "There is no account 99. See: solarocpp account list", "kind": "account_unknown"},
            )
        for odd in ("mill", "-1", "9" * 5000):
            async with box.api.as_caller(token, **{"Solarocpp-Account": odd}) as http:
                answer = await http.get("/api/chargers")
                assert (answer.status_code, answer.json()["kind"]) == (400, "bad_request")


async def test_what_an_account_makes_is_its_own(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        charger = (await http.post("/api/chargers", json={"identifier": "quay-cp"})).json()["charger"]
        receipt = (await http.post("/api/tokens", json={"name": "meters"})).json()
    (own,) = box.api.registry.nodes(2)
    assert charger["nodeId"] == own.node_id
    assert [row.identifier for row in box.api.registry.chargers(2)] == ["mill-cp", "quay-cp"]
    assert [row.identifier for row in box.api.registry.chargers(1)] == ["quay-cp"]
    assert receipt["token"]["accountId"] == 2
    async with box.api.as_caller(receipt["secret"]) as http:
        assert [row["name"] for row in (await http.get("/api/tokens")).json()] == ["mill-program", "meters"]
        assert (await http.delete("/api/tokens/meters")).json()["token"]["name"] == "meters"
        refused = await http.get("/api/tokens")
        assert (refused.status_code, refused.json()["kind"]) == (401, "unauthorized")


async def test_a_refusal_says_what_an_account_token_is_not_for(box: Box) -> None:
    async with box.api.as_caller(box.tokens["mill"]) as http:
        refused = await http.get("/api/check")
    assert refused.json()["error"] == (
        "/api/check is about the whole box, and this token is for account 2 only. "
        "Use admin.token of the data directory, or a token made with: solarocpp token add NAME --whole-box"
    )


async def test_a_way_around_the_gate_is_no_way_in(api: Served) -> None:
    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        assert (await http.get("/api/chargers")).status_code == 500
