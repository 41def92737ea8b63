"""The queue: instructions that have not ended, in memory and in the store alike.

A change is in memory at once, so that nobody else acts on the state before, and it returns when it is on disk; if the
disk refuses, the state before is back and whoever asked may try again. What many tasks change at the same time is
written in one transaction: 50 chargers need 50 states a round trip, not 50 transactions.

A request that holds a secret is in `secrets.duckdb` before its row is anywhere, and goes after the row has ended.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import structlog
import trio

from solarocpp.central_system.instructions import (
    CANCELLED,
    FINAL,
    TRANSITIONS,
    Instruction,
    Order,
    Outcome,
    moved,
    outcome_of_restart,
    read_order,
)
from solarocpp.errors import RegistryError, StoreError
from solarocpp.instructions.announcements import event_of, events_of
from solarocpp.instructions.key_rotations import KeyRotations
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.ocpp.redaction import is_blanked
from solarocpp.registry import Charger, Registry
from solarocpp.registry.durable import durably
from solarocpp.store import Store
from solarocpp.store.effects import EventHappened
from solarocpp.store.events import insert_events
from solarocpp.store.instructions import (
    delete_instruction_secrets,
    insert_instruction_secret,
    insert_instructions,
    next_instruction_id,
    select_instruction_secrets,
    select_instructions,
    update_instructions,
)
from solarocpp.store.registry import Connection

MOST_WAITING: Final = 200
"""Instructions of one charger that have not ended: half a day of one every few minutes. A program that orders without
looking must not fill memory and disk, nor keep a charger busy for hours once it is back."""

USUAL_EXPIRY: Final = timedelta(days=1)
"""A charger that is away longer is away for a reason, and what was wanted then surprises people now."""
LONGEST_EXPIRY: Final = timedelta(days=30)
"""For a charger in a garage that is closed for a month."""

UNFINISHED: Final = frozenset(TRANSITIONS) - FINAL

log = structlog.get_logger()


class _Batch:
    """What is written in the next transaction, and how that went."""

    def __init__(self) -> None:
        self.rows: dict[int, Instruction] = {}
        self.events: list[EventHappened] = []
        self.written = False
        self.error: Exception | None = None


class InstructionQueue:
    """Unfinished instructions, by charger in the order they were given."""

    def __init__(self, store: Store, registry: Registry, clock: Callable[[], datetime]) -> None:
        """Takes over what is unfinished; before the store runs, and after the ledger was replayed."""
        self._store = store
        self._registry = registry
        self._clock = clock
        self._open: dict[int, Instruction] = {}
        self._of_charger: dict[int, dict[int, None]] = {}
        self._coming: Counter[int] = Counter()
        self._secrets: dict[int, str] = {}
        self._ended: dict[int, trio.Event] = {}
        self._batch = _Batch()
        self._turn = trio.Lock()
        self.on_change: Callable[[int], None] | None = None
        """Told the charger whose instructions changed, by whoever delivers them; must not wait."""
        self.on_ended: list[Callable[[Instruction], Awaitable[None]]] = []
        """Awaited with each instruction that has ended, before those who wait for that are told."""
        self._withdrawn: dict[int, str] = {}
        self._load()
        # No queue is without: what tells a key that was used meanwhile must not be sent again.
        self.keys = KeyRotations(self, registry, store, clock)

    # -- questions

    def chargers(self) -> list[int]:
        """Lists the chargers that have something to be told."""
        return list(self._of_charger)

    def head(self, charger_id: int) -> Instruction | None:
        """Gives what a charger is to be told next, or is being told."""
        numbers = self._of_charger.get(charger_id, ())
        # One that has just been cancelled is there until that is on disk.
        return next((self._open[number] for number in numbers if not self._open[number].final), None)

    def get(self, number: int) -> Instruction | None:
        """Gives an instruction that has not ended."""
        return self._open.get(number)

    def message(self, instruction: Instruction) -> OcppMessage:
        """Gives the request to send, secrets and all.

        Raises:
            RegistryError: this version cannot send it, it was withdrawn, or its secret is lost (a copy has none).
        """
        number = instruction.instruction_id
        if number in self._withdrawn:
            raise RegistryError("instruction", number, self._withdrawn[number])
        message = read_order(instruction.action, self._secrets.get(number, instruction.payload).encode()).message
        if number not in self._secrets and is_blanked(message):
            text = f"{instruction.action}: its secret is lost; order it again."
            raise RegistryError("instruction", number, text)
        return message

    @property
    def unfinished(self) -> int:
        """How many have not ended: those that wait for their charger too."""
        return len(self._open)

    @property
    def executing(self) -> int:
        """How many are on their way."""
        return sum(instruction.state == "executing" for instruction in self._open.values())

    async def wait_ended(self, number: int, seconds: float) -> None:
        """Waits until an instruction has ended and that is on disk, or for some seconds."""
        ended = self._ended.get(number)
        if ended is not None:
            with trio.move_on_after(seconds):
                await ended.wait()

    def withdraw(self, number: int, reason: str) -> None:
        """Has an instruction declined rather than sent, or sent again; what is on its way now ends as it does."""
        if number in self._open:
            self._withdrawn[number] = reason
            self._announce(self._open[number].charger_id)

    # -- changes

    async def reserve(self) -> int:
        """Gives a number to `submit` with, for whoever must write it down before the instruction is there."""
        return await self._store.write(next_instruction_id)

    async def submit(  # noqa: PLR0913 one argument a thing an instruction says
        self,
        order: Order,
        *,
        action: str,
        charger: Charger,
        requested_by: str,
        expires: datetime | None = None,
        number: int | None = None,
    ) -> Instruction:
        """Takes an order in; durable when it returns.

        Raises:
            RegistryError: too many wait for this charger already, or it would expire at no possible time.
            StoreError: it could not be made durable and is forgotten.
        """
        now = self._clock()
        expires = now + USUAL_EXPIRY if expires is None else expires
        _check_expiry(action, expires, now)
        if len(self._of_charger.get(charger.charger_id, ())) + self._coming[charger.charger_id] >= MOST_WAITING:
            text = (
                f"{MOST_WAITING} instructions wait for {charger.identifier} already. "
                f"See: solarocpp instructions list --charger {charger.identifier}"
            )
            raise RegistryError("instruction", charger.identifier, text, status=409)
        self._coming[charger.charger_id] += 1
        try:
            with trio.CancelScope(shield=True):  # it is an instruction, be whoever ordered it gone
                made = await self._make(order, action, charger, requested_by, now, expires, number)
            return made  # noqa: RET504 within the scope, mypy would expect it to swallow what is raised
        finally:
            self._coming[charger.charger_id] -= 1

    async def _make(  # noqa: PLR0913, PLR0917 what an instruction begins with
        self,
        order: Order,
        action: str,
        charger: Charger,
        requested_by: str,
        now: datetime,
        expires: datetime,
        reserved: int | None,
    ) -> Instruction:
        def make(number: int) -> Instruction:
            return Instruction(
                instruction_id=number,
                account_id=charger.account_id,
                node_id=charger.node_id,
                charger_id=charger.charger_id,
                identifier=charger.identifier,
                action=action,
                payload=order.shown,
                state="accepted",
                created=now,
                expires=expires,
                status_date=now,
                requested_by=requested_by,
            )

        def write(con: Connection, number: int | None = None) -> Instruction:
            instruction = make(next_instruction_id(con) if number is None else number)
            insert_instructions(con, [instruction])
            insert_events(con, [event_of("instruction_queued", instruction, now)])
            return instruction

        if order.secret:
            number, whole = await self.reserve() if reserved is None else reserved, order.payload.decode()
            await self._store.secrets.write(lambda con: insert_instruction_secret(con, number, whole))
            instruction = await self._store.write(partial(write, number=number))
            self._secrets[number] = whole
        else:
            instruction = await self._store.write(partial(write, number=reserved))
        self._take_in(instruction)
        return instruction

    async def refuse(self, instruction: Instruction) -> Instruction:
        """Writes down what was ordered and cannot be told to anybody, under a number and ended as it comes.

        Raises:
            StoreError: it could not be made durable.
        """

        def write(con: Connection) -> tuple[Instruction, Sequence[EventHappened]]:
            made = msgspec.structs.replace(instruction, instruction_id=next_instruction_id(con))
            events = events_of(made, made.status_date, None)
            insert_instructions(con, [made])
            insert_events(con, events)
            return made, events

        made, events = await self._store.write(write)
        self._store.show_effects(events)
        return made

    async def change(
        self, instruction: Instruction, outcome: Outcome, *, requested_by: str | None = None
    ) -> Instruction:
        """Brings an instruction into its next state; durable when it returns.

        Raises:
            StoreError: it is in its state as before.
        """
        now = self._clock()
        number = instruction.instruction_id
        after = moved(instruction, outcome.state, now, result=outcome.result, error=outcome.error)
        self._open[number] = after  # at once: nobody may act on the state before
        try:
            await self._write(after, events_of(after, now, requested_by))
        except Exception:
            if self._open.get(number) is after:  # nobody has moved it on meanwhile
                self._open[number] = instruction
            self._announce(instruction.charger_id)
            raise
        if after.final:
            await self._forget(after)
        return after

    async def note_effect(self, instruction: Instruction, effect: str) -> None:
        """Writes down whether something came of an instruction that was accepted."""
        await self._write(msgspec.structs.replace(instruction, effect=effect), [])

    async def cancel(self, number: int, *, requested_by: str) -> Instruction:
        """Takes an instruction back that was not sent yet.

        Raises:
            RegistryError: it is being executed, or has ended.
        """
        instruction = self._open.get(number)
        if instruction is None or instruction.state not in {"accepted", "waiting"}:
            state = "has ended" if instruction is None or instruction.final else "is being executed"
            raise RegistryError("instruction", number, f"Instruction {number} {state}.", status=409)
        outcome = Outcome("declined", error=f"{CANCELLED}{requested_by}")
        with trio.CancelScope(shield=True):
            cancelled = await self.change(instruction, outcome, requested_by=requested_by)
        return cancelled  # noqa: RET504 within the scope, mypy would expect it to swallow what is raised

    # -- inside

    def _load(self) -> None:
        now = self._clock()
        unfinished = self._store.read_now(lambda con: select_instructions(con, Instruction, states=UNFINISHED))
        self._secrets = self._store.secrets.read_now(select_instruction_secrets)
        interrupted = [
            moved(instruction, outcome.state, now, error=outcome.error)
            for instruction in unfinished
            if instruction.state == "executing" and (outcome := outcome_of_restart(instruction))
        ]
        if interrupted:
            events = [event for instruction in interrupted for event in events_of(instruction, now, None)]
            self._store.write_now(lambda con: _write_changes(con, interrupted, events))
        now_in = {instruction.instruction_id: instruction for instruction in (*unfinished, *interrupted)}
        for instruction in now_in.values():
            if not instruction.final:
                self._take_in(instruction)
        # Left behind by a process that ended between its two files.
        stale = self._secrets.keys() - self._open.keys()
        if stale:
            self._store.secrets.write_now(lambda con: delete_instruction_secrets(con, stale))
            self._secrets = {number: text for number, text in self._secrets.items() if number not in stale}

    def _take_in(self, instruction: Instruction) -> None:
        self._open[instruction.instruction_id] = instruction
        self._of_charger.setdefault(instruction.charger_id, {})[instruction.instruction_id] = None
        self._ended[instruction.instruction_id] = trio.Event()
        self._announce(instruction.charger_id)

    async def _forget(self, instruction: Instruction) -> None:
        number = instruction.instruction_id
        numbers = self._of_charger[instruction.charger_id]
        del self._open[number], numbers[number]
        if not numbers:
            del self._of_charger[instruction.charger_id]
        self._withdrawn.pop(number, None)
        try:
            for heed in self.on_ended:
                # What is not written down now is at the next start: the instruction has ended all the same.
                with contextlib.suppress(StoreError):
                    await heed(instruction)
        finally:
            self._ended.pop(number).set()
            self._announce(instruction.charger_id)
        if self._secrets.pop(number, None) is not None:
            # If it fails, the next start does it; the instruction has ended all the same.
            with contextlib.suppress(StoreError):
                await durably(self._store.secrets, lambda con: delete_instruction_secrets(con, [number]))

    def _announce(self, charger_id: int) -> None:
        if self.on_change is not None:
            self.on_change(charger_id)

    async def _write(self, instruction: Instruction, events: Sequence[EventHappened]) -> None:
        """Writes with whatever else waits to be written; whoever comes first writes for all."""
        batch = self._batch
        batch.rows[instruction.instruction_id] = instruction
        batch.events += events
        async with self._turn:
            if not batch.written:
                batch.written = True
                self._batch = _Batch()
                rows, happened = list(batch.rows.values()), batch.events
                try:
                    await durably(self._store, partial(_write_changes, instructions=rows, events=happened))
                except Exception as exc:  # noqa: BLE001 it is raised again, by each who waits for this batch
                    batch.error = exc
                else:
                    self._store.show_effects(happened)
        if batch.error is not None:
            raise batch.error


def _write_changes(con: Connection, instructions: Sequence[Instruction], events: Sequence[EventHappened]) -> None:
    update_instructions(con, instructions)
    insert_events(con, events)


def _check_expiry(action: str, expires: datetime, now: datetime) -> None:
    if not now < expires <= now + LONGEST_EXPIRY:
        when = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f"{action}: an instruction expires within {LONGEST_EXPIRY.days} days from now, and {when} is not."
        raise RegistryError("instruction", action, text)
