r"""SolarNetwork's request signatures: `Authorization: SNWS2 Credential=...,SignedHeaders=...,Signature=...`.

A program that signs never sends its secret. What is signed is the canonical request (SolarNetwork's wiki,
"SolarNet API authentication scheme V2"): method, path, parameters in order, the signed headers, and the
SHA-256 of the body; with the time of the request it is a message, whose HMAC is the signature:

    day key   HMAC(HMAC("SNWS2" + secret, YYYYMMDD), "snws2_request")
    message   SNWS2-HMAC-SHA256 \n YYYYMMDD'T'HHMMSS'Z' \n hex(SHA-256(canonical request))
    signature hex(HMAC(day key, message))

A program may keep the key of a day for a week instead of the secret, so the keys of seven days are tried.
For that the secret itself must be known here: only tokens that were made for it can sign. Pure: it is
handed the request, the secret and the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

SCHEME: Final = "SNWS2"
# A clock that nobody sets is off by minutes; within this time a request that was overheard can be sent again.
MOST_SKEW: Final = timedelta(minutes=15)
KEY_DAYS: Final = 7
FORM: Final = "application/x-www-form-urlencoded"
# As many fields as a parameter list of a thousand nodes has, many times over.
_MOST_FIELDS: Final = 10_000

_DATE_HEADERS: Final = ("x-sn-date", "date")  # the first that is there counts
# `solarocpp-account` is ours (access.ACCOUNT_HEADER): it says whose things are meant.
_ALWAYS_SIGNED: Final = ("content-type", "content-md5", "digest", "solarocpp-account")
_PREFIX_SIGNED: Final = "x-sn-"


class SignedRequest(NamedTuple):
    """A request as it came: what its signature is about."""

    method: str
    path: str
    """As it was sent, escapes and all."""
    query: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


class Credentials(NamedTuple):
    """What the header says."""

    token_id: str
    signed_headers: tuple[str, ...]
    signature: str


def read_credentials(parameters: str) -> Credentials | None:
    """Reads what follows the scheme; None: something is missing, or the signature is none."""
    parts = dict(part.strip().partition("=")[::2] for part in parameters.split(","))
    names = tuple(sorted({name.strip().lower() for name in parts.get("SignedHeaders", "").split(";")} - {""}))
    token_id, signature = parts.get("Credential", ""), parts.get("Signature", "").lower()
    complete = token_id and len(signature) == 64 and signature.isascii()
    return Credentials(token_id, names, signature) if complete else None


def judge_request(request: SignedRequest, credentials: Credentials, now: datetime) -> str:
    """Says why a request is refused whatever its signature; empty: nothing is against it.

    What would let somebody change a request that was signed is refused: host, date, the account that is meant and
    what describes the body must be signed, the date be near, and there be no more parameters than are looked at.
    """
    named = credentials.signed_headers
    if "host" not in named:
        return "The header Host must be signed."
    if not any(name in named for name in _DATE_HEADERS):
        return "One of the headers X-SN-Date and Date must be signed."
    for name in request.headers:
        if (name in _ALWAYS_SIGNED or name.startswith(_PREFIX_SIGNED)) and name not in named:
            return f"The header {name} must be signed."
    date = _date(request.headers)
    if date is None:
        return "The header X-SN-Date or Date must be like: Sun, 01 Mar 2026 12:00:00 GMT."
    if abs(date - now) > MOST_SKEW:
        minutes = MOST_SKEW // timedelta(minutes=1)
        return f"The date of the request is more than {minutes} minutes from ours, {now:%a, %d %b %Y %H:%M:%S} GMT."
    if max(request.query.count("&"), request.body.count(b"&") if _is_form(request) else 0) >= _MOST_FIELDS:
        return f"A signed request may have {_MOST_FIELDS} parameters."
    return ""


def matches_signature(request: SignedRequest, credentials: Credentials, secret: str) -> bool:
    """Tells whether whoever signed has the secret, or the key of one of the last days."""
    date = _date(request.headers)
    if date is None:
        return False
    found = False
    for canonical in _canonical_requests(request, credentials.signed_headers):
        text = f"SNWS2-HMAC-SHA256\n{date:%Y%m%dT%H%M%SZ}\n{sha256(canonical.encode()).hexdigest()}"
        for days in range(KEY_DAYS):
            key = signing_key(secret, date - timedelta(days=days))
            found |= compare_digest(digest(key, text.encode(), "sha256").hex(), credentials.signature)
    return found


def signing_key(secret: str, day: datetime) -> bytes:
    """Derives the key of a day."""
    inner = digest(f"SNWS2{secret}".encode(), f"{day:%Y%m%d}".encode(), "sha256")
    return digest(inner, b"snws2_request", "sha256")


def _canonical_requests(request: SignedRequest, signed_headers: Sequence[str]) -> list[str]:
    """Writes what may have been signed; the body is part of each, so none can be changed for another.

    The fields of a form count as parameters, since servlets read them so; clients differ in whether the form
    is a body besides.
    """
    fields = _fields(request.query)
    whole = sha256(request.body).hexdigest()
    forms = [(fields, whole)]
    if request.body and _is_form(request):
        both = fields + _fields(request.body.decode("latin-1"))
        forms += [(both, whole), (both, sha256(b"").hexdigest())]
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in signed_headers)
    names = ";".join(signed_headers)
    return [
        f"{request.method}\n{request.path}\n{_canonical_query(given)}\n{headers}{names}\n{content}"
        for given, content in forms
    ]


def _is_form(request: SignedRequest) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def _fields(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def _canonical_query(fields: Sequence[tuple[str, str]]) -> str:
    ordered = sorted(fields, key=lambda field: field[0])  # values of one name stay in their order
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in ordered)


def _date(headers: Mapping[str, str]) -> datetime | None:
    text = next((headers[name] for name in _DATE_HEADERS if name in headers), None)
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
