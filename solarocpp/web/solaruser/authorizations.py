"""Id tags: `/authorizations`."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from solarocpp.registry import Authorization, AuthorizationChange, NewAuthorization, Registry
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.audit import AuditedResponse
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.entities import Answered, AuthorizationEntity, AuthorizationForm, Done
from solarocpp.web.solaruser.faults import (
    Faults,
    check_owner,
    illegal,
    not_found,
    read_date,
    read_number,
    trimmed,
    unknown_object,
)
from solarocpp.web.solaruser.views import authorization_entity

# IdToken is CiString20 (OCPP 1.6 §7.25); SolarNetwork holds no longer ones. `/api` takes them.
MAX_TOKEN: Final = 20


@get("/authorizations", opt=LOOKS, summary="Lists the id tags")
async def list_authorizations(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller], clock: NamedDependency[Clock]
) -> Answered[list[AuthorizationEntity]]:
    """Lists the id tags, by token."""
    rows = registry.authorizations(caller.managed)
    return Answered(data=[authorization_entity(row, clock()) for row in rows])


@post("/authorizations", summary="Makes an id tag, or replaces one")
async def save_authorization(
    data: JSONBody[AuthorizationForm],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Response[Answered[AuthorizationEntity]]:
    """Makes an id tag (201), or with its `id` replaces what it may do (200).

    The token of an id tag stays as it is; so do its limits that SolarNetwork does not know: `maxActive` and
    `chargers`, which are set by `/api`.
    """
    account_id = check_owner(caller, data.user_id)
    faults = Faults()
    faults.text("token", data.token, MAX_TOKEN, required=True)
    faults.text("parentId", data.parent_id, MAX_TOKEN)
    faults.refuse()
    token, parent = trimmed(data.token) or "", trimmed(data.parent_id)
    expires = None if trimmed(data.expiry_date) is None else read_date(data.expiry_date or "")
    enabled = data.enabled is True
    if data.id is None:
        order = NewAuthorization(token=token, enabled=enabled, expires=expires, parent=parent)
        row = await registry.add_authorization(order, now=clock(), account_id=account_id)
    else:
        before = _find(registry, account_id, data.id)
        if before is None:
            raise unknown_object()
        if before.token.casefold() != token.casefold():
            raise illegal(f"token: the id tag {before.token} cannot become another; make one, and delete this.")
        change = AuthorizationChange(enabled=enabled, expires=expires, parent=parent)
        row = await registry.set_authorization(before.token, change, account_id=account_id)
    answer = Answered(data=authorization_entity(row, clock()))
    return AuditedResponse(answer, status_code=201 if data.id is None else 200)


@get("/authorizations/{key:str}", opt=LOOKS, summary="Shows an id tag")
async def show_authorization(
    key: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Answered[AuthorizationEntity]:
    """Shows an id tag."""
    return Answered(data=authorization_entity(_require(registry, caller, key), clock()))


@delete("/authorizations/{key:str}", summary="Removes an id tag", status_code=200)
async def remove_authorization(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Done:
    """Removes an id tag; its sessions stay."""
    await registry.remove_authorization(_require(registry, caller, key).token, account_id=caller.managed)
    return Done()


ROUTES: Final = [list_authorizations, save_authorization, show_authorization, remove_authorization]


def _find(registry: Registry, account_id: int, key: int) -> Authorization | None:
    return next((row for row in registry.authorizations(account_id) if row.authorization_id == key), None)


def _require(registry: Registry, caller: Caller, key: str) -> Authorization:
    row = _find(registry, caller.managed, read_number(key, "id"))
    if row is None:
        raise not_found()
    return row
