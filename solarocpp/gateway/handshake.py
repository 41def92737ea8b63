"""Judges a handshake: a request head in, a verdict out. Pure; knows no socket and no clock.

The order of the checks is the order of the answers (architecture section 8, Q14): what is wrong with
the address is 404, with the protocol 400, with the credentials 401, and only somebody who proved who
they are learns that a charger is unknown (404) or not allowed (403).

    read_head(bytes) -> RequestHead | Refused
    read_claim(head) -> Claim | Refused          who says they are whom, by which profile
    judge_claim(claim, credential, registry) -> Admitted | Refused     after the password was verified

Handshakes of real chargers break rules; what we can live with is repaired and named (Q01, Q03, Q06, Q08).
The WebSocket library then sees only the head that `canonical_head` writes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from solarocpp.registry import Charger, Credential

SUBPROTOCOL = "ocpp1.6"
MAX_HEAD_BYTES = 8192
"""nginx and most servers stop at 8 KiB; a charger's head has a few hundred bytes."""
MAX_IDENTIFIER = 255
"""The specification says 48; longer ones exist and are merely recorded (Q09). This bounds a log line."""

_CHALLENGE = (("WWW-Authenticate", 'Basic realm="solarocpp", charset="UTF-8"'),)


class RequestHead(msgspec.Struct, frozen=True):
    """The request line and headers of a handshake; header names in lower case, first one wins."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path of the target without query, still percent-encoded; of an absolute target too (Q06)."""
        if self.target.startswith("/"):
            return self.target.split("?", 1)[0].split("#", 1)[0]
        return urlsplit(self.target).path or "/"


class Refused(msgspec.Struct, frozen=True):
    """The handshake is answered with an HTTP status, the reason, and a hint for the operator."""

    status: int
    reason: str
    hint: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    identifier: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """What the head claims; the password is not checked yet, and never shown by repr."""

    identifier: str
    username: str
    password: bytes
    """As sent: some chargers hold keys that are no text (Q110)."""
    subprotocol: str | None
    key: str
    host: str
    path: str
    repairs: tuple[str, ...] = ()
    extensions: str = ""
    """`Sec-WebSocket-Extensions` as offered; taken up by websocket.py, if the configuration says so (Q19)."""
    profile: str = "v16"
    """Name of the URL profile that matched."""

    def __repr__(self) -> str:
        return f"Claim(identifier={self.identifier!r}, username={self.username!r})"


class Admitted(msgspec.Struct, frozen=True):
    """The charger may connect."""

    charger: Charger
    credential: Credential | None
    """None: it came in by its certificate alone, or without any proof (security profile 0)."""
    claim: Claim
    security_profile: int = 1
    """What the connection proved: 0 nothing, 1 a password, 2 that under TLS, 3 a certificate that names the charger."""


class Directory(Protocol):
    """What judging needs of the registry."""

    def charger_by_identifier(self, identifier: str, account_id: int | None = None) -> Charger | None:
        """Finds a charger by identifier, ignoring case (Q10)."""


class UrlProfile(msgspec.Struct, frozen=True):
    """A row of the URL profiles (spec 1.1): the decoded path and where the credentials are."""

    name: str
    path: re.Pattern[str]
    example: str


# The identifier is everything behind the prefix and may contain a slash (spec 1.1). A trailing slash is a habit of
# people who paste URLs into chargers.
URL_PROFILES = (
    UrlProfile("v16", re.compile(r"/ocpp/j/v16/(?P<identifier>.*[^/])/*"), "/ocpp/j/v16/{charger identifier}"),
)


def read_head(raw: bytes) -> RequestHead | Refused:
    """Reads a request head, from the request line to before the empty line.

    Tolerates bare newlines and header lines without a colon; refuses only what has no request line.
    """
    request_line, *lines = raw.decode("latin-1").replace("\r\n", "\n").strip("\n").split("\n")
    words = request_line.split()
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        return Refused(400, "The request line is not HTTP.", "Chargers connect with a WebSocket handshake (GET).")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.strip():
            headers.setdefault(name.strip().lower(), value.strip())
    return RequestHead(words[0], words[1], headers)


def read_claim(head: RequestHead, *, strict_subprotocol: bool = False) -> Claim | Refused:
    """Reads who wants to connect, by the URL profiles, the WebSocket headers and HTTP Basic."""
    path = _decoded(head.path)
    if path is None:
        return Refused(404, "The path has a broken percent-encoding.", f"Use {URL_PROFILES[0].example}.")
    match = next((found for profile in URL_PROFILES if (found := profile.path.fullmatch(path))), None)
    if match is None:
        return Refused(404, f"Nothing is at {head.path[:200]}.", f"Use {URL_PROFILES[0].example}.")
    identifier = match["identifier"]
    if len(identifier) > MAX_IDENTIFIER or not identifier.isprintable():
        return Refused(404, "The charger identifier is unusable.", f"At most {MAX_IDENTIFIER} printable characters.")
    repairs: list[str] = []
    if not head.target.startswith("/"):
        repairs.append("absolute request target (Q06)")
    refused = _judge_websocket(head, identifier, repairs)
    if refused is not None:
        return refused
    subprotocol = _chosen_subprotocol(head, identifier, repairs, strict=strict_subprotocol)
    if isinstance(subprotocol, Refused):
        return subprotocol
    credentials = _basic_credentials(head.headers.get("authorization"), identifier)
    if isinstance(credentials, Refused):
        return credentials
    return Claim(
        identifier=identifier,
        username=credentials[0],
        password=credentials[1],
        subprotocol=subprotocol,
        key=head.headers["sec-websocket-key"],
        host=head.headers.get("host", "solarocpp"),
        path=head.path,
        repairs=tuple(repairs),
        extensions=head.headers.get("sec-websocket-extensions", ""),
    )


