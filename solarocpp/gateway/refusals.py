"""PURE: why somebody is not let in. One row a reason: its kind, the HTTP answer, the words, and what to change.

The kind is for programs, the reason for the person who looks it up, the hint for the one who stands in front
of the charger. Chargers show nobody the body of an HTTP answer, so the same words are in the event (Q11).
A strict server (`strict` in the configuration) refuses what it would else repair: those rows have the name of
their lenience.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from solarocpp.gateway.url_profiles import MAX_IDENTIFIER, URL_PROFILES

SUBPROTOCOL: Final = "ocpp1.6"
MAX_HEAD_BYTES: Final = 8192
"""nginx and most servers stop at 8 KiB; a charger's head has a few hundred bytes."""


class Refused(msgspec.Struct, frozen=True):
    """A connection is not let in: answered with an HTTP status where it spoke HTTP, and recorded."""

    kind: str
    """A row of REFUSALS."""
    status: int
    """0: it did not speak HTTP, so it has no answer."""
    reason: str
    hint: str = ""
    headers: tuple[tuple[str, str], ...] = ()


_BASIC = (("WWW-Authenticate", 'Basic realm="solarocpp", charset="UTF-8"'),)
_UPGRADE = (("Upgrade", "websocket"),)
_VERSION = (("Sec-WebSocket-Version", "13"),)

_TEMPLATES = ", ".join(profile.template for profile in URL_PROFILES.values())
_URL = f"The charger's URL must give one of: {_TEMPLATES}. Most chargers add their identity themselves."
_SET_CREDENTIALS = "Set user name and password in the charger; make new ones with: solarocpp credential add USERNAME"
_ENCODE = "In a URL, write a space as %20, / as %2F, ? as %3F and % as %25."
_STRICT = "Or take {kind} out of `strict` in the server's configuration."

