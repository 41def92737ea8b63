"""Keeps the configuration of chargers: reads it after a boot, and sets again what somebody wants and the charger lost.

    boot, or a link that is used without one (Q57)
      -> some quiet seconds     a charger in a boot loop is left alone, one that boots has much to say first
      -> read                   everything, if that was longer than a day ago or its firmware is another;
                                else the keys that somebody wants to have a value, if it booted
      -> set                    those that differ, by an instruction each

Reading is no instruction: nobody ordered it, it need not survive anything, and the next boot makes up for it. What
the answers tell is recorded like all answers. Setting is one: it is somebody's order, and its outcome is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
import structlog
import trio

from solarocpp.central_system.configuration import (
    MAX_KEYS_KEY,
    STANDARD_KEYS,
    batches,
    is_secret_key,
    max_keys_told,
    same_key,
    same_value,
)
from solarocpp.central_system.instructions import DEADLINES_S, Instruction, may_send, read_order
from solarocpp.errors import CallExpired, CallRefused, SolarOcppError
from solarocpp.instructions import InstructionQueue, Links
from solarocpp.instructions.queue import UNFINISHED
from solarocpp.logs import defect_kept_to
from solarocpp.ocpp.datatypes import KeyValue
from solarocpp.ocpp.messages import GetConfigurationConfirmation, GetConfigurationRequest
from solarocpp.registry import Charger, Registry
from solarocpp.store import Store
from solarocpp.store.configuration import (
    ConfigurationReading,
    DesiredValue,
    select_configuration,
    select_desired,
    select_desired_secrets,
    select_reading,
    store_reading,
)
from solarocpp.store.effects import EventHappened
from solarocpp.store.instructions import select_instructions

QUIET_S: Final = 10.0
"""After a boot, before anything is asked: many firmwares boot twice in a row, and all send their statuses first."""

READ_EVERY: Final = timedelta(days=1)
"""Keys change when somebody is at the charger with a laptop; some firmwares boot at each reconnect (Q57)."""

AT_ONCE: Final = 20
"""Chargers that are asked at the same time: 5,000 that come back together are through in minutes, and the server
answers what they say meanwhile."""

MOST_TRIES: Final = 3
"""How often in a row a value is set that the charger has lost at its next boot: one that boots because of it must not
be kept in a loop (Q62). A new value, or a restart of the server, begins anew."""

log = structlog.get_logger()

Told = dict[str, KeyValue]
"""What a charger said, by `same_key`."""


class Configuring:
    """Reads and restores configurations; `run` it while something listens for chargers."""

    def __init__(  # noqa: PLR0913 the parts it works with
        self,
        links: Links,
        registry: Registry,
        store: Store,
        queue: InstructionQueue,
        clock: Callable[[], datetime],
        *,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._links = links
        self._registry = registry
        self._store = store
        self._queue = queue
        self._clock = clock
        self._quiet_s = quiet_s
        self._runs: dict[int, tuple[object, int]] = {}
        """By charger that can be told something: its link, and how often it has booted on it."""
        self._booted: set[int] = set()
        """Chargers whose last boot nobody has gone through: one may lose its link first, and not boot on the next."""
        self._attended: set[int] = set()
        self._tries: dict[tuple[int, str], tuple[datetime, int]] = {}
        """By charger and key: since when its value is wanted, and how often it was set in a row."""
        self._turn = trio.CapacityLimiter(AT_ONCE)
        self._nursery: trio.Nursery | None = None
        links.on_presence.append(self._note_presence)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Works until it is cancelled; what it began is made up for after the next boot."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None

    # -- when

    def _note_presence(self, charger_id: int) -> None:
        presence = self._links.presence(charger_id)
        if presence is None:
            self._runs.pop(charger_id, None)
            return
        if not presence.ready or self._runs.get(charger_id) == (presence.link, presence.boots):
            return
        self._runs[charger_id] = (presence.link, presence.boots)
        if presence.boots:
            self._booted.add(charger_id)
        if self._nursery is not None and charger_id not in self._attended:
            self._attended.add(charger_id)
            self._nursery.start_soon(self._attend, charger_id)

    async def _attend(self, charger_id: int) -> None:
        """Goes through the newest boot of a charger; those that came meanwhile are one."""
        try:
            while (run := self._runs.get(charger_id)) is not None:
                await trio.sleep(self._quiet_s)
                if self._runs.get(charger_id) is not run:
                    continue
                async with self._turn:
                    with defect_kept_to("configuration_failed", charger=charger_id):
                        await self._try(charger_id)
                if self._runs.get(charger_id) is run:
                    return
        finally:
            self._attended.discard(charger_id)

    async def _try(self, charger_id: int) -> None:
        booted = charger_id in self._booted
        self._booted.discard(charger_id)  # one that boots meanwhile is gone through once more
        try:
            await self._go_through(charger_id, booted=booted)
        except SolarOcppError as exc:
            if booted:
                self._booted.add(charger_id)
            log.info("configuration_unread", charger=charger_id, reason=str(exc))

    async def _go_through(self, charger_id: int, *, booted: bool) -> None:
        try:
            charger = self._registry.charger(charger_id)
        except KeyError:  # removed meanwhile
            return
        if not may_send("GetConfiguration", charger.registration_status):
            return
        reading = await self._store.read(partial(select_reading, charger_id=charger_id))
        desired = await self._store.read(partial(select_desired, charger_id=charger_id))
        began, ordered = self._clock(), await self._keys_ordered(charger, states=UNFINISHED)
        if reading is None or self._is_old(reading, charger):
            told = await self._read_whole(charger, reading, desired)
        elif desired and booted:
            told = await self._ask(charger, [row.key for row in desired], reading.max_keys)
        else:
            return
        await self._set_what_differs(charger, desired, told, ordered, began)

    def _is_old(self, reading: ConfigurationReading, charger: Charger) -> bool:
        return self._clock() - reading.read >= READ_EVERY or reading.firmware_version != charger.firmware_version

    # -- reading

    async def _read_whole(
        self, charger: Charger, before: ConfigurationReading | None, desired: Iterable[DesiredValue]
    ) -> Told:
        """Asks for all keys, and by name for what that does not bring.

        Raises:
            CallFailed: the link ended, or it does not answer at all.
        """
        told: Told = {}
        by_key = before is not None and before.by_key and before.firmware_version == charger.firmware_version
        if not by_key:
            try:
                told = await self._call(charger, ())
            except (CallExpired, CallRefused) as failed:  # it never answers that (Q106)
                log.info("configuration_unread", charger=charger.identifier, reason=str(failed))
            by_key = not told
        if by_key and not told:
            told = await self._ask(charger, [MAX_KEYS_KEY], None)
        max_keys = max_keys_told(GetConfigurationConfirmation(tuple(told.values())))
        wanted = [row.key for row in desired]
        if by_key or len(told) == max_keys:  # some give no more keys than they may be asked for
            known = await self._store.read(partial(select_configuration, charger_id=charger.charger_id))
            wanted += [*STANDARD_KEYS, *(row.key for row in known)]
        told |= await self._ask(charger, [key for key in wanted if same_key(key) not in told], max_keys)
        if told:
            reading = ConfigurationReading(
                charger.charger_id, self._clock(), charger.firmware_version, max_keys, by_key=by_key
            )
            await self._store.write(partial(store_reading, reading=reading))
        return told

    async def _ask(self, charger: Charger, keys: Iterable[str], max_keys: int | None) -> Told:
        """Asks for keys by name, no more at once than the charger takes; one by one what it refuses together.

        Raises:
            CallFailed: the link ended, or it does not answer.
        """
        told: Told = {}
        for batch in batches(keys, max_keys):
            try:
                told |= await self._call(charger, batch)
            except CallRefused:
                for key in batch if len(batch) > 1 else ():
                    try:
                        told |= await self._call(charger, (key,))
                    except CallRefused:
                        continue
        return told

    async def _call(self, charger: Charger, keys: tuple[str, ...]) -> Told:
        """Asks one question; what the answer tells is recorded where it arrives, without its secrets."""
        deadline_s = DEADLINES_S["GetConfiguration"]
        confirmation = await self._links.call(charger.charger_id, GetConfigurationRequest(keys), deadline_s)
        assert isinstance(confirmation, GetConfigurationConfirmation)  # noqa: S101 that is what it is answered with
        return {same_key(row.key): row for row in confirmation.configuration_key}

    # -- setting

    async def _set_what_differs(
        self,
        charger: Charger,
        desired: Iterable[DesiredValue],
        told: Told,
        ordered: frozenset[str],
        began: datetime,
    ) -> None:
        """Orders what the charger has otherwise than somebody wants it, unless that was ordered already.

        What it told may be older than an order that was carried out meanwhile.

        Raises:
            RegistryError: too much waits for it already.
            StoreError: an order could not be made durable.
        """
        secrets = self._store.secrets.read_now(partial(select_desired_secrets, charger_id=charger.charger_id))
        ordered |= await self._keys_ordered(charger, since=began)
        for row in desired:
            name = same_key(row.key)
            value = secrets.get(row.key.lower()) if is_secret_key(row.key) else row.value
            said = told.get(name)
            if value is None or said is None or name in ordered or _is_masked(said.value):
                continue  # nobody can say that it differs
            if same_value(said.value, value):
                self._tries.pop((charger.charger_id, name), None)
            elif self._may_try(charger, row):
                payload = msgspec.json.encode({"key": row.key, "value": value})
                order = read_order("ChangeConfiguration", payload)
                await self._queue.submit(order, action="ChangeConfiguration", charger=charger, requested_by="solarocpp")

    async def _keys_ordered(self, charger: Charger, **which: Any) -> frozenset[str]:
        """Tells which keys somebody ordered to be set, by some of the instructions there are."""
        ask = partial(
            select_instructions, kind=Instruction, account_id=charger.account_id, charger=charger.identifier, **which
        )
        return frozenset(
            same_key(msgspec.json.decode(row.payload)["key"])
            for row in await self._store.read(ask)
            if row.action == "ChangeConfiguration"
        )

    def _may_try(self, charger: Charger, row: DesiredValue) -> bool:
        """Counts; says once, in an event, that it will not be tried again."""
        number = (charger.charger_id, same_key(row.key))
        since, tries = self._tries.get(number, (row.created, 0))
        tries = tries + 1 if since == row.created else 1
        self._tries[number] = (row.created, tries)
        if tries == MOST_TRIES + 1:
            text = f"{row.key} was set {MOST_TRIES} times and is not what it should be after the next boot"
            data: dict[str, str | int | float | bool | None] = {"cp": charger.identifier, "key": row.key}
            event = EventHappened(
                self._clock(), "configuration_not_kept", charger.identifier, text, data, charger.account_id
            )
            self._store.record(None, [event])
            log.warning("configuration_not_kept", identifier=charger.identifier, key=row.key)
        return tries <= MOST_TRIES


def _is_masked(value: str | None) -> bool:
    """Whether a charger shows stars instead of a secret."""
    return bool(value) and not str(value).strip("*")
