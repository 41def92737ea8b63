"""PURE: the request line and the headers of a handshake, read the way RFC 9112 says and chargers write.

Bounded before it gets here: the listener reads `MAX_HEAD_BYTES` at most. Nothing here raises, whatever
arrives: it is a RequestHead, or Refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from solarocpp.gateway.refusals import Refused, refused

_END = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(r"(?P<method>\S+)[ \t]+(?P<target>\S.*?)[ \t]+HTTP/\d(?:\.\d)?[ \t]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNENCODED = re.compile(r"[^!-~]")


class RequestHead(msgspec.Struct, frozen=True):
    """The request line and headers of a handshake; header names in lower case."""

    method: str
    target: str
    """As sent, bytes above ASCII as latin-1."""
    headers: Mapping[str, str]
    """Repeated ones are joined by commas (RFC 9110 §5.3), so that nobody can hide one behind another."""
    repairs: tuple[str, ...] = ()
    """Names of the leniences that reading took."""
    repeated: frozenset[str] = frozenset()
    """Headers that came more than once and did not say the same; of one that is no list, nobody knows which is true."""

    def elements(self, name: str) -> tuple[str, ...]:
        """Splits a header that is a list."""
        return tuple(part for element in self.headers.get(name, "").split(",") if (part := element.strip()))


def head_end(raw: bytes, searched: int = 0) -> int | None:
    """Finds where the head ends, its empty line included; None: it goes on, past the `searched` bytes.

    Empty lines before the request line belong to it (RFC 9112 §2.2).
    """
    leading = len(raw) - len(raw.lstrip(b"\r\n"))
    found = _END.search(raw, max(leading, searched - 3))
    return None if found is None else found.end()


def read_head(raw: bytes) -> RequestHead | Refused:
    """Reads a request head, from the request line to the empty line."""
    text = raw.strip(b"\r\n").decode("latin-1")
    repairs: list[str] = []
    if len(text.split("\n")) != len(text.split("\r\n")):
        repairs.append("head_loosely_written")
    request_line, *lines = text.replace("\r\n", "\n").split("\n")
    match = _REQUEST_LINE.fullmatch(request_line)
    if match is None:
        return refused("not_http")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # A name with space around it is no name: a proxy in front may have read the line otherwise, and let
        # a stranger tell us what only the proxy may tell (RFC 9112 §5.1, §5.2).
        if not colon or not _NAME.fullmatch(name):
            repairs.append("head_loosely_written")
        elif value.strip() not in headers.setdefault(name.lower(), []):
            headers[name.lower()].append(value.strip())
    if _UNENCODED.search(match["target"]):
        repairs.append("target_unencoded")
    joined: Final = {name: ", ".join(values) for name, values in headers.items()}
    repeated = frozenset(name for name, values in headers.items() if len(values) > 1)
    return RequestHead(match["method"], match["target"], joined, tuple(dict.fromkeys(repairs)), repeated)