_ROWS = (
    # what is no handshake; without an answer
    Refused("tls_on_plain", 0, "A TLS handshake on a plain port.{offer}",
            "Use ws:// in the charger's URL, or start the server with --tls-cert and --tls-key."),
    Refused("no_http", 0, "What arrived is no HTTP.", "Chargers connect with a WebSocket handshake (GET)."),
    Refused("head_incomplete", 0, "The {what} did not come to its end within {seconds} s.",
            "Look at the charger's network."),
    Refused("head_cut_off", 0, "The connection ended within the request head.", "Look at the charger's network."),
    Refused("tls_failed", 0, "{reason}", "{explanation}"),
    Refused("proxy_unlisted", 0, "A PROXY header from an address that is not a trusted proxy.",
            "If this is your proxy, start the server with --trusted-proxy {address}."),
    Refused("bad_proxy_header", 0, "The PROXY header of the proxy cannot be read.",
            "Set the proxy to PROXY protocol version 1 or 2."),
    # the head
    Refused("not_http", 400, "The request line is not HTTP.", "Chargers connect with a WebSocket handshake (GET)."),
    Refused("head_too_long", 431, f"The request head is longer than {MAX_HEAD_BYTES} bytes.",
            "Chargers send a few hundred; look at what is between the charger and this server."),
    Refused("plain_on_tls", 400, "Plain HTTP on the TLS port.", "Use wss:// instead of ws:// in the charger's URL."),
    Refused("bad_forwarding", 400, "The proxy says in two ways, and differently, who is behind it.",
            "Have the proxy set one of Forwarded and X-Forwarded-For, and drop the other."),
    Refused("unreadable_forwarding", 400, "The proxy does not say who is behind it: its {header} holds no address.",
            "Have the proxy overwrite that header with the address of its client."),
    Refused("repeated_header", 400, "The header {header} came more than once, and said different things.",
            "Whoever is in front of this server must overwrite it instead of adding one."),
    Refused("bad_certificate_header", 400, "The header {header} holds no certificate that can be read.",
            "The proxy must send it as URL-encoded PEM, or as RFC 9440 says."),
    # WebSocket
    Refused("no_upgrade", 426, "A plain HTTP request; this address speaks WebSocket only.",
            "Connect a charger to it, with ws:// or wss://; people use the web address.", _UPGRADE),
    Refused("not_get", 405, "A WebSocket handshake begins with GET, not {method}.", "Update the charger's firmware.",
            (("Allow", "GET"),)),
    Refused("no_key", 400, "The handshake has no Sec-WebSocket-Key that can be used.",
            "Look at what is between the charger and this server; a proxy must pass WebSocket headers on."),
    Refused("wrong_version", 426, "WebSocket version {version} is not 13.", "Update the charger's firmware.",
            _VERSION),
    Refused("wrong_subprotocol", 400, f"The charger offers {{offered}}; only {SUBPROTOCOL} is spoken here.",
            "Set the charger to OCPP 1.6 JSON."),
    # the path
    Refused("bad_path", 404, "No charger connects at {path}.", _URL),
    Refused("bad_encoding", 404, "The path has a broken percent-encoding.", _ENCODE),
    Refused("bad_identifier", 404, "The charger's identity cannot be used.",
            f"It needs at most {MAX_IDENTIFIER} printable characters, and no space at its ends."),
    # who it is
    Refused("no_credentials", 401, "No credentials were sent.", _SET_CREDENTIALS, _BASIC),
    Refused("bad_authorization", 401, "The Authorization header is not HTTP Basic with user:password.",
            _SET_CREDENTIALS, _BASIC),
    Refused("wrong_password", 401, "The user name or the password is wrong.",
            _SET_CREDENTIALS + ". Or the charger has lost a key of its own; "
            "see: solarocpp charger rotate-key IDENTITY --show", _BASIC),
    Refused("no_certificate", 403, "No client certificate was shown; this server wants one.",
            "Make one with `solarocpp tls init --charger {identifier}`, and put it and its key into the charger."),
    Refused("bad_certificate", 403, "The client certificate that the proxy passed on is refused: {fault}.",
            "Make one with `solarocpp tls init --charger IDENTITY`, and put it and its key into the charger."),
    Refused("wrong_certificate", 403, "The client certificate names {names}, not {identifier}.",
            "Make one with `solarocpp tls init --charger {identifier}`, or correct the charger's identity."),
    Refused("foreign_certificate", 403, "The client certificate names {identifier}, but is not of this account.",
            "Make one with `solarocpp tls init --account N --charger {identifier}`, or correct the charger's URL."),
    Refused("throttled", 429, "Too many wrong passwords came from {address}.",
            "Correct the password in the charger, and wait {wait} s."),
    # who may
    Refused("unknown_charger", 404, "There is no charger {identifier}.",
            "Register it with: solarocpp charger add {quoted}"),
    Refused("doubled_identity", 404, "There is no such charger; the identity is in the path twice.",
            "Leave it out of the charger's URL: the charger adds it itself."),
    Refused("too_many_unknown", 404, "{reason}", "Register it with: solarocpp charger add {quoted}"),
    Refused("not_stored", 503, "There is no charger {identifier}, and it cannot be made now.",
            "Look at the server's disk; the charger may come again.", (("Retry-After", "60"),)),
    Refused("disabled", 403, "Charger {identifier} is disabled.",
            "Enable it with: solarocpp charger set {quoted} --enabled"),
    Refused("not_allowed", 403, "Credential {username} is not allowed for charger {identifier}.",
            "Use another credential in the charger, or allow it; see: solarocpp credential list"),
    Refused("security_too_low", 403,
            "Charger {identifier} must come with {wanted}; it came with {reached}.",
            "Change the charger's URL or credentials, or: "
            "solarocpp charger set {quoted} --security-profile {profile}"),
    # how many
    Refused("full", 503, "This server takes {limit} chargers, and has them.", "Raise max_links on the server.",
            (("Retry-After", "60"),)),
    Refused("full_for_address", 503, "{limit} chargers from {address} are connected, which is the limit.",
            "Raise max_links_per_address on the server.", (("Retry-After", "60"),)),
    # what a strict server does not forgive, by the names of the leniences
    Refused("head_loosely_written", 400, "The request head breaks the rules of HTTP.",
            "Update the charger's firmware. " + _STRICT),
    Refused("target_unencoded", 400, "The path has characters that need percent-encoding.", _ENCODE + " " + _STRICT),
    Refused("absolute_target", 400, "The request line has a whole URL instead of a path.",
            "Update the charger's firmware. " + _STRICT),
    Refused("pasted_url", 404, "The path has a URL inside it.", _URL + " " + _STRICT),
    Refused("extra_slashes", 404, "The path has double or trailing slashes.",
            "Correct the charger's URL. " + _STRICT),
    Refused("identifier_long", 404, "The charger's identity has more than 48 characters.",
            "Choose a shorter one. " + _STRICT),
    Refused("identifier_case", 404, "The charger's identity is {registered}, not {identifier}.",
            "Write it in the charger as it is registered. " + _STRICT),
    Refused("hid_unknown", 404, "The hid in the path is not this account's.",
            "Correct the charger's URL; `solarocpp settings show` tells the hid. " + _STRICT),
    Refused("scheme_word", 401, "The Authorization header does not say Basic.",
            "Update the charger's firmware. " + _STRICT, _BASIC),
    Refused("username_encoded", 401, "The user name is percent-encoded.",
            "Write it in the charger as it is registered. " + _STRICT, _BASIC),
    Refused("connection_upgrade_missing", 400, "The handshake lacks `Connection: Upgrade`.",
            "Update the charger's firmware. " + _STRICT),
    Refused("version_missing", 426, "The handshake lacks a WebSocket version.",
            "Update the charger's firmware. " + _STRICT, _VERSION),
    Refused("subprotocol_missing", 400, f"The charger offers no subprotocol; only {SUBPROTOCOL} is spoken here.",
            "Set the charger to OCPP 1.6 JSON. " + _STRICT),
    Refused("subprotocol_case", 400, f"The charger offers {{offered}}, which is not how {SUBPROTOCOL} is written.",
            "Set the charger to OCPP 1.6 JSON. " + _STRICT),
)  # fmt: skip

REFUSALS: Mapping[str, Refused] = MappingProxyType({row.kind: row for row in _ROWS})
"""By kind; `{...}` in reason and hint is filled in by `refused`."""


def refused(kind: str, headers: tuple[tuple[str, str], ...] = (), /, **said: object) -> Refused:
    """Makes the refusal of a kind, with what its words name; `headers` come besides those of the row."""
    row = REFUSALS[kind]
    words = {"kind": kind, **said}
    return msgspec.structs.replace(
        row,
        reason=row.reason.format_map(words),
        hint=row.hint.format_map(words),
        headers=row.headers + headers,
    )


_REASON_PHRASES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def refusal_response(refused: Refused) -> bytes:
    """Writes the HTTP answer of a refusal; the body says why and what to do."""
    body = "".join(f"{line}\n" for line in (refused.reason, refused.hint) if line).encode()
    head = [
        f"HTTP/1.1 {refused.status} {_REASON_PHRASES[refused.status]}",
        *(f"{name}: {value}" for name, value in refused.headers),
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body
