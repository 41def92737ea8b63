"""The projector: one thread that turns what is committed into rows, at most a second later.

It also runs the changes of the registry, in order with the messages around them: so one thread writes
all tables but the journal, and no two transactions can conflict.

While the disk refuses, what is to be written stays here and is tried again every second; the ledger
has it anyway. An effect that DuckDB cannot take for a reason of its own is found by halves, logged and
left out, so that it holds nothing up.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import structlog

from solarocpp.errors import StoreError, StoreFull
from solarocpp.store.database import Connection, Database, in_transaction
from solarocpp.store.effects import Effect
from solarocpp.store.tables import Tables

# At most this late are the tables; also how often a failing projection is tried again.
PERIOD_S = 1.0

# Wide rows cost 20 us each at 500 a batch and 8 us at 2,000; larger ones would hold commits up.
BULK = 2000

# A checkpoint stalls commits (50 ms seen, more with much to write), so it waits for a quiet moment.
QUIET_S = 10.0

# Below this the log is read back in a moment, and a checkpoint is not worth its writes.
_LOG_WORTH_BYTES = 4_000_000

log = structlog.get_logger()


class Covered(NamedTuple):
    """One commit's effects, and the ledger number up to which they go; None for effects alone."""

    last: int | None
    effects: Sequence[Effect]
    since: float
    """When it was committed, by `time.monotonic`."""


class Change(NamedTuple):
    """Something to run in order: in a transaction of its own, or, without `change`, just a milestone."""

    change: Callable[[Connection], Any] | None
    done: Callable[[Any, BaseException | None], None]
    """Told the result or the error; called in the projector's thread."""


