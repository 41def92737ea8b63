"""The byte stream under one link: what trio-websocket reads and writes goes through here.

    socket --receive_some--> FrameTap --plain text--> the link, at once, in the task that read it
                                      --anything else--> trio-websocket
    the link --send_nowait--> socket, directly, or the backlog when the socket is full
    trio-websocket --send_all--> the same way, so frames never interleave

Per message that leaves one wait for the socket and two system calls, and no queue or task between.
The backlog is bounded in bytes. A task empties it while there is one (a task that only waits would cost
2 KiB a link) and gives up after the send deadline.
"""

from __future__ import annotations

import os
from typing import Protocol

import trio

from solarocpp.gateway.framing import CLOSE_OPCODE, FrameTap

MAX_BACKLOG_BYTES = 1 << 20
"""Answers are small and at most 64 wait; past a full message of the largest size the peer is not reading."""
_RECEIVE_BYTES = 65536


class StreamOwner(Protocol):
    """What a stream needs of the link it serves."""

    def hear(self, text: str) -> None:
        """Takes a plain message, in the reader's task; must not block."""

    def reading_gate(self) -> trio.Event | None:
        """Gives something to wait for before reading on, while too much is unanswered (TCP pushes back)."""

    def farewell(self) -> bytes:
        """Gives the close frame to end with where the library sent none."""

    def start_sender(self) -> None:
        """Has a task run `run_sender`: the backlog begins to fill."""

    def stream_broke(self, reason: str) -> None:
        """Ends the link: nothing can be sent any more."""


class LinkStream(trio.abc.Stream):
    """A Trio stream for trio-websocket that delivers plain text messages past it.

    Args:
        transport: the TCP or TLS stream.
        head: bytes trio-websocket reads first: the canonical request head.
        tap: splits what arrives.
        owner: the link.
    """

    __slots__ = (
        "_backlog",
        "_close_sent",
        "_drained",
        "_fd",
        "_foreign_data",
        "_head",
        "_owner",
        "_tap",
        "_transport",
        "broken",
        "bytes_received",
        "last_heard",
    )

    def __init__(self, transport: trio.abc.Stream, head: bytes, tap: FrameTap, owner: StreamOwner) -> None:
        self._transport = transport
        self._head = head
        self._tap = tap
        self._owner = owner
        self._close_sent = False
        # Direct system calls only on a plain socket; TLS goes through its own stream.
        self._fd = transport.socket.fileno() if isinstance(transport, trio.SocketStream) else None
        self._backlog = bytearray()
        self._drained: trio.Event | None = None  # while there is a backlog
        self._foreign_data = False
        self.broken: str | None = None
        self.last_heard = trio.current_time()
        self.bytes_received = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 the caller copes with more
        """Returns bytes that are trio-websocket's business; delivers plain messages on the way."""
        if self._head:
            head, self._head = self._head, b""
            return head
        if self._foreign_data:
            # A message the library puts together reaches the link through a channel; let it arrive before
            # what was sent after it.
            self._foreign_data = False
            await trio.lowlevel.checkpoint()
        while True:
            taken = self._tap.take()
            if taken is None:
                while (gate := self._owner.reading_gate()) is not None:
                    await gate.wait()
                data = await self._receive()
                if not data:
                    return b""
                self.last_heard = trio.current_time()
                self.bytes_received += len(data)
                self._tap.feed(data)
            elif isinstance(taken, str):
                self._owner.hear(taken)
            else:
                self._foreign_data = True
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

        A broken or overfull link is marked `broken`; whoever runs the link cuts it.
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
            self._break("it does not read what we send")
            return
        if self._drained is None:
            self._drained = trio.Event()
            self._owner.start_sender()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Sends `data` behind everything sent before and returns when it is out."""
        self._close_sent = self._close_sent or bytes(data[:1]) == CLOSE_OPCODE
        self.send_nowait(bytes(data))
        await self.wait_send_all_might_not_block()
        if self.broken:
            raise trio.BrokenResourceError(self.broken)

    async def run_sender(self, deadline_s: float) -> None:
        """Empties the backlog as the peer takes it; returns when it is empty, or the link broken."""
        while self._backlog and not self.broken:
            with trio.move_on_after(deadline_s) as waiting:
                await self._send_some()
            if waiting.cancelled_caught:
                self._break(f"it took nothing for {deadline_s:g} s")
        self._note_drained()

    async def _send_some(self) -> None:
        backlog = bytes(self._backlog)
        try:
            if self._fd is None:
                await self._transport.send_all(backlog)
                sent = len(backlog)
            else:
                await trio.lowlevel.wait_writable(self._fd)
                sent = os.write(self._fd, backlog)
        except BlockingIOError:
            return
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            self._break(str(exc) or type(exc).__name__)
            return
        del self._backlog[:sent]

    def _break(self, reason: str) -> None:
        self._end(reason)
        self._owner.stream_broke(reason)

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
        """Closes the transport; what waits in the backlog is dropped.

        For a broken frame trio-websocket closes the stream without a word. The charge point, and who
        debugs it, should know why (Q19).
        """
        if not self._close_sent:
            self._close_sent = True
            self.send_nowait(self._owner.farewell())
        self._end("closed")
        self._fd = None
        await self._transport.aclose()
