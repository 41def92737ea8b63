"""Keys of single chargers: made, told, come with, dropped.

    begin_key  -> coming, and what was right before is right as well
    adopt_key  -> own: the charger has come with it, and nothing else is right for it
    drop_key   -> gone: the one before, or the password of its user name, is right alone

A charger is never left with nothing that opens: each step is one transaction in `secrets.duckdb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from solarocpp.errors import RegistryError
from solarocpp.registry.durable import DurableRegistry, durably
from solarocpp.registry.entities import Charger, ChargerChanged, ChargerKey, Credential, KeyStatus
from solarocpp.registry.passwords import generate_key, hash_key, hash_password, is_key
from solarocpp.store import Store
from solarocpp.store import registry as tables
from solarocpp.store.registry import Connection


class ChargerKeys(DurableRegistry):
    """Which keys single chargers have, and are about to have."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._keys: dict[int, tuple[ChargerKey, ...]] = {}

    def _load(self) -> None:
        super()._load()
        kept = self._store.secrets.read_now(lambda con: tables.select_all(con, tables.CHARGER_KEY, ChargerKey))
        for key in kept:
            self._keys[key.charger_id] = (*self._keys.get(key.charger_id, ()), key)
        # Left behind by a process that ended between its two files, when a charger was removed.
        for charger_id in self._keys.keys() - {charger.charger_id for charger in self.chargers()}:
            del self._keys[charger_id]
            self._store.secrets.write_now(partial(_delete_keys, charger_id=charger_id))

    def charger_key(self, charger_id: int, state: Literal["coming", "own"]) -> ChargerKey | None:
        """Gives the key a charger has of its own, or the one that it is told."""
        return next((key for key in self._keys.get(charger_id, ()) if key.state == state), None)

    def coming_keys(self) -> list[ChargerKey]:
        """Lists the keys that chargers are told and have not come with."""
        return [key for keys in self._keys.values() for key in keys if key.state == "coming"]

    def own_keys(self) -> list[ChargerKey]:
        """Lists the keys that chargers have of their own."""
        return [key for keys in self._keys.values() for key in keys if key.state == "own"]

    async def begin_key(
        self, charger: Charger, given: str | None, *, instruction_id: int, requested_by: str, now: datetime
    ) -> str:
        """Makes a key, or takes the one that is given, beside what is right for the charger now; returns it.

        Raises:
            RegistryError: it is none, there is one coming already, the charger has no user name to show it with, or
                was removed meanwhile.
            StoreError: it could not be made durable; nothing is different.
        """
        if given is not None and not is_key(given):
            text = "An AuthorizationKey is 32 to 40 hex digits, an even number of them (16 to 20 bytes)."
            raise RegistryError("key", charger.identifier, text)
        text = generate_key() if given is None else given
        stored = hash_key(text) if given is None else await hash_password(text)
        async with self._turn:
            self._check_key(charger)
            key = ChargerKey(
                charger_id=charger.charger_id,
                state="coming",
                kind="generated" if given is None else "password",
                hash=stored,
                instruction_id=instruction_id,
                requested_by=requested_by,
                created=now,
            )
            await self._write_keys(charger.charger_id, (*self._keys.get(charger.charger_id, ()), key))
        return text

    async def note_key(self, charger_id: int, status: KeyStatus, *, now: datetime) -> None:
        """Writes down what a charger said to the key that it was told."""
        async with self._turn:
            coming = self.charger_key(charger_id, "coming")
            if coming is not None:
                noted = msgspec.structs.replace(coming, status=status, status_date=now)
                kept = [key for key in self._keys[charger_id] if key is not coming]
                await self._write_keys(charger_id, (*kept, noted))

    async def adopt_key(self, key: ChargerKey, *, now: datetime) -> ChargerKey | None:
        """Makes the coming key that a charger has come with its own, and forgets the one before.

        None: it was done already, or the key was dropped meanwhile; another that is coming by now is not that one.
        """
        charger_id = key.charger_id
        async with self._turn:
            coming = self.charger_key(charger_id, "coming")
            if coming is None or coming.hash != key.hash:
                return None
            own = msgspec.structs.replace(coming, state="own", status=None, status_date=now)
            await self._write_keys(charger_id, (own,))
        self._announce(ChargerChanged(charger_id))
        return own

    async def drop_key(self, charger_id: int, state: Literal["coming", "own"]) -> None:
        """Forgets a key: what was right beside or before it is right alone."""
        async with self._turn:
            await self._write_keys(charger_id, [key for key in self._keys.get(charger_id, ()) if key.state != state])
        self._announce(ChargerChanged(charger_id))

    def _accepted(self, credential: Credential | None, identifier: str) -> Sequence[Credential | None]:
        """Lists what is right for who shows this user name and calls itself so: the usual, then a coming key."""
        charger = None if credential is None else self.charger_by_identifier(identifier, credential.account_id)
        keys = () if charger is None else self._keys.get(charger.charger_id, ())
        if credential is None or charger is None or not keys or not credential.allows(charger.identifier):
            return (credential,)
        by_state = {key.state: msgspec.structs.replace(credential, kind=key.kind, hash=key.hash) for key in keys}
        usual = by_state.get("own", credential)
        return (usual, by_state["coming"]) if "coming" in by_state else (usual,)

    def _check_key(self, charger: Charger) -> None:
        name = charger.identifier
        if self.require_charger(charger.account_id, name).charger_id != charger.charger_id:
            raise RegistryError("charger", name, f"{name} was removed, and registered again.", status=409)
        if self.charger_key(charger.charger_id, "coming") is not None:
            text = f"{name} is told a new key already. See: solarocpp charger rotate-key {name} --show; or --cancel it."
            raise RegistryError("key", name, text, status=409)
        if not any(row.allows(name) for row in self.credentials(charger.account_id)):
            text = f"{name} has no user name to show a key with: solarocpp credential add {name} --allow {name}"
            raise RegistryError("key", name, text, status=409)

    async def _write_keys(self, charger_id: int, keys: Sequence[ChargerKey]) -> None:
        def write(con: Connection) -> None:
            _delete_keys(con, charger_id)
            if keys:
                tables.insert_entities(con, tables.CHARGER_KEY, keys)

        await durably(self._store.secrets, write)
        self._keys[charger_id] = tuple(keys)
        if not keys:
            del self._keys[charger_id]


def _delete_keys(con: Connection, charger_id: int) -> None:
    tables.delete_entity(con, tables.CHARGER_KEY, charger_id=charger_id)
