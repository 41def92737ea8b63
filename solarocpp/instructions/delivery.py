"""Delivery: a task for each charger that is to be told something, for as long as there is something.

    head of its queue -> may it be told now?  no:  wait for a bell (link, boot, registry, cancellation) or the expiry
                                              yes: `executing` on disk -> CALL -> what the outcome makes of it

One charger's silence holds up nobody else, and its own queue for a deadline at most. A disk that refuses is tried again
every second: nothing is sent that is not written down, and nothing that was answered is forgotten. A defect of ours
ends the instruction it concerns, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

import structlog
import trio

from solarocpp.central_system.instructions import (
    DEADLINES_S,
    Instruction,
    Outcome,
    accepts,
    may_send,
    outcome_of_answer,
    outcome_of_failure,
    read_order,
)
from solarocpp.central_system.signs import SEEN, LimitSought, Sought, missing_effect, sought_effect, surely_holds
from solarocpp.errors import CallFailed, LocalProtocolError, QueryInterrupted, RegistryError, StoreError
from solarocpp.instructions.hindsight import installed_profiles, last_statuses, unwatched
from solarocpp.instructions.links import Links, Presence
from solarocpp.instructions.queue import InstructionQueue
from solarocpp.instructions.sightings import Sighting, Sightings
from solarocpp.logs import defect_kept_to
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.registry import ChargerChanged, CredentialChanged, Registry
from solarocpp.store import Store

__all__ = ["Delivery", "Links", "Presence"]

READY_AFTER_S: Final = 10.0
"""A charger that kept its power over a reconnect need not boot (OCPP 1.6 §4.2) and may have nothing to say for minutes;
one that did boot says so in the first seconds."""

RETRY_S: Final = 1.0
"""Between two tries to write, as the store does itself."""

DEFECT: Final = "a defect of solarocpp ended it; the log has it as instruction_failed"

log = structlog.get_logger()


class Delivery:
    """Sends what is in the queue; `run` it while something listens for chargers."""

    def __init__(
        self, queue: InstructionQueue, links: Links, registry: Registry, store: Store, clock: Callable[[], datetime]
    ) -> None:
        self._queue = queue
        self._store = store
        self._links = links
        self._registry = registry
        self._clock = clock
        self._sightings = Sightings(links)
        self._bells: dict[int, trio.Event] = {}
        self._attempts: dict[int, tuple[int, int]] = {}
        """By charger: which instruction was sent last, and how often."""
        self._failed: dict[int, int] = {}
        """By charger: the instruction that a defect of ours ended, until that is on disk."""
        self._nursery: trio.Nursery | None = None
        self._stopping = False
        self._idle = trio.Event()
        links.on_presence.append(self._ring)
        registry.watch(self._heed_change)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Delivers until it is cancelled; what is executing then is judged at the next start."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._queue.on_change = self._attend
            try:
                await self._look_on()
                for charger_id in self._queue.chargers():
                    self._attend(charger_id)
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._queue.on_change = None
                self._nursery = None

    async def finish(self, deadline_s: float) -> None:
        """Begins nothing more, and gives what is executing some time to end; before the links are closed."""
        self._stopping = True
        for charger_id in list(self._bells):
            self._ring(charger_id)
        with trio.move_on_after(deadline_s):
            while self._queue.executing:
                await self._idle.wait()

    # -- bells

    def _attend(self, charger_id: int) -> None:
        """Something is different with the instructions of a charger."""
        self._note_rest()
        if charger_id in self._bells:
            self._ring(charger_id)
        elif self._nursery is not None and not self._stopping:
            self._bells[charger_id] = trio.Event()
            self._nursery.start_soon(self._serve, charger_id)

    def _note_rest(self) -> None:
        """Has `finish` look again whether something is executing."""
        self._idle.set()
        self._idle = trio.Event()

    def _ring(self, charger_id: int) -> None:
        bell = self._bells.get(charger_id)
        if bell is not None:
            bell.set()

    def _heed_change(self, change: ChargerChanged | CredentialChanged) -> None:
        if isinstance(change, ChargerChanged):
            self._ring(change.charger_id)

    # -- one charger

    async def _serve(self, charger_id: int) -> None:
        try:
            while not self._stopping and (head := self._queue.head(charger_id)) is not None:
                self._bells[charger_id] = trio.Event()  # what rings from here on is heard
                try:
                    await self._take_step(head)
                except StoreError as exc:
                    self._log_unstored(head, exc)
                    await trio.sleep(RETRY_S)
                except Exception:
                    # A catch point beside those for what chargers say (`call_failed`, `link_failed`). Out of this task
                    # a defect would end the server, and each one after it: the instruction is still in its queue.
                    log.exception("instruction_failed", instruction=head.instruction_id, action=head.action)
                    if self._failed.get(charger_id) == head.instruction_id:
                        await trio.sleep(RETRY_S)  # what fails is to write that it failed
                    self._failed[charger_id] = head.instruction_id
        finally:
            del self._bells[charger_id]
            self._attempts.pop(charger_id, None)
            self._failed.pop(charger_id, None)

    async def _take_step(self, head: Instruction) -> None:
        """Takes the first instruction of a charger one step on.

        Raises:
            StoreError: the step could not be written, and was not taken.
        """
        now = self._clock()
        if self._failed.get(head.charger_id) == head.instruction_id:
            await self._queue.change(head, Outcome("declined", error=DEFECT))
            return
        try:
            charger = self._registry.charger(head.charger_id)
        except KeyError:
            await self._queue.change(head, Outcome("declined", error="the charger was removed"))
            return
        if head.expires <= now:
            await self._queue.change(head, Outcome("expired", error=f"not delivered before {head.expires:%FT%TZ}"))
            return
        ready_in_s = self._ready_in_s(head.charger_id) if may_send(head.action, charger.registration_status) else None
        if ready_in_s == 0:
            await self._execute(head)
        elif head.state == "accepted":
            await self._queue.change(head, Outcome("waiting"))
        else:
            left_s = (head.expires - now).total_seconds()
            with trio.move_on_after(left_s if ready_in_s is None else min(left_s, ready_in_s)):
                await self._bells[head.charger_id].wait()

    def _ready_in_s(self, charger_id: int) -> float | None:
        """Tells in how many seconds a charger can be told something, unless it boots before; None: it is away."""
        presence = self._links.presence(charger_id)
        if presence is None:
            return None
        return 0 if presence.ready else max(0, presence.since + READY_AFTER_S - trio.current_time())

    async def _execute(self, head: Instruction) -> None:
        try:
            request = self._queue.message(head)
        except RegistryError as exc:  # an earlier version took it in
            await self._queue.change(head, Outcome("declined", error=str(exc)))
            return
        executing = await self._queue.change(head, Outcome("executing"))
        sought = self._sought(head, request)
        sighting = None if sought is None else self._sightings.begin(head.charger_id, sought)
        accepted = False
        try:
            outcome, accepted = await self._call(executing, request)
        finally:
            if sighting is not None and not accepted:
                self._sightings.end(sighting)
        ended = await self._settle(executing, outcome)
        if not ended.final:  # a link that ends is told of, but it may be in the middle of that
            self._note_rest()
            with trio.move_on_after(RETRY_S):
                await self._bells[head.charger_id].wait()
        if sighting is not None and accepted and self._nursery is not None:
            sighting.accept()
            self._nursery.start_soon(self._watch, ended, sighting, sighting.sought.within_s)

    async def _call(self, executing: Instruction, request: OcppMessage) -> tuple[Outcome, bool]:
        charger_id, number = executing.charger_id, executing.instruction_id
        sent, times = self._attempts.get(charger_id, (number, 0))
        attempts = times + 1 if sent == number else 1
        self._attempts[charger_id] = (number, attempts)
        try:
            confirmation = await self._links.call(charger_id, request, DEADLINES_S.get(executing.action))
        except CallFailed as failed:
            return outcome_of_failure(failed, request, attempts), False
        except LocalProtocolError as exc:  # too many CALLs wait for this link; none of them ours
            return Outcome("declined", error=str(exc)), False
        return outcome_of_answer(confirmation), accepts(confirmation)

    async def _settle(self, executing: Instruction, outcome: Outcome) -> Instruction:
        """Writes down what came of it, as often as it takes: nobody else may change what is executing."""
        while True:
            try:
                after = await self._queue.change(executing, outcome)
            except StoreError as exc:
                self._log_unstored(executing, exc)
                await trio.sleep(RETRY_S)
            else:
                return after

    # -- what comes of it

    def _sought(self, instruction: Instruction, request: OcppMessage) -> Sought | None:
        try:
            charger = self._registry.charger(instruction.charger_id)
        except KeyError:
            return None
        return sought_effect(request, self._registry.facts(charger), charger.connector_count)

    async def _look_on(self) -> None:
        """Looks on for what chargers accepted before this server was started, for as long as it would have."""
        now = self._clock()
        self._sightings.learn(await last_statuses(self._store))
        for ended, started in await unwatched(self._store, now):
            with _defect_kept_to(ended):
                self._look_on_for(ended, now, started=started)

    def _look_on_for(self, ended: Instruction, now: datetime, *, started: bool) -> None:
        try:
            sought = self._sought(ended, read_order(ended.action, ended.payload.encode()).message)
        except RegistryError:  # an earlier version took it in
            return
        if sought is None or self._nursery is None:
            return
        sighting = self._sightings.begin(ended.charger_id, sought, resumed=True)
        if started:
            sighting.seen.set()
        left_s = sought.within_s - (now - ended.status_date).total_seconds()
        self._nursery.start_soon(self._watch, ended, sighting, max(0.0, left_s))

    async def _watch(self, ended: Instruction, sighting: Sighting, seconds: float) -> None:
        """Waits for what was accepted to be seen, and writes down whether it was."""
        try:
            with trio.move_on_after(seconds):
                await sighting.seen.wait()
        finally:
            self._sightings.end(sighting)
        with _defect_kept_to(ended):
            try:
                effect = SEEN if sighting.seen.is_set() else await self._missing(sighting)
                await self._queue.note_effect(ended, effect)
            except (StoreError, QueryInterrupted) as exc:
                self._log_unstored(ended, exc)

    async def _missing(self, sighting: Sighting) -> str:
        """Says that nothing came of something; not that a limit is broken in whose place another may hold."""
        sought, contradiction = sighting.sought, sighting.contradiction
        outranked = False
        if contradiction and isinstance(sought, LimitSought):
            outranked = not surely_holds(sought.profile, await installed_profiles(self._store, sighting.charger_id))
        return missing_effect(sought, contradiction, interrupted=sighting.resumed, outranked=outranked)

    @staticmethod
    def _log_unstored(instruction: Instruction, error: Exception) -> None:
        log.warning("instruction_not_stored", instruction=instruction.instruction_id, reason=str(error))


def _defect_kept_to(ended: Instruction) -> AbstractContextManager[None]:
    return defect_kept_to("instruction_failed", instruction=ended.instruction_id, action=ended.action)
