"""The registry in memory: every lookup a link or a handler makes, without I/O.

Names are compared without case and shown as they were registered (Q10, Q95). Entities are frozen;
`Registry` puts a changed one in place once the store has it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from solarocpp.errors import RegistryError
from solarocpp.registry.entities import (
    DEFAULT_SOURCE_ID_TEMPLATE,
    Account,
    ApiToken,
    Authorization,
    Charger,
    Credential,
    Node,
    Settings,
)
from solarocpp.registry.rules import nearest
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted
from solarocpp.store.ledger import ChargerFacts


class RegistryMemory:
    """What is registered, found by the names that chargers and operators use."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._account_ids: dict[str, int] = {}
        self._nodes: dict[int, Node] = {}
        self._settings: dict[int, Settings] = {}
        self._chargers: dict[int, Charger] = {}
        self._charger_ids: dict[str, dict[int, int]] = {}
        self._credentials: dict[str, Credential] = {}
        self._tokens: dict[int, ApiToken] = {}
        self._authorizations: dict[int, dict[str, Authorization]] = {}
        self._facts: dict[int, ChargerFacts] = {}

    # Lookups: None where there is nothing, for those who answer chargers

    def account(self, account_id: int) -> Account | None:
        """Finds an account by number."""
        return self._accounts.get(account_id)

    def account_by_hid(self, hid: str) -> Account | None:
        """Finds the account that a URL names (spec 1.5), ignoring case; it proves nothing about who asks."""
        account_id = self._account_ids.get(hid.casefold())
        return None if account_id is None else self._accounts[account_id]

    def charger(self, charger_id: int) -> Charger:
        """Gives the charger with this number.

        Raises:
            KeyError: it was removed.
        """
        return self._chargers[charger_id]

    def charger_by_identifier(self, identifier: str, account_id: int | None = None) -> Charger | None:
        """Finds a charger by identifier, ignoring case (Q10); without account only if it is the only one."""
        found = self._charger_ids.get(identifier.casefold(), {})
        if account_id is None:
            return self._chargers[next(iter(found.values()))] if len(found) == 1 else None
        charger_id = found.get(account_id)
        return None if charger_id is None else self._chargers[charger_id]

    def first_charger(self, identifier: str) -> Charger | None:
        """Finds, of all chargers on the box that are called so, the one registered first.

        Whoever registers the same identifier later, in an account of their own, takes nothing from it.
        """
        found = self._charger_ids.get(identifier.casefold(), {})
        return self._chargers[min(found.values())] if found else None

    def credential(self, username: str) -> Credential | None:
        """Finds a credential by username, ignoring case (Q10); usernames are unique over all accounts."""
        return self._credentials.get(username.casefold())

    def authorization(self, account_id: int, token: str) -> Authorization | None:
        """Finds the row that decides about an id tag: its own, else that of the longest prefix (Q95, Q97).

        A row whose token ends in `*` is a prefix: `vid:*`, as in spec 4.1, or any other. No row decides
        about an empty id tag, which a charger without a reader sends.
        """
        spelling = token.strip().casefold()
        if not spelling:
            return None
        rows = self._authorizations.get(account_id, {})
        names = (spelling, *(f"{spelling[:length]}*" for length in range(len(spelling), -1, -1)))
        return next((row for name in names if (row := rows.get(name)) is not None), None)

    def facts(self, charger: Charger) -> ChargerFacts:
        """Tells what is recorded with each message of a charger, settings resolved (spec 3.3, Q11)."""
        facts = self._facts.get(charger.charger_id)
        if facts is None:
            account = self.settings(charger.account_id)
            own = charger.settings
            facts = self._facts[charger.charger_id] = ChargerFacts(
                charger_id=charger.charger_id,
                identifier=charger.identifier,
                account_id=charger.account_id,
                node_id=charger.node_id,
                source_id_template=own.source_id_template or account.source_id_template or DEFAULT_SOURCE_ID_TEMPLATE,
                publish=next((value for value in (own.publish, account.publish) if value is not None), True),
            )
        return facts

    def settings(self, account_id: int) -> Settings:
        """Gives the account's settings; empty ones if it never had any."""
        return self._settings.get(account_id, Settings())

    # Listings, ordered as a person would look

    def accounts(self) -> list[Account]:
        """Lists the accounts, by number."""
        return [self._accounts[number] for number in sorted(self._accounts)]

    def tokens(self, account_id: int | None = None) -> list[ApiToken]:
        """Lists the API tokens of one account, or all of the box, by number."""
        return [row for _, row in sorted(self._tokens.items()) if account_id in (None, row.account_id)]

    def nodes(self, account_id: int) -> list[Node]:
        """Lists the nodes of an account, by number."""
        return [node for _, node in sorted(self._nodes.items()) if node.account_id == account_id]

    def chargers(self, account_id: int | None = None) -> list[Charger]:
        """Lists the chargers, of one account or all, by identifier."""
        found = (row for row in self._chargers.values() if account_id in (None, row.account_id))
        return sorted(found, key=lambda row: row.identifier.casefold())

    def credentials(self, account_id: int) -> list[Credential]:
        """Lists the credentials of an account, by username."""
        return [row for _, row in sorted(self._credentials.items()) if row.account_id == account_id]

    def authorizations(self, account_id: int) -> list[Authorization]:
        """Lists the id tags of an account, by token."""
        return [row for _, row in sorted(self._authorizations.get(account_id, {}).items())]

    # Lookups for operators: an unknown name is an error that says which one is near

    def require_account(self, account_id: int) -> Account:
        """Gives the account with this number.

        Raises:
            RegistryError: there is none.
        """
        account = self.account(account_id)
        if account is None:
            text = f"There is no account {account_id}. See: solarocpp account list"
            raise RegistryError("account", account_id, text, status=404)
        return account

    def require_node(self, account_id: int, node_id: int) -> Node:
        """Gives the node of an account.

        Raises:
            RegistryError: there is none.
        """
        node = self._nodes.get(node_id)
        if node is None or node.account_id != account_id:
            listed = ", ".join(str(node.node_id) for node in self.nodes(account_id))
            text = f"There is no node {node_id}; there is {listed or 'none'}. See: solarocpp node list"
            raise RegistryError("node", node_id, text, status=404)
        return node

    def require_charger(self, account_id: int, identifier: str) -> Charger:
        """Gives the charger of an account.

        Raises:
            RegistryError: there is none; names the nearest.
        """
        charger = self.charger_by_identifier(identifier, account_id)
        if charger is None:
            known = [row.identifier for row in self.chargers(account_id)]
            raise _unknown("charger", identifier, known, "solarocpp charger list")
        return charger

    def require_credential(self, account_id: int, username: str) -> Credential:
        """Gives the credential of an account.

        Raises:
            RegistryError: there is none; names the nearest.
        """
        credential = self.credential(username)
        if credential is None or credential.account_id != account_id:
            known = [row.username for row in self.credentials(account_id)]
            raise _unknown("credential", username, known, "solarocpp credential list")
        return credential

    def require_authorization(self, account_id: int, token: str) -> Authorization:
        """Gives the row of exactly this token.

        Raises:
            RegistryError: there is none; names the nearest.
        """
        authorization = self._authorizations.get(account_id, {}).get(token.casefold())
        if authorization is None:
            known = [row.token for row in self.authorizations(account_id)]
            raise _unknown("authorization", token, known, "solarocpp authorization list")
        return authorization

    def require_token(self, account_id: int | None, name: str | int) -> ApiToken:
        """Gives the API token with this name or number, of one account or, with None, of the whole box.

        Raises:
            RegistryError: there is none, names the nearest; or several accounts have one of this name.
        """
        rows = self.tokens(account_id)
        found = [row for row in rows if name in (row.token_id, str(row.token_id))]
        found = found or [row for row in rows if row.name.casefold() == str(name).casefold()]
        if not found:
            raise _unknown("token", str(name), [row.name for row in rows], "solarocpp token list")
        if len(found) > 1:
            numbers = ", ".join(str(row.token_id) for row in found)
            raise RegistryError("token", name, f"Several tokens are called {name!r}. Name it by its number: {numbers}.")
        return found[0]

    # What chargers tell about themselves: memory only, the projector writes the tables

    def describe(self, effect: ChargerDescribed) -> None:
        """Takes over what a BootNotification said; everything it left out becomes empty (spec 6.3)."""
        charger = self._chargers.get(effect.charger_id)
        if charger is not None:
            self._put_charger(msgspec.structs.replace(charger, **msgspec.structs.asdict(effect)))

    def count_connectors(self, effect: ConnectorsCounted) -> None:
        """Takes over how many connectors a charger says it has."""
        charger = self._chargers.get(effect.charger_id)
        if charger is not None:
            self._put_charger(msgspec.structs.replace(charger, connector_count=effect.connector_count))

    # Changes of the memory, for `Registry`

    def _put_account(self, account: Account) -> None:
        self._accounts[account.account_id] = account
        self._account_ids[account.hid.casefold()] = account.account_id

    def _put_node(self, node: Node | None) -> None:
        if node is not None:
            self._nodes[node.node_id] = node

    def _put_charger(self, charger: Charger) -> None:
        self._chargers[charger.charger_id] = charger
        self._charger_ids.setdefault(charger.identifier.casefold(), {})[charger.account_id] = charger.charger_id
        self._facts.pop(charger.charger_id, None)

    def _drop_charger(self, charger: Charger) -> None:
        del self._chargers[charger.charger_id]
        same_name = self._charger_ids[charger.identifier.casefold()]
        del same_name[charger.account_id]
        if not same_name:
            del self._charger_ids[charger.identifier.casefold()]
        self._facts.pop(charger.charger_id, None)

    def _put_settings(self, account_id: int, settings: Settings) -> None:
        self._settings[account_id] = settings
        self._facts.clear()

    def _put_credential(self, credential: Credential) -> None:
        self._credentials[credential.username.casefold()] = credential

    def _drop_credential(self, credential: Credential) -> None:
        del self._credentials[credential.username.casefold()]

    def _put_token(self, token: ApiToken) -> None:
        self._tokens[token.token_id] = token

    def _drop_token(self, token: ApiToken) -> None:
        del self._tokens[token.token_id]

    def _drop_authorization(self, authorization: Authorization) -> None:
        del self._authorizations[authorization.account_id][authorization.token.casefold()]

    def _put_authorization(self, authorization: Authorization) -> None:
        rows = self._authorizations.setdefault(authorization.account_id, {})
        rows[authorization.token.casefold()] = authorization


def _unknown(kind: str, name: str, known: Iterable[str], listing: str) -> RegistryError:
    near = nearest(name, known)
    hint = f"Did you mean {near}?" if near else f"See: {listing}"
    return RegistryError(kind, name, f"There is no {kind} {name!r}. {hint}", status=404)
