"""Who may use the API, and about whose things: whoever shows the admin token, or a token of the registry.

    admin.token             the whole box; a file that only the server's own user can read, so the local
                            command line needs no password, and there is no default one for anybody to know
    a token of the box      the same, for a program elsewhere
    a token of an account   that account and nothing else: what is another's does not exist for it

The gate stands in front of everything, unknown routes and the schema included, and writes down who
asks; a route that finds nobody written down fails, so a way around the gate cannot be a way in. Who
has the whole box may speak for one account, with the header `Solarocpp-Account: N`.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from solarocpp.errors import RegistryError
from solarocpp.registry import DEFAULT_ACCOUNT, Account, ApiToken, Registry
from solarocpp.web.failures import Failure

# A load balancer asks whether we live; it learns nothing else.
PUBLIC_PATHS: Final = frozenset({"/healthz"})

ACCOUNT_HEADER: Final = "Solarocpp-Account"
"""Names the account a caller with the whole box speaks for."""

_REFUSAL: Final = msgspec.json.encode(
    Failure(
        "This needs the header `Authorization: Bearer TOKEN`; the token is in admin.token of the data directory, "
        "or make one with: solarocpp token add NAME",
        "unauthorized",
    )
)


class Caller(msgspec.Struct, frozen=True):
    """Whoever asks: what may be seen and changed."""

    account_id: int | None = None
    """Only this account's; None: everybody's."""
    whole_box: bool = True
    """Whether its token opens the whole box, be it that it speaks for one account now."""
    name: str = "command line"
    """Who it is, for whoever asks later who did something: the name of its token."""

    @property
    def managed(self) -> int:
        """The account whose chargers, names and settings are meant; a box with one account never names it."""
        return DEFAULT_ACCOUNT if self.account_id is None else self.account_id

    def nodes(self, registry: Registry, asked: int | None) -> int | list[int] | None:
        """Limits a question about nodes to what may be seen; None: every node."""
        if self.account_id is None:
            return asked
        own = [node.node_id for node in registry.nodes(self.account_id)]
        return own if asked is None else [number for number in own if number == asked]


_CALLER: Final = "caller"
_STILL: Final = "still_allowed"
# Of an account's number; a BIGINT has 19, and Python refuses to read what has thousands.
MOST_DIGITS: Final = 18


def require_bearer(app: ASGIApp, admin_token: str, find_token: Callable[[str], ApiToken | None]) -> ASGIApp:
    """Wraps `app` so that only requests with the admin token, or one that `find_token` knows, reach it."""
    admin = admin_token.encode()

    def identify(scope: Scope) -> Caller | None:
        header = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        scheme, _, shown = header.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        if compare_digest(shown, admin):
            return Caller(name="admin.token")
        token = find_token(shown.decode("latin-1"))
        if token is None:
            return None
        return Caller(token.account_id, whole_box=token.account_id is None, name=token.name)

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "lifespan" or scope["path"] in PUBLIC_PATHS:
            await app(scope, receive, send)
            return
        caller = identify(scope)
        if caller is not None:
            scope = _with_caller(scope, caller)
            scope["state"][_STILL] = lambda: identify(scope) == caller
            await app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unauthorized"})
        else:
            headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL, "more_body": False})

    return gate


def open_to_this_process(app: ASGIApp) -> ASGIApp:
    """Wraps `app` for calls that come from our own process: whoever runs it holds the files anyway."""

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        await app(_with_caller(scope, Caller()), receive, send)

    return gate


def _with_caller(scope: Scope, caller: Caller) -> Scope:
    scope["state"] = {**scope.get("state", {}), _CALLER: caller}
    return scope


def still_allowed(scope: Scope) -> bool:
    """Says whether who asked may still ask, for an answer that goes on: a token that is removed acts no more (Q15)."""
    still: Callable[[], bool] | None = scope["state"].get(_STILL)
    return still is None or still()


async def provide_caller(request: Request[Any, Any, Any], registry: NamedDependency[Registry]) -> Caller:
    """Tells a route who asks, and for which account.

    Raises:
        RegistryError: the account that is named does not exist, or not for this caller.
    """
    caller: Caller = request.scope["state"][_CALLER]
    named = request.headers.get(ACCOUNT_HEADER)
    if named is None:
        return caller
    if not (named.isascii() and named.isdecimal() and len(named) <= MOST_DIGITS):
        raise ValidationException(f"{ACCOUNT_HEADER}: Expected the number of an account.")
    account_id = int(named)
    if caller.whole_box or account_id == caller.account_id:
        account = require_account(registry, account_id)
        return Caller(account.account_id, whole_box=caller.whole_box, name=caller.name)
    raise _no_account(account_id)


def require_account(registry: Registry, account_id: int) -> Account:
    """Gives an account.

    Raises:
        RegistryError: there is none of this number.
    """
    account = registry.account(account_id)
    if account is None:
        raise _no_account(account_id)
    return account


def _no_account(account_id: int) -> RegistryError:
    text = f"There is no account {account_id}. See: solarocpp account list"
    return RegistryError("account", account_id, text, status=404)


def needs_whole_box(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guards routes that show or change what belongs to no single account.

    Raises:
        PermissionDeniedException: the token is one account's.
    """
    caller: Caller = connection.scope["state"][_CALLER]
    if not caller.whole_box:
        raise PermissionDeniedException(
            f"{connection.url.path} is about the whole box, and this token is for account {caller.account_id} only. "
            "Use admin.token of the data directory, or a token made with: solarocpp token add NAME --whole-box"
        )