class Projector:
    """What waits to be projected, the thread's work, and what is known about it.

    Args:
        database: the main database.
        tables: its tables; not to be used elsewhere while `work` runs.
        announce: is given the effects of each projection, in this thread.
        bulk: how many effects are worth not waiting for more, and about how many are taken at once.
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        announce: Callable[[Sequence[Effect]], None],
        *,
        bulk: int = BULK,
    ) -> None:
        self._bulk = bulk
        self._database = database
        self._tables = tables
        self._announce = announce
        self._pending: deque[Covered | Change] = deque()
        self._effects_pending = 0
        self._changes_pending = 0
        self._oldest = 0.0
        self._quiet_from = math.inf
        self._wakeup = threading.Condition()
        self._stopping = False
        self.datums = 0
        self.left_out = 0
        self.failing = ""
        self.reclaim = False
        """Whether the next quiet moment is for a checkpoint, however short the log."""

    @property
    def waiting(self) -> int:
        """Effects that the tables do not show yet."""
        return self._effects_pending

    @property
    def lag_s(self) -> float:
        """For how long the tables have not shown what is committed; 0 where they show all."""
        with self._wakeup:
            since = next((entry.since for entry in self._pending if isinstance(entry, Covered)), None)
        return 0.0 if since is None else time.monotonic() - since

    def put(self, entry: Covered | Change) -> None:
        """Queues; never blocks for long."""
        with self._wakeup:
            if not self._pending:
                self._oldest = time.monotonic()
            self._pending.append(entry)
            if isinstance(entry, Change):
                self._changes_pending += 1
            else:
                self._effects_pending += len(entry.effects)
            if len(self._pending) == 1 or self._changes_pending or self._effects_pending >= self._bulk:
                self._wakeup.notify()

    def project_now(self, effects: Sequence[Effect], last: int) -> None:
        """Projects right here; before `work` only."""
        self._project(effects, last)

    def stop(self) -> None:
        """Lets `work` return once everything is projected, or the disk refuses it."""
        with self._wakeup:
            self._stopping = True
            self._wakeup.notify()

    def work(self) -> None:
        """Projects what is committed until `stop`; the body of the projector's thread."""
        while (reason := self._wait()) != "end":
            if reason == "quiet":
                always, self.reclaim = self.reclaim, False
                self.checkpoint(always=always)
                continue
            try:
                self._step()
            except StoreError as exc:
                if not self.failing:
                    log.error("projection_failed", reason=str(exc), effects=self._effects_pending)  # noqa: TRY400
                self.failing = str(exc)
                self._refuse_changes()
                if self._stopping:
                    break
                with self._wakeup:
                    self._wakeup.wait_for(lambda: self._stopping, PERIOD_S)
        self.checkpoint(always=True)

    def checkpoint(self, *, always: bool = False) -> None:
        """Moves the log into the file if that is worth it; not while the disk is too full to end it."""
        size = self._database.log_size
        if size == 0 or (size < _LOG_WORTH_BYTES and not always):
            return
        # A checkpoint that runs out of disk invalidates the instance; the log can stay as it is.
        if shutil.disk_usage(self._database.path.parent).free < 2 * size:
            return
        try:
            with self._database.writing("projector") as con:
                con.execute("CHECKPOINT")
        except StoreError as exc:
            log.warning("checkpoint_failed", reason=str(exc))

    def _wait(self) -> Literal["work", "quiet", "end"]:
        """Waits until there is enough to do, or it is time, or long quiet."""
        with self._wakeup:
            while True:
                now = time.monotonic()
                if self._pending:
                    due = self._oldest + PERIOD_S
                    if self._stopping or self._changes_pending or self._effects_pending >= self._bulk or now >= due:
                        return "work"
                elif self._stopping:
                    return "end"
                else:
                    due = self._quiet_from
                    if now >= due:
                        self._quiet_from = math.inf
                        return "quiet"
                self._wakeup.wait(None if due == math.inf else due - now)

    def _step(self) -> None:
        """Projects up to the next change or some `bulk` effects, then runs that change."""
        last, effects, taken = self._take()
        if taken:
            self._project(effects, last)
            with self._wakeup:
                for _ in range(taken):
                    self._pending.popleft()
                self._effects_pending -= len(effects)
                self._oldest = time.monotonic()
            self._quiet_from = time.monotonic() + QUIET_S
            self._announce(effects)
        if self._pending and isinstance(change := self._pending[0], Change):
            with self._wakeup:
                self._pending.popleft()
                self._changes_pending -= 1
            self._run(change)

    def _take(self) -> tuple[int | None, list[Effect], int]:
        last: int | None = None
        effects: list[Effect] = []
        taken = 0
        with self._wakeup:
            for entry in self._pending:
                if isinstance(entry, Change) or len(effects) >= self._bulk:
                    break
                effects += entry.effects
                last = last if entry.last is None else entry.last
                taken += 1
        return last, effects, taken

    def _project(self, effects: Sequence[Effect], last: int | None) -> None:
        try:
            self.datums += self._database.write(lambda con: self._tables.project(con, effects, last), "projector")
        except StoreFull:
            raise
        except Exception as exc:
            with self._database.writing("projector") as con:
                good = self._projectable(con, effects)
                if len(good) == len(effects):
                    raise StoreError(f"a batch cannot be projected, though its effects can: {exc}") from exc
                self.datums += self._tables.project(con, good, last)
            self.left_out += len(effects) - len(good)
            log.exception("effects_left_out", effects=len(effects) - len(good), reason=str(exc))
        if self.failing:
            log.warning("projection_recovered")
        self.failing = ""

    def _projectable(self, con: Connection, effects: Sequence[Effect]) -> list[Effect]:
        """Finds the effects that can be written, by halves."""
        if not effects or self._tables.can_project(con, effects):
            return list(effects)
        if len(effects) == 1:
            return []
        half = len(effects) // 2
        return self._projectable(con, effects[:half]) + self._projectable(con, effects[half:])

    def _run(self, change: Change) -> None:
        result, error = None, None
        try:
            if change.change is not None:
                self._quiet_from = time.monotonic() + QUIET_S
                action = change.change
                result = self._database.write(lambda con: in_transaction(con, action), "projector")
        except Exception as exc:  # noqa: BLE001 it belongs to whoever asked for the change
            error = exc
        change.done(result, error)

    def _refuse_changes(self) -> None:
        """Refuses all changes that wait: whoever asked should hear that the disk is full, not wait for space."""
        with self._wakeup:
            changes = [entry for entry in self._pending if isinstance(entry, Change)]
            self._pending = deque(entry for entry in self._pending if isinstance(entry, Covered))
            self._changes_pending = 0
        for change in changes:
            change.done(None, StoreFull(str(self._database.path), self.failing))
