"""One connection from its first byte to its request head: PROXY header, TLS, and what is neither.

The first bytes are looked at before anything takes them, because they tell what the other end believes it
talks to (Q04, Q05). What never becomes a request head ends here, noted in the door book; everything else is
an Arrival, for whoever judges it. The caller bounds the time, `MAX_HEAD_BYTES` the space.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

import msgspec
import trio

from solarocpp.gateway.door import DoorBook
from solarocpp.gateway.peers import Peer
from solarocpp.gateway.proxies import (
    V1_LONGEST,
    V1_START,
    V2_FIXED,
    V2_START,
    Forwarded,
    TrustedProxies,
    plain_address,
    read_v1,
    read_v2,
    v2_length,
)
from solarocpp.gateway.refusals import MAX_HEAD_BYTES, Refused, refused
from solarocpp.gateway.request_head import RequestHead, head_end, read_head
from solarocpp.gateway.tls import describe_hello, explain, peer_certificate, start_tls

_LOOKED_AT: Final = 4096
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
        self, tcp: trio.SocketStream, context: ssl.SSLContext | None, trusted: TrustedProxies, book: DoorBook
    ) -> None:
        self._tcp = tcp
        self._context = context
        self._trusted = trusted
        self._book = book
        self._waits_for = ""  # nothing has come yet: a probe, if nothing does
        self.peer = Peer("unknown")

    async def open(self, deadline_s: float) -> Arrival | None:
        """Waits for the request head; None: it came to nothing, which is noted."""
        with trio.move_on_after(deadline_s) as patience:
            name = self._tcp.socket.getpeername()  # raises where the peer has reset the connection already
            self.peer = Peer(plain_address(name[0]), name[1])
            return await self._open()
        if patience.cancelled_caught:
            if self._waits_for:
                self._note("bytes_refused", refused("head_incomplete", what=self._waits_for, seconds=f"{deadline_s:g}"))
            else:
                self._book.note_probe()
        return None

    async def _open(self) -> Arrival | None:
        first = await self._look()
        if first[:1] in (V1_START[:1], V2_START[:1]) and first and self._trusted.trusts(self.peer.host):
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
        return await self._open_tls(self._context, first)

    async def _look(self) -> bytes:
        """Waits for bytes and leaves them where they are."""
        seen: bytes = await self._tcp.socket.recv(_LOOKED_AT, socket.MSG_PEEK)
        return seen

    async def _open_tls(self, context: ssl.SSLContext, first: bytes) -> Arrival | None:
        self._waits_for = "TLS handshake"
        try:
            stream = await start_tls(self._tcp, context)
        except trio.BrokenResourceError as exc:
            why = explain(exc.__cause__, describe_hello(first))
            self._note("tls_refused", refused("tls_failed", reason=why.reason, explanation=why.hint))
            return None
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
