"""Routes that change what is registered: chargers, credentials, id tags, settings.

A name is the last part of its route and may hold a slash, as identifiers and tokens do. Handlers
only translate: rules and texts are the registry's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from solarocpp.registry import (
    AuthorizationChange,
    Charger,
    ChargerChange,
    CredentialChange,
    NewAuthorization,
    NewCharger,
    NewCredential,
    Registry,
    SettingsChange,
    rules,
)
from solarocpp.registry.passwords import warnings_about_password
from solarocpp.web.access import LOOKS, Caller, require_account
from solarocpp.web.answers import (
    AccountSettingsView,
    AuthorizationReceipt,
    AuthorizationView,
    ChargerReceipt,
    ChargerView,
    CredentialReceipt,
    CredentialView,
    SettingsReceipt,
    SettingsView,
    account_settings_view,
    authorization_view,
    charger_view,
    credential_view,
    settings_view,
)

Clock = Callable[[], datetime]
Connected = frozenset[int] | None
"""Numbers of the chargers that have a link; None: nothing listens for chargers in this process."""


@get("/chargers", opt=LOOKS, summary="Lists the chargers")
async def list_chargers(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller], connected: NamedDependency[Connected]
) -> list[ChargerView]:
    """Lists the chargers, by identifier."""
    return [charger_view(charger, connected) for charger in registry.chargers(caller.managed)]


@post("/chargers", summary="Registers a charger")
async def add_charger(
    data: JSONBody[NewCharger],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
    connected: NamedDependency[Connected],
) -> ChargerReceipt:
    """Registers a charger; it may connect at once."""
    charger = await registry.add_charger(data, now=clock(), account_id=caller.managed)
    return _charger_receipt(charger, connected)


@get("/chargers/{identifier:path}", opt=LOOKS, summary="Shows a charger")
async def show_charger(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    connected: NamedDependency[Connected],
) -> ChargerView:
    """Shows a charger."""
    return charger_view(registry.require_charger(caller.managed, identifier[1:]), connected)


@patch("/chargers/{identifier:path}", summary="Changes a charger or its settings")
async def set_charger(  # noqa: PLR0913 one argument a thing it is handed
    identifier: FromPath[str],
    *,
    data: JSONBody[ChargerChange],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
    connected: NamedDependency[Connected],
) -> ChargerReceipt:
    """Changes a charger or its settings; null empties a setting."""
    charger = await registry.set_charger(identifier[1:], data, now=clock(), account_id=caller.managed)
    return _charger_receipt(charger, connected)


@delete("/chargers/{identifier:path}", summary="Removes a charger; its datums stay", status_code=200)
async def remove_charger(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    connected: NamedDependency[Connected],
) -> ChargerReceipt:
    """Removes a charger; its sessions and datums stay."""
    charger = await registry.remove_charger(identifier[1:], account_id=caller.managed)
    return _charger_receipt(charger, connected, warnings=False)


@get("/charger-settings/{identifier:path}", opt=LOOKS, summary="Shows which settings apply to a charger")
async def show_charger_settings(
    identifier: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> SettingsView:
    """Shows which settings apply to a charger, and where each comes from."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    return settings_view(registry.settings(charger.account_id), charger.settings)


@get("/settings", opt=LOOKS, summary="Shows the account's settings")
async def show_settings(registry: NamedDependency[Registry], caller: NamedDependency[Caller]) -> AccountSettingsView:
    """Shows what applies to chargers without settings of their own, and the account's hid."""
    account = require_account(registry, caller.managed)
    return account_settings_view(account, registry.settings(account.account_id))


