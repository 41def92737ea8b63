"""Routes of charging profiles: kept under a name, set on connectors, cleared, and what chargers have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from solarocpp.central_system.charging.limits import check_profile
from solarocpp.central_system.instructions import Instruction
from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.registry import Charger
from solarocpp.store.profiles import (
    InstalledRow,
    NamedProfile,
    delete_named_profile,
    insert_named_profile,
    select_installed_profiles,
    select_open_transaction,
)
from solarocpp.web.access import LOOKS
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Desk, Patience, said_of, status_of
from solarocpp.web.instructions import Wait
from solarocpp.web.schedules import ChargingOrder, Connector, install, named_profiles, require_named

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

# They are read whole at each question; a site has a handful.
MOST_NAMED: Final = 1000


class NewProfile(ChargingOrder, frozen=True, kw_only=True):
    """Keeps a charging profile under a name."""

    name: Name
    profile: dict[str, Any]
    """A ChargingProfile of OCPP 1.6 §7.8 without chargingProfileId."""


class ProfileView(Answer, frozen=True, kw_only=True):
    """A charging profile that is kept under a name."""

    name: str
    profile: dict[str, Any]
    profile_id: int
    """The chargingProfileId that chargers get."""
    created: datetime


class NewInstallation(ChargingOrder, frozen=True, kw_only=True):
    """Sets a named profile on a connector."""

    name: Name
    charger: str
    connector: Connector = 0
    wait: Wait = 30


class InstallationReceipt(Answer, frozen=True, kw_only=True):
    """What became of setting or clearing a profile."""

    charger: str
    connector: int | None
    accepted: bool | None
    """None: the charger has not answered yet."""
    said: str
    instruction_id: int


class InstalledView(Answer, frozen=True, kw_only=True):
    """A charging profile that a charger has."""

    charger: str
    connector: int
    purpose: str
    stack_level: int
    charging_profile_id: int
    name: str | None
    """Under which it is kept; null: it is a limit, or was sent as a message."""
    transaction_id: int | None
    installed: datetime
    profile: dict[str, Any]


class ClearOrder(ChargingOrder, frozen=True, kw_only=True):
    """Takes profiles away from a charger: all of them, or those that match."""

    charger: str
    connector: Connector | None = None
    name: Name | None = None
    wait: Wait = 30


@get("/charging-profiles", opt=LOOKS, summary="Lists the charging profiles that are kept under a name")
async def list_profiles(desk: NamedDependency[Desk]) -> list[ProfileView]:
    """Lists the named profiles, by name."""
    return [_profile_view(row) for row in await named_profiles(desk)]


@post("/charging-profiles", summary="Keeps a charging profile under a name")
async def add_profile(data: JSONBody[NewProfile], desk: NamedDependency[Desk]) -> ProfileView:
    """Keeps a profile under a name; it is checked as OCPP 1.6 asks."""
    profile = _read_profile(data.profile)
    check_profile(profile)
    named = await named_profiles(desk)
    if any(row.name.casefold() == data.name.casefold() for row in named):
        text = f"There is a charging profile {data.name!r} already. Remove it first: solarocpp profile remove"
        raise RegistryError("charging_profile", data.name, text, status=409)
    if len(named) >= MOST_NAMED:
        raise RegistryError("charging_profile", data.name, f"{MOST_NAMED} profiles are kept already.", status=409)
    content = msgspec.to_builtins(profile)
    del content["chargingProfileId"]
    made = NamedProfile(0, desk.caller.managed, data.name, msgspec.json.encode(content).decode(), desk.now)
    return _profile_view(await desk.store.write(lambda con: insert_named_profile(con, made)))


@get("/charging-profiles/{name:path}", opt=LOOKS, summary="Shows a charging profile")
async def show_profile(name: FromPath[str], desk: NamedDependency[Desk]) -> ProfileView:
    """Shows a named profile."""
    return _profile_view(await require_named(desk, name[1:]))


@delete("/charging-profiles/{name:path}", summary="Forgets a charging profile; chargers keep theirs", status_code=200)
async def remove_profile(name: FromPath[str], desk: NamedDependency[Desk]) -> ProfileView:
    """Forgets a named profile; chargers that have it keep it."""
    found = await require_named(desk, name[1:])
    await desk.store.write(lambda con: delete_named_profile(con, found.profile_id))
    return _profile_view(found)


@get("/installed-profiles", opt=LOOKS, summary="Lists the charging profiles that chargers have")
async def list_installed(
    desk: NamedDependency[Desk], charger: Annotated[str | None, QueryParameter()] = None
) -> list[InstalledView]:
    """Lists what chargers have accepted and not lost since, as far as we were told."""
    by_number = {
        row.charger_id: row.identifier
        for row in desk.registry.chargers(desk.caller.managed)
        if charger is None or row.identifier.casefold() == charger.casefold()
    }
    names = {row.profile_id: row.name for row in await named_profiles(desk)}
    rows = await desk.store.read(lambda con: select_installed_profiles(con, by_number))
    return [_installed_view(row, by_number[row.charger_id], names) for row in rows]


@post("/installed-profiles", summary="Sets a named charging profile on a connector", status_code=200)
async def install_profile(data: JSONBody[NewInstallation], desk: NamedDependency[Desk]) -> InstallationReceipt:
    """Sets a profile; one for a transaction goes to the one that runs at the connector."""
    charger = desk.charger(data.charger)
    named = await require_named(desk, data.name)
    profile = _read_profile({**msgspec.json.decode(named.profile), "chargingProfileId": named.profile_id})
    check_profile(profile, data.connector)
    if profile.charging_profile_purpose == "TxProfile":
        running = await desk.store.read(lambda con: select_open_transaction(con, charger.charger_id, data.connector))
        if running is None:
            text = f"No transaction runs at connector {data.connector} of {charger.identifier}."
            raise RegistryError("charging_profile", data.name, text, status=409)
        profile = msgspec.structs.replace(profile, transaction_id=running.transaction_id)
    told = await install(desk, charger, data.connector, profile, patience=Patience(data.wait))
    accepted = status_of(told) == "Accepted" if told.final else None
    return _installation_receipt(charger, data.connector, told, accepted=accepted)


@post("/installed-profiles/clear", summary="Takes charging profiles away from a charger", status_code=200)
async def clear_profiles(data: JSONBody[ClearOrder], desk: NamedDependency[Desk]) -> InstallationReceipt:
    """Takes profiles away; a charger that has none such says Unknown, which is as good."""
    charger = desk.charger(data.charger)
    payload: dict[str, Any] = {} if data.connector is None else {"connectorId": data.connector}
    if data.name is not None:
        payload["id"] = (await require_named(desk, data.name)).profile_id
    told = await desk.tell(charger, "ClearChargingProfile", payload, wait_s=Patience(data.wait).left_s)
    accepted = status_of(told) is not None if told.final else None
    return _installation_receipt(charger, data.connector, told, accepted=accepted)


router = Router(
    "/api",
    route_handlers=[
        list_profiles,
        add_profile,
        show_profile,
        remove_profile,
        list_installed,
        install_profile,
        clear_profiles,
    ],
    tags=["smart charging"],
)


def _read_profile(content: Mapping[str, Any]) -> ChargingProfile:
    try:
        return msgspec.convert({"chargingProfileId": 0, **content}, ChargingProfile)
    except msgspec.ValidationError as exc:
        text = f"This is no ChargingProfile of OCPP 1.6: {exc}"
        raise RegistryError("charging_profile", content.get("chargingProfileId"), text) from exc


def _profile_view(row: NamedProfile) -> ProfileView:
    content = msgspec.json.decode(row.profile)
    return ProfileView(name=row.name, profile=content, profile_id=row.profile_id, created=row.created)


def _installed_view(row: InstalledRow, identifier: str, names: Mapping[int, str]) -> InstalledView:
    return InstalledView(
        charger=identifier,
        connector=row.connector_id,
        purpose=row.purpose,
        stack_level=row.stack_level,
        charging_profile_id=row.charging_profile_id,
        name=names.get(row.charging_profile_id),
        transaction_id=row.transaction_id,
        installed=row.installed,
        profile=msgspec.json.decode(row.profile),
    )


def _installation_receipt(
    charger: Charger, connector_id: int | None, told: Instruction, *, accepted: bool | None
) -> InstallationReceipt:
    return InstallationReceipt(
        charger=charger.identifier,
        connector=connector_id,
        accepted=accepted,
        said=said_of(told),
        instruction_id=told.instruction_id,
    )
