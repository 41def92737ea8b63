"""What silence means: whether a link whose other end says nothing is alive (Q14 to Q17).

On a clock that jumps as soon as nothing has moved for a while, on sockets and on the disk. Each test names
the clock, or it would not be used.
"""

from __future__ import annotations

import json

import msgspec
import pytest
import trio
import trio.testing
from client_frames import PONG, TEXT, masked
from gateway_server import Server
from test_connection import meter_values, read_head, stalled_disk

from solarocpp.config import Config
from solarocpp.gateway.connection import MAX_UNANSWERED

Clock = trio.testing.MockClock
HEARTBEAT = masked(TEXT, b'[2,"h","Heartbeat",{}]')


@pytest.fixture
def config(config: Config) -> Config:
    return msgspec.structs.replace(config, ping_interval_s=45, pong_deadline_s=30, boot_interval_s=60)


@pytest.fixture
def clock(autojump_clock: Clock) -> Clock:
    autojump_clock.autojump_threshold = 0.1
    return autojump_clock


async def lifetime(stream: trio.SocketStream, clock: Clock) -> tuple[float, int]:
    """Tells how long the link lives from here on if the charger says nothing more, and the pings it gets."""
    since, received = clock.current_time(), b""
    while data := await stream.receive_some(100):
        received += data
    await stream.aclose()
    return clock.current_time() - since, received.count(b"\x89\x00")


async def test_who_neither_talks_nor_answers_pings_is_cut(server: Server, clock: Clock) -> None:
    """Q14: after a power loss no FIN comes. The ping after 45 s had 30 s."""
    stream = await server.raw()
    await read_head(stream)
    assert await lifetime(stream, clock) == (pytest.approx(75), 1)
    assert len(server.services.roster) == 0
    assert server.services.roster.answers_pings == {}


async def test_who_talks_and_has_never_answered_a_ping_is_given_three_heartbeats(server: Server, clock: Clock) -> None:
    """Q16: some firmware has no pong at all."""
    stream = await server.raw()
    await read_head(stream)
    await trio.sleep(40)
    await stream.send_all(HEARTBEAT)
    assert await lifetime(stream, clock) == (pytest.approx(180), 4)
    assert server.services.roster.answers_pings == {1: False}
    again = await server.raw()
    await read_head(again)
    assert await lifetime(again, clock) == (pytest.approx(180), 3)  # before it has said a word on its new link


async def test_who_has_answered_pings_is_judged_by_them(server: Server, clock: Clock) -> None:
    stream = await server.raw()
    await read_head(stream)
    await stream.send_all(HEARTBEAT)
    received = b""
    while not received.endswith(b"\x89\x00"):
        received += await stream.receive_some(100)
    await stream.send_all(masked(PONG))
    assert await lifetime(stream, clock) == (pytest.approx(75), 1)
    assert server.services.roster.answers_pings == {1: True}
    again = await server.raw()
    await read_head(again)
    await again.send_all(HEARTBEAT)
    assert await lifetime(again, clock) == (pytest.approx(75), 1)


async def test_whatever_is_heard_counts_as_life(server: Server, clock: Clock) -> None:
    """Q15: a charger that has answered pings and now does not, but talks, is there."""
    server.services.roster.answers_pings[1] = True
    stream = await server.raw()
    await read_head(stream)
    for _ in range(5):
        await trio.sleep(50)
        await stream.send_all(HEARTBEAT)
    assert await lifetime(stream, clock) == (pytest.approx(50), 6)  # the last ping went unanswered


async def test_silence_says_nothing_while_we_do_not_read(server: Server, clock: Clock) -> None:
    """A disk that stalls for minutes is our fault, and must not cost the links."""
    async with server.connect() as ws:
        with stalled_disk(server):
            for number in range(MAX_UNANSWERED + 1):
                await ws.send_message(json.dumps(meter_values(f"m{number}", number % 60, number)))
            await trio.sleep(200)
            assert clock.current_time() >= 200
            assert [link.unanswered for link in server.services.roster] == [MAX_UNANSWERED]
        answers = [json.loads(await ws.get_message())[:2] for _ in range(MAX_UNANSWERED + 1)]
    assert answers == [[3, f"m{number}"] for number in range(MAX_UNANSWERED + 1)]
