"""What another account's token is answered on each route there is, and with each query parameter.

A new route says here what a token of another account may see of it, and a new parameter what it may ask;
test_web_accounts.py walks over all of it, and compares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

THEIRS, NOBODYS = "quay", "jazz"
THEIR_NODE, NOBODYS_NODE = "4711", "4712"


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
