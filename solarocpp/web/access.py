"""Who may use the API over a socket: whoever shows the admin token of the data directory.

The token is a file that only the server's own user can read, so the local command line needs no
password, and there is no default one for anybody to know. The gate stands in front of everything,
unknown routes and the schema included; what runs in our own process does not pass it.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.web.failures import Failure

# A load balancer asks whether we live; it learns nothing else.
PUBLIC_PATHS: Final = frozenset({"/healthz"})

_REFUSAL: Final = msgspec.json.encode(
    Failure(
        "This needs the header `Authorization: Bearer TOKEN`; the token is in admin.token of the data directory.",
        "unauthorized",
    )
)


def require_bearer(app: ASGIApp, token: str) -> ASGIApp:
    """Wraps `app` so that only requests with this bearer token reach it."""
    expected = f"Bearer {token}".encode()

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "lifespan" or scope["path"] in PUBLIC_PATHS:
            await app(scope, receive, send)
            return
        shown = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        if compare_digest(shown, expected):
            await app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unauthorized"})
        else:
            headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL, "more_body": False})

    return gate
