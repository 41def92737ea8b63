"""PURE: HTTP Basic as chargers send it (RFC 7617, spec 1.2)."""

from __future__ import annotations

import base64
import binascii

import msgspec


class BasicCredentials(msgspec.Struct, frozen=True):
    """What an Authorization header says; the password is never shown by repr."""

    username: str
    password: bytes
    """As sent: some chargers hold keys that are no text (Q110)."""
    repairs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"BasicCredentials(username={self.username!r})"


def read_basic(header: str) -> BasicCredentials | None:
    """Reads `Authorization`; None: it is not Basic, or holds no `user:password`.

    The scheme word is not looked at, some chargers send `Basic:`, with a blank behind it or without. Everything
    behind the first colon of what it encodes is the password, colons and all.
    """
    scheme, gap, encoded = header.strip().partition(" ")
    if not gap:
        scheme, gap, encoded = scheme.partition(":")
    try:
        decoded = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    username, colon, password = decoded.partition(b":")
    if not colon or not username:
        return None
    repairs = () if (scheme.lower(), gap) == ("basic", " ") else ("scheme_word",)
    return BasicCredentials(_text(username), password, repairs)


def _text(username: bytes) -> str:
    """Reads UTF-8, which is what we ask for, else what older clients send."""
    try:
        return username.decode("utf-8")
    except UnicodeDecodeError:
        return username.decode("latin-1")
