"""The lean receive path: takes plain text frames out of a byte stream, leaves the rest to wsproto. Pure.

Theory (RFC 6455): frames of six kinds, fragments, masks, control frames between fragments.
Practice: a charger sends whole, masked text frames, and once a minute a ping. So the plain case is
parsed here in a dozen lines, and every byte of anything else (fragments, control and binary frames,
reserved bits, unmasked or oversized frames, broken UTF-8) goes on unchanged to the library, which
knows all the rules and closes the link where one is broken. What is delivered is the same either way;
tests/gateway runs one set of conversations over both paths.
"""

from __future__ import annotations

MAX_MESSAGE_BYTES = 1 << 20
"""The reference system's limit (spec 1.7); a StopTransaction with a day of transactionData has 300 KB."""

MAX_FRAGMENTS = 16_384
"""Frames of one message: a message of the largest size in pieces of 64 bytes. Empty ones would have no other end."""

_FIN_TEXT = 0x81
_MASKED = 0x80
_CONTROL = 0x08
_PONG = 0x0A


class FrameTap:
    """Splits received bytes into plain text messages and everything else, in order.

    With `lean` false it passes all bytes on and only watches for pongs, so that both receive paths
    know as much about the health of a link.
    """

    __slots__ = ("_buffer", "_lean", "_passing", "fragments", "pongs")

    def __init__(self, *, lean: bool = True) -> None:
        self._lean = lean
        self._buffer = b""
        self._passing = 0  # bytes of a foreign frame still to pass on
        self.fragments = 0
        """Frames of the message that is under way in the library; 0: none is."""
        self.pongs = 0

    def feed(self, data: bytes) -> None:
        """Adds received bytes."""
        self._buffer = self._buffer + data if self._buffer else data

    def take(self) -> str | bytes | None:
        """Takes what comes next: the text of a plain message, bytes for the library, or None: feed more."""
        buffer = self._buffer
        if self._passing:
            return self._pass(self._passing)
        if len(buffer) < 2:
            return None
        if buffer[0] == _FIN_TEXT and buffer[1] & _MASKED and self._lean and not self.fragments:
            return self._take_text()
        return self._take_foreign()

    def _take_text(self) -> str | bytes | None:
        buffer = self._buffer
        size, at = buffer[1] & 0x7F, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            size, at = int.from_bytes(buffer[2:4]), 4
            if size < 126:
                return self._take_foreign()  # not the shortest form: an error, and the library's to say
        elif size == 127:
            return self._take_foreign()  # over 64 KiB: rare enough
        stop = at + 4 + size
        if len(buffer) < stop:
            return None
        try:
            text = unmask(buffer[at + 4 : stop], buffer[at : at + 4]).decode("utf-8")
        except UnicodeDecodeError:
            return self._take_foreign()
        self._buffer = buffer[stop:]
        return text

    def _take_foreign(self) -> bytes | None:
        """Passes on the frame at the front: as much of it as is here, then the rest as it comes."""
        buffer = self._buffer
        size, at = buffer[1] & 0x7F, 2
        extended = {126: 2, 127: 8}.get(size, 0)
        if extended:
            at += extended
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at])
        opcode, final = buffer[0] & 0x0F, buffer[0] & 0x80
        if opcode == _PONG:
            self.pongs += 1
        elif not opcode & _CONTROL:
            self.fragments = 0 if final else self.fragments + 1
        return self._pass(at + (4 if buffer[1] & _MASKED else 0) + size)

    def _pass(self, size: int) -> bytes | None:
        passed, self._buffer = self._buffer[:size], self._buffer[size:]
        self._passing = size - len(passed)
        return passed or None


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Undoes the client's mask (RFC 6455 §5.3); one XOR of two large integers is the quickest way without C."""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(size)


def text_frame(payload: bytes) -> bytes:
    """Writes a server's whole text frame: unmasked, by RFC 6455 §5.1."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def binary_frame(payload: bytes) -> bytes:
    """Writes a server's whole binary frame."""
    return b"\x82" + text_frame(payload)[1:]


def close_frame(code: int, reason: str) -> bytes:
    """Writes a server's close frame; control frames hold 125 bytes (RFC 6455 §5.5)."""
    payload = code.to_bytes(2) + reason.encode()[:123].decode("utf-8", "ignore").encode()
    return CLOSE_OPCODE + len(payload).to_bytes(1) + payload


CLOSE_OPCODE = b"\x88"
PING_FRAME = b"\x89\x00"
"""A ping without payload: all the answer has to say is that somebody is there."""
