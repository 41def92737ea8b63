"""Which other sites' pages may ask: none, unless `serve --web-origin` names them (CORS, the Fetch standard).

It stands in front of the gate, as Litestar's own middleware cannot: a browser asks beforehand without a token whether
it may ask (a preflight), and a page must be able to read that its token was refused. Naming an origin lets nobody in;
tokens do that, and there are no cookies that a page could use behind somebody's back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ASKED_WITH: Final = (
    "Authorization",
    "Content-Type",
    # What SNWS2 signs (spec of `snws2`); `Date` and `Host` no page can set.
    "Digest",
    "X-SN-Date",
    "Last-Event-ID",
    "Solarocpp-Account",
)
"""Headers of a request that a page may set, besides those that any may."""

SHOWN: Final = ("Retry-After", "WWW-Authenticate")
"""Headers of an answer that a page may read, besides those that any may."""

METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

Header = tuple[bytes, bytes]


class Origins:
    """Tells browsers what pages of some origins may do; `app` is the ASGI app."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._config = CORSConfig(
            allow_origins=list(origins),
            allow_methods=list(METHODS),
            allow_headers=list(ASKED_WITH),
            expose_headers=list(SHOWN),
        )
        self._beforehand = _encoded(self._config.preflight_headers)
        self._with_answers = _encoded(self._config.simple_headers)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what a browser asks beforehand, and passes all else on."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked = {name.lower(): value for name, value in scope["headers"]}
        origin = asked.get(b"origin", b"")
        if not self._config.is_origin_allowed(origin.decode("latin-1")):
            await self._app(scope, receive, _adding([_VARY], send))
            return
        allowed = (b"access-control-allow-origin", origin)
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            # Whether it may is for the browser to compare.
            headers = [allowed, *self._beforehand]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self._app(scope, receive, _adding([allowed, _VARY, *self._with_answers], send))


# What was answered to a page of one origin must not be told to another's from a cache.
_VARY: Final[Header] = (b"vary", b"Origin")


def _encoded(headers: dict[str, str]) -> list[Header]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _adding(headers: Sequence[Header], send: Send) -> Send:
    """Sends answers with some headers more."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return add
