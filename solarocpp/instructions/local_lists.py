"""Keeps the local lists of chargers as they should be: after a boot, after a change of id tags, and every hour.

    what it should have (id tags)  -- differs -->  GetLocalListVersion -> SendLocalList, changes or whole
    what it has (its answers)                      VersionMismatch or Failed: whole, once

Only of chargers for which somebody wants one. A list lets a charger start sessions by itself, on what it was told last;
that is somebody's decision, and writes to flash (Q62).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import structlog
import trio

from solarocpp.central_system.instructions import Instruction, read_order
from solarocpp.central_system.local_lists import (
    ENABLED_KEY,
    KEYS,
    Capacity,
    read_capacity,
    updates,
    wanted_list,
)
from solarocpp.errors import QueryInterrupted, RegistryError, StoreError
from solarocpp.instructions.links import Links
from solarocpp.instructions.queue import InstructionQueue
from solarocpp.logs import defect_kept_to
from solarocpp.ocpp.decoding import decode_confirmation
from solarocpp.ocpp.messages import (
    GetConfigurationConfirmation,
    GetLocalListVersionConfirmation,
    SendLocalListConfirmation,
)
from solarocpp.registry import Charger, Registry
from solarocpp.store import Store
from solarocpp.store.instructions import select_instructions
from solarocpp.store.local_lists import LocalList, note_list_look, select_local_lists, want_local_list

SETTLE_S: Final = 5.0
"""Who enters a hundred id tags makes one list of it, not a hundred."""

EVERY_S: Final = 3600.0
"""Id tags end by the clock, and nobody announces that."""

# A message is sent while the charger is there, or with the next occasion; a stale one must not wait for it.
_EXPIRY: Final = timedelta(minutes=10)

# At a start after a power cut a whole site boots; so many lists at once are enough for any link.
_AT_ONCE: Final = 8

_REQUESTED_BY: Final = "local list"

T = TypeVar("T")
log = structlog.get_logger()


class _Unsendable(Exception):
    """Why a charger cannot have its list now; a text for people."""


class LocalLists:
    """Which chargers should have a list, and the tasks that see to it."""

    def __init__(  # noqa: PLR0913 what it looks at
        self,
        store: Store,
        registry: Registry,
        queue: InstructionQueue,
        links: Links,
        clock: Callable[[], datetime],
        *,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._store = store
        self._registry = registry
        self._queue = queue
        self._links = links
        self._clock = clock
        self._settle_s = settle_s
        lists = store.read_now(select_local_lists)
        self._wanted = {row.charger_id for row in lists if row.wanted}
        self._leaving = {row.charger_id for row in lists if row.leaving}
        """Chargers whose list is to be emptied, since it is not wanted any more."""
        self._booted: dict[int, tuple[object, int]] = {}
        """By charger, the link and boot of the last look at what it has."""
        self._working: dict[int, trio.Event] = {}
        self._again: set[int] = set()
        self._room = trio.CapacityLimiter(_AT_ONCE)
        self._nursery: trio.Nursery | None = None
        links.on_presence.append(self._note_presence)
        registry.watch_authorizations(self._note_authorizations)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sees to the lists until it is cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                while True:
                    for charger_id in self._wanted | self._leaving:
                        self._attend(charger_id)
                    await trio.sleep(EVERY_S)
            finally:
                self._nursery = None

    async def want(self, charger_id: int, *, wanted: bool) -> None:
        """Decides whether a charger has a list; one that is not to have one any more gets an empty one."""
        await self._store.write(partial(want_local_list, charger_id=charger_id, wanted=wanted))
        (self._wanted.add if wanted else self._wanted.discard)(charger_id)
        (self._leaving.discard if wanted else self._leaving.add)(charger_id)

    async def send(self, charger_id: int, seconds: float) -> None:
        """Looks at once what a charger has, and sends what it should have; waits for that some seconds."""
        self._booted.pop(charger_id, None)
        self._attend(charger_id)
        with trio.move_on_after(seconds):
            while charger_id in self._working:
                await self._working[charger_id].wait()

    # -- when

    def _note_presence(self, charger_id: int) -> None:
        presence = self._links.presence(charger_id)
        if charger_id in self._wanted | self._leaving and presence is not None and presence.ready:
            seen = (presence.link, presence.boots)
            if self._booted.get(charger_id) != seen:
                self._attend(charger_id)

    def _note_authorizations(self, account_id: int) -> None:
        for charger_id in list(self._wanted):
            charger = self._charger(charger_id)
            if charger is not None and charger.account_id == account_id:
                self._attend(charger_id, after_s=self._settle_s)

    def _attend(self, charger_id: int, *, after_s: float = 0) -> None:
        """Has a charger seen to; once more, if that is under way."""
        if charger_id in self._working:
            self._again.add(charger_id)
        elif self._nursery is not None:
            self._working[charger_id] = trio.Event()
            self._nursery.start_soon(self._serve, charger_id, after_s)

    async def _serve(self, charger_id: int, after_s: float) -> None:
        try:
            await trio.sleep(after_s)
            while True:
                self._again.discard(charger_id)
                async with self._room:
                    await self._see_to(charger_id)
                if charger_id not in self._again:
                    break
        finally:
            self._working.pop(charger_id).set()

    # -- what

    async def _see_to(self, charger_id: int) -> None:
        charger = self._charger(charger_id)
        if charger is None:
            return
        with defect_kept_to("local_list_failed", identifier=charger.identifier):
            presence = self._links.presence(charger_id)
            if presence is None or not presence.ready:
                return  # when it is back, or has booted, this is called again
            try:
                await self._look_at(charger, (presence.link, presence.boots))
            except (StoreError, QueryInterrupted) as exc:  # the next occasion will do
                log.warning("local_list_not_stored", identifier=charger.identifier, reason=str(exc))

    async def _look_at(self, charger: Charger, run: tuple[object, int]) -> None:
        charger_id = charger.charger_id
        try:
            problem = await self._bring(charger, looked=self._booted.get(charger_id) == run)
            self._booted[charger_id] = run
            if charger_id not in self._wanted:
                self._leaving.discard(charger_id)
        except _Unsendable as exc:
            problem = str(exc)
        await self._store.write(
            partial(note_list_look, charger_id=charger_id, problem=problem, leaving=charger_id in self._leaving)
        )

    async def _bring(self, charger: Charger, *, looked: bool) -> str | None:
        """Brings a charger its list; gives what is not perfect about it.

        Raises:
            _Unsendable: it does not have it.
        """
        kept = await self._kept(charger)
        wanted = charger.charger_id in self._wanted
        if not self._differs(charger, kept) and looked:
            return None
        told = await self._ask(charger, "GetLocalListVersion", {}, GetLocalListVersionConfirmation)
        if told.list_version < 0:
            raise _Unsendable("the charger keeps no local list (GetLocalListVersion was answered -1)")
        version = max(kept.version or 0, told.list_version)
        sure = kept.version == told.list_version and not kept.doubted
        if sure and not self._differs(charger, kept):
            return None
        capacity = await self._capacity(charger)
        should = wanted_list(
            self._registry.authorizations(charger.account_id) if wanted else (),
            charger.identifier,
            self._clock(),
            capacity.most_rows,
        )
        if await self._send(charger, updates(kept.rows if sure else None, should.rows, version, capacity.most_sent)):
            kept = await self._kept(charger)
            messages = updates(None, should.rows, max(kept.version or 0, version), capacity.most_sent)
            if refused := await self._send(charger, messages):
                raise _Unsendable(f"the whole list was answered {refused}")
        return f"{should.left_out} id tags do not fit into its list" if should.left_out else None

    def _differs(self, charger: Charger, kept: LocalList) -> bool:
        if kept.version is None or kept.doubted:
            return True
        authorizations = self._registry.authorizations(charger.account_id) if charger.charger_id in self._wanted else ()
        wanted = wanted_list(authorizations, charger.identifier, self._clock())
        return bool(updates(kept.rows, wanted.rows, 0, 1))

    async def _capacity(self, charger: Charger) -> Capacity:
        told = await self._ask(charger, "GetConfiguration", {"key": list(KEYS)}, GetConfigurationConfirmation)
        capacity = read_capacity(told)
        if not capacity.enabled:
            order = f'\'{{"key": "{ENABLED_KEY}", "value": "true"}}\''
            raise _Unsendable(
                f"{ENABLED_KEY} is false. Set it: solarocpp send {charger.identifier} ChangeConfiguration {order}"
            )
        return capacity

    async def _send(self, charger: Charger, messages: list[Any]) -> str | None:
        """Sends messages in their order; gives what one was answered that was not accepted."""
        for message in messages:
            said = await self._ask(charger, "SendLocalList", msgspec.to_builtins(message), SendLocalListConfirmation)
            if said.status == "NotSupported":
                raise _Unsendable("the charger keeps no local list (SendLocalList was answered NotSupported)")
            if said.status != "Accepted":
                return said.status
        return None

    async def _ask(self, charger: Charger, action: str, payload: Mapping[str, Any], kind: type[T]) -> T:
        """Has the charger told something, and gives its answer.

        Raises:
            _Unsendable: it has not answered, or with an error.
        """
        now = self._clock()
        order = read_order(action, msgspec.json.encode(payload))
        try:
            made = await self._queue.submit(
                order, action=action, charger=charger, requested_by=_REQUESTED_BY, expires=now + _EXPIRY
            )
            await self._queue.wait_ended(made.instruction_id, _EXPIRY.total_seconds() + 120)
            ask = partial(select_instructions, kind=Instruction, number=made.instruction_id)
            (ended,) = await self._store.read(ask)
        except (RegistryError, StoreError, QueryInterrupted) as exc:
            raise _Unsendable(f"{action} was not sent: {exc}") from exc
        if ended.result is None:
            raise _Unsendable(f"{action}: {ended.error or ended.state}")
        # As it was read when it came: strictly, what is longer than OCPP 1.6 allows (Q46) would be refused here.
        answer = decode_confirmation(action, ended.result.encode()).message
        assert isinstance(answer, kind)  # noqa: S101 a row of ACTIONS is one pair
        return answer

    async def _kept(self, charger: Charger) -> LocalList:
        found = await self._store.read(partial(select_local_lists, charger_id=charger.charger_id))
        return found[0] if found else LocalList(charger.charger_id)

    def _charger(self, charger_id: int) -> Charger | None:
        try:
            return self._registry.charger(charger_id)
        except KeyError:
            return None
