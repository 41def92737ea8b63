"""SolarNetwork's sessions, what chargers said last, and user events, over a store with some of each."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from served import NOW, Served

from solarocpp.registry import NewCharger
from solarocpp.store import ChargerFacts, Exchange
from solarocpp.store.effects import EventHappened, SessionEnded, SessionRefused, SessionStarted

USER = "/solaruser/api/v1/sec/user"


def uuid(number: int) -> str:
    return str(UUID(int=number))


@pytest.fixture
async def site(api: Served) -> Served:
    """Charger 1 with two ended sessions and a refused start, charger 2 with one that runs."""
    for number in (1, 2):
        await api.registry.add_charger(NewCharger(identifier=f"CP00{number}"), now=NOW)

    def started(number: int, charger: int, connector: int, hours: int) -> SessionStarted:
        source = f"/ocpp/cp/CP00{charger}/{connector}"
        begin = NOW + timedelta(hours=hours)
        return SessionStarted(UUID(int=number), 1, source, charger, connector, 100 + number, f"TAG{number}", begin, 0.0)

    effects = [
        started(1, 1, 1, 0),
        SessionEnded(UUID(int=1), NOW + timedelta(minutes=30), "Local", "TAG1", 5.0),
        started(2, 1, 2, 1),
        SessionEnded(UUID(int=2), NOW + timedelta(hours=2), "EVDisconnected", None, 5.0),
        SessionRefused(started(3, 1, 1, 2), "Blocked"),
        started(4, 2, 1, 3),
        EventHappened(NOW, "link_opened", "CP001", "connected", {"cp": "CP001", "n": 1}, 1),
        EventHappened(NOW + timedelta(hours=1), "bytes_refused", "CP002", "", {"cp": "CP002"}, 1),
        EventHappened(NOW, "bytes_refused", None, "nobody's", {}, None),
    ]
    for number, (charger, action, payload) in enumerate(
        [
            (1, "StatusNotification", '{"connectorId":1}'),
            (1, "StatusNotification", '{"connectorId":2}'),
            (1, "StatusNotification", '{"connectorId":1}'),
            (2, "Heartbeat", "{}"),
        ]
    ):
        facts = ChargerFacts(charger, f"CP00{charger}", 1, 1, "/t", publish=True)  # type: ignore[arg-type]
        said = f'[2,"m{number}","{action}",{payload}]'
        at = NOW + timedelta(minutes=number - 60)
        api.store.record(Exchange(at, facts, "in", action, said, "[3,1,{}]"), effects if number == 0 else [])
    await api.store.settle()
    return api


async def got(site: Served, path: str, **params: str) -> Any:
    answer = await site.http.get(USER + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sessions_are_shown_in_solarnetworks_fields(site: Served) -> None:
    found = (await got(site, "/ocpp/sessions"))["data"]
    assert (found["totalResults"], found["startingOffset"], found["returnedResultCount"]) == (3, 0, 3)
    assert found["results"][0] == {
        "id": uuid(1),
        "created": "2026-03-01 12:00:00Z",
        "authId": "TAG1",
        "chargePointId": 1,
        "evseId": 0,
        "connectorId": 1,
        "transactionId": "101",
        "ended": "2026-03-01 12:30:00Z",
        "endReason": "Local",
        "endAuthId": "TAG1",
    }
    running = found["results"][2]
    assert {"ended", "endReason", "endAuthId"}.isdisjoint(running)  # spec Q6
    assert await got(site, f"/ocpp/sessions/{uuid(4)}") == {"success": True, "data": running}
    assert await got(site, f"/ocpp/sessions/{uuid(9)}") == {"success": True}
    assert await got(site, f"/ocpp/sessions/{uuid(3)}") == {"success": True}  # a refused start is none
    assert await got(site, "/ocpp/sessions/incomplete/2") == {"success": True, "data": [running]}
    assert await got(site, "/ocpp/sessions/incomplete/1") == {"success": True, "data": []}


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, [1, 2, 4]),
        ({"chargePointId": "1"}, [1, 2]),
        ({"chargePointIds": "1,2"}, [1, 2, 4]),
        ({"identifier": "cp002"}, [4]),
        ({"identifier": "CP009"}, []),
        ({"identifier": "CP002", "chargePointId": "1"}, []),
        ({"evseId": "0"}, [1, 2, 4]),
        ({"evseId": "1"}, []),
        ({"connectorId": "1"}, [1, 4]),
        ({"connectorIds": "2"}, [2]),
        ({"chargeSessionIds": f"{uuid(1)},{uuid(4)}"}, [1, 4]),
        ({"transactionId": "102"}, [2]),
        ({"active": "true"}, [4]),
        ({"active": "false"}, [1, 2]),
        ({"endReason": "Local"}, [1]),
        ({"endReasons": "Local,EVDisconnected"}, [1, 2]),
        ({"startDate": "2026-03-01 13:00:00Z"}, [2, 4]),
        ({"endDate": "2026-03-01 13:00:00Z"}, [1]),
        ({"max": "1", "offset": "1"}, [2]),
        ({"sorts[0].sortKey": "DATE", "sorts[0].descending": "true"}, [4, 2, 1]),
        ({"sorts[0].sortKey": "CONNECTOR", "sorts[1].sortKey": "ID", "sorts[1].descending": "true"}, [4, 1, 2]),
    ],
)
async def test_sessions_are_filtered(site: Served, params: dict[str, str], ids: list[int]) -> None:
    found = (await got(site, "/ocpp/sessions", **params))["data"]
    assert [row["id"] for row in found["results"]] == [uuid(number) for number in ids]
    assert found["startingOffset"] == int(params.get("offset", "0"))


async def end(site: Served, **request: Any) -> Any:
    answer = await site.http.post(f"{USER}/ocpp/sessions/end", **request)
    return answer.status_code, answer.json()


async def test_a_session_is_ended_once(site: Served) -> None:
    """By parameters in the query, or as a form."""
    params = {"id": uuid(4), "endReason": "Other", "endAuthId": "BOSS"}
    too_many = {str(number): "x" for number in range(2001)}
    assert (await end(site, data={**params, **too_many}))[0] == 422
    assert await end(site, params=params) == (200, {"success": True, "data": True})
    assert await end(site, data=params) == (200, {"success": True, "data": False})
    ended = (await got(site, f"/ocpp/sessions/{uuid(4)}"))["data"]
    # The clock of the tests stands at NOW, and the charger's was ahead: it does not end before it began.
    assert (ended["ended"], ended["endReason"], ended["endAuthId"]) == ("2026-03-01 15:00:00Z", "Other", "BOSS")
    assert await end(site, params={**params, "id": uuid(9)}) == (200, {"success": True, "data": False})
    # Once, and with all that a rebuild needs to end it again.
    (event,) = await site.store.read(
        lambda con: con.execute("SELECT identifier, message, data FROM event WHERE name = 'session_ended'").fetchall()
    )
    assert event[:2] == ("CP002", f"the session {uuid(4)} was ended by admin.token: Other")
    assert json.loads(event[2]) == {
        "cp": "CP002",
        "sessionId": uuid(4),
        "ended": "2026-03-01T15:00:00+00:00",
        "reason": "Other",
        "token": "BOSS",
        "by": "admin.token",
    }


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"endReason": "Other"}, "Illegal argument: id is no UUID."),
        ({"id": uuid(4), "endReason": "Bored"}, "Illegal argument: endReason is one of Unknown, EmergencyStop, "),
        ({"id": uuid(4)}, "Illegal argument: endReason is one of "),
        (
            {"id": uuid(4), "endReason": "Other", "endAuthId": "x" * 21},
            "Illegal argument: endAuthId has at most 20 characters.",
        ),
    ],
)
async def test_an_end_that_says_nothing_is_refused(site: Served, params: dict[str, str], message: str) -> None:
    status, answer = await end(site, params=params)
    assert status == 422
    assert answer["message"].startswith(message)


def action(charger: int, connector: int, name: str, message: str, created: int, ts: int) -> dict[str, object]:
    return {
        "created": f"2026-03-01 11:0{created}:00Z",
        "userId": 1,
        "chargePointId": charger,
        "evseId": 0,
        "connectorId": connector,
        "action": name,
        "messageId": message,
        "ts": f"2026-03-01 11:0{ts}:00Z",
    }


STATUS_1 = action(1, 1, "StatusNotification", "m2", 0, 2)
STATUS_2 = action(1, 2, "StatusNotification", "m1", 1, 1)
HEARTBEAT = action(2, 0, "Heartbeat", "m3", 3, 3)


@pytest.mark.parametrize(
    ("params", "rows"),
    [
        ({}, [STATUS_1, STATUS_2, HEARTBEAT]),
        ({"chargePointId": "2"}, [HEARTBEAT]),
        ({"identifier": "CP001"}, [STATUS_1, STATUS_2]),
        ({"connectorIds": "2,0"}, [STATUS_2, HEARTBEAT]),
        ({"actions": "Heartbeat"}, [HEARTBEAT]),
        ({"evseId": "1"}, []),
        ({"startDate": "2026-03-01 11:03:00Z"}, [HEARTBEAT]),
        ({"startDate": "2020-01-01", "endDate": "2026-03-01 11:02:00Z", "connectorId": "2"}, [STATUS_2]),
        ({"sorts[0].sortKey": "time", "sorts[0].descending": "true", "max": "2"}, [HEARTBEAT, STATUS_1]),
    ],
)
async def test_what_a_charger_said_last_has_an_evse(
    site: Served, params: dict[str, str], rows: list[dict[str, object]]
) -> None:
    """SolarNetwork leaves `evseId` out (spec Q28)."""
    assert (await got(site, "/ocpp/chargers/action-status", **params)).get("data", []) == rows


RANGE = {"startDate": "2026-03-01", "endDate": "2026-03-02"}


async def test_events_are_solarnetworks(site: Served) -> None:
    found = (await got(site, "/events", **RANGE))["data"]
    event_id = found[0].pop("eventId")
    assert found[0] == {
        "userId": 1,
        "created": "2026-03-01 12:00:00Z",
        "tags": ["ocpp", "charger", "connected"],
        "message": "connected",
        "data": '{"cp":"CP001","n":1}',
    }
    assert UUID(event_id).version == 7
    assert UUID(event_id).int >> 80 == int(NOW.timestamp() * 1000)
    assert (await got(site, "/events", **RANGE))["data"][0]["eventId"] == event_id
    assert len({row.get("eventId") for row in found}) == 2
    assert "message" not in found[1]


@pytest.mark.parametrize(
    ("params", "chargers"),
    [
        ({}, ["CP001", "CP002"]),
        ({"tags": "ocpp,forbidden"}, ["CP002"]),
        ({"searchFilter": "(/cp=CP001)"}, ["CP001"]),
        ({"searchFilter": "(&(/n>=1)(!(/cp=CP002)))"}, ["CP001"]),
        ({"max": "1", "offset": "1"}, ["CP002"]),
        ({"endDate": "2026-03-01T13:00:00Z"}, ["CP001"]),
        ({"startDate": "2026-03-01T13:00:00.1Z"}, []),
    ],
)
async def test_events_are_filtered(site: Served, params: dict[str, str], chargers: list[str]) -> None:
    found = await got(site, "/events", **(RANGE | params))
    assert [row["data"].partition("CP")[2][:3] for row in found.get("data", [])] == [name[2:] for name in chargers]
    assert ("data" in found) == bool(chargers)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "Illegal argument: The startDate parameter is required."),
        ({"startDate": "2026-03-01"}, "Illegal argument: The endDate parameter is required."),
        (
            {**RANGE, "searchFilter": "(cp=1)"},
            "Illegal argument: The search filter '(cp=1)' cannot be read at 'cp=1)'.",
        ),
        ({"startDate": "2026-03-02", "endDate": "2026-03-01"}, "Illegal argument: Time range since="),
    ],
)
async def test_events_that_cannot_be_asked_for(site: Served, params: dict[str, str], message: str) -> None:
    answer = await site.http.get(f"{USER}/events", params=params)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)
