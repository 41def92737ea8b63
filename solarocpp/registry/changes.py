"""Changing the registry: one order after another, durable first, then in memory, then announced.

An order is checked against `rules` and against what is there, and then goes the way of `durable`.
Accounts, chargers, settings and id tags are here; who may come in is in `access`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET

from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.registry import rules
from solarocpp.registry.access import AccessRegistry
from solarocpp.registry.durable import AccountSettings, ChargerSettings, changed, durably, inserting, taken
from solarocpp.registry.entities import (
    CHARGER_DETAILS,
    DEFAULT_ACCOUNT,
    Account,
    Authorization,
    Charger,
    ChargerChanged,
    Node,
    Settings,
)
from solarocpp.registry.orders import (
    AuthorizationChange,
    ChargerChange,
    DatumSettingsChange,
    NewAccount,
    NewAuthorization,
    NewCharger,
    NodeChange,
    SettingsChange,
)
from solarocpp.store import registry as tables
from solarocpp.store.accepted import forget_charger
from solarocpp.store.configuration import delete_desired, delete_desired_secret
from solarocpp.store.registry import Connection

# What an order says of a charger word for word.
_DETAILS: Final = ("connector_count", *CHARGER_DETAILS, "supply_phases", "supply_voltage")

# A URL template that gives each reconnect another identifier must not fill the table; a site of more
# chargers than this is registered, or adopted as it comes.
MOST_UNADOPTED: Final = 100


class Registry(AccessRegistry):
    """What is registered, and the only way to change it.

    Raises:
        RegistryError: the order names something unknown, a name that is taken, or what rules forbid.
        StoreError: the change could not be made durable; nothing is different.
    """

    # Accounts

    async def add_account(self, order: NewAccount, *, now: datetime) -> Account:
        """Makes an account with a node of its own, so that a charger can be added at once."""
        rules.check_label("account", order.name)
        async with self._turn:
            if order.name.casefold() in {row.name.casefold() for row in self._accounts.values()}:
                raise taken("account", order.name, "See: solarocpp account list")

            def write(con: Connection) -> tuple[Account, Node]:
                account_id, node_id = tables.next_id(con, tables.ACCOUNT), tables.next_id(con, tables.NODE)
                account = Account(account_id, order.name, now, tables.unused_hid(con))
                node = Node(node_id, account_id, f"node {node_id}", now)
                tables.insert_entities(con, tables.ACCOUNT, [account])
                tables.insert_entities(con, tables.NODE, [node])
                return account, node

            account, node = await durably(self._store, write)
            self._put_account(account)
            self._put_node(node)
        return account

    async def set_node(self, node_id: int, change: NodeChange, *, account_id: int = DEFAULT_ACCOUNT) -> Node:
        """Names a node, or says by which clock its days begin; what is asked from now on follows it."""
        if isinstance(change.name, str):
            rules.check_label("node", change.name)
        if isinstance(change.time_zone, str):
            change = msgspec.structs.replace(change, time_zone=rules.read_time_zone(change.time_zone))
        async with self._turn:
            node = changed(self.require_node(account_id, node_id), change)
            await durably(self._store, lambda con: tables.replace_entity(con, tables.NODE, node))
            self._put_node(node)
        return node

    # Chargers

    async def add_charger(self, order: NewCharger, *, now: datetime, account_id: int = DEFAULT_ACCOUNT) -> Charger:
        """Registers a charger; it may connect at once, with a credential that allows it."""
        rules.check_identifier(order.identifier)
        self.require_account(account_id)
        async with self._turn:
            there = self.charger_by_identifier(order.identifier, account_id)
            if there is not None:
                raise taken("charger", there.identifier, f"Change it with: solarocpp charger set {there.identifier}")
            node_id = self._first_node(account_id) if order.node_id is None else order.node_id
            node = self._missing_node(account_id, node_id, now, create=order.create_node)
            charger = Charger(
                charger_id=0,
                account_id=account_id,
                node_id=node_id,
                identifier=ChargePointId(order.identifier),
                created=now,
                enabled=order.enabled,
                registration_status=order.registration_status,
                vendor=order.vendor,
                model=order.model,
                security_profile=order.security_profile,
                **{name: getattr(order, name) for name in _DETAILS},
            )
            return await self._make_charger(charger, node)

    async def meet_charger(self, identifier: str, account_id: int, *, now: datetime) -> Charger:
        """Makes a charger of one that came with a right credential and that nobody registered.

        Raises:
            RegistryError: the account's `unknownChargers` does not let it in, or too many came so already.
        """
        policy = self.settings(account_id).unknown_chargers or "refuse"
        if policy == "refuse":
            text = f"There is no charger {identifier!r}, and unknownChargers is 'refuse'."
            raise RegistryError("charger", identifier, text, status=404)
        rules.check_identifier(identifier)
        async with self._turn:
            there = self.charger_by_identifier(identifier, account_id)
            if there is not None:  # it came twice at once
                return there
            if sum(not row.adopted for row in self.chargers(account_id)) >= MOST_UNADOPTED:
                text = (
                    f"{MOST_UNADOPTED} chargers that nobody registered wait for adoption already. "
                    f"Adopt or remove some (solarocpp charger list), then {identifier!r} may come in."
                )
                raise RegistryError("charger", identifier, text, status=409)
            charger = Charger(
                charger_id=0,
                account_id=account_id,
                node_id=self._first_node(account_id),
                identifier=ChargePointId(identifier),
                created=now,
                registration_status="Pending" if policy == "pending" else "Accepted",
                adopted=False,
            )
            return await self._make_charger(charger, None)

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
            adopted = charger.adopted or change.registration_status is not UNSET
            row = msgspec.structs.replace(changed(charger, change), adopted=adopted)
            settings = changed(charger.settings, change)
            own = ChargerSettings(charger_id=charger.charger_id, **msgspec.structs.asdict(settings))

            def write(con: Connection) -> None:
                if node is not None:
                    tables.insert_entities(con, tables.NODE, [node])
                tables.replace_entity(con, tables.CHARGER, row)
                tables.replace_entity(con, tables.CHARGER_SETTINGS, own)

            await durably(self._store, write)
            self._put_node(node)
            # A BootNotification may have described it meanwhile: only what the order names goes over that.
            charger = changed(self.charger(charger.charger_id), change)
            charger = msgspec.structs.replace(charger, adopted=adopted, settings=settings)
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
                forget_charger(con, charger.charger_id)
                delete_desired(con, charger.charger_id)

            await durably(self._store, write)
            await durably(self._store.secrets, lambda con: delete_desired_secret(con, charger.charger_id))
            await self._write_keys(charger.charger_id, ())
            self._drop_charger(charger)
        self._announce(ChargerChanged(charger.charger_id))
        return charger

    async def set_settings(self, change: SettingsChange, *, account_id: int = DEFAULT_ACCOUNT) -> Settings:
        """Changes the account's settings, for every charger that has none of its own."""
        self.require_account(account_id)
        _check_template(change)
        async with self._turn:
            settings = changed(self.settings(account_id), change)
            row = AccountSettings(account_id=account_id, **msgspec.structs.asdict(settings))
            await durably(self._store, lambda con: tables.replace_entity(con, tables.ACCOUNT_SETTINGS, row))
            self._put_settings(account_id, settings)
        for charger in self.chargers(account_id):
            self._announce(ChargerChanged(charger.charger_id))
        return settings

    # Id tags

    async def add_authorization(
        self, order: NewAuthorization, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> Authorization:
        """Lets an id tag charge."""
        self.require_account(account_id)
        rules.check_token(order.token)
        _check_parent(order.parent)
        async with self._turn:
            there = self._authorizations.get(account_id, {}).get(order.token.casefold())
            if there is not None:
                raise taken("authorization", there.token, f"Change it with: solarocpp authorization set {there.token}")
            authorization = Authorization(
                authorization_id=0,
                account_id=account_id,
                token=order.token,
                created=now,
                enabled=order.enabled,
                expires=None if order.expires is None else order.expires.astimezone(UTC),
                parent=order.parent,
                max_active=order.max_active,
                chargers=tuple(order.chargers),
            )
            authorization = await durably(self._store, inserting(tables.AUTHORIZATION, authorization))
            self._put_authorization(authorization)
        self._announce_authorizations(account_id)
        return authorization

    async def set_authorization(
        self, token: str, change: AuthorizationChange, *, account_id: int = DEFAULT_ACCOUNT
    ) -> Authorization:
        """Changes what an id tag may do; running sessions go on."""
        _check_parent(change.parent)
        async with self._turn:
            authorization = changed(self.require_authorization(account_id, token), change)
            if authorization.expires is not None:
                authorization = msgspec.structs.replace(authorization, expires=authorization.expires.astimezone(UTC))
            await durably(self._store, lambda con: tables.replace_entity(con, tables.AUTHORIZATION, authorization))
            self._put_authorization(authorization)
        self._announce_authorizations(account_id)
        return authorization

    async def remove_authorization(self, token: str, *, account_id: int = DEFAULT_ACCOUNT) -> Authorization:
        """Removes an id tag: it is answered Invalid from now on; its sessions stay."""
        async with self._turn:
            authorization = self.require_authorization(account_id, token)
            key = authorization.authorization_id
            await durably(
                self._store, lambda con: tables.delete_entity(con, tables.AUTHORIZATION, authorization_id=key)
            )
            self._drop_authorization(authorization)
        self._announce_authorizations(account_id)
        return authorization

    # Inside

    async def _make_charger(self, charger: Charger, node: Node | None) -> Charger:
        made = await durably(self._store, inserting(tables.CHARGER, charger, node))
        self._put_node(node)
        self._put_charger(made)
        self._announce(ChargerChanged(made.charger_id))
        return made

    def _first_node(self, account_id: int) -> int:
        nodes = self.nodes(account_id)
        if not nodes:
            raise RegistryError("node", None, f"Account {account_id} has no node. Name one, with --create-node.")
        return nodes[0].node_id

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
            raise RegistryError(
                "node", node_id, f"The number {node_id} is taken; choose another for the node.", status=409
            )
        return Node(node_id, account_id, f"Node {node_id}", now)


def _check_template(change: DatumSettingsChange) -> None:
    if isinstance(change.source_id_template, str):
        rules.check_template(change.source_id_template)


def _check_parent(parent: object) -> None:
    if isinstance(parent, str):
        rules.check_parent(parent)
