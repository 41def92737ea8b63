"""PURE: the four paths that chargers connect to (spec 1.1), as one table, and how a request target is read by it.

A path is cut at its slashes before anything is percent-decoded, so an encoded slash in a password stays in the
password; the reference system decodes first and cannot tell. From the left, everything before the identity is
one segment; the identity is all the rest, and may have slashes of its own.

What is read can be shown: `Target.shown` writes the path without password, and without what may be one. People
swap the parts of a path, and paste all of them where one belongs; so of each part only what is known as such is
shown, and of an identity that nobody registered only what looks like nothing else.
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


HIDDEN: Final = "..."
"""Stands for what may be a secret."""


class Known(msgspec.Struct, frozen=True):
    """What the parts of a path turned out to be; what is not known may be a secret at the wrong place."""

    hid: bool = False
    """It is an account's."""
    username: bool = False
    """There is such a credential."""
    password: bool = False
    """User name and password are right, so they stand where they belong."""
    identifier: bool = False
    """There is such a charger."""


NOTHING_KNOWN: Final = Known()


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

    def shown(self, known: Known = NOTHING_KNOWN) -> str:
        """Writes the path as it may be recorded."""
        if self.profile is None:
            return self.outside
        if self.identifier is None:
            return f"/ocpp/j/{self.profile}/{HIDDEN}"
        hid = () if self.hid is None else (self.shown_hid(known),)
        credentials = () if self.username is None else (self.shown_username(known), "[redacted]")
        return "/".join(("/ocpp/j", self.profile, *hid, *credentials, self.shown_identifier(known)))

    def shown_hid(self, known: Known) -> str:
        """Writes the hid as it may be recorded; empty: the path has none."""
        return _shown(self.hid, known=known.hid)

    def shown_username(self, known: Known) -> str:
        """Writes the user name of the path as it may be recorded; empty: the path has none."""
        return _shown(self.username, known=known.username or known.password)

    def shown_identifier(self, known: Known) -> str:
        """Writes the identity as it may be recorded.

        One that nobody registered is a password where the parts before it were swapped with it, or is one with
        more around it where they were pasted into it.
        """
        may_be_swapped = not (known.password if self.username is not None else known.hid or self.hid is None)
        may_be_pasted = _SEPARATOR.search(self.identifier or "") and not _MAC_ADDRESS.fullmatch(self.identifier or "")
        may_be_secret = may_be_swapped or bool(may_be_pasted)
        return _shown(self.identifier, known=known.identifier or not may_be_secret)


_SEPARATOR = re.compile(r"[:@/\\%?#&=,;]")
"""What people, URLs and wrong encodings put between a user name, a password and an identity."""
_MAC_ADDRESS = re.compile(r"(?:[0-9A-F]{2}:){5,7}[0-9A-F]{2}", re.IGNORECASE)
"""An identity that many chargers come with; its colons part nothing from a password."""


def _shown(part: str | None, *, known: bool) -> str:
    return part if known and part is not None else "" if part is None else HIDDEN


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
    first = segments[0] if _HARMLESS.fullmatch(segments[0]) else HIDDEN
    return f"/{first}" + (f"/{HIDDEN}" if len(segments) > 1 and first != HIDDEN else "")
