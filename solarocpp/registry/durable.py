"""The registry with a store behind it: read whole at start, written through, every change announced.

What all changes share is here: they wait for each other, are written in one transaction, and are in
memory and told to whoever watches only after that; if the store refuses, nothing of them has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

import msgspec
import trio
from msgspec import UNSET

from solarocpp.errors import RegistryError
from solarocpp.registry.entities import (
    Account,
    ApiToken,
    Authorization,
    Charger,
    ChargerChanged,
    Credential,
    CredentialChanged,
    Node,
    Settings,
)
from solarocpp.registry.memory import RegistryMemory
from solarocpp.store import Store
from solarocpp.store import registry as tables
from solarocpp.store.registry import Connection
from solarocpp.store.secrets import SecretsDatabase

E = TypeVar("E", bound=msgspec.Struct)
R = TypeVar("R")


class AccountSettings(Settings, frozen=True, kw_only=True):
    """A row of `accountSettings`."""

    account_id: int


class ChargerSettings(Settings, frozen=True, kw_only=True):
    """A row of `chargerSettings`."""

    charger_id: int


class DurableRegistry(RegistryMemory):
    """What is registered, in memory and in the store alike."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._turn = trio.Lock()
        self._watchers: list[Callable[[ChargerChanged | CredentialChanged], None]] = []
        self._watchers_of_authorizations: list[Callable[[int], None]] = []

    @classmethod
    def load(cls, store: Store) -> Self:
        """Reads the whole registry; before the store runs."""
        registry = cls(store)
        registry._load()
        return registry

    def watch(self, listener: Callable[[ChargerChanged | CredentialChanged], None]) -> None:
        """Has `listener` called after every change, in the Trio thread; it must not wait."""
        self._watchers.append(listener)

    def watch_authorizations(self, listener: Callable[[int], None]) -> None:
        """Has `listener` called with an account after each change of its id tags, as `watch` does."""
        self._watchers_of_authorizations.append(listener)

    def _load(self) -> None:
        def read(con: Connection) -> None:
            for account in tables.select_all(con, tables.ACCOUNT, Account):
                self._put_account(account)
            for node in tables.select_all(con, tables.NODE, Node):
                self._put_node(node)
            for row in tables.select_all(con, tables.ACCOUNT_SETTINGS, AccountSettings):
                self._put_settings(row.account_id, _settings(row))
            rows = tables.select_all(con, tables.CHARGER_SETTINGS, ChargerSettings)
            settings = {row.charger_id: _settings(row) for row in rows}
            for charger in tables.select_all(con, tables.CHARGER, Charger):
                own_settings = settings.get(charger.charger_id, Settings())
                self._put_charger(msgspec.structs.replace(charger, settings=own_settings))
            for authorization in tables.select_all(con, tables.AUTHORIZATION, Authorization):
                self._put_authorization(authorization)

        def read_secrets(con: Connection) -> None:
            for credential in tables.select_all(con, tables.CREDENTIAL, Credential):
                self._put_credential(credential)
            for token in tables.select_all(con, tables.API_TOKEN, ApiToken):
                self._put_token(token)

        self._store.read_now(read)
        self._store.secrets.read_now(read_secrets)

    def _announce(self, change: ChargerChanged | CredentialChanged) -> None:
        for listener in self._watchers:
            listener(change)

    def _announce_authorizations(self, account_id: int) -> None:
        for listener in self._watchers_of_authorizations:
            listener(account_id)


async def durably(database: Store | SecretsDatabase, change: Callable[[Connection], R]) -> R:
    """Writes, even if whoever ordered it is gone by now: store and memory must not part."""
    with trio.CancelScope(shield=True):
        written = await database.write(change)
    return written  # noqa: RET504 within the scope, mypy would expect it to swallow what is raised


def inserting(table: tables.EntityTable, entity: E, node: Node | None = None) -> Callable[[Connection], E]:
    """Makes a change that gives `entity` a number and inserts it, and before it `node` if there is one."""

    def insert(con: Connection) -> E:
        if node is not None:
            tables.insert_entities(con, tables.NODE, [node])
        made = msgspec.structs.replace(entity, **{table.key[0]: tables.next_id(con, table)})
        tables.insert_entities(con, table, [made])
        return made

    return insert


def changed(entity: E, change: msgspec.Struct) -> E:
    """Puts the fields that a change names over those of the entity that has them; lists become tuples."""
    named = {
        field: tuple(value) if isinstance(value, list) else value
        for field in change.__struct_fields__
        if field in entity.__struct_fields__ and (value := getattr(change, field)) is not UNSET
    }
    return msgspec.structs.replace(entity, **named)


def taken(kind: str, name: str, instead: str) -> RegistryError:
    """Makes the error of an order for a name that is there already."""
    article = "an" if kind[0] in "aeiou" else "a"
    return RegistryError(kind, name, f"There is {article} {kind} {name!r} already. {instead}", status=409)


def _settings(row: Settings) -> Settings:
    return Settings(row.source_id_template, row.publish, row.unknown_chargers)