@patch("/settings", summary="Changes the account's settings")
async def set_settings(
    data: JSONBody[SettingsChange], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> SettingsReceipt:
    """Changes the account's settings; null goes back to the built-in value."""
    account = require_account(registry, caller.managed)
    settings = await registry.set_settings(data, account_id=account.account_id)
    template = settings.source_id_template
    warnings = rules.warnings_about_template(template, whole_account=True) if template else []
    return SettingsReceipt(settings=account_settings_view(account, settings), warnings=warnings)


@get("/credentials", opt=LOOKS, summary="Lists the credentials")
async def list_credentials(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> list[CredentialView]:
    """Lists the credentials, by username, without anything secret."""
    return [credential_view(credential) for credential in registry.credentials(caller.managed)]


@post("/credentials", summary="Makes a username")
async def add_credential(
    data: JSONBody[NewCredential],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> CredentialReceipt:
    """Makes a username; without a password in the request one is generated and shown this once."""
    credential, generated = await registry.add_credential(data, now=clock(), account_id=caller.managed)
    warnings = warnings_about_password(data.password) + _warnings_about_unknown(registry, credential.allowed, caller)
    return CredentialReceipt(credential=credential_view(credential), password=generated, warnings=warnings)


@patch("/credentials/{username:path}", summary="Changes a password or what a username may connect as")
async def set_credential(
    username: FromPath[str],
    data: JSONBody[CredentialChange],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> CredentialReceipt:
    """Changes a credential; password null generates a new one and shows it this once."""
    credential, generated = await registry.set_credential(username[1:], data, account_id=caller.managed)
    password = data.password if isinstance(data.password, str) else None
    warnings = warnings_about_password(password) + _warnings_about_unknown(registry, credential.allowed, caller)
    return CredentialReceipt(credential=credential_view(credential), password=generated, warnings=warnings)


@delete("/credentials/{username:path}", summary="Removes a username", status_code=200)
async def remove_credential(
    username: FromPath[str], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> CredentialReceipt:
    """Removes a username; chargers that use it cannot connect any more."""
    credential = await registry.remove_credential(username[1:], account_id=caller.managed)
    return CredentialReceipt(credential=credential_view(credential), password=None, warnings=[])


@get("/authorizations", opt=LOOKS, summary="Lists the id tags")
async def list_authorizations(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller], clock: NamedDependency[Clock]
) -> list[AuthorizationView]:
    """Lists the id tags, by token."""
    return [authorization_view(row, clock()) for row in registry.authorizations(caller.managed)]


@post("/authorizations", summary="Lets an id tag charge")
async def add_authorization(
    data: JSONBody[NewAuthorization],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> AuthorizationReceipt:
    """Lets an id tag charge."""
    row = await registry.add_authorization(data, now=clock(), account_id=caller.managed)
    warnings = rules.warnings_about_token(row.token) + _warnings_about_unknown(registry, row.chargers, caller)
    return AuthorizationReceipt(authorization=authorization_view(row, clock()), warnings=warnings)


@patch("/authorizations/{token:path}", summary="Changes what an id tag may do")
async def set_authorization(
    token: FromPath[str],
    data: JSONBody[AuthorizationChange],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> AuthorizationReceipt:
    """Changes what an id tag may do; running sessions go on."""
    row = await registry.set_authorization(token[1:], data, account_id=caller.managed)
    warnings = [] if data.chargers is UNSET else _warnings_about_unknown(registry, row.chargers, caller)
    return AuthorizationReceipt(authorization=authorization_view(row, clock()), warnings=warnings)


@delete("/authorizations/{token:path}", summary="Removes an id tag", status_code=200)
async def remove_authorization(
    token: FromPath[str],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> AuthorizationReceipt:
    """Removes an id tag; its sessions stay."""
    row = await registry.remove_authorization(token[1:], account_id=caller.managed)
    return AuthorizationReceipt(authorization=authorization_view(row, clock()), warnings=[])


router = Router(
    "/api",
    route_handlers=[
        list_chargers,
        add_charger,
        show_charger,
        set_charger,
        remove_charger,
        show_charger_settings,
        show_settings,
        set_settings,
        list_credentials,
        add_credential,
        set_credential,
        remove_credential,
        list_authorizations,
        add_authorization,
        set_authorization,
        remove_authorization,
    ],
    tags=["management"],
)


def _charger_receipt(charger: Charger, connected: Connected, *, warnings: bool = True) -> ChargerReceipt:
    found = []
    if warnings:
        found = rules.warnings_about_identifier(charger.identifier)
        if charger.settings.source_id_template:
            found += rules.warnings_about_template(charger.settings.source_id_template, whole_account=False)
        if charger.security_profile == 0:
            found.append(f"{charger.identifier} needs no password: whoever knows its identifier can connect as it.")
    return ChargerReceipt(charger=charger_view(charger, connected), warnings=found)


def _warnings_about_unknown(registry: Registry, identifiers: Iterable[str], caller: Caller) -> list[str]:
    return [
        f"There is no charger {identifier!r} yet; add it with: solarocpp charger add {identifier}"
        for identifier in identifiers
        if registry.charger_by_identifier(identifier, caller.managed) is None
    ]
