"""Gives chargers other keys to log in with, so that at every moment one that they may show is right.

    begin    number of the instruction -> hash of the key, coming -> the instruction, with the key (secrets.duckdb)
    told     Rejected, NotSupported: the key is dropped;  anything else: both are right
    adopted  the charger comes with it (gateway): the one before is dropped, the instruction withdrawn

The key itself is where instructions keep their secrets until they end, and nowhere else. What a process that ended
did not come to, the next start does: it reads what became of the instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import trio

from solarocpp.central_system.charger_keys import KEY, NO_EFFECT_S, REFUSED, verdict_on_key
from solarocpp.central_system.instructions import Instruction, read_order
from solarocpp.errors import RegistryError, StoreError
from solarocpp.registry import Charger, ChargerChanged, ChargerKey, CredentialChanged, Registry
from solarocpp.store import Store
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import insert_events
from solarocpp.store.instructions import select_instructions

if TYPE_CHECKING:  # each queue has one of these
    from solarocpp.instructions.queue import InstructionQueue

_ADOPTED: Final = "the charger has come with the key already"

# A process may end between the two writes of `begin`; a row without its instruction that is older lost it to retention.
_BEGINNING: Final = timedelta(hours=1)


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """How far the key of a charger is."""

    own: ChargerKey | None
    coming: ChargerKey | None
    telling: Instruction | None
    """The instruction that tells, or told, the coming key."""
    idle_s: float | None
    """For how long the charger has not come with the key that it accepted."""

    @property
    def effect(self) -> str | None:
        """Says that nothing came of a key that was accepted; None: something may come yet."""
        if self.idle_s is None or self.idle_s < NO_EFFECT_S:
            return None
        return f"accepted, no effect after {NO_EFFECT_S:g} s"


class KeyRotations:
    """Whoever makes, follows and gives up the keys of single chargers."""

    def __init__(
        self, queue: InstructionQueue, registry: Registry, store: Store, clock: Callable[[], datetime]
    ) -> None:
        """Takes up where the process before ended; before the store runs, and after the queue has loaded."""
        self._queue = queue
        self._registry = registry
        self._store = store
        self._clock = clock
        self._changed: dict[int, trio.Event] = {}
        self._given_up: set[int] = set()
        """Instructions that are being taken back since their keys are."""
        self._settling = trio.Lock()
        self._unsettled = self._find_unsettled()
        queue.on_ended.append(self._heed_end)
        registry.watch(self._heed_change)
        for key in registry.own_keys():
            self._withdraw(key)

    async def begin(
        self, charger: Charger, *, key: str | None = None, requested_by: str, expires: datetime | None = None
    ) -> Instruction:
        """Has a charger told a new key, made here or given; from now on the old one and the new one are right.

        Raises:
            RegistryError: it is no key, or the charger is told one already.
            StoreError: it could not be made durable; nothing is different, or the next start makes it so.
        """
        with trio.CancelScope(shield=True):
            await self.settle()
            number, now = await self._queue.reserve(), self._clock()
            text = await self._registry.begin_key(
                charger, key, instruction_id=number, requested_by=requested_by, now=now
            )
            order = read_order("ChangeConfiguration", msgspec.json.encode({"key": KEY, "value": text}))
            try:
                made = await self._queue.submit(
                    order,
                    action="ChangeConfiguration",
                    charger=charger,
                    requested_by=requested_by,
                    expires=expires,
                    number=number,
                )
            except (RegistryError, StoreError):
                await self._registry.drop_key(charger.charger_id, "coming")
                raise
            await self._tell("charger_key_ordered", charger, "is to have a key of its own", by=requested_by)
        return made

    async def give_up(self, charger: Charger, state: Literal["coming", "own"], *, requested_by: str) -> None:
        """Drops a key that is coming, or the one that the charger has come with.

        Raises:
            RegistryError: there is none, or it is being told now.
        """
        key = self._registry.charger_key(charger.charger_id, state)
        if key is None:
            what = "is told no new key" if state == "coming" else "has no key of its own"
            raise RegistryError("key", charger.identifier, f"{charger.identifier} {what}.", status=404)
        with trio.CancelScope(shield=True):
            telling = self._unended(key)
            if telling is not None and not telling.final:
                if telling.state == "executing":
                    text = f"{charger.identifier} is told the key now; give it up once it has answered."
                    raise RegistryError("key", charger.identifier, text, status=409)
                # First this: a key that is sent when nobody knows it any more locks the charger out.
                self._given_up.add(key.instruction_id)
                try:
                    await self._queue.cancel(key.instruction_id, requested_by=requested_by)
                finally:
                    self._given_up.discard(key.instruction_id)
            await self._registry.drop_key(charger.charger_id, state)
            await self._tell("charger_key_dropped", charger, f"the {state} key was given up", by=requested_by)

    async def state(self, charger: Charger) -> KeyState:
        """Tells how far the key of a charger is."""
        await self.settle()
        coming = self._registry.charger_key(charger.charger_id, "coming")
        telling = None if coming is None else await self._telling(coming)
        idle_s = None
        if coming is not None and coming.status == "accepted" and coming.status_date is not None:
            idle_s = (self._clock() - coming.status_date).total_seconds()
        return KeyState(
            own=self._registry.charger_key(charger.charger_id, "own"), coming=coming, telling=telling, idle_s=idle_s
        )

    async def wait_adopted(self, charger_id: int, seconds: float) -> None:
        """Waits until no key is coming to a charger, be it adopted or dropped, or for some seconds."""
        with trio.move_on_after(seconds):
            while self._registry.charger_key(charger_id, "coming") is not None:
                await self._changed.setdefault(charger_id, trio.Event()).wait()

    async def settle(self) -> None:
        """Does what the process before did not come to."""
        async with self._settling:
            while self._unsettled:
                key, telling = self._unsettled[-1]
                if key == self._registry.charger_key(key.charger_id, "coming"):
                    if telling is None:
                        await self._registry.drop_key(key.charger_id, "coming")  # nobody was told
                    else:
                        await self._settle(key, telling)
                self._unsettled.pop()

    # -- inside

    def _find_unsettled(self) -> list[tuple[ChargerKey, Instruction | None]]:
        """Finds coming keys whose instruction has ended, or was never written, without their knowing."""
        found: list[tuple[ChargerKey, Instruction | None]] = []
        for key in self._registry.coming_keys():
            if key.status is not None or self._unended(key) is not None:
                continue
            rows = self._store.read_now(partial(select_instructions, kind=Instruction, number=key.instruction_id))
            telling = next((row for row in rows if _tells(row, key)), None)
            if telling is not None or self._clock() - key.created < _BEGINNING:
                found.append((key, telling))
        return found

    async def _heed_end(self, instruction: Instruction) -> None:
        coming = self._registry.charger_key(instruction.charger_id, "coming")
        if coming is not None and _tells(instruction, coming) and instruction.instruction_id not in self._given_up:
            await self._settle(coming, instruction)

    async def _settle(self, coming: ChargerKey, telling: Instruction) -> None:
        """Draws from what a charger said what becomes of its key."""
        verdict, said = verdict_on_key(telling), telling.error or telling.result or ""
        charger = self._registry.charger(coming.charger_id)
        if verdict == REFUSED:
            await self._registry.drop_key(coming.charger_id, "coming")
            await self._tell("charger_key_refused", charger, "does not take its new key", by=coming.requested_by)
            return
        await self._registry.note_key(coming.charger_id, verdict, now=self._clock())
        text = f"its new key is {verdict} ({said}); it and the one before are right"
        await self._tell("charger_key_told", charger, text, by=coming.requested_by)

    def _heed_change(self, change: ChargerChanged | CredentialChanged) -> None:
        if isinstance(change, ChargerChanged):
            own = self._registry.charger_key(change.charger_id, "own")
            if own is not None:
                self._withdraw(own)
            self._changed.pop(change.charger_id, trio.Event()).set()

    def _withdraw(self, own: ChargerKey) -> None:
        if self._unended(own) is not None:
            self._queue.withdraw(own.instruction_id, _ADOPTED)

    def _unended(self, key: ChargerKey) -> Instruction | None:
        """Gives the instruction that tells a key, if it has not ended."""
        found = self._queue.get(key.instruction_id)
        return found if found is not None and _tells(found, key) else None

    async def _telling(self, key: ChargerKey) -> Instruction | None:
        rows = await self._store.read(partial(select_instructions, kind=Instruction, number=key.instruction_id))
        return next((row for row in rows if _tells(row, key)), None)

    async def _tell(self, name: str, charger: Charger, text: str, *, by: str) -> None:
        data: dict[str, str | int | float | bool | None] = {"cp": charger.identifier, "by": by}
        message = f"{charger.identifier}: {text}"
        event = EventHappened(self._clock(), name, charger.identifier, message, data, charger.account_id)
        await self._store.write(lambda con: insert_events(con, [event]))
        self._store.show_effects([event])


def _tells(instruction: Instruction, key: ChargerKey) -> bool:
    """Tells whether an instruction is the one that tells a key.

    Its number alone does not say: where a copy took the place of the store, numbers come again, and the secrets beside
    it are of later.
    """
    return (
        (instruction.instruction_id, instruction.charger_id) == (key.instruction_id, key.charger_id)
        and instruction.action == "ChangeConfiguration"
        and abs(instruction.created - key.created) < _BEGINNING
    )