def judge_claim(claim: Claim, credential: Credential | None, directory: Directory) -> Admitted | Refused:
    """Decides about a claim whose password was verified; `credential` is None where it was not right."""
    identifier = claim.identifier
    if credential is None:
        return Refused(
            401,
            "The user name or the password is wrong.",
            "Make new ones with: solarocpp credential add USERNAME",
            _CHALLENGE,
            identifier,
        )
    charger = directory.charger_by_identifier(identifier, credential.account_id)
    if charger is None:
        return Refused(
            404,
            f"There is no charger {identifier}.",
            f"Register it with: solarocpp charger add {identifier}",
            identifier=identifier,
        )
    if not charger.enabled:
        return Refused(
            403,
            f"Charger {charger.identifier} is disabled.",
            f"Enable it with: solarocpp charger set {charger.identifier} --enabled",
            identifier=charger.identifier,
        )
    if credential.allowed and charger.identifier.casefold() not in {
        allowed.casefold() for allowed in credential.allowed
    }:
        return Refused(
            403,
            f"Credential {claim.username} is not allowed for charger {charger.identifier}.",
            "See: solarocpp credential list",
            identifier=charger.identifier,
        )
    return Admitted(charger, credential, claim)


def unauthorized(identifier: str | None, reason: str) -> Refused:
    """Asks for Basic credentials: many chargers send them only when challenged (Q14)."""
    return Refused(401, reason, "Set user name and password in the charger.", _CHALLENGE, identifier)


def canonical_head(claim: Claim) -> bytes:
    """Writes the handshake the way RFC 6455 wants it, whatever the charger wrote; no extensions (Q19)."""
    lines = [
        f"GET {claim.path} HTTP/1.1",
        f"Host: {claim.host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {claim.key}",
        "Sec-WebSocket-Version: 13",
    ]
    if claim.subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {claim.subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    426: "Upgrade Required",
    503: "Service Unavailable",
}


def refusal_response(refused: Refused) -> bytes:
    """Writes the HTTP answer of a refusal; the body says why and what to do."""
    body = "\n".join(part for part in (refused.reason, refused.hint, "") if part or part == "").encode()
    head = [
        f"HTTP/1.1 {refused.status} {_REASONS[refused.status]}",
        *(f"{name}: {value}" for name, value in refused.headers),
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body


def _decoded(path: str) -> str | None:
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return None
    try:
        return unquote_to_bytes(path.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _judge_websocket(head: RequestHead, identifier: str, repairs: list[str]) -> Refused | None:
    headers = head.headers
    upgrade = headers.get("upgrade", "").lower()
    key = headers.get("sec-websocket-key", "")
    # An upgrade and a key are enough: some chargers leave `Connection: Upgrade` out (Q03).
    if head.method != "GET" or "websocket" not in upgrade or not key.isascii() or not key:
        return Refused(
            426,
            "This address speaks WebSocket only.",
            "Connect a charger to it, with ws:// or wss://.",
            (("Upgrade", "websocket"),),
            identifier,
        )
    if "upgrade" not in headers.get("connection", "").lower():
        repairs.append("no `Connection: Upgrade` (Q03)")
    version = headers.get("sec-websocket-version")
    if version not in (None, "13"):
        return Refused(
            426, f"WebSocket version {version} is not 13.", "", (("Sec-WebSocket-Version", "13"),), identifier
        )
    if version is None:
        repairs.append("no `Sec-WebSocket-Version`")
    return None


def _chosen_subprotocol(
    head: RequestHead, identifier: str, repairs: list[str], *, strict: bool
) -> str | Refused | None:
    offered = [name.strip() for name in head.headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
    for name in offered:
        if name.lower() == SUBPROTOCOL:
            return name
    if offered or strict:
        said = f"offers {', '.join(offered)}" if offered else "offers no subprotocol"
        return Refused(
            400,
            f"The charger {said}; only {SUBPROTOCOL} is spoken here.",
            "Set the charger to OCPP 1.6 JSON.",
            identifier=identifier,
        )
    repairs.append("no `Sec-WebSocket-Protocol` (Q01)")
    return None


def _basic_credentials(header: str | None, identifier: str) -> tuple[str, bytes] | Refused:
    """Reads `Authorization`; the scheme word is not looked at, some chargers send `Basic:` (spec 1.2)."""
    if header is None:
        return unauthorized(identifier, "No credentials were sent.")
    encoded = header.partition(" ")[2].strip()
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return unauthorized(identifier, "The Authorization header is not HTTP Basic.")
    username, colon, password = decoded.partition(b":")
    if not colon or not username:
        return unauthorized(identifier, "The Authorization header has no `user:password`.")
    return username.decode("utf-8", "replace"), password
