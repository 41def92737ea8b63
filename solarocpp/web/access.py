"""Who may use the API, and about whose things: whoever shows the admin token, or a token of the registry.

    admin.token             the whole box; a file that only the server's own user can read, so the local
                            command line needs no password, and there is no default one for anybody to know
    a token of the box      the same, for a program elsewhere
    a token of an account   that account and nothing else: what is another's does not exist for it

A token may be limited besides: to looking, to nodes, to sources. It opens only routes that say that they
heed what limits it. Who has the whole box may speak for one account, with the header `Solarocpp-Account: N`.
`gate` finds out who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

import solarocpp.query as q
from solarocpp.errors import RegistryError
from solarocpp.registry import DEFAULT_ACCOUNT, Account, ApiToken, Limit, Registry

ACCOUNT_HEADER: Final = "Solarocpp-Account"
"""Names the account a caller with the whole box speaks for."""

HEEDS: Final = "heeds"
"""What a route says in its `opt`: the limits of a token that it heeds. Without it, it is closed to limited tokens."""

LOOKS: Final[dict[str, Any]] = {HEEDS: frozenset[Limit]({"readOnly"})}
"""Of a route that changes nothing, and shows what an account has."""
LOOKS_AT_NODES: Final[dict[str, Any]] = {HEEDS: frozenset[Limit]({"readOnly", "nodes"})}
"""Of one that shows of it only what belongs to the nodes of the token."""
ACTS_ON_NODES: Final[dict[str, Any]] = {HEEDS: frozenset[Limit]({"nodes"})}
"""Of one that changes something, and nothing beyond the nodes of the token."""
LOOKS_AT_STREAMS: Final[dict[str, Any]] = {HEEDS: frozenset[Limit]({"readOnly", "nodes", "sources"})}
"""Of one that shows only what belongs to its nodes and sources."""


class Caller(msgspec.Struct, frozen=True):
    """Whoever asks: what may be seen and changed."""

    account_id: int | None = None
    """Only this account's; None: everybody's."""
    whole_box: bool = True
    """Whether its token opens the whole box, be it that it speaks for one account now."""
    token_id: int | None = None
    """The token it shows; None: it runs the box."""
    who: str = "admin.token"
    """As events name whoever changed something."""
    limits: frozenset[Limit] = frozenset()
    """What limits it beyond its account; a route heeds them, or is closed to it."""
    only_nodes: tuple[int, ...] = ()
    only_sources: tuple[str, ...] = ()
    expires: datetime | None = None
    """When its token ends; None: never."""

    @classmethod
    def of(cls, token: ApiToken) -> Caller:
        """Gives whoever shows a token."""
        return cls(
            token.account_id,
            whole_box=token.whole_box,
            token_id=token.token_id,
            who=f"token {token.token_id} ({token.name})",
            limits=token.limits,
            only_nodes=token.nodes,
            only_sources=token.sources,
            expires=token.expires,
        )

    @property
    def managed(self) -> int:
        """The account whose chargers, names and settings are meant; a box with one account never names it."""
        return DEFAULT_ACCOUNT if self.account_id is None else self.account_id

    def nodes(self, registry: Registry, asked: int | None) -> int | list[int] | None:
        """Limits a question about nodes to what may be seen; None: every node."""
        if self.account_id is None:  # no token of the whole box is limited to nodes
            return asked
        own = self.own_nodes(registry)
        return own if asked is None else [number for number in own if number == asked]

    def own_nodes(self, registry: Registry) -> list[int]:
        """Lists the nodes that may be seen of the account that is meant."""
        own = [node.node_id for node in registry.nodes(self.managed)]
        return [number for number in own if number in self.only_nodes] if self.only_nodes else own

    def sources(self, asked: q.Sources | None) -> q.Sources | None:
        """Limits a question about sources to what may be seen; None: every source."""
        if not self.only_sources or isinstance(asked, q.SourcesWithin):
            return asked
        return q.SourcesWithin(asked, self.only_sources)


_CALLER: Final = "caller"
# Of a number that is read of a header; a BIGINT has 19, and Python refuses to read what has thousands.
MOST_DIGITS: Final = 18


def open_to_this_process(app: ASGIApp) -> ASGIApp:
    """Wraps `app` for calls that come from our own process: whoever runs it holds the files anyway."""

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        await app(with_caller(scope, Caller(who="command line")), receive, send)

    return gate


def with_caller(scope: Scope, caller: Caller) -> Scope:
    """Writes down who asks."""
    scope["state"] = {**scope.get("state", {}), _CALLER: caller}
    return scope


def still_allowed(scope: Scope) -> bool:
    """Says whether who asked may still ask, for an answer that goes on: a token that is removed acts no more (Q15)."""
    still: Callable[[], bool] | None = scope["state"].get(_STILL)
    return still is None or still()


_STILL: Final = "still_allowed"


def with_check(scope: Scope, still: Callable[[], bool]) -> Scope:
    """Writes down how to ask later whether who asks may still ask."""
    scope["state"][_STILL] = still
    return scope


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
        caller = msgspec.structs.replace(caller, account_id=require_account(registry, account_id).account_id)
        with_caller(request.scope, caller)  # whose change it is, is asked again when it is written down
        return caller
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


def caller_of(scope: Scope) -> Caller | None:
    """Tells who asks, as the gate wrote it down; None: nobody passed it."""
    caller: Caller | None = scope.get("state", {}).get(_CALLER)
    return caller


def needs_heeded_limits(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guards every route: one that does not say that it heeds the limits of a token is closed to it.

    Raises:
        PermissionDeniedException: the token is limited by something that the route knows nothing of.
    """
    caller = caller_of(connection.scope)
    unheeded = frozenset() if caller is None else caller.limits - handler.opt.get(HEEDS, frozenset())
    if unheeded:
        raise PermissionDeniedException(
            f"{connection.scope.get('method')} {connection.url.path} is closed to a token that is limited "
            f"({', '.join(sorted(unheeded))}). Use one that is not."
        )


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
