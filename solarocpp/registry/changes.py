"""Changing the registry: one order after another, durable first, then in memory, then announced.

An order is checked against `rules` and against what is there, written in one transaction, put into
memory, and told to whoever watches; if the store refuses, nothing of it has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec
import trio
from msgspec import UNSET

from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.registry import rules
from solarocpp.registry.entities import (
    DEFAULT_ACCOUNT,
    Account,
    Authorization,
    Charger,
    ChargerChanged,
    Credential,
    CredentialChanged,
    Node,
    Settings,
)
from solarocpp.registry.memory import RegistryMemory
from solarocpp.registry.orders import (
    AuthorizationChange,
    ChargerChange,
    CredentialChange,
    NewAuthorization,
    NewCharger,
    NewCredential,
    SettingsChange,
)
from solarocpp.registry.passwords import PasswordVerifier, generate_password, hash_generated, hash_password
from solarocpp.store import Store
from solarocpp.store import registry as tables
from solarocpp.store.registry import Connection
from solarocpp.store.secrets import SecretsDatabase

E = TypeVar("E", bound=msgspec.Struct)
R = TypeVar("R")
_Database = Store | SecretsDatabase


class _AccountSettings(Settings, frozen=True, kw_only=True):
    account_id: int


class _ChargerSettings(Settings, frozen=True, kw_only=True):
    charger_id: int


class Registry(RegistryMemory):
    """What is registered, and the only way to change it.

    Raises:
        RegistryError: the order names something unknown, a name that is taken, or what rules forbid.
        StoreError: the change could not be made durable; nothing is different.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._turn = trio.Lock()
        self._watchers: list[Callable[[ChargerChanged | CredentialChanged], None]] = []
        self._passwords = PasswordVerifier()

    @classmethod
    def load(cls, store: Store) -> Registry:
        """Reads the whole registry; before the store runs."""
        registry = cls(store)
        registry._load()
        return registry

    def watch(self, listener: Callable[[ChargerChanged | CredentialChanged], None]) -> None:
        """Has `listener` called after every change, in the Trio thread; it must not wait."""
        self._watchers.append(listener)

    async def verify(self, credential: Credential, password: bytes) -> bool:
        """Tells whether `password` is the credential's; at most two costly checks run at once."""
        return await self._passwords.verify(credential, password)

    # Chargers

    async def add_charger(self, order: NewCharger, *, now: datetime, account_id: int = DEFAULT_ACCOUNT) -> Charger:
        """Registers a charger; it may connect at once, with a credential that allows it."""
        rules.check_identifier(order.identifier)
        async with self._turn:
            taken = self.charger_by_identifier(order.identifier, account_id)
            if taken is not None:
                raise _taken("charger", taken.identifier, f"solarocpp charger set {taken.identifier}")
            node = self._missing_node(account_id, order.node_id, now, create=order.create_node)
            charger = await self._make(
                tables.CHARGER,
                Charger(
                    charger_id=0,
                    account_id=account_id,
                    node_id=order.node_id,
                    identifier=ChargePointId(order.identifier),
                    created=now,
                    enabled=order.enabled,
                    registration_status=order.registration_status,
                    vendor=order.vendor,
                    model=order.model,
                ),
                node,
            )
            self._put_charger(charger)
        self._announce(ChargerChanged(charger.charger_id))
        return charger

    async def set_charger(
        self, identifier: str, change: ChargerChange, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> Charger:
        """Changes a charger and its settings."""
        _check_template(change)
        async with self._turn:
            charger = self.require_charger(account_id, identifier)
            node = None
            if change.node_id is not UNSET:
                node = self._missing_node(account_id, change.node_id, now, create=change.create_node)
            row = _changed(charger, change)
            settings = _changed(charger.settings, change)
            own = _ChargerSettings(charger_id=charger.charger_id, **msgspec.structs.asdict(settings))

            def write(con: Connection) -> None:
                if node is not None:
                    tables.insert_entities(con, tables.NODE, [node])
                tables.replace_entity(con, tables.CHARGER, row)
                tables.replace_entity(con, tables.CHARGER_SETTINGS, own)

            await _durably(self._store, write)
            self._put_node(node)
            # A BootNotification may have described it meanwhile: only what the order names goes over that.
            charger = msgspec.structs.replace(_changed(self.charger(charger.charger_id), change), settings=settings)
            self._put_charger(charger)
        self._announce(ChargerChanged(charger.charger_id))
        return charger

    async def remove_charger(self, identifier: str, *, account_id: int = DEFAULT_ACCOUNT) -> Charger:
        """Removes a charger and its settings; its sessions, datums and ledger stay."""
        async with self._turn:
            charger = self.require_charger(account_id, identifier)

            def write(con: Connection) -> None:
                tables.delete_entity(con, tables.CHARGER_SETTINGS, charger_id=charger.charger_id)
                tables.delete_entity(con, tables.CHARGER, charger_id=charger.charger_id)

            await _durably(self._store, write)
            self._drop_charger(charger)
        self._announce(ChargerChanged(charger.charger_id))
        return charger

    async def set_settings(self, change: SettingsChange, *, account_id: int = DEFAULT_ACCOUNT) -> Settings:
        """Changes the account's settings, for every charger that has none of its own."""
        _check_template(change)
        async with self._turn:
            settings = _changed(self.settings(account_id), change)
            row = _AccountSettings(account_id=account_id, **msgspec.structs.asdict(settings))
            await _durably(self._store, lambda con: tables.replace_entity(con, tables.ACCOUNT_SETTINGS, row))
            self._put_settings(account_id, settings)
        for charger in self.chargers(account_id):
            self._announce(ChargerChanged(charger.charger_id))
        return settings

    # Credentials: in the secrets database

    async def add_credential(
        self, order: NewCredential, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> tuple[Credential, str | None]:
        """Makes a username; gives the password too if it was generated, which nothing can show again."""
        rules.check_username(order.username)
        kind, stored, generated = await _hashed(order.password)
        async with self._turn:
            taken = self.credential(order.username)
            if taken is not None:
                raise _taken("credential", taken.username, f"solarocpp credential rotate {taken.username}")
            credential = Credential(0, account_id, order.username, tuple(order.allowed), kind, stored, now)
            credential = await _durably(self._store.secrets, _inserting(tables.CREDENTIAL, credential))
            self._put_credential(credential)
        self._announce(CredentialChanged(credential.credential_id))
        return credential, generated

    async def set_credential(
        self, username: str, change: CredentialChange, *, account_id: int = DEFAULT_ACCOUNT
    ) -> tuple[Credential, str | None]:
        """Changes a password or what the username may connect as; gives a generated password, once."""
        hashed = None if change.password is UNSET else await _hashed(change.password)
        async with self._turn:
            credential = self.require_credential(account_id, username)
            if change.allowed is not UNSET:
                credential = msgspec.structs.replace(credential, allowed=tuple(change.allowed))
            if hashed is not None:
                credential = msgspec.structs.replace(credential, kind=hashed[0], hash=hashed[1])
            row = credential
            await _durably(self._store.secrets, lambda con: tables.replace_entity(con, tables.CREDENTIAL, row))
            self._put_credential(credential)
        self._announce(CredentialChanged(credential.credential_id))
        return credential, hashed[2] if hashed else None

    async def remove_credential(self, username: str, *, account_id: int = DEFAULT_ACCOUNT) -> Credential:
        """Removes a username; chargers that use it can no longer connect."""
        async with self._turn:
            credential = self.require_credential(account_id, username)
            key = credential.credential_id
            await _durably(
                self._store.secrets, lambda con: tables.delete_entity(con, tables.CREDENTIAL, credential_id=key)
            )
            self._drop_credential(credential)
        self._announce(CredentialChanged(key))
        return credential

    # Id tags

    async def add_authorization(
        self, order: NewAuthorization, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> Authorization:
        """Lets an id tag charge."""
        rules.check_token(order.token)
        async with self._turn:
            taken = self._authorizations.get(account_id, {}).get(order.token.casefold())
            if taken is not None:
                raise _taken("authorization", taken.token, f"solarocpp authorization set {taken.token}")
            authorization = Authorization(
                authorization_id=0,
                account_id=account_id,
                token=order.token,
                created=now,
                enabled=order.enabled,
                expires=None if order.expires is None else order.expires.astimezone(UTC),
                parent=order.parent,
                max_active=order.max_active,
            )
            authorization = await self._make(tables.AUTHORIZATION, authorization)
            self._put_authorization(authorization)
        return authorization

    async def set_authorization(
        self, token: str, change: AuthorizationChange, *, account_id: int = DEFAULT_ACCOUNT
    ) -> Authorization:
        """Changes what an id tag may do; running sessions go on."""
        async with self._turn:
            authorization = _changed(self.require_authorization(account_id, token), change)
            if authorization.expires is not None:
                authorization = msgspec.structs.replace(authorization, expires=authorization.expires.astimezone(UTC))
            await _durably(self._store, lambda con: tables.replace_entity(con, tables.AUTHORIZATION, authorization))
            self._put_authorization(authorization)
        return authorization

    async def remove_authorization(self, token: str, *, account_id: int = DEFAULT_ACCOUNT) -> Authorization:
        """Removes an id tag: it is answered Invalid from now on; its sessions stay."""
        async with self._turn:
            authorization = self.require_authorization(account_id, token)
            key = authorization.authorization_id
            await _durably(
                self._store, lambda con: tables.delete_entity(con, tables.AUTHORIZATION, authorization_id=key)
            )
            self._drop_authorization(authorization)
        return authorization

    # Inside

    def _load(self) -> None:
        def read(con: Connection) -> None:
            for account in tables.select_all(con, tables.ACCOUNT, Account):
                self._put_account(account)
            for node in tables.select_all(con, tables.NODE, Node):
                self._put_node(node)
            for row in tables.select_all(con, tables.ACCOUNT_SETTINGS, _AccountSettings):
                self._put_settings(row.account_id, Settings(row.source_id_template, row.publish))
            settings = {
                own.charger_id: Settings(own.source_id_template, own.publish)
                for own in tables.select_all(con, tables.CHARGER_SETTINGS, _ChargerSettings)
            }
            for charger in tables.select_all(con, tables.CHARGER, Charger):
                own_settings = settings.get(charger.charger_id, Settings())
                self._put_charger(msgspec.structs.replace(charger, settings=own_settings))
            for authorization in tables.select_all(con, tables.AUTHORIZATION, Authorization):
                self._put_authorization(authorization)

        self._store.read_now(read)
        for credential in self._store.secrets.read_now(
            lambda con: tables.select_all(con, tables.CREDENTIAL, Credential)
        ):
            self._put_credential(credential)

    async def _make(self, table: tables.EntityTable, entity: E, node: Node | None = None) -> E:
        insert = _inserting(table, entity)

        def write(con: Connection) -> E:
            if node is not None:
                tables.insert_entities(con, tables.NODE, [node])
            return insert(con)

        made = await _durably(self._store, write)
        self._put_node(node)
        return made

    def _missing_node(self, account_id: int, node_id: int, now: datetime, *, create: bool) -> Node | None:
        """Gives the node to make, or None if it is there already."""
        nodes = {node.node_id for node in self.nodes(account_id)}
        if node_id in nodes:
            return None
        if not create:
            listed = ", ".join(map(str, sorted(nodes)))
            text = f"There is no node {node_id}; there is {listed}. To make it, add --create-node."
            raise RegistryError("node", node_id, text, status=404)
        if node_id in self._nodes:
            raise RegistryError("node", node_id, f"Node {node_id} belongs to another account.", status=409)
        return Node(node_id, account_id, f"Node {node_id}", now)

    def _announce(self, change: ChargerChanged | CredentialChanged) -> None:
        for listener in self._watchers:
            listener(change)


async def _durably(database: _Database, change: Callable[[Connection], R]) -> R:
    """Writes, even if whoever ordered it is gone by now: store and memory must not part."""
    with trio.CancelScope(shield=True):
        written = await database.write(change)
    return written  # noqa: RET504 within the scope, mypy would expect it to swallow what is raised


def _inserting(table: tables.EntityTable, entity: E) -> Callable[[Connection], E]:
    def insert(con: Connection) -> E:
        made = msgspec.structs.replace(entity, **{table.key[0]: tables.next_id(con, table)})
        tables.insert_entities(con, table, [made])
        return made

    return insert


def _changed(entity: E, change: msgspec.Struct) -> E:
    """Puts the fields that a change names over those of the entity that has them."""
    named = {
        field: value
        for field in change.__struct_fields__
        if field in entity.__struct_fields__ and (value := getattr(change, field)) is not UNSET
    }
    return msgspec.structs.replace(entity, **named)


def _check_template(change: SettingsChange) -> None:
    if isinstance(change.source_id_template, str):
        rules.check_template(change.source_id_template)


async def _hashed(password: str | None) -> tuple[Literal["generated", "password"], str, str | None]:
    """Hashes a password, or a new one if there is none, which is then given back as it is."""
    if password is not None:
        return "password", await hash_password(password.encode()), None
    generated = generate_password()
    return "generated", hash_generated(generated), generated


def _taken(kind: str, name: str, instead: str) -> RegistryError:
    return RegistryError(kind, name, f"There is a {kind} {name!r} already. Change it with: {instead}", status=409)
