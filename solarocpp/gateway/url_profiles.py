"""PURE: the four paths that chargers connect to (spec 1.1), as one table, and how a request target is read by it.

A path is cut at its slashes before anything is percent-decoded, so an encoded slash in a password stays in the
password; the reference system decodes first and cannot tell. From the left, everything before the identity is
one segment; the identity is all the rest, and may have slashes of its own.

What is read can be shown: `Target.shown` writes the path without password, and without what may be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote, unquote_to_bytes

import msgspec

Part = Literal["hid", "username", "password"]
MAX_IDENTIFIER: Final = 255
"""The specification says 48; longer ones exist and are merely recorded (Q09). This bounds a log line."""
ADVISED_IDENTIFIER: Final = 48


class UrlProfile(msgspec.Struct, frozen=True):
    """A row of the URL profiles: what stands in the path before the charger's identity."""

    name: str
    parts: tuple[Part, ...]

    @property
    def template(self) -> str:
        """The path with capitals for what is to be filled in; the identity comes behind it."""
        return "/".join(("/ocpp/j", self.name, *(part.upper() for part in self.parts), "IDENTITY"))

    def path(self, identifier: str, **parts: str) -> str:
        """Writes the path of a charger; `parts` has the values of `self.parts`."""
        segments = [quote(parts[part], safe="") for part in self.parts]
        return "/".join(("/ocpp/j", self.name, *segments, quote(identifier, safe="")))


_ROWS = (
    UrlProfile("v16", ()),
    UrlProfile("v16h", ("hid",)),
    UrlProfile("v16u", ("username", "password")),
    UrlProfile("v16hu", ("hid", "username", "password")),
)
URL_PROFILES: Mapping[str, UrlProfile] = MappingProxyType({row.name: row for row in _ROWS})
"""By name. Without username and password in the path they come by HTTP Basic."""


class Target(msgspec.Struct, frozen=True):
    """What a request target says; `problem` is the kind of refusal where that is not enough."""

    profile: str | None = None
    hid: str | None = None
    username: str | None = None
    password: bytes | None = None
    """As sent: some chargers hold keys that are no text (Q110)."""
    identifier: str | None = None
    outside: str = ""
    """Of a path that is none of ours: what may be shown of it."""
    repairs: tuple[str, ...] = ()
    problem: Literal["bad_path", "bad_encoding", "bad_identifier"] | None = None

    def __repr__(self) -> str:
        return f"Target({self.shown()}, problem={self.problem!r})"

    def shown(self, *, known: bool = False) -> str:
        """Writes the path as it may be recorded; `known`: there is a charger of this identity."""
        if self.profile is None:
            return self.outside
        if self.identifier is None:
            return f"/ocpp/j/{self.profile}/..."
        credentials = (self.username or "", "[redacted]") if self.password is not None else ()
        hid = () if self.hid is None else (self.hid,)
        return "/".join(("/ocpp/j", self.profile, *hid, *credentials, shown_identifier(self.identifier, known=known)))


def shown_identifier(identifier: str, *, known: bool) -> str:
    """Writes an identity as it may be recorded.

    Of several segments that are no known charger only the last: people paste user name and password in front of
    an identity, under the profile that takes none.
    """
    return identifier if known or "/" not in identifier else f".../{identifier.rpartition('/')[2]}"


_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HARMLESS = re.compile(r"[\w.-]{1,32}", re.ASCII)
_QUERY = re.compile(r"[?#]")


def read_target(target: str) -> Target:
    """Reads a request target, bytes above ASCII as latin-1. Query, fragment and userinfo are dropped."""
    repairs: list[str] = []
    authority = _AUTHORITY.match(target)
    if authority is not None:
        repairs.append("absolute_target")
        target = target[authority.end() :]
    path = _QUERY.split(target, maxsplit=1)[0]
    segments = [segment for segment in path.split("/") if segment]
    start = _profile_at(segments)
    if start is None:
        return Target(outside=_shown_outside(segments), repairs=tuple(repairs), problem="bad_path")
    if start:
        repairs.append("pasted_url")
    elif path.endswith("/") or "//" in path:
        repairs.append("extra_slashes")
    return _read_segments(URL_PROFILES[segments[start + 2]], segments[start + 3 :], repairs)


def _profile_at(segments: list[str]) -> int | None:
    """Finds where the path of a profile begins: the last one, what is before it was pasted."""
    for start in range(len(segments) - 3, -1, -1):
        if segments[start : start + 2] == ["ocpp", "j"] and segments[start + 2] in URL_PROFILES:
            return start
    return None


def _read_segments(profile: UrlProfile, segments: list[str], repairs: list[str]) -> Target:
    count = len(profile.parts)
    if len(segments) <= count:
        return Target(profile=profile.name, repairs=tuple(repairs), problem="bad_path")
    raw: dict[str, str] = {**dict(zip(profile.parts, segments, strict=False)), "identifier": "/".join(segments[count:])}
    read = {part: _text(segment) for part, segment in raw.items() if part != "password"}
    if None in read.values() or _BROKEN.search(raw.get("password", "")):
        return Target(profile=profile.name, repairs=tuple(repairs), problem="bad_encoding")
    identifier = read["identifier"] or ""
    if not _is_usable(identifier):
        return Target(profile=profile.name, repairs=tuple(repairs), problem="bad_identifier")
    if len(identifier) > ADVISED_IDENTIFIER:
        repairs.append("identifier_long")
    return Target(
        profile=profile.name,
        hid=read.get("hid"),
        username=read.get("username"),
        password=_bytes(raw["password"]) if "password" in raw else None,
        identifier=identifier,
        repairs=tuple(repairs),
    )


def _is_usable(identifier: str) -> bool:
    """Whether a charger can be registered with it."""
    stripped = identifier.strip().strip("/")
    return (
        bool(identifier) and identifier.isprintable() and identifier == stripped and len(identifier) <= MAX_IDENTIFIER
    )


def _bytes(segment: str) -> bytes:
    return unquote_to_bytes(segment.encode("latin-1", "replace"))


def _text(segment: str) -> str | None:
    if _BROKEN.search(segment):
        return None
    try:
        return _bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _shown_outside(segments: list[str]) -> str:
    """Shows the first segment: it tells what was meant, `/CP001` or `/steve/...`; the rest may hold a password."""
    if not segments:
        return "/"
    first = segments[0] if _HARMLESS.fullmatch(segments[0]) else "..."
    return f"/{first}" + ("/..." if len(segments) > 1 and first != "..." else "")
