"""Frames as a charge point writes them, by hand: so that tests can write wrong ones too (RFC 6455 §5.2)."""

from __future__ import annotations

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
FIRST, LATER, LAST = 0x01, 0x00, 0x80
"""First, middle and last frame of a text message in fragments."""
COMPRESSED = 0x40
MASK = b"\x01\x02\x03\x04"


def masked(first: int, payload: bytes = b"") -> bytes:
    """Writes a masked frame; `first` is its first byte."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + size.to_bytes(2) if size < 65536 else b"\xff" + size.to_bytes(8)
    pattern = (MASK * (size // 4 + 1))[:size]
    covered = (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(size) if size else b""
    return bytes([first]) + length + MASK + covered
