"""The gate in front of the API: finds out who asks, by what the header `Authorization` shows.

    Bearer TOKEN     the admin token, or a token of the registry as it was printed
    SNWS2 ...        a signature, made with the secret of a token (`snws2`)

It stands in front of everything, unknown routes and the schema included, and writes down who asks;
a route that finds nobody written down fails, so a way around the gate cannot be a way in.

Requests begin one after the other, each in a turn of its own of the loop that serves the chargers, too: of fifty that
come at once, chargers wait for one at a time, and not for fifty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import trio
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.registry import ApiToken
from solarocpp.web import snws2
from solarocpp.web.access import Caller, with_caller, with_check
from solarocpp.web.envelopes import VARY, failure_body, is_solarnetwork_path
from solarocpp.web.pace import OF_A_TOKEN, OF_REFUSALS, Buckets, Pace

# A load balancer asks whether we live; it learns nothing else.
PUBLIC_PATHS: Final = frozenset({"/healthz"})

# The largest order is a template of 255 characters; SQL of a dashboard rarely passes a few KB.
MAX_BODY_BYTES: Final = 1_000_000

_HOW: Final = (
    "This needs the header `Authorization: Bearer TOKEN`, with a token that is right and was not removed: that in "
    "admin.token of the data directory, or make one with: solarocpp token add NAME"
)
_WRONG_SIGNATURE: Final = (
    "The signature is not right, or the token was not made for signing: solarocpp token add NAME --snws2"
)


class Tokens(Protocol):
    """What the gate asks of the registry."""

    def token_by_text(self, text: str) -> ApiToken | None:
        """Finds the token that is shown."""

    def token_by_number(self, number: str) -> ApiToken | None:
        """Finds the token that is named."""


class _Refused(NamedTuple):
    text: str
    status: int = 401
    wait_s: float = 0.0
    """When to come again, if that helps."""


# Statuses, what we call them, and what SolarNetwork does (spec 2.8).
_KINDS: Final = {401: ("unauthorized", None), 413: ("too_large", None), 429: ("too_many_requests", "WEB.10000")}


class Gate:
    """Lets requests through that show who they are from; `app` is the ASGI app."""

    def __init__(  # noqa: PLR0913 the paces are for tests
        self,
        app: ASGIApp,
        admin_token: str,
        tokens: Tokens,
        clock: Callable[[], datetime],
        *,
        of_a_token: Pace = OF_A_TOKEN,
        of_refusals: Pace = OF_REFUSALS,
    ) -> None:
        self._app = app
        self._admin = admin_token.encode()
        self._tokens = tokens
        self._clock = clock
        self._requests = Buckets(of_a_token)
        self._refusals = Buckets(of_refusals)
        self._turn = trio.Lock()

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes one request on, or refuses it."""
        kind: str = scope["type"]
        # Whoever has the turn keeps it until the loop has gone round. What comes then, up to where a route waits for
        # something, is a millisecond or three, and most routes do not wait; who does has given the turn on by then.
        async with self._turn:
            await trio.lowlevel.checkpoint()
        if kind == "lifespan" or scope["path"] in PUBLIC_PATHS:
            await self._app(scope, receive, send)
            return
        scheme, _, shown = _header(scope, b"authorization").partition(b" ")
        if scheme.upper() == snws2.SCHEME.encode() and kind == "http":
            body = await _read_body(receive)
            found = _Refused("The body is too long.", 413) if body is None else self._signer(scope, shown, body)
            receive = _again(body or b"", receive)
        else:
            found = self._bearer(scheme, shown)
        found = self._paced(found, scope)
        if isinstance(found, Caller):
            caller = found
            scope = with_check(with_caller(scope, caller), lambda: self._may_still(caller, scheme, shown))
            await self._app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unauthorized"})
        else:
            await _refuse(scope, send, found)

    def _may_still(self, caller: Caller, scheme: bytes, shown: bytes) -> bool:
        """Says whether who asked once may go on reading; a signature is old by then, its token need not be."""
        if scheme.upper() != snws2.SCHEME.encode():
            return self._bearer(scheme, shown) == caller
        token = self._tokens.token_by_number(str(caller.token_id))
        return token is not None and self._still_good(token) == caller

    def _paced(self, found: Caller | _Refused, scope: Scope) -> Caller | _Refused:
        """Refuses who asks too often."""
        now = trio.current_time()
        if isinstance(found, Caller):
            wait = 0.0 if found.token_id is None else self._requests.take(str(found.token_id), now)
            text = f"This token asks more than {self._requests.pace.per_s:g} times a second."
        else:
            address, _ = scope.get("client") or ("", 0)
            wait = self._refusals.take(address, now)
            text = f"Too many requests without a right token came from {address}."
        return _Refused(f"{text} Wait {math.ceil(wait)} s.", 429, wait) if wait else found

    def _bearer(self, scheme: bytes, shown: bytes) -> Caller | _Refused:
        if scheme.lower() != b"bearer":
            return _Refused(_HOW)
        if compare_digest(shown, self._admin):
            return Caller()
        token = self._tokens.token_by_text(shown.decode("latin-1"))
        return _Refused(_HOW) if token is None else self._still_good(token)

    def _signer(self, scope: Scope, shown: bytes, body: bytes) -> Caller | _Refused:
        credentials = snws2.read_credentials(shown.decode("latin-1"))
        if credentials is None:
            return _Refused("Expected Credential=TOKEN,SignedHeaders=NAMES,Signature=HEX after SNWS2.")
        request = snws2.SignedRequest(
            method=str(scope.get("method")),
            path=(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            # Of two with the same name the first counts, as for whoever reads them behind the gate.
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in reversed(list(scope["headers"]))
            },
            body=body,
        )
        against = snws2.judge_request(request, credentials, self._clock())
        if against:
            return _Refused(against)
        token = self._tokens.token_by_number(credentials.token_id)
        secret = token.signing_secret if token is not None else None
        # Worked out whether or not there is such a token: the time must not tell.
        matches = snws2.matches_signature(request, credentials, secret or "")
        if token is None or secret is None or not matches:
            return _Refused(_WRONG_SIGNATURE)
        return self._still_good(token)

    def _still_good(self, token: ApiToken) -> Caller | _Refused:
        if token.has_expired(self._clock()):
            return _Refused(f"The token {token.name} has expired. Make another with: solarocpp token add NAME")
        return Caller.of(token)


async def _refuse(scope: Scope, send: Send, refused: _Refused) -> None:
    kind, code = _KINDS[refused.status]
    solarnetwork = is_solarnetwork_path(scope["path"])
    body = failure_body(refused.text, kind, solarnetwork=solarnetwork, code=code)
    headers = [(b"content-type", b"application/json"), *([VARY] if solarnetwork else [])]
    if refused.wait_s:
        headers.append((b"retry-after", str(math.ceil(refused.wait_s)).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer, SNWS2"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(body), "more_body": False})


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name.lower() == wanted), b"")


async def _read_body(receive: Receive) -> bytes | None:
    """Reads a body that must be known before anything else; None: it is longer than any may be."""
    parts, size, more = [], 0, True
    while more:
        event: Any = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        more = event.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read to whoever comes after, then what else comes."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Any:
        return waiting.pop() if waiting else await receive()

    return give
