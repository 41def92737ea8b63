"""Live events over a real socket, read by what nobody here wrote (httpx-sse)."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import trio
from httpx_sse import ServerSentEvent, connect_sse
from served import NOW, TOKEN, Served, serving

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import ChargePointId, SourceId
from solarocpp.registry import NewAccount, NewCharger, NewToken
from solarocpp.store import ChargerFacts, Exchange, Store
from solarocpp.store.effects import (
    ConnectorStatusChanged,
    DatumObserved,
    Effect,
    EventHappened,
    SessionEnded,
    SessionRefused,
    SessionStarted,
)
from solarocpp.web.happenings import Hub, Room

STREAM = "/api/events/stream"
SESSION = UUID(int=7)
START = SessionStarted(SESSION, 1, "/s", 1, 2, 3, "TAG", NOW, 100.0)


def facts(identifier: str = "CP001", account_id: int = 1) -> ChargerFacts:
    return ChargerFacts(account_id, ChargePointId(identifier), account_id, account_id, "/t", publish=True)


async def say(api: Served, *effects: Effect, text: str = "[]", identifier: str = "CP001", account_id: int = 1) -> None:
    """Records an exchange as a link does; returns when it is durable."""
    committed = trio.Event()
    exchange = Exchange(NOW, facts(identifier, account_id), "in", "DataTransfer", text, "[3]")
    api.store.record(exchange, effects, lambda _committed: committed.set())
    await committed.wait()


def with_room(**room: Any) -> Callable[[Store], dict[str, Any]]:
    """An app whose readers have this room."""
    return lambda store: {"hub": Hub(store, "run", Room(**room))}


async def happen(api: Served, name: str, identifier: str | None = "CP001", account_id: int | None = 1) -> None:
    """Records an event, and waits until it is in the table."""
    api.store.record(None, (EventHappened(NOW, name, identifier, "it did", {"cp": "x"}, account_id),))
    await api.store.settle()


class Listening:
    """A reader that is connected.

    It reads in a thread: an asynchronous answer of httpx that is left half-way leaves generators behind.
    """

    def __init__(self, events: Iterator[ServerSentEvent]) -> None:
        self._events = events
        self.place = ""

    async def hear(self, number: int = 1) -> list[ServerSentEvent]:
        """The next events; fewer where the stream ends."""
        return [event for _ in range(number) if (event := await trio.to_thread.run_sync(next, self._events, None))]

    async def hear_one(self) -> tuple[str, Any]:
        (event,) = await self.hear()
        return event.event, json.loads(event.data)


@asynccontextmanager
async def listening(http: httpx.AsyncClient, after: str = "", **asked: str) -> AsyncIterator[Listening]:
    headers = {**http.headers, **({"Last-Event-ID": after} if after else {})}
    with httpx.Client(base_url=http.base_url, headers=headers, trust_env=False, timeout=20) as client:
        connecting = connect_sse(client, "GET", STREAM, params=asked)
        source = await trio.to_thread.run_sync(connecting.__enter__)
        try:
            assert source.response.status_code == 200
            listener = Listening(source.iter_sse())
            (first,) = await listener.hear()
            listener.place = first.id
            assert (first.data, first.retry) == ("", 3000)
            yield listener
        finally:
            connecting.__exit__(None, None, None)


async def test_a_message_and_what_it_changed_are_told_when_they_are_durable(api: Served) -> None:
    datum = Datum(1, SourceId("/s"), NOW, {"watts": 7.0}, session=SessionProperties(SESSION, 3, "TAG", 0))
    async with listening(api.http) as listener:
        await say(
            api,
            START,
            DatumObserved(datum, NOW),
            ConnectorStatusChanged(1, 2, NOW, NOW, "Charging", "NoError"),
            text='[2,"1","DataTransfer",{}]',
        )
        told = [(event.event, json.loads(event.data)) for event in await listener.hear(4)]
    assert told == [
        (
            "message",
            {
                "charger": "CP001",
                "received": "2026-03-01T12:00:00Z",
                "direction": "in",
                "action": "DataTransfer",
                "request": '[2,"1","DataTransfer",{}]',
                "answer": "[3]",
            },
        ),
        (
            "session",
            {
                "charger": "CP001",
                "sessionId": str(SESSION),
                "change": "started",
                "nodeId": 1,
                "sourceId": "/s",
                "connectorId": 2,
                "transactionId": 3,
                "token": "TAG",
                "started": "2026-03-01T12:00:00Z",
                "meterStart": 100.0,
            },
        ),
        (
            "datum",
            {
                "charger": "CP001",
                "nodeId": 1,
                "sourceId": "/s",
                "created": "2026-03-01T12:00:00Z",
                "received": "2026-03-01T12:00:00Z",
                "properties": {"watts": 7.0},
                "sessionId": str(SESSION),
            },
        ),
        (
            "status",
            {
                "charger": "CP001",
                "connectorId": 2,
                "timestamp": "2026-03-01T12:00:00Z",
                "received": "2026-03-01T12:00:00Z",
                "status": "Charging",
                "errorCode": "NoError",
            },
        ),
    ]


async def test_the_end_of_a_session_and_a_refused_one_are_told(api: Served) -> None:
    ended = SessionEnded(SESSION, NOW + timedelta(hours=1), "Local", "TAG", 5100.0)
    async with listening(api.http, kinds="session") as listener:
        await say(api, ended, SessionRefused(START, "Blocked"))
        assert await listener.hear_one() == (
            "session",
            {
                "charger": "CP001",
                "sessionId": str(SESSION),
                "change": "ended",
                "ended": "2026-03-01T13:00:00Z",
                "meterStop": 5100.0,
                "endReason": "Local",
                "endToken": "TAG",
            },
        )
        _, refused = await listener.hear_one()
    assert (refused["change"], refused["refused"], refused["connectorId"]) == ("refused", "Blocked", 2)


async def test_the_end_that_somebody_ordered_is_told_too(api: Served) -> None:
    """Who watches sessions must see each of them end, whoever ended it."""
    await api.registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
    end = {"id": str(SESSION), "endReason": "Other"}
    async with listening(api.http, kinds="session") as listener:
        await say(api, START)
        await listener.hear()
        await api.http.post("/solaruser/api/v1/sec/user/ocpp/sessions/end", params=end)
        assert await listener.hear_one() == (
            "session",
            {
                "charger": "CP001",
                "sessionId": str(SESSION),
                "change": "ended",
                "ended": "2026-03-01T12:00:00Z",
                "endReason": "Other",
            },
        )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("link_opened", "link"),
        ("link_closed", "link"),
        ("call_refused", "event"),
        ("instruction_completed", "instruction"),
    ],
)
async def test_events_are_links_instructions_or_just_events(api: Served, name: str, kind: str) -> None:
    async with listening(api.http, kinds=kind) as listener:
        await happen(api, name)
        assert await listener.hear_one() == (
            kind,
            {
                "charger": "CP001",
                "name": name,
                "created": "2026-03-01T12:00:00Z",
                "message": "it did",
                "data": {"cp": "x"},
                "tags": {
                    "link_opened": ["ocpp", "charger", "connected"],
                    "link_closed": ["ocpp", "charger", "disconnected"],
                    "call_refused": ["ocpp", "message", "sent", "error"],
                    "instruction_completed": ["ocpp", "instruction", "ack"],
                }.get(name, ["ocpp"]),
                "accountId": 1,
            },
        )


async def test_what_the_ledger_does_not_keep_passes_too(api: Served) -> None:
    async with listening(api.http) as listener:
        api.store.show(Exchange(NOW, facts(), "in", "Heartbeat", "[2]", "[3]"))
        assert (await listener.hear_one())[1]["action"] == "Heartbeat"


async def test_one_charger_and_some_kinds_can_be_asked_for(api: Served) -> None:
    async with listening(api.http, charger="cp002", kinds="status, message") as listener:
        await say(api, identifier="CP001")
        await say(api, START, identifier="CP002", text="mine")
        await say(api, identifier="CP002", text="mine too")
        told = [json.loads(event.data)["request"] for event in await listener.hear(2)]
    assert told == ["mine", "mine too"]


async def test_an_account_sees_its_own_and_nobodys_is_the_whole_boxs(api: Served) -> None:
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    _, text = await api.registry.add_token(NewToken(name="program"), now=NOW, account_id=2)
    async with api.as_caller(text) as mill, listening(mill) as theirs, listening(api.http) as whole:
        await say(api, account_id=1, text="quay's")
        await happen(api, "bytes_refused", "CP001", None)
        await say(api, account_id=2, text="mill's")
        assert (await theirs.hear_one())[1]["request"] == "mill's"
        said = [json.loads(event.data) for event in await whole.hear(3)]
    assert [each.get("request") or each["name"] for each in said] == ["quay's", "bytes_refused", "mill's"]
    async with api.as_caller(text) as mill, listening(mill, after=whole.place) as again:
        assert (await again.hear_one())[1]["request"] == "mill's"


async def test_the_whole_box_can_look_with_an_accounts_eyes(api: Served) -> None:
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    async with api.as_caller(TOKEN, **{"Solarocpp-Account": "2"}) as http, listening(http) as listener:
        await say(api, account_id=1)
        await say(api, account_id=2, text="mill's")
        assert (await listener.hear_one())[1]["request"] == "mill's"


async def test_a_reader_that_comes_back_goes_on_where_it_was(api: Served) -> None:
    async with listening(api.http) as listener:
        await say(api, text="first")
        (first,) = await listener.hear()
    await say(api, text="second")
    await say(api, text="third")
    async with listening(api.http, after=first.id) as listener:
        told = [json.loads(event.data)["request"] for event in await listener.hear(2)]
        await say(api, text="fourth")
        told.append((await listener.hear_one())[1]["request"])
    assert told == ["second", "third", "fourth"]


async def test_a_reader_to_whom_nothing_happened_knows_where_it_was(api: Served) -> None:
    async with listening(api.http) as listener:
        pass
    await say(api, text="meanwhile")
    async with listening(api.http, after=listener.place) as again:
        assert (await again.hear_one())[1]["request"] == "meanwhile"


async def test_what_is_not_kept_any_more_is_lost_and_said(tmp_path: Path) -> None:
    async with serving(tmp_path, with_room(ring_most=2)) as api:
        async with listening(api.http) as listener:
            for text in ("first", "second", "third", "fourth"):
                await say(api, text=text)
            (first, second, *_) = await listener.hear(4)
        async with listening(api.http, after=first.id) as again:
            assert await again.hear_one() == ("lost", {"lost": None})
            assert [json.loads(event.data)["request"] for event in await again.hear(2)] == ["third", "fourth"]
        async with listening(api.http, after=second.id) as again:
            assert (await again.hear_one())[1]["request"] == "third"


@pytest.mark.parametrize("place", ["another-run-3", "0", "{run}-99", "{run}-x", "nonsense", "{run}-" + "9" * 5000])
async def test_a_place_nobody_knows_is_said_and_reading_begins_now(api: Served, place: str) -> None:
    async with listening(api.http) as listener:
        run_id = listener.place.rpartition("-")[0]
    async with listening(api.http, after=place.replace("{run}", run_id)) as again:
        assert await again.hear_one() == ("lost", {"lost": None})
        await say(api, text="now")
        assert (await again.hear_one())[1]["request"] == "now"


async def test_a_kind_there_is_not_is_refused_with_the_nearest(api: Served) -> None:
    answer = await api.http.get(STREAM, params={"kinds": "datum,mesage"})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "kinds: There is no 'mesage'. Did you mean message?",
    )


async def test_readers_are_limited_in_all_and_for_each_account(tmp_path: Path) -> None:
    """A browser with many tabs must not keep the operator out."""
    async with serving(tmp_path, with_room(readers=3, readers_of_account=1)) as api:
        await api.registry.add_account(NewAccount(name="mill"), now=NOW)
        _, text = await api.registry.add_token(NewToken(name="program"), now=NOW, account_id=2)
        async with api.as_caller(text) as mill, listening(mill), listening(api.http):
            assert await said_at_the_door(mill) == "1 readers of live events are connected already"
            async with listening(api.http):
                for http in (mill, api.http):
                    assert await said_at_the_door(http) == "3 readers of live events are connected already"


async def said_at_the_door(http: httpx.AsyncClient) -> str:
    async with http.stream("GET", STREAM) as refused:  # who is let in would wait for the end of the stream
        assert refused.status_code == 503
        await refused.aread()
    assert refused.headers["retry-after"] == "10"
    assert refused.json()["kind"] == "unavailable"
    return str(refused.json()["error"]).partition(",")[0]


async def test_a_token_that_is_removed_sees_no_more(api: Served) -> None:
    await api.registry.add_account(NewAccount(name="mill"), now=NOW)
    token, text = await api.registry.add_token(NewToken(name="program"), now=NOW, account_id=2)
    async with api.as_caller(text) as mill, listening(mill) as listener:
        await api.registry.remove_token(token.token_id, account_id=2)
        await say(api, account_id=2, text="not for you")
        assert await listener.hear() == []


async def test_the_stream_needs_a_token(api: Served) -> None:
    async with httpx.AsyncClient(base_url=api.http.base_url, trust_env=False) as stranger:
        assert (await stranger.get(STREAM)).status_code == 401


async def test_a_reader_over_a_socket_that_takes_nothing_is_told_what_it_lost(tmp_path: Path) -> None:
    """Buffers of the system hold some MB; what comes beyond them waits here, and then its oldest goes."""
    texts = [f"{number}:" + "x" * 200_000 for number in range(100)]
    parts = with_room(buffer_bytes=400_000)
    async with serving(tmp_path, parts) as api, listening(api.http) as listener:
        for text in texts:
            await say(api, text=text)
        told = []
        while not told or told[-1][1].get("request") != texts[-1]:
            told.append(await listener.hear_one())
    lost = sum(content["lost"] for kind, content in told if kind == "lost")
    heard = [content["request"] for kind, content in told if kind == "message"]
    assert lost > 0
    assert lost + len(heard) == 100
    assert [texts.index(text) for text in heard] == sorted(texts.index(text) for text in heard)


async def test_a_quiet_stream_is_kept_alive(tmp_path: Path) -> None:
    async with serving(tmp_path, with_room(quiet_s=0.01)) as api, listening(api.http, kinds="datum") as listener:
        assert listener.place.endswith("-0")
        for _ in range(3):
            # A comment is no event, but the decoder gives an empty one for its blank line, with the last id.
            (event,) = await listener.hear()
            assert (event.event, event.data, event.id) == ("message", "", listener.place)


@pytest.mark.slow(reason="the system looks after a stuck connection at growing intervals")
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux can be told")
async def test_who_takes_nothing_for_long_is_cut(tmp_path: Path) -> None:
    """A stopped program must not hold its place, its buffer and our end for ever."""
    async with serving(tmp_path, stuck_s=1.0) as api:
        hub = await api.app.dependencies["hub"].dependency()  # type: ignore[union-attr]
        async with listening(api.http):
            with trio.fail_after(60):
                while hub._readers:
                    await say(api, text="x" * 200_000)
