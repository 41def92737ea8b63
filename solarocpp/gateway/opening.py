"""One connection from its first byte to its request head: PROXY header, TLS, and what is neither.

The first bytes are looked at before anything takes them, because they tell what the other end believes it
talks to (Q04, Q05). What never becomes a request head ends here, noted in the door book; everything else is
an Arrival, for whoever judges it. The caller bounds the time, but for the turn of a TLS handshake (`pace`);
`MAX_HEAD_BYTES` bounds the space.
"""

from __future__ import annotations

import math
import socket
import ssl
from typing import Final

import msgspec
import trio

from solarocpp.gateway.door import DoorBook
from solarocpp.gateway.pace import Pace
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.proxies import (
    V1_LONGEST,
    V1_START,
    V2_FIXED,
    V2_START,
    Forwarded,
    TrustedProxies,
    begins_proxy_header,
    plain_address,
    read_v1,
    read_v2,
    v2_length,
)
from solarocpp.gateway.refusals import MAX_HEAD_BYTES, Refused, refused
from solarocpp.gateway.request_head import RequestHead, head_end, read_head
from solarocpp.gateway.throttle import address_key
from solarocpp.gateway.tls import describe_hello, explain, peer_certificate, start_tls

_LOOKED_AT: Final = 4096
_LOOK_AGAIN_S: Final = 0.05
_TLS_RECORD: Final = b"\x16"
_SHOWN_BYTES: Final = 16
"""Of what is no HTTP; longer could reach into a password."""


class Arrival(msgspec.Struct, frozen=True):
    """A connection whose request head is here; or which is refused, with as much of a head as there is."""

    stream: trio.abc.Stream
    peer: Peer
    head: RequestHead | None
    refusal: Refused | None = None
    early: bytes = b""
    """What came behind the head; some chargers do not wait for our answer."""


