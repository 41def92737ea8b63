"""Usernames that chargers connect with: `/credentials`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET

from solarocpp.registry import Credential, CredentialChange, NewCredential, Registry
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.audit import AuditedResponse
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.entities import Answered, CredentialEntity, CredentialForm, Done
from solarocpp.web.solaruser.faults import (
    Faults,
    check_owner,
    illegal,
    not_found,
    read_number,
    trimmed,
    unknown_object,
)
from solarocpp.web.solaruser.views import credential_entity

MAX_USERNAME: Final = 64
MAX_PASSWORD: Final = 1024  # as `/api` has it: beyond, it is a mistake or an attack
MAX_IDENTITY: Final = 48


@get("/credentials", opt=LOOKS, summary="Lists the usernames, or shows one")
async def list_credentials(
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    *,
    username: Annotated[str | None, QueryParameter()] = None,
) -> Answered[list[CredentialEntity] | CredentialEntity]:
    """Lists the usernames; with `username` shows that one."""
    rows = registry.credentials(caller.managed)
    if username is None:
        return Answered(data=[credential_entity(row) for row in rows])
    for row in rows:
        if row.username.casefold() == username.casefold():
            return Answered(data=credential_entity(row))
    raise not_found()


@post("/credentials", summary="Makes a username, or replaces one")
async def save_credential(
    data: JSONBody[CredentialForm],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Response[Answered[CredentialEntity]]:
    """Makes a username (201), its password generated if none is sent; or with its `id` replaces it (200).

    Without `allowedChargePoints`, or with none in it, every enabled charger of the account may come with it; one
    that is disabled or not registered never may. The username itself stays as it is.
    """
    account_id = check_owner(caller, data.user_id)
    faults = Faults()
    faults.text("username", data.username, MAX_USERNAME, required=True)
    faults.text("password", data.password, MAX_PASSWORD)
    for identity in data.allowed_charge_points or ():
        faults.text("allowedChargePoints", identity, MAX_IDENTITY, required=True)
    faults.refuse()
    username, allowed = trimmed(data.username) or "", list(data.allowed_charge_points or ())
    if data.id is None:
        order = NewCredential(username=username, password=data.password or None, allowed=allowed)
        row, generated = await registry.add_credential(order, now=clock(), account_id=account_id)
    else:
        before = _find(registry, account_id, data.id)
        if before is None:
            raise unknown_object()
        if before.username.casefold() != username.casefold():
            raise illegal(f"username: {before.username} cannot become another; make one, and delete this.")
        change = CredentialChange(password=data.password or UNSET, allowed=allowed)
        row, generated = await registry.set_credential(before.username, change, account_id=account_id)
    answer = Answered(data=credential_entity(row, generated))
    return AuditedResponse(answer, status_code=201 if data.id is None else 200)


@get("/credentials/{key:str}", opt=LOOKS, summary="Shows a username")
async def show_credential(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[CredentialEntity]:
    """Shows a username."""
    return Answered(data=credential_entity(_require(registry, caller, key)))


@delete("/credentials/{key:str}", summary="Removes a username", status_code=200)
async def remove_credential(
    key: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Done:
    """Removes a username; chargers that use it are cut off."""
    await registry.remove_credential(_require(registry, caller, key).username, account_id=caller.managed)
    return Done()


ROUTES: Final[list[Any]] = [list_credentials, save_credential, show_credential, remove_credential]


def _find(registry: Registry, account_id: int, key: int) -> Credential | None:
    return next((row for row in registry.credentials(account_id) if row.credential_id == key), None)


def _require(registry: Registry, caller: Caller, key: str) -> Credential:
    row = _find(registry, caller.managed, read_number(key, "id"))
    if row is None:
        raise not_found()
    return row
