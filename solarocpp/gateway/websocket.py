"""One WebSocket connection of a server: everything RFC 6455 asks for, and nothing of OCPP.

The request head is read and judged before (listener.py, handshake.py); here the connection begins with the
answer to it. Frames then take one of two ways: plain text goes from the socket to `hear` in the task that
read it, anything else through trio-websocket and wsproto, which know all the rules (streams.py, framing.py).
wsproto's half for HTTP is not used: it would read the head a second time, in 58 us where the answer takes 4.

    WebSocket(transport, user, config)
        run(key, ...)   the opening handshake, then reading, until either side ends it
        finish()        the last word, where one is due; then the transport is closed

What the user sends leaves at once or waits in a bounded backlog. A peer that takes nothing is cut.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

import trio
import trio_websocket
from wsproto import WSConnection
from wsproto.connection import Connection, ConnectionType

from solarocpp.config import Config
from solarocpp.gateway.deflate import Inflation, agree_inflation
from solarocpp.gateway.framing import (
    MAX_MESSAGE_BYTES,
    PING_FRAME,
    FrameTap,
    binary_frame,
    close_frame,
    text_frame,
)
from solarocpp.gateway.streams import LinkStream

DEFECT = "a defect of ours"
CLOSE_DEADLINE_S = 2.0
"""How long a peer may take for the closing handshake before its socket is simply closed."""

FAULTS: Mapping[int, str] = {
    1002: "a broken frame",
    1007: "text that is no UTF-8, or compressed data that is none",
    1009: f"a message of more than {MAX_MESSAGE_BYTES} bytes",
}
"""The close codes that say what was wrong with a frame (RFC 6455 §7.4.1)."""
_RESERVED_BITS = "Reserved bit set unexpectedly"  # wsproto's words
_TOO_LARGE = "Exceeded maximum message size"  # trio-websocket's, which has said so to the peer
_UNAGREED = "a reserved bit is set: compression was not agreed"
_ENDS: Mapping[int, str] = {
    1000: "the charge point closed it",
    1005: "the charge point closed it",  # without saying why
    1006: "the connection ended without a closing handshake",
}
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


class WebSocketUser(Protocol):
    """Who uses a WebSocket: an OCPP link, or the echo of the tests."""

    def opened(self) -> None:
        """The opening handshake is out; messages follow."""

    def hear(self, text: str) -> None:
        """Takes a text message, in the reader's task; must not block."""

    def hear_bytes(self, data: bytes) -> None:
        """Takes a binary message; must not block."""


