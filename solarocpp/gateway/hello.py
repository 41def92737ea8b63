"""PURE: what a charger offers in the first message of a TLS handshake (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2).

A library that refuses a handshake does not tell what was in it, and the owner of the charger has nothing
else to go by (Q25). OpenSSL decides, this only tells: what is cut short or odd is left out, and
nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

_HANDSHAKE = 0x16
_CLIENT_HELLO = 0x01
_SERVER_NAME = 0
_SUPPORTED_VERSIONS = 43
_VERSIONS: Final = {
    0x0002: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}


class Hello(msgspec.Struct, frozen=True):
    """What a charger offers; of a hello that was cut short, what arrived."""

    version: str
    """The newest version it speaks, `TLS 1.2`."""
    server_name: str | None = None
    """Whom it wants to reach (SNI); chargers whose URL has an address name nobody."""
    ciphers: int = 0
    """How many cipher suites it offers, without those that are only there to be ignored."""

    def __str__(self) -> str:
        """Writes what it offers, to end a sentence with `offered`."""
        suites = f" with {self.ciphers} cipher suite{'' if self.ciphers == 1 else 's'}" if self.ciphers else ""
        name = f" for {self.server_name}" if self.server_name else ""
        return f"{self.version}{suites}{name}"


def describe_hello(data: bytes) -> Hello | None:
    """Reads the first bytes of a connection; None: they begin no TLS handshake."""
    if _is_old_hello(data):
        return Hello(_version(data[3:5]))
    message = _first_message(data)
    if message[:1] != bytes([_CLIENT_HELLO]) or len(message) < 6:
        return None
    reader = _Reader(message, 4)
    newest = reader.take(2)
    reader.take(32)  # random
    reader.vector(1)  # session id
    suites = _words(reader.vector(2))
    reader.vector(1)  # compression
    extensions = dict(_extensions(reader.vector(2)))
    supported = [word for word in _words(extensions.get(_SUPPORTED_VERSIONS, b"")[1:]) if word in _VERSIONS]
    return Hello(
        version=_VERSIONS[max(supported)] if supported else _version(newest),
        server_name=_server_name(extensions.get(_SERVER_NAME, b"")),
        ciphers=sum(not _is_grease(word) for word in suites),
    )


def _is_old_hello(data: bytes) -> bool:
    """Whether it is the hello of SSL 2.0, which stacks of the nineties still send to offer anything newer."""
    return len(data) >= 5 and data[0] & 0x80 != 0 and data[2] == _CLIENT_HELLO and data[3:4] in {b"\x00", b"\x03"}


def _first_message(data: bytes) -> bytes:
    """Joins what the first handshake message is split into; a record holds 16 KiB at most, some stacks far less."""
    message = b""
    while len(data) >= 5 and data[0] == _HANDSHAKE and data[1] == 3:
        length = int.from_bytes(data[3:5], "big")
        message += data[5 : 5 + length]
        data = data[5 + length :]
    return message


class _Reader:
    """Takes bytes one after the other; past the end there are none."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data, self._position = data, position

    def take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        self._position += count
        return taken

    def vector(self, length_bytes: int) -> bytes:
        return self.take(int.from_bytes(self.take(length_bytes), "big"))


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(data)
    while len(kind := reader.take(2)) == 2:
        yield int.from_bytes(kind, "big"), reader.vector(2)


def _server_name(data: bytes) -> str | None:
    reader = _Reader(data)
    reader.take(3)  # length of the list, and the only kind of name there is
    name = reader.vector(2).decode("ascii", "replace")
    return name if name.isprintable() and name else None


def _is_grease(word: int) -> bool:
    """Whether it is one of the values that must be ignored (RFC 8701), or only a signal (RFC 5746, RFC 7507)."""
    return word & 0x0F0F == 0x0A0A or word in {0x00FF, 0x5600}


def _version(word: bytes) -> str:
    number = int.from_bytes(word, "big")
    return _VERSIONS.get(number, f"version 0x{number:04x}")
