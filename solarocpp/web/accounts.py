"""Routes about whose things there are: accounts, and the tokens that programs use this API with.

Accounts are the whole box's business. Tokens are listed, made and removed by whoever may use them: an
account's by itself, those of the whole box by none but the whole box.
"""

from __future__ import annotations

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, JSONBody

import solarocpp.query as q
from solarocpp.registry import Account, NewAccount, NewToken, Registry
from solarocpp.web.access import LOOKS, Caller, needs_whole_box
from solarocpp.web.answers import AccountReceipt, AccountView, TokenReceipt, TokenView, account_view, token_view
from solarocpp.web.management import Clock


@get("/accounts", opt=LOOKS, summary="Lists the accounts", guards=[needs_whole_box])
async def list_accounts(registry: NamedDependency[Registry]) -> list[AccountView]:
    """Lists the accounts, by number."""
    return [_shown(registry, account) for account in registry.accounts()]


@post("/accounts", summary="Makes an account", guards=[needs_whole_box])
async def add_account(
    data: JSONBody[NewAccount], registry: NamedDependency[Registry], clock: NamedDependency[Clock]
) -> AccountReceipt:
    """Makes an account with a first node of its own; chargers, names and tokens are made in its name then."""
    return AccountReceipt(account=_shown(registry, await registry.add_account(data, now=clock())))


@get("/tokens", opt=LOOKS, summary="Lists the tokens for this API")
async def list_tokens(registry: NamedDependency[Registry], caller: NamedDependency[Caller]) -> list[TokenView]:
    """Lists the tokens for this API, without anything secret; of one account its own only."""
    return [token_view(token) for token in registry.tokens(caller.account_id)]


@post("/tokens", summary="Makes a token for this API")
async def add_token(
    data: JSONBody[NewToken],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> TokenReceipt:
    """Makes a token and shows it this once; it opens and lasts no more than the caller's own."""
    if data.whole_box and not caller.whole_box:
        raise PermissionDeniedException(
            f"A token for account {caller.account_id} makes tokens for this account only. Leave out wholeBox."
        )
    if caller.expires is not None and (data.expires is None or data.expires > caller.expires):
        ends = caller.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise PermissionDeniedException(f"A token that ends makes none that outlives it. Give expires, {ends} at most.")
    for pattern in data.sources:
        q.check_source_pattern(pattern)
    token, secret = await registry.add_token(data, now=clock(), account_id=caller.managed)
    return TokenReceipt(token=token_view(token), secret=secret)


@delete("/tokens/{name:path}", summary="Removes a token for this API", status_code=200)
async def remove_token(
    name: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> TokenReceipt:
    """Removes a token, by name or number; what uses it is refused from now on."""
    token = await registry.remove_token(name[1:], account_id=caller.account_id)
    return TokenReceipt(token=token_view(token), secret=None)


router = Router(
    "/api", route_handlers=[list_accounts, add_account, list_tokens, add_token, remove_token], tags=["accounts"]
)


def _shown(registry: Registry, account: Account) -> AccountView:
    nodes = registry.nodes(account.account_id)
    return account_view(account, nodes, len(registry.chargers(account.account_id)))
