"""What silence means: whether a link whose other end says nothing is alive (Q14 to Q17).

The other end is a memory stream and the clock jumps to the next deadline: minutes pass at once.
"""

from __future__ import annotations

import json

import msgspec
import pytest
import trio
import trio.testing
from bare_links import linked
from client_frames import PONG, TEXT, masked
from gateway_server import Server
from test_connection import meter_values, stalled_disk

from solarocpp.config import Config
from solarocpp.gateway.connection import MAX_UNANSWERED

Clock = trio.testing.MockClock
HEARTBEAT = masked(TEXT, b'[2,"h","Heartbeat",{}]')
PINGED = b"\x89\x00"


@pytest.fixture
def config(config: Config) -> Config:
    return msgspec.structs.replace(config, ping_interval_s=45, pong_deadline_s=30, boot_interval_s=60)


async def lifetime(charger: trio.abc.Stream, clock: Clock) -> tuple[float, int]:
    """Tells how long the link lives from here on if the charger says nothing more, and the pings it gets."""
    since, received = clock.current_time(), b""
    while data := await charger.receive_some(100):
        received += data
    return clock.current_time() - since, received.count(PINGED)


async def test_who_neither_talks_nor_answers_pings_is_cut(server: Server, autojump_clock: Clock) -> None:
    """Q14: after a power loss no FIN comes. The ping after 45 s had 30 s."""
    async with linked(server) as charger:
        assert await lifetime(charger, autojump_clock) == (pytest.approx(75), 1)
        assert len(server.services.roster) == 0
    assert server.services.roster.answers_pings == {}


async def test_who_talks_and_has_never_answered_a_ping_is_given_three_heartbeats(
    server: Server, autojump_clock: Clock
) -> None:
    """Q16: some firmware has no pong at all."""
    async with linked(server) as charger:
        await trio.sleep(40)
        await charger.send_all(HEARTBEAT)
        assert await lifetime(charger, autojump_clock) == (pytest.approx(180), 4)
    assert server.services.roster.answers_pings == {1: False}
    async with linked(server) as charger:  # and has not said a word yet on its new link
        assert await lifetime(charger, autojump_clock) == (pytest.approx(180), 3)


async def test_who_has_answered_pings_is_judged_by_them(server: Server, autojump_clock: Clock) -> None:
    async with linked(server) as charger:
        await charger.send_all(HEARTBEAT)
        received = b""
        while not received.endswith(PINGED):
            received += await charger.receive_some(100)
        await charger.send_all(masked(PONG))
        assert await lifetime(charger, autojump_clock) == (pytest.approx(75), 1)
    assert server.services.roster.answers_pings == {1: True}
    async with linked(server) as charger:
        await charger.send_all(HEARTBEAT)
        assert await lifetime(charger, autojump_clock) == (pytest.approx(75), 1)


async def test_whatever_is_heard_counts_as_life(server: Server, autojump_clock: Clock) -> None:
    """Q15: a charger that has answered pings and now does not, but talks, is there."""
    server.services.roster.answers_pings[1] = True
    async with linked(server) as charger:
        for _ in range(5):
            await trio.sleep(50)
            await charger.send_all(HEARTBEAT)
        assert await lifetime(charger, autojump_clock) == (pytest.approx(50), 6)  # the last ping went unanswered


async def test_silence_says_nothing_while_we_do_not_read(server: Server, autojump_clock: Clock) -> None:
    """A disk that stalls for minutes is our fault, and must not cost the links."""
    async with linked(server) as charger:
        with stalled_disk(server):
            for number in range(MAX_UNANSWERED + 1):
                await charger.send_all(masked(TEXT, json.dumps(meter_values(f"m{number}", number % 60, 1)).encode()))
            await trio.sleep(200)
            assert [link.unanswered for link in server.services.roster] == [MAX_UNANSWERED]
