"""Who may come in: credentials of chargers and tokens of programs, in the secrets database.

Nothing here is ever told twice: a password or token that was generated is in the answer to its order
and nowhere else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import UNSET

from solarocpp.errors import RegistryError
from solarocpp.registry import rules
from solarocpp.registry.charger_keys import ChargerKeys
from solarocpp.registry.durable import durably, inserting, taken
from solarocpp.registry.entities import DEFAULT_ACCOUNT, ApiToken, Charger, ChargerKey, Credential, CredentialChanged
from solarocpp.registry.orders import CredentialChange, NewCredential, NewToken
from solarocpp.registry.passwords import (
    PasswordVerifier,
    generate_password,
    hash_generated,
    hash_password,
    matches_generated,
)
from solarocpp.store import Store
from solarocpp.store import registry as tables


class AccessRegistry(ChargerKeys):
    """Credentials and API tokens: made, changed, checked."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._passwords = PasswordVerifier()

    # Checks

    def recall(self, credential: Credential | None, password: bytes, identifier: str = "") -> bool | None:
        """Tells at once whether a password is right for who calls itself so, None where only `verify` can tell.

        It never says False: a refusal that is quick for some usernames would tell which ones exist.
        """
        return any(self._passwords.recall(row, password) for row in self._accepted(credential, identifier)) or None

    async def verify(self, credential: Credential | None, password: bytes, identifier: str = "") -> bool:
        """Tells whether a password is right; no credential, for an unknown username, costs as much as a wrong one.

        Only while a charger is told a key that somebody chose, what is wrong for it costs twice.
        """
        if self.recall(credential, password, identifier):
            return True
        usual, *more = self._accepted(credential, identifier)
        for row in (usual, *(row for row in more if row is not None and row.kind == "password")):
            if await self._passwords.verify(row, password):
                # It may have been changed while the check went on.
                now = None if row is None else self.credential(row.username)
                right = {one.hash for one in self._accepted(now, identifier) if one is not None}
                if row is not None and row.hash in right:
                    return True
                if credential is not None:
                    self._passwords.forget(credential)
        return False

    def new_key_of(self, charger: Charger, credential: Credential, password: bytes) -> ChargerKey | None:
        """Gives the key that a charger was told, if it has come with it; its password was verified."""
        accepted = self._accepted(credential, charger.identifier)
        came = len(accepted) > 1 and self._passwords.recall(accepted[1], password)
        return self.charger_key(charger.charger_id, "coming") if came else None

    def token_by_text(self, text: str) -> ApiToken | None:
        """Finds the API token that a program shows, None if it is none of ours; takes microseconds."""
        number, _, secret = text.partition(".")
        token = self.token_by_number(number)
        return token if matches_generated(token.hash if token else None, secret.encode(errors="replace")) else None

    def token_by_number(self, number: str) -> ApiToken | None:
        """Finds the API token that a program names; what it shows beside must prove that it has it."""
        return self._tokens.get(int(number)) if re.fullmatch("[0-9]{1,18}", number) else None

    # Credentials

    async def add_credential(
        self, order: NewCredential, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> tuple[Credential, str | None]:
        """Makes a username; gives the password too if it was generated, which nothing can show again."""
        rules.check_username(order.username)
        self.require_account(account_id)
        kind, stored, generated = await _hashed(order.password)
        async with self._turn:
            there = self.credential(order.username)
            if there is not None:
                own = f"Change it with: solarocpp credential rotate {there.username}"
                raise taken("credential", order.username, own if there.account_id == account_id else "Choose another.")
            credential = Credential(0, account_id, order.username, tuple(order.allowed), kind, stored, now)
            credential = await durably(self._store.secrets, inserting(tables.CREDENTIAL, credential))
            self._put_credential(credential)
        self._announce(CredentialChanged(credential.credential_id))
        return credential, generated

    async def set_credential(
        self, username: str, change: CredentialChange, *, account_id: int = DEFAULT_ACCOUNT
    ) -> tuple[Credential, str | None]:
        """Changes a password or what the username may connect as; gives a generated password, once."""
        hashed = None if change.password is UNSET else await _hashed(change.password)
        async with self._turn:
            before = credential = self.require_credential(account_id, username)
            if change.allowed is not UNSET:
                credential = msgspec.structs.replace(credential, allowed=tuple(change.allowed))
            if hashed is not None:
                credential = msgspec.structs.replace(credential, kind=hashed[0], hash=hashed[1])
            row = credential
            await durably(self._store.secrets, lambda con: tables.replace_entity(con, tables.CREDENTIAL, row))
            self._put_credential(credential)
            self._passwords.forget(before)
        self._announce(CredentialChanged(credential.credential_id))
        return credential, hashed[2] if hashed else None

    async def remove_credential(self, username: str, *, account_id: int = DEFAULT_ACCOUNT) -> Credential:
        """Removes a username; chargers that use it can no longer connect."""
        async with self._turn:
            credential = self.require_credential(account_id, username)
            key = credential.credential_id
            await durably(
                self._store.secrets, lambda con: tables.delete_entity(con, tables.CREDENTIAL, credential_id=key)
            )
            self._drop_credential(credential)
            self._passwords.forget(credential)
        self._announce(CredentialChanged(key))
        return credential

    # API tokens

    async def add_token(
        self, order: NewToken, *, now: datetime, account_id: int = DEFAULT_ACCOUNT
    ) -> tuple[ApiToken, str]:
        """Makes an API token and gives its text, `NUMBER.SECRET`, which nothing can show again."""
        rules.check_label("token", order.name)
        self.require_account(account_id)
        self._check_policy(order, account_id, now)
        secret = generate_password()
        owner = None if order.whole_box else account_id
        async with self._turn:
            same = [row for row in self._tokens.values() if row.account_id == owner]
            if order.name.casefold() in {row.name.casefold() for row in same}:
                raise taken("token", order.name, f"Remove it first: solarocpp token remove {order.name}")
            token = ApiToken(
                token_id=0,
                name=order.name,
                hash=hash_generated(secret),
                created=now,
                account_id=owner,
                read_only=order.read_only,
                nodes=tuple(order.nodes),
                sources=tuple(order.sources),
                expires=None if order.expires is None else order.expires.astimezone(UTC),
                signing_secret=secret if order.snws2 else None,
            )
            token = await durably(self._store.secrets, inserting(tables.API_TOKEN, token))
            self._put_token(token)
        return token, f"{token.token_id}.{secret}"

    async def remove_token(self, name_or_id: str | int, *, account_id: int | None) -> ApiToken:
        """Removes an API token of an account, or with None any of the box; it is refused from now on."""
        async with self._turn:
            token = self.require_token(account_id, name_or_id)
            key = token.token_id
            await durably(self._store.secrets, lambda con: tables.delete_entity(con, tables.API_TOKEN, token_id=key))
            self._drop_token(token)
        return token

    def _check_policy(self, order: NewToken, account_id: int, now: datetime) -> None:
        if order.whole_box and (order.nodes or order.sources):
            text = "A token of the whole box has no nodes and sources. Leave them out, or make it for an account."
            raise RegistryError("token", order.name, text)
        for node in order.nodes:
            self.require_node(account_id, node)
        if order.expires is not None and order.expires <= now:
            raise RegistryError(
                "token", order.name, f"A token that expires at {order.expires.isoformat()} is of no use."
            )


async def _hashed(password: str | None) -> tuple[Literal["generated", "password"], str, str | None]:
    """Hashes a password, or a new one if there is none, which is then given back as it is."""
    if password is not None:
        return "password", await hash_password(password), None
    generated = generate_password()
    return "generated", hash_generated(generated), generated
