"""The writer: one thread that makes exchanges durable, as many at once as are waiting.

    record (Trio thread) -> queue -> commit -> projector
                                            -> outcomes (Trio thread, one call a commit)

There is no linger: an idle writer commits at once, and what arrives during a commit shares the next
(measured: waiting 5 ms for company costs a quarter of the throughput). The queue holds at most
`QUEUE_LIMIT` records; beyond, records are refused at once, and the charger tries again.

A commit that fails refuses its whole batch and nothing else: the thread lives, and the next batch tries
again. What it may have left in the file is deleted before the next one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from solarocpp.errors import StoreError
from solarocpp.store.database import Connection, Database
from solarocpp.store.effects import Effect
from solarocpp.store.histogram import Histogram
from solarocpp.store.ledger import Exchange, append_exchanges, discard_beyond, is_storable
from solarocpp.store.projector import Change, Covered, Projector

# About a quarter of a GB of MeterValues; a gateway lets 64 wait for each link.
QUEUE_LIMIT = 100_000

# As much again for what is committed while no projection succeeds, which keeps its effects in memory.
UNPROJECTED_LIMIT = 200_000

# Bounds how long one commit holds the others up (512 exchanges of 1 KB: 8 ms), and the size of its text.
BATCH_LIMIT = 512

Outcome = Callable[[bool], None]

log = structlog.get_logger()


class Record(NamedTuple):
    """What `Store.record` was given."""

    exchange: Exchange | None
    effects: Sequence[Effect]
    on_outcome: Outcome | None


class Writer:
    """The queue, the thread's work, and what is known about it; `put` and the attributes are for the Trio thread.

    Args:
        database: the main database.
        last: number of the newest exchange in the ledger.
        projector: is given everything that was committed, in order.
        deliver: calls outcomes with True or False in the Trio thread.
        announce: is given what was committed, after its outcomes, in this thread.
        wake: calls what it is given at the end of the Trio thread's turn, once. So one commit takes all that
            the links bring in a turn, and the two threads do not fight for the interpreter meanwhile.
    """

    def __init__(  # noqa: PLR0913 one argument for each way out
        self,
        database: Database,
        last: int,
        projector: Projector,
        *,
        deliver: Callable[[Sequence[Outcome], bool], None],
        wake: Callable[[Callable[[], None]], None],
        announce: Callable[[Sequence[Record]], None],
    ) -> None:
        self._database = database
        self._projector = projector
        self._deliver = deliver
        self._wake = wake
        self._announce = announce
        self._queue: deque[Record | Change] = deque()
        self._awake = threading.Event()
        self._stopping = False
        self._last = last
        self._doubtful = False
        self.committed = 0
        self.refused = 0
        self.commit_ms = 0.0
        self.commits = Histogram()
        self.failing = ""

    @property
    def waiting(self) -> int:
        """Records and changes that no commit has taken yet."""
        return len(self._queue)

    @property
    def last(self) -> int:
        """Number of the newest exchange that was committed."""
        return self._last

    def put(self, entry: Record | Change) -> bool:
        """Queues; False if too much waits already and `entry` was not taken."""
        if len(self._queue) >= QUEUE_LIMIT or self._projector.waiting >= UNPROJECTED_LIMIT:
            self.refused += 1
            return False
        if isinstance(entry, Record) and entry.exchange is None and entry.on_outcome is None:
            # Events of links and of the door: nobody waits for them, and waking this thread twice for each
            # reconnect would cost an eighth of it.
            self._projector.put(Covered(None, entry.effects, time.monotonic()))
            return True
        self._queue.append(entry)
        if not self._awake.is_set():
            self._wake(self._awake.set)
        return True

    def stop(self) -> None:
        """Lets `work` return once the queue is empty."""
        self._stopping = True
        self._awake.set()

    def work(self) -> None:
        """Commits what is queued until `stop`; the body of the writer's thread."""
        while True:
            self._awake.wait()
            # Cleared before the queue is looked at, so that a `put` in between wakes us again.
            self._awake.clear()
            while self._queue:
                self._step()
            if self._stopping:
                return

    def _step(self) -> None:
        """Takes what waits, up to a change or the limit, and commits it."""
        queue = self._queue
        records: list[Record] = []
        while queue and len(records) < BATCH_LIMIT and isinstance(entry := queue[0], Record):
            records.append(entry)
            queue.popleft()
        if records:
            self._commit(records)
        if queue and isinstance(change := queue[0], Change):
            queue.popleft()
            self._projector.put(change)

    def _commit(self, records: Sequence[Record]) -> None:
        exchanges = [record.exchange for record in records if record.exchange is not None]
        began = time.perf_counter()
        try:
            if exchanges:
                self._append(exchanges)
        except ValueError:
            self._refuse_unstorable(records)
            return
        except StoreError as exc:
            if not self.failing:
                log.error("commit_failed", reason=str(exc), exchanges=len(exchanges))  # noqa: TRY400 the reason is enough
            self.failing = str(exc)
            self.refused += len(records)
            self._tell(records, committed=False)
            return
        if exchanges:
            if self.failing:
                log.warning("commit_recovered", refused=self.refused)
            self.failing = ""
            self._last += len(exchanges)
            self.committed += len(exchanges)
            took_s = time.perf_counter() - began
            self.commit_ms = took_s * 1e3
            self.commits.observe(took_s)
        effects = [effect for record in records for effect in record.effects]
        self._projector.put(Covered(self._last if exchanges else None, effects, time.monotonic()))
        self._tell(records, committed=True)
        self._announce(records)

    def _append(self, exchanges: Sequence[Exchange]) -> None:
        def append(con: Connection) -> None:
            if self._doubtful:
                discard_beyond(con, self._last)
            self._doubtful = True  # until it is known to be committed
            append_exchanges(con, self._last + 1, exchanges)
            self._doubtful = False

        self._database.write(append, "writer")

    def _refuse_unstorable(self, records: Sequence[Record]) -> None:
        """Refuses the exchanges that cannot be encoded, and commits the others."""
        bad = [record for record in records if record.exchange is not None and not is_storable(record.exchange)]
        if not bad:
            raise AssertionError("a batch cannot be encoded, though each of its exchanges can")
        log.error("exchange_unstorable", exchanges=len(bad))
        self.refused += len(bad)
        self._tell(bad, committed=False)
        refused = {id(record) for record in bad}
        good = [record for record in records if id(record) not in refused]
        if good:
            self._commit(good)

    def _tell(self, records: Sequence[Record], *, committed: bool) -> None:
        outcomes = [record.on_outcome for record in records if record.on_outcome is not None]
        if not committed:
            outcomes.reverse()  # what they changed in memory is undone newest first
        if outcomes:
            self._deliver(outcomes, committed)
