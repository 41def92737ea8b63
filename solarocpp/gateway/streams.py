"""The byte stream under one WebSocket: what trio-websocket reads and writes goes through here.

    socket --receive_some--> FrameTap --plain text--> hear(), at once, in the task that read it
                                      --anything else--> trio-websocket
    send_nowait --> socket, directly, or the backlog when the socket is full
    trio-websocket --send_all--> the same way, so frames never interleave

Per message that leaves one wait for the socket and two system calls, and no queue or task between.
The backlog is bounded in bytes. A task empties it while there is one (a task that only waits would cost
2 KiB a link) and gives up after the send deadline.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

import trio

from solarocpp.gateway.framing import CLOSE_OPCODE, MAX_FRAGMENTS, FrameTap

MAX_BACKLOG_BYTES = 1 << 20
"""Answers are small and at most 64 wait; past a full message of the largest size the peer is not reading."""
_RECEIVE_BYTES = 65536
_SEND_BYTES = 16384
"""What is handed to TLS at once, one record: so that a slow peer that does take something shows it."""


class StreamOwner(Protocol):
    """What a stream needs of the WebSocket it belongs to."""

    def note_pong(self, at: float) -> None:
        """A pong came."""

    def fail(self, code: int, reason: str) -> None:
        """Ends the link with a last word: the peer asks for too much."""

    def start_sender(self) -> None:
        """Has a task run `run_sender`: the backlog begins to fill."""

    def stream_broke(self, reason: str, *, slow: bool) -> None:
        """Ends the link: nothing can be sent any more; `slow`: because the peer takes nothing."""


class LinkStream(trio.abc.Stream):
    """A Trio stream for trio-websocket that delivers plain text messages past it.

    Args:
        transport: the TCP or TLS stream.
        tap: splits what arrives.
        owner: the WebSocket.
        hear: takes a plain message, in the reader's task; must not block.
    """

    __slots__ = (
        "_backlog",
        "_closed",
        "_drained",
        "_fd",
        "_foreign_data",
        "_hear",
        "_owner",
        "_pongs",
        "_tap",
        "_transport",
        "broken",
        "close_sent",
        "gate",
        "last_heard",
    )

    def __init__(
        self, transport: trio.abc.Stream, tap: FrameTap, owner: StreamOwner, hear: Callable[[str], None]
    ) -> None:
        self._transport = transport
        self._tap = tap
        self._owner = owner
        self._hear = hear
        # Direct system calls only on a plain socket; TLS goes through its own stream.
        self._fd = transport.socket.fileno() if isinstance(transport, trio.SocketStream) else None
        self._backlog = bytearray()
        self._drained: trio.Event | None = None  # while there is a backlog
        self._foreign_data = False
        self._pongs = 0
        self._closed = False
        self.close_sent = False
        """A close frame is out: no frame may follow (RFC 6455 §5.5.1)."""
        self.gate: trio.Event | None = None
        """While it is set to something nothing is taken, what has arrived included (TCP pushes back)."""
        self.broken: str | None = None
        self.last_heard = trio.current_time()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 the caller copes with more
        """Returns bytes that are trio-websocket's business; delivers plain messages on the way."""
        if self._closed:
            raise trio.ClosedResourceError
        if self._foreign_data:
            # A message the library puts together reaches the link through a channel; let it arrive before
            # what was sent after it.
            self._foreign_data = False
            await trio.lowlevel.checkpoint()
        while True:
            while self.gate is not None:
                await self.gate.wait()
            taken = self._tap.take()
            if taken is None:
                data = await self._receive()
                if not data:
                    return b""
                self.last_heard = trio.current_time()
                self._tap.feed(data)
            elif isinstance(taken, str):
                self._hear(taken)
            else:
                self._foreign_data = True
                if self._tap.fragments > MAX_FRAGMENTS:
                    self._owner.fail(1009, f"a message in more than {MAX_FRAGMENTS} fragments")
                    raise trio.ClosedResourceError
                if self._tap.pongs != self._pongs:
                    self._pongs = self._tap.pongs
                    self._owner.note_pong(self.last_heard)
                return taken

    async def _receive(self) -> bytes:
        if self._fd is None:
            return bytes(await self._transport.receive_some(_RECEIVE_BYTES))
        while True:
            # Waiting first saves a system call that would nearly always say "nothing yet".
            await trio.lowlevel.wait_readable(self._fd)
            try:
                return os.read(self._fd, _RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as exc:
                raise trio.BrokenResourceError from exc

    def send_nowait(self, data: bytes) -> None:
        """Sends now what the socket takes and keeps the rest; never blocks, never raises.

        A broken or overfull stream is marked `broken`; its owner ends the link.
        """
        if self.broken or not data:
            return
        if self._fd is not None and not self._backlog:
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError as exc:
                self._break(str(exc))
                return
            if sent == len(data):
                return
            data = data[sent:]
        self._backlog += data
        if len(self._backlog) > MAX_BACKLOG_BYTES:
            self._break("it does not read what we send", slow=True)
            return
        if self._drained is None:
            self._drained = trio.Event()
            self._owner.start_sender()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Sends `data` behind everything sent before and returns when it is out."""
        self.send_nowait(bytes(data))
        self.close_sent = self.close_sent or bytes(data[:1]) == CLOSE_OPCODE
        await self.wait_send_all_might_not_block()
        if self.broken:
            raise trio.BrokenResourceError(self.broken)

    async def run_sender(self, deadline_s: float) -> None:
        """Empties the backlog as the peer takes it; returns when it is empty, or the stream broken."""
        while self._backlog and not self.broken:
            with trio.move_on_after(deadline_s) as waiting:
                await self._send_some()
            if waiting.cancelled_caught:
                self._break(f"it took nothing for {deadline_s:g} s", slow=True)
        self._note_drained()

    async def _send_some(self) -> None:
        try:
            if self._fd is None:
                some = bytes(self._backlog[:_SEND_BYTES])
                await self._transport.send_all(some)
                sent = len(some)
            else:
                await trio.lowlevel.wait_writable(self._fd)
                sent = os.write(self._fd, self._backlog)
        except BlockingIOError:
            return
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            self._break(str(exc) or type(exc).__name__)
            return
        del self._backlog[:sent]

    def _break(self, reason: str, *, slow: bool = False) -> None:
        self._end(reason)
        self._owner.stream_broke(reason, slow=slow)

    def _end(self, reason: str) -> None:
        self.broken = self.broken or reason
        self._backlog.clear()
        self._note_drained()

    def _note_drained(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    async def wait_send_all_might_not_block(self) -> None:
        """Waits until the backlog is empty."""
        if self._drained is not None:
            await self._drained.wait()

    async def aclose(self) -> None:
        """Ends trio-websocket's use of the stream; the transport is closed by `finish`."""
        self._closed = True

    async def finish(self, farewell: bytes = b"", *, linger_s: float = 0.0) -> None:
        """Closes the transport, after a last frame that says why, if there is one.

        What waits in the backlog is dropped unless a farewell has to follow it. With `linger_s` the peer may
        finish what it is sending: closing on unread bytes resets the connection and loses our last word.
        """
        self._closed = True
        with trio.move_on_after(linger_s, shield=True):
            if linger_s:
                await self._take_leave(farewell)
        self._end("closed")
        self._fd = None
        with trio.move_on_after(1, shield=True):
            await self._transport.aclose()

    def let_go(self) -> None:
        """Drops what leads back to the owner, after the end."""
        del self._owner, self._hear

    async def _take_leave(self, farewell: bytes) -> None:
        if not self.broken:
            self._backlog += farewell
        while self._backlog and not self.broken:
            await self._send_some()
        try:
            if isinstance(self._transport, trio.SocketStream):
                await self._transport.send_eof()
            while await self._receive():
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            return
