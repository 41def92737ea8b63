"""Routes of configuration keys: what chargers say, what it was, and what somebody wants.

A desired value is kept first and ordered then, so that a server that dies in between orders it after the charger's
next boot. What is a secret is in the secrets database only, and is shown to nobody.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Router, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from solarocpp.central_system.configuration import is_secret_key, same_key, same_value
from solarocpp.central_system.instructions import Order, read_order, refuse_own_key
from solarocpp.errors import RegistryError
from solarocpp.registry import Charger, Registry
from solarocpp.registry.durable import durably
from solarocpp.store import Store
from solarocpp.store.configuration import (
    ConfigurationValue,
    DesiredValue,
    delete_desired,
    delete_desired_secret,
    select_configuration,
    select_configuration_history,
    select_desired,
    store_desired,
    store_desired_secret,
)
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import insert_events
from solarocpp.store.registry import Connection
from solarocpp.web.access import LOOKS, Caller
from solarocpp.web.answers import Answer
from solarocpp.web.instructions import Queue
from solarocpp.web.management import Clock

MOST_DESIRED: Final = 100
"""Keys of one charger that somebody wants to have a value: twice those of the specification."""

MAX_HISTORY: Final = 1000
"""Values of one key that are listed; SQL has the rest."""


class ConfigurationView(Answer, frozen=True, kw_only=True):
    """A configuration key of a charger, and what it is to be."""

    key: str
    value: str | None
    """Secrets are blanked."""
    desired: str | None
    """None: nobody wants anything of it."""
    differs: bool | None
    """Whether value and desired are not the same; None: nothing is desired, or it is a secret."""
    readonly: bool | None
    """None: the charger did not say."""
    reboot_required: bool
    """Whether the charger wanted a reboot to use the value, and was not read since."""
    since: datetime | None
    """When it was first told with this value; None: the charger has not told this key."""
    seen: datetime | None
    """When it was last told with this value."""


class PastValueView(Answer, frozen=True, kw_only=True):
    """A value that a key had."""

    key: str
    value: str | None
    since: datetime
    seen: datetime
    until: datetime | None
    """None: it has it now."""


class DesiredChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Says what keys of a charger are to be."""

    desired: dict[str, str | None]
    """By key: its value; null: whatever it is."""

    def __repr__(self) -> str:
        """Shows the keys; a value may be a password."""
        return f"DesiredChange(desired={list(self.desired)})"


@get("/configuration/{identifier:path}", opt=LOOKS, summary="Shows the configuration of a charger")
async def show_configuration(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
) -> list[ConfigurationView]:
    """Lists the keys a charger has told and those somebody wants to have a value, by name."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    return await _shown(store, charger)


@get("/configuration-history/{identifier:path}", opt=LOOKS, summary="Lists the values configuration keys had")
async def show_history(
    identifier: FromPath[str],
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    key: Annotated[str | None, QueryParameter()] = None,
) -> list[PastValueView]:
    """Lists the values that a key, or every key, had, the newest last."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    ask = partial(select_configuration_history, charger_id=charger.charger_id, key=key, limit=MAX_HISTORY)
    return [
        PastValueView(key=row.key, value=row.value, since=row.since, seen=row.seen, until=row.until)
        for row in await store.read(ask)
    ]


@patch("/configuration/{identifier:path}", summary="Says what configuration keys are to be")
async def desire_configuration(  # noqa: PLR0913 one argument a thing it is handed
    identifier: FromPath[str],
    *,
    data: JSONBody[DesiredChange],
    registry: NamedDependency[Registry],
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    instructions: NamedDependency[Queue],
    clock: NamedDependency[Clock],
) -> list[ConfigurationView]:
    """Keeps desired values and has the charger told; after each boot they are set again where they differ."""
    charger = registry.require_charger(caller.managed, identifier[1:])
    orders = {key: _read_desired(charger, key, value) for key, value in data.desired.items() if value is not None}
    there = await store.read(partial(select_desired, charger_id=charger.charger_id))
    if len({same_key(row.key) for row in there} | {same_key(key) for key in orders}) > MOST_DESIRED:
        text = f"At most {MOST_DESIRED} keys of {charger.identifier} can have a desired value."
        raise RegistryError("configuration", charger.identifier, text, status=409)
    for key, value in data.desired.items():
        await _keep(store, charger, key.strip(), value, caller.who, clock())
    for order in orders.values():
        await instructions.submit(order, action="ChangeConfiguration", charger=charger, requested_by=caller.who)
    return await _shown(store, charger)


def _read_desired(charger: Charger, key: str, value: str) -> Order:
    """Checks what a key is to be.

    Raises:
        RegistryError: no charger can have that, or it would lock this one out.
    """
    if not key.strip():
        raise RegistryError("configuration", key, "A configuration key has a name.")
    order = read_order("ChangeConfiguration", msgspec.json.encode({"key": key.strip(), "value": value}))
    refuse_own_key(order, charger.identifier)
    return order


async def _keep(  # noqa: PLR0913, PLR0917 what a row holds
    store: Store, charger: Charger, key: str, value: str | None, requested_by: str, now: datetime
) -> None:
    """Writes down what a key is to be; the secret before its row, and after its row when it goes."""
    secret = is_secret_key(key)
    shown = "[redacted]" if secret else value
    text = f"{key} may be anything" if value is None else f"{key} is to be {shown}"
    data: dict[str, str | int | float | bool | None] = {
        "cp": charger.identifier,
        "key": key,
        "value": None if value is None else shown,
        "by": requested_by,
    }
    event = EventHappened(now, "configuration_desired", charger.identifier, text, data, charger.account_id)

    def write(con: Connection) -> bool:
        if value is not None and shown is not None:
            row = DesiredValue(
                charger.charger_id, charger.account_id, charger.identifier, key, shown, requested_by, now
            )
            store_desired(con, row)
        elif not delete_desired(con, charger.charger_id, key):
            return False
        insert_events(con, [event])
        return True

    if secret and value is not None:
        await durably(store.secrets, lambda con: store_desired_secret(con, charger.charger_id, key, value))
    await durably(store, write)
    if secret and value is None:
        await durably(store.secrets, lambda con: delete_desired_secret(con, charger.charger_id, key))


async def _shown(store: Store, charger: Charger) -> list[ConfigurationView]:
    told = await store.read(partial(select_configuration, charger_id=charger.charger_id))
    desired = await store.read(partial(select_desired, charger_id=charger.charger_id))
    values = {same_key(row.key): row for row in told}
    wanted = {same_key(row.key): row for row in desired}
    return [_view(values.get(name), wanted.get(name)) for name in sorted(values.keys() | wanted.keys())]


def _view(told: ConfigurationValue | None, desired: DesiredValue | None) -> ConfigurationView:
    key = told.key if told is not None else desired.key if desired is not None else ""
    value = None if told is None else told.value
    comparable = desired is not None and not is_secret_key(key)
    return ConfigurationView(
        key=key,
        value=value,
        desired=None if desired is None else desired.value,
        differs=(told is None or not same_value(value, desired.value)) if comparable and desired is not None else None,
        readonly=None if told is None else told.readonly,
        reboot_required=told is not None and told.reboot_required,
        since=None if told is None else told.since,
        seen=None if told is None else told.seen,
    )


router = Router("/api", route_handlers=[show_configuration, show_history, desire_configuration], tags=["configuration"])