class Opening:
    """Opens one connection."""

    def __init__(
        self,
        tcp: trio.SocketStream,
        context: ssl.SSLContext | None,
        trusted: TrustedProxies,
        book: DoorBook,
        pace: Pace,
    ) -> None:
        self._tcp = tcp
        self._context = context
        self._trusted = trusted
        self._book = book
        self._pace = pace
        self._waits_for = ""  # nothing has come yet: a probe, if nothing does
        self.peer = Peer("unknown")

    async def open(self, deadline_s: float) -> Arrival | None:
        """Waits for the request head; None: it came to nothing, which is noted."""
        with trio.move_on_after(deadline_s) as patience:
            name = self._tcp.socket.getpeername()  # raises where the peer has reset the connection already
            ours = self._tcp.socket.getsockname()
            self.peer = Peer(plain_address(name[0]), name[1], reached=plain_address(ours[0]))
            return await self._open(patience, deadline_s)
        if patience.cancelled_caught:
            if self._waits_for:
                self._note("bytes_refused", refused("head_incomplete", what=self._waits_for, seconds=f"{deadline_s:g}"))
            else:
                self._book.note_probe()
        return None

    async def _open(self, patience: trio.CancelScope, deadline_s: float) -> Arrival | None:
        first = await self._look_first()
        if self._trusted.trusts(self.peer.host) and await self._is_proxy_header(first):
            if not await self._take_proxy_header(first):
                self._note("bytes_refused", refused("bad_proxy_header"))
                return None
            first = await self._look()
        if not first:
            self._book.note_probe()
            return None
        hello = describe_hello(first)
        if hello is None and not first.startswith(_TLS_RECORD):
            # In the clear, on whatever port: a TLS port says so in words.
            return await self._read_head(self._tcp, None if self._context is None else refused("plain_on_tls"))
        if self._context is None:
            offer = "" if hello is None else f" It offered {hello}."
            self._note("bytes_refused", refused("tls_on_plain", offer=offer))
            await self._tcp.receive_some(_LOOKED_AT)  # closing on unread bytes would look like a broken network
            return None
        self._waits_for = "TLS handshake"
        # Waiting for our turn is no fault of theirs; from then on they have all the time again.
        patience.deadline = math.inf
        await self._pace.take_turn(self)
        patience.deadline = trio.current_time() + deadline_s
        return await self._open_tls(self._context, first)

    async def _look_first(self) -> bytes:
        """Waits for the first bytes; nothing where too many of this address are silent."""
        with trio.move_on_after(self._pace.silent_s):
            return await self._look()
        with self._pace.silent(address_key(self.peer.host)) as scope, scope:
            return await self._look()
        return b""

    async def _look(self) -> bytes:
        """Waits for bytes and leaves them where they are."""
        seen: bytes = await self._tcp.socket.recv(_LOOKED_AT, socket.MSG_PEEK)
        return seen

    async def _is_proxy_header(self, first: bytes) -> bool:
        """Waits until enough is here to tell; what is only looked at gives no sign that more has come."""
        while (begins := begins_proxy_header(first)) is None and first:
            self._waits_for = "PROXY header"
            await trio.sleep(_LOOK_AGAIN_S)
            first = await self._look()
        return bool(begins and first)

    async def _open_tls(self, context: ssl.SSLContext, first: bytes) -> Arrival | None:
        try:
            stream = await start_tls(self._tcp, context)
        except trio.BrokenResourceError as exc:
            why = explain(exc.__cause__, describe_hello(first))
            self._note("tls_refused", refused("tls_failed", reason=why.reason, explanation=why.hint))
            return None
        finally:
            self._pace.give_back(self)
        version = stream.version()
        self.peer = msgspec.structs.replace(self.peer, tls=version, certificate=peer_certificate(stream))
        return await self._read_head(stream, None)

    async def _read_head(self, stream: trio.abc.Stream, refusal: Refused | None) -> Arrival | None:
        raw, searched = b"", 0
        while (end := head_end(raw, searched)) is None:
            searched = len(raw)
            data = await self._receive(stream)
            raw += data
            if raw.startswith((V1_START, V2_START[:5])):
                self._note("bytes_refused", refused("proxy_unlisted", address=self.peer.host))
                return None
            begun = raw.lstrip(b"\r\n")
            if begun and not begun[:1].isalpha():
                self._note("bytes_refused", refused("no_http"), firstBytes=raw[:_SHOWN_BYTES].hex())
                return None
            if not data:
                if raw:
                    self._note("bytes_refused", refused("head_cut_off"), bytes=len(raw))
                else:
                    self._book.note_probe()
                return None
            self._waits_for = "request head"
            if len(raw) > MAX_HEAD_BYTES:
                return Arrival(stream, self.peer, None, refusal or refused("head_too_long"))
        head = read_head(raw[:end])
        if isinstance(head, Refused):
            return Arrival(stream, self.peer, None, refusal or head)
        return Arrival(stream, self.peer, head, refusal, raw[end:])

    async def _receive(self, stream: trio.abc.Stream) -> bytes:
        try:
            return bytes(await stream.receive_some(_LOOKED_AT))
        except trio.BrokenResourceError as exc:
            if isinstance(exc.__cause__, ssl.SSLError):
                # With TLS 1.3 a charger says only now, after our side is done, what it does not like.
                why = explain(exc.__cause__)
                self._note("tls_refused", refused("tls_failed", reason=why.reason, explanation=why.hint))
            raise

    async def _take_proxy_header(self, first: bytes) -> bool:
        """Takes the PROXY header and nothing behind it; from then on the peer is who it names."""
        self._waits_for = "PROXY header"
        is_v2 = first.startswith(V2_START[:1])
        forwarded = read_v2(await self._take_v2()) if is_v2 else read_v1(await self._take_line())
        if forwarded is None:
            return False
        self._become(forwarded)
        return True

    def _become(self, forwarded: Forwarded) -> None:
        if forwarded.host is not None:
            self.peer = Peer(forwarded.host, forwarded.port, via=self.peer.host, tls=forwarded.tls)

    async def _take_v2(self) -> bytes:
        fixed = await self._take(V2_FIXED)
        return fixed + await self._take(v2_length(fixed)) if fixed.startswith(V2_START) else fixed

    async def _take(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            data = await self._tcp.receive_some(count - len(taken))
            if not data:
                break
            taken += data
        return taken

    async def _take_line(self) -> bytes:
        line = b""
        while b"\n" not in line and len(line) < V1_LONGEST:
            seen = await self._look()
            if not seen:
                break
            line += await self._tcp.receive_some(min(seen.find(b"\n") + 1 or len(seen), V1_LONGEST - len(line)))
        return line

    def _note(self, name: str, refusal: Refused, **data: str | int) -> None:
        self._book.note_noise(name, refusal, self.peer, **data)
