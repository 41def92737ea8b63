"""What is told of a link: in the list of links, and in the events that stay."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from bare_links import NEARBY, STRANGER, admitted, linked
from client_frames import PING, PONG, TEXT, masked
from gateway_server import Server, exchange

from solarocpp.gateway.connection import Link
from solarocpp.gateway.flapping import Flapping
from solarocpp.gateway.journal import LinkJournal
from solarocpp.gateway.peers import Peer, PeerCertificate
from solarocpp.gateway.roster import LinkInfo

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def events(server: Server, *names: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Reads events: name, message and data, without the parts that differ from run to run."""
    listed = ", ".join(f"'{name}'" for name in names)
    rows = await server.rows(f"SELECT name, message, data FROM event WHERE name IN ({listed}) ORDER BY rowid")
    return [(name, message, json.loads(data)) for name, message, data in rows]


async def test_a_link_tells_who_and_where_from_and_how_it_does(server: Server) -> None:
    certificate = PeerCertificate(("CP001", "cp001.example"), "2a", NOON + timedelta(days=9))
    peer = Peer("8.8.8.8", via="10.0.0.1", tls="TLSv1.3", certificate=certificate)
    async with linked(server, admitted(server, 3, profile="v16hu"), peer) as client:
        (link,) = server.services.roster
        assert isinstance(link, Link)
        link._websocket.ping()
        assert await client.receive_some(2) == b"\x89\x00"
        await client.send_all(masked(PONG) + masked(TEXT, b"not json") + masked(PING))
        assert b"FormationViolation" in await client.receive_some(1000)
        (info,) = server.services.roster.links()
    assert isinstance(info.link_id, UUID)
    assert info.round_trip_ms is not None
    assert 0 <= info.round_trip_ms < 5000
    assert timedelta() <= NOON - info.last_heard < timedelta(seconds=5)
    assert info == LinkInfo(
        identifier="CP001",
        charger_id=1,
        account_id=1,
        link_id=info.link_id,
        peer="8.8.8.8",
        via="10.0.0.1",
        reached="",
        tls="TLSv1.3",
        certificate="CP001",
        profile="v16hu",
        security_profile=3,
        username=None,
        since=NOON,
        last_heard=info.last_heard,
        round_trip_ms=info.round_trip_ms,
        messages=1,
        unanswered=0,
        refused=1,
        repairs={},
    )


async def test_opening_and_closing_are_events_of_the_account_with_one_session_id(server: Server) -> None:
    """The tags come from the name (spec 9.2); `cp` and `sessionId` are the data its users look for."""
    async with server.connect("cp001") as ws:
        await exchange(ws, [2, "h", "Heartbeat", {}])
        (info,) = server.services.roster.links()
    opened, repaired, closed = await events(server, "link_opened", "link_closed", "handshake_repaired")
    both = {"cp": "CP001", "sessionId": str(info.link_id)}
    assert opened == (
        "link_opened",
        "connected",
        both
        | {
            "peer": "127.0.0.1",
            "path": "/ocpp/j/v16/cp001",
            "profile": "v16",
            "securityProfile": 1,
            "username": "depot",
            "subprotocols": "ocpp1.6",
        },
    )
    assert repaired == (
        "handshake_repaired",
        "identifier_case: an identity matches without case, and is spelled as registered",
        both | {"peer": "127.0.0.1", "repair": "identifier_case"},
    )
    assert closed == (
        "link_closed",
        "the charge point closed it",
        both | {"seconds": 0.0, "messages": 1},
    )
    owners = await server.rows("SELECT DISTINCT accountId, tags[3] FROM event WHERE name LIKE 'link%' ORDER BY 2")
    assert owners == [(1, "connected"), (1, "disconnected")]


async def test_link_that_was_cut_without_a_reason_says_so(server: Server) -> None:
    LinkJournal(server.services, admitted(server, 1), NEARBY).closed("")
    (closed,) = await events(server, "link_closed")
    assert closed[:2] == ("link_closed", "it did not end in time, and was cut")


@pytest.mark.parametrize(
    ("reached", "peer", "warning"),
    [
        (1, NEARBY, []),
        (2, Peer("8.8.8.8", 4711, tls="TLSv1.2"), []),
        (1, STRANGER, [("link_unprotected", "its password travels in the clear: use wss://")]),
        (0, STRANGER, [("link_unauthenticated", "whoever knows its identifier can connect as it")]),
        (0, Peer("127.0.0.1"), [("link_unauthenticated", "whoever knows its identifier can connect as it")]),
    ],
)
async def test_who_comes_unprotected_is_warned_of_once_a_link(
    server: Server, reached: int, peer: Peer, warning: list[tuple[str, str]]
) -> None:
    async with linked(server, admitted(server, reached), peer) as client:
        await client.send_all(masked(TEXT, b'[2,"h","Heartbeat",{}]'))
        await client.receive_some(1000)
    told = await events(server, "link_unprotected", "link_unauthenticated")
    assert [(name, message) for name, message, _ in told] == warning


def test_of_the_same_charger_ten_links_a_minute_are_told_of() -> None:
    flapping = Flapping()
    assert [flapping.note_opened(7) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [flapping.note_opened(8) for _ in range(3)] == [True] * 3
    assert flapping.turn_page() == {7: 2}
    assert flapping.note_opened(7)
    assert flapping.turn_page() == {}


async def test_a_charger_that_connects_again_and_again_does_not_fill_the_store(server: Server) -> None:
    for _ in range(12):
        async with server.connect("cp001") as ws:
            await exchange(ws, [2, "h", "Heartbeat", {}])
            await exchange(ws, [2, "x", "Nonsense", {}])
    server.gateway._turn_flapping_page()
    counts = await server.rows("SELECT name, count(*) FROM event GROUP BY name ORDER BY name")
    assert counts == [
        ("call_refused", 10),
        ("handshake_repaired", 10),
        ("link_closed", 10),
        ("link_opened", 10),
        ("links_unrecorded", 1),
    ]
    told = await server.rows(
        "SELECT identifier, message, data::VARCHAR, tags, accountId FROM event WHERE name = 'links_unrecorded'"
    )
    message = "connected 2 more times within a minute"
    assert told == [("CP001", message, '{"cp":"CP001","count":2}', ["ocpp", "charger", "connected"], 1)]
