"""The WebSocket layer alone: what a peer sees of it, on the lean and on the stock receive path alike.

The other end is a memory stream written to by hand, so time is the test's own. tests/gateway/test_autobahn.py
runs the cases of a conformance suite over sockets.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
import trio.testing
from client_frames import BINARY, CLOSE, COMPRESSED, FIRST, LAST, LATER, PING, PONG, TEXT, masked

from solarocpp.config import Config
from solarocpp.gateway.websocket import WebSocket

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPENED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)  # the key and the answer of RFC 6455 §1.3
NORMAL = b"\x03\xe8"


class Recorder:
    """A user of a WebSocket that writes down what it hears, and answers what asks for it."""

    def __init__(self, stream: trio.abc.Stream, config: Config, early: bytes = b"") -> None:
        self.websocket = WebSocket(stream, self, config, early)
        self.heard: list[str | bytes] = []

    def opened(self) -> None:
        """Nothing is to be done."""

    def hear(self, text: str) -> None:
        """Writes it down."""
        self.heard.append(text)
        if text == "defect":
            raise ZeroDivisionError(text)
        if text.startswith("echo"):
            self.websocket.send_text(text.encode())

    def hear_bytes(self, data: bytes) -> None:
        """Writes it down."""
        self.heard.append(data)


class Peer:
    """The charge point's end."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream

    async def send(self, *frames: bytes) -> None:
        """Sends frames, in one piece."""
        await self.stream.send_all(b"".join(frames))

    async def read(self, size: int) -> bytes:
        """Reads so many bytes."""
        received = b""
        while len(received) < size:
            data = await self.stream.receive_some(size - len(received))
            assert data, f"it ended after {received!r}"
            received += data
        return received

    async def read_head(self) -> bytes:
        """Reads the answer to the opening handshake."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        return head

    async def wait_cut(self, frame: bytes) -> None:
        """Sends the same frame twice a second until the connection is gone, and reads nothing."""
        try:
            while True:
                await self.send(frame)
                await trio.sleep(0.5)
        except trio.BrokenResourceError:
            return

    async def read_rest(self) -> bytes:
        """Reads to the end of the connection."""
        received = b""
        while data := await self.stream.receive_some(65536):
            received += data
        return received


async def run(user: Recorder, subprotocol: str | None, offered: str) -> None:
    try:
        await user.websocket.run(KEY, subprotocol, offered)
    except* ZeroDivisionError:
        pass
    finally:
        await user.websocket.finish()


@asynccontextmanager
async def connected(
    config: Config, *, early: bytes = b"", subprotocol: str | None = None, offered: str = "", lockstep: bool = False
) -> AsyncIterator[tuple[Peer, Recorder]]:
    """Runs a WebSocket over a pair of memory streams; the test plays the other end."""
    pair = trio.testing.lockstep_stream_pair() if lockstep else trio.testing.memory_stream_pair()
    user = Recorder(pair[1], config, early)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, user, subprotocol, offered)
        with trio.fail_after(3600):
            yield Peer(pair[0]), user
        nursery.cancel_scope.cancel()


async def test_the_opening_is_answered_as_the_rfc_says(config: Config) -> None:
    async with connected(config) as (peer, _):
        assert await peer.read_head() == OPENED + b"\r\n"
    async with connected(config, subprotocol="ocpp1.6", offered="permessage-deflate") as (peer, _):
        assert await peer.read_head() == OPENED + b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"


async def test_what_came_before_our_answer_is_heard_after_it(config: Config) -> None:
    """Some chargers send their BootNotification behind the request head."""
    async with connected(config, early=masked(TEXT, b"echo 1") + masked(TEXT, b"echo")[:3]) as (peer, _):
        await peer.read_head()
        assert await peer.read(8) == b"\x81\x06echo 1"
        await peer.send(masked(TEXT, b"echo")[3:])
        assert await peer.read(6) == b"\x81\x04echo"


async def test_messages_are_heard_in_their_order_whatever_way_they_take(config: Config) -> None:
    long = "x" * 70_000
    async with connected(config) as (peer, user):
        await peer.read_head()
        await peer.send(
            masked(TEXT, b"1"),
            masked(FIRST, b"2"),
            masked(PING, b"?"),
            masked(LAST, b"b"),
            masked(TEXT, b"3"),
            masked(BINARY, b"4"),
            masked(TEXT, long.encode()),
            masked(TEXT, b"echo"),
        )
        assert await peer.read(9) == b"\x8a\x01?\x81\x04echo"
        assert user.heard == ["1", "2b", "3", b"4", long, "echo"]


async def test_what_is_paused_hears_nothing_more_and_forgets_nothing(config: Config) -> None:
    async with connected(config) as (peer, user):
        await peer.read_head()
        await trio.testing.wait_all_tasks_blocked()
        user.websocket.pause()
        await peer.send(masked(TEXT, b"1"), masked(FIRST, b"2"), masked(LAST, b""), masked(TEXT, b"3"))
        await trio.testing.wait_all_tasks_blocked()
        # A library's queue holds one, and what it was reading when it was told.
        assert len(user.heard) <= (1 if user.websocket._waits_for_gate else 0)
        user.websocket.resume()
        await trio.testing.wait_all_tasks_blocked()
        assert user.heard == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (b"\xc1\x82\x00\x00\x00\x00{}", 1002, b"a broken frame (a reserved bit is set: compression was not agreed)"),
        (b"\x81\x02{}", 1002, b"a broken frame (server received unexpected unmasked frame)"),
        (masked(0x83), 1002, b"a broken frame (Invalid opcode 0x3)"),
        (masked(LAST), 1002, b"a broken frame (unexpected CONTINUATION)"),
        (masked(CLOSE, b"\x03\xe7"), 1002, b"a broken frame (CLOSE with invalid code)"),
        (masked(TEXT, b"\xff\xfe"), 1007, b"text that is no UTF-8"),
        (masked(TEXT, bytes(1_048_577)), 1009, b""),
        (masked(FIRST) + masked(LATER) * 16_384, 1009, b"a message in more than 16384 fragments"),
        (masked(TEXT, b"defect"), 1011, b"a defect of ours"),
    ],
    ids=["rsv", "unmasked", "opcode", "continuation", "close code", "utf-8", "size", "fragments", "defect"],
)
async def test_a_peer_is_told_what_it_did_wrong(
    config: Config, autojump_clock: trio.testing.MockClock, frame: bytes, code: int, reason: bytes
) -> None:
    """Q19. And under TLS too: like it, a memory stream takes its bytes in a task of its own."""
    async with connected(config) as (peer, user):
        await peer.read_head()
        await peer.send(frame)
        answer = await peer.read_rest()
        assert (answer[0], int.from_bytes(answer[2:4])) == (0x88, code)
        assert answer[4:].startswith(reason)
        assert len(answer) == 2 + answer[1]
    assert user.websocket.end_reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the charge point closed it"),
        (NORMAL, "the charge point closed it"),
        (b"\x03\xe9going down", "the charge point closed it: 1001 going down"),
        (b"\x03\xeayour fault", "the charge point closed it: 1002 your fault"),
    ],
)
async def test_a_close_of_theirs_is_answered_and_remembered(config: Config, payload: bytes, reason: str) -> None:
    async with connected(config) as (peer, user):
        await peer.read_head()
        await peer.send(masked(CLOSE, payload), masked(TEXT, b"too late"))
        answer = await peer.read_rest()
        assert answer[0] == 0x88
        assert answer[2:4] == payload[:2]
        assert user.heard == []
    assert user.websocket.end_reason == reason


async def test_an_end_without_a_close_is_told_apart(config: Config) -> None:
    async with connected(config) as (peer, user):
        await peer.read_head()
        await peer.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
    assert user.websocket.end_reason == "the connection ended without a closing handshake"


async def test_a_close_of_ours_waits_for_theirs(config: Config, autojump_clock: trio.testing.MockClock) -> None:
    """RFC 6455 §7.1.1: else what they have sent meanwhile would reset the connection before they read why."""
    async with connected(config) as (peer, user):
        await peer.read_head()
        user.websocket.pause()  # a close has to be read even then
        user.websocket.start_soon(lambda: user.websocket.close(1001, "we stop"))
        assert await peer.read(11) == b"\x88\x09\x03\xe9we stop"
        with trio.move_on_after(1.5) as patience:
            await peer.read_rest()
        assert patience.cancelled_caught
        await peer.send(masked(CLOSE, b"\x03\xe9"))
        assert await peer.read_rest() == b""
        assert trio.current_time() == pytest.approx(1.5)
    assert user.websocket.end_reason == "we stop"


async def test_a_close_of_ours_does_not_wait_for_ever(config: Config, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(config) as (peer, user):
        await peer.read_head()
        user.websocket.start_soon(lambda: user.websocket.close(1000, "enough"))
        await peer.read_rest()
        assert trio.current_time() == pytest.approx(2)


async def test_a_peer_that_reads_nothing_is_cut(config: Config, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(config, lockstep=True) as (peer, user):
        await peer.read_head()
        await peer.send(masked(TEXT, b"echo"))
        await peer.wait_cut(masked(PING))
        assert trio.current_time() == pytest.approx(10)
    assert (user.websocket.slow, user.websocket.end_reason) == (True, "it took nothing for 10 s")


async def test_a_peer_that_makes_us_say_too_much_is_cut(config: Config, autojump_clock: trio.testing.MockClock) -> None:
    """The backlog of answers ends at 1 MiB, however slowly it grew."""
    async with connected(config, lockstep=True) as (peer, user):
        await peer.read_head()
        await peer.wait_cut(masked(TEXT, b"echo" + b"x" * 65_000))
    assert (user.websocket.slow, user.websocket.end_reason) == (True, "it does not read what we send")


async def test_the_round_trip_of_a_ping_is_measured(config: Config, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(config) as (peer, user):
        await peer.read_head()
        await peer.send(masked(PONG))  # of a charger that sends them by itself (RFC 6455 §5.5.3)
        await trio.testing.wait_all_tasks_blocked()
        assert user.websocket.round_trip_s is None
        user.websocket.ping()
        assert await peer.read(2) == b"\x89\x00"
        await trio.sleep(0.25)
        await peer.send(masked(PONG))
        await trio.testing.wait_all_tasks_blocked()
        assert (user.websocket.round_trip_s, user.websocket.pings_unanswered) == (pytest.approx(0.25), False)
        await trio.sleep(5)
        await peer.send(masked(PONG))
        await trio.testing.wait_all_tasks_blocked()
        assert user.websocket.round_trip_s == pytest.approx(0.25)


class TestDeflate:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return msgspec.structs.replace(config, permessage_deflate=True)

    async def test_compressed_messages_are_heard_and_answers_are_not_compressed(self, config: Config) -> None:
        deflater = zlib.compressobj(wbits=-15)
        data = deflater.compress(b"echo") + deflater.flush(zlib.Z_SYNC_FLUSH)
        async with connected(config, offered="permessage-deflate; client_max_window_bits") as (peer, _):
            assert await peer.read_head() == OPENED + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
            await peer.send(masked(TEXT | COMPRESSED, data.removesuffix(b"\x00\x00\xff\xff")), masked(TEXT, b"echo 2"))
            assert await peer.read(14) == b"\x81\x04echo\x81\x06echo 2"

    async def test_it_is_for_those_who_offer_it(self, config: Config) -> None:
        async with connected(config, offered="x-other") as (peer, _):
            assert await peer.read_head() == OPENED + b"\r\n"