class WebSocket:
    """The server's end of one connection.

    Args:
        early: bytes that came behind the request head; some chargers do not wait for the answer to it.
    """

    __slots__ = (
        "_closing",
        "_frames",
        "_last_word",
        "_library",
        "_nursery",
        "_pinged",
        "_send_deadline_s",
        "_stream",
        "_takes_deflate",
        "_user",
        "_waits_for_gate",
        "end_reason",
        "round_trip_s",
        "slow",
    )

    def __init__(self, transport: trio.abc.Stream, user: WebSocketUser, config: Config, early: bytes = b"") -> None:
        lean = config.receive_path == "lean"
        tap = FrameTap(lean=lean)
        tap.feed(early)
        self._user = user
        self._stream = LinkStream(transport, tap, self, user.hear)
        self._takes_deflate = config.permessage_deflate
        self._send_deadline_s = config.send_deadline_s
        # On the lean path the gate is in the stream, and a message that the library puts together comes through it.
        self._waits_for_gate = not lean
        self._frames: Connection | None = None
        self._library: trio_websocket.WebSocketConnection | None = None
        self._nursery: trio.Nursery | None = None
        self._closing = False
        self._last_word: tuple[int, str] | None = None
        self._pinged: float | None = None
        self.round_trip_s: float | None = None
        """How long the last pong took; None: none has come."""
        self.end_reason = ""
        """Why it ended, or is ending."""
        self.slow = False
        """It was cut because the peer took nothing."""

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self, key: str, subprotocol: str | None = None, offered: str = "") -> None:
        """Answers the opening handshake and reads until the connection ends; `end_reason` says why.

        Args:
            key: `Sec-WebSocket-Key` of the request.
            subprotocol: the one to agree to; None: none was offered.
            offered: `Sec-WebSocket-Extensions` of the request.

        Raises:
            Exception: what the user raised; the peer is told of a defect of ours by `finish`.
        """
        inflation = agree_inflation(offered) if self._takes_deflate else None
        self._frames = frames = Connection(ConnectionType.SERVER, [inflation] if inflation else [])
        self._library = library = trio_websocket.WebSocketConnection(
            self._stream,
            cast("WSConnection", frames),  # the half of it that is used once the handshake is done
            message_queue_size=1,
            max_message_size=MAX_MESSAGE_BYTES,
        )
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._stream.send_nowait(opening_response(key, subprotocol, inflation))
                self._user.opened()
                nursery.start_soon(library._reader_task)  # noqa: SLF001 what its wrap_server_stream does, after HTTP
                await self._hear_assembled(library)
                # `close` waits for the peer's close frame. And a reader that failed closes its channel before it
                # raises, without a reason: cancelled then, it would never say why.
                if library.closed is not None and not self._closing:
                    nursery.cancel_scope.cancel()
        except* Exception:
            self._last_word = 1011, DEFECT
            self.end_reason = DEFECT
            raise
        finally:
            self._nursery = None

    async def _hear_assembled(self, library: trio_websocket.WebSocketConnection) -> None:
        """Takes the messages that trio-websocket put together: fragments, or all on the stock path."""
        try:
            while True:
                while self._waits_for_gate and self._stream.gate is not None:
                    await self._stream.gate.wait()
                message = await library.get_message()
                if isinstance(message, str):
                    self._user.hear(message)
                else:
                    self._user.hear_bytes(message)
        except trio_websocket.ConnectionClosed as closed:
            if closed.reason is not None:
                self._note_end(self._told(closed.reason))

    def _told(self, reason: trio_websocket.CloseReason) -> str:
        """Says why it ended, for a log: their close, or their fault."""
        if self._is_fault(reason):
            return self._fault(reason)
        if reason.code in _ENDS and not reason.reason:
            return _ENDS[reason.code]
        return f"the charge point closed it: {reason.code} {reason.reason or ''}".rstrip()

    def _is_fault(self, reason: trio_websocket.CloseReason) -> bool:
        """Faults that wsproto finds look like a close of theirs, but are not answered by the library."""
        unanswered = not self._stream.close_sent or (reason.reason or "").startswith(_TOO_LARGE)
        return unanswered and reason.code in FAULTS

    @staticmethod
    def _fault(reason: trio_websocket.CloseReason) -> str:
        detail = _UNAGREED if reason.reason == _RESERVED_BITS else reason.reason
        return f"{FAULTS[reason.code]} ({detail})"

    def _note_end(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason

    def end(self, reason: str) -> None:
        """Ends the connection without a closing handshake: the other end would not take part in one."""
        self._note_end(reason)
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def fail(self, code: int, reason: str) -> None:
        """Ends the connection with a close frame that asks for no answer (RFC 6455 §7.1.7)."""
        self._last_word = code, reason
        self.end(reason)

    async def close(self, code: int, reason: str) -> None:
        """Closes with a closing handshake, as far as the peer takes part in it in time (RFC 6455 §7.1.2)."""
        self.begin_close(reason)
        if self._library is not None:
            with trio.move_on_after(CLOSE_DEADLINE_S):
                await self._library.aclose(code, reason)
        self.end(reason)

    def begin_close(self, reason: str) -> None:
        """Notes that `close` follows. Reading goes on, whoever paused it: the peer's close has to be read."""
        self._note_end(reason)
        self._closing = True
        self.resume()

    async def finish(self) -> None:
        """Says the last word where the library said none, and closes the transport. To be called once, after `run`."""
        farewell, lingers = self._farewell()
        await self._stream.finish(farewell, linger_s=CLOSE_DEADLINE_S if lingers else 0)
        self._let_go()

    def _farewell(self) -> tuple[bytes, bool]:
        """For a broken frame trio-websocket ends without a word; who debugs a charger should know why (Q19)."""
        if self._last_word is not None:
            return close_frame(*self._last_word), True
        closed = self._library.closed if self._library is not None else None
        if closed is None or not self._is_fault(closed):
            return b"", False
        if self._stream.close_sent:
            return b"", True
        return close_frame(closed.code, self._fault(closed)), True

    def _let_go(self) -> None:
        """Takes the circles apart in which this connection's objects hold each other.

        The collector seldom looks at what has lived for hours (app.py sets it so), and a link is 20 KiB.
        """
        if self._frames is not None:
            self._frames._proto._parse_more.close()  # noqa: SLF001 a generator that holds its owner, which holds it
        self._frames = self._library = None
        self._stream.let_go()
        del self._user

    # -- reading -----------------------------------------------------------------------------------------------

    @property
    def last_heard(self) -> float:
        """When bytes came last; Trio's time."""
        return self._stream.last_heard

    @property
    def paused(self) -> bool:
        """Whether nothing is read now, so that silence says nothing of the peer."""
        return self._stream.gate is not None

    def pause(self) -> None:
        """Takes no more messages, those included that have arrived; TCP pushes back."""
        if self._stream.gate is None and not self._closing:
            self._stream.gate = trio.Event()

    def resume(self) -> None:
        """Reads on."""
        gate = self._stream.gate
        if gate is not None:
            self._stream.gate = None
            gate.set()

    # -- sending -----------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._nursery is not None and not self._stream.close_sent

    def send_text(self, payload: bytes) -> None:
        """Sends a text message; what cannot be sent any more is dropped."""
        if not self._stream.close_sent:
            self._stream.send_nowait(text_frame(payload))

    def send_bytes(self, payload: bytes) -> None:
        """Sends a binary message; what cannot be sent any more is dropped."""
        if not self._stream.close_sent:
            self._stream.send_nowait(binary_frame(payload))

    def ping(self) -> None:
        """Sends a ping; the pong gives `round_trip_s`."""
        if self._pinged is None:
            self._pinged = trio.current_time()
        if not self._stream.close_sent:
            self._stream.send_nowait(PING_FRAME)

    @property
    def pings_unanswered(self) -> bool:
        """Whether a ping is out and no pong has come for it."""
        return self._pinged is not None

    def note_pong(self, at: float) -> None:
        """A pong came; of several pings only the last needs to be answered (RFC 6455 §5.5.3)."""
        if self._pinged is not None:
            self.round_trip_s = at - self._pinged
            self._pinged = None

    # -- tasks -------------------------------------------------------------------------------------------------

    def start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        """Runs a task of the user's, until the connection ends."""
        if self._nursery is not None:
            self._nursery.start_soon(task)

    def start_sender(self) -> None:
        """Has a task empty the stream's backlog."""
        if self._nursery is not None:
            self._nursery.start_soon(self._stream.run_sender, self._send_deadline_s)

    def stream_broke(self, reason: str, *, slow: bool) -> None:
        """Ends the connection: nothing can be sent any more."""
        self.slow = self.slow or slow
        self.end(reason)


def opening_response(key: str, subprotocol: str | None, inflation: Inflation | None) -> bytes:
    """Writes the server's half of the opening handshake (RFC 6455 §4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(key.encode("latin-1") + _ACCEPT_GUID, usedforsecurity=False).digest())
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept.decode()}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if inflation is not None:
        lines.append(f"Sec-WebSocket-Extensions: {inflation.response}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
