"""Transaction-related messages on their way out: in order, one at a time, until each is answered.

OCPP 1.6 §3.7.1 wants StartTransaction, MeterValues of a transaction and StopTransaction delivered in
the order they happened, however long the link was down, and repeated where the central system failed
to process them (TransactionMessageAttempts, TransactionMessageRetryInterval). A message keeps its own
timestamp; the transactionId is filled in when it is sent, because a transaction that began offline
has none before its StartTransaction is answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
import trio

from solarocpp.errors import CallRefused
from solarocpp.ocpp.messages import (
    MeterValuesRequest,
    OcppMessage,
    StartTransactionConfirmation,
    StartTransactionRequest,
    StopTransactionRequest,
)
from solarocpp.simulator.clock import Clock
from solarocpp.simulator.connector import Transaction

# A day of readings every minute, of one connector, and some more. When it is full the oldest MeterValues goes:
# begin and end of a transaction are worth more than a reading between them.
BACKLOG_LIMIT = 2_000

TransactionMessage = StartTransactionRequest | MeterValuesRequest | StopTransactionRequest


class Delivery:
    """What becomes of one queued message: waited for by the session that made it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = trio.Event()
        self._waiting = 0

    async def wait(self) -> None:
        """Waits until the message is confirmed or given up.

        Whoever waits holds a stepped clock, and gives up its hold meanwhile: the backlog has one of its
        own, which it may have to give up between two attempts.
        """
        if self._left.is_set():
            return
        self._waiting += 1
        self._clock.release()
        try:
            await self._left.wait()
        except trio.Cancelled:
            if not self._left.is_set():
                self._waiting -= 1
                self._clock.hold()
            raise

    def leave(self) -> None:
        """Wakes who waits; they hold the clock again from this moment, not from when they run."""
        for _ in range(self._waiting):
            self._clock.hold()
        self._waiting = 0
        self._left.set()


class _Entry:
    def __init__(self, request: TransactionMessage, transaction: Transaction, delivery: Delivery) -> None:
        self.request, self.transaction, self.delivery = request, transaction, delivery
        self.attempts = 0

    def message(self) -> TransactionMessage:
        """The request with the transactionId that is known by now."""
        transaction_id = self.transaction.transaction_id
        if isinstance(self.request, StartTransactionRequest) or transaction_id is None:
            return self.request
        return msgspec.structs.replace(self.request, transaction_id=transaction_id)


class Backlog:
    """The queue of one charge point; survives its links."""

    def __init__(self, clock: Clock, *, limit: int = BACKLOG_LIMIT) -> None:
        self._clock, self._limit = clock, limit
        self._holding = self._resting = False
        self._entries: deque[_Entry] = deque()
        self._filled = trio.Event()
        self._empty = trio.Event()
        self._empty.set()
        self.retried = 0
        """Messages sent again after a CALLERROR."""
        self.dropped = 0
        """Messages that were never confirmed: refused too often, or out of room."""

    def __len__(self) -> int:
        """How many messages wait, the one on its way included."""
        return len(self._entries)

    def put(self, request: TransactionMessage, transaction: Transaction) -> Delivery:
        """Queues a message; never waits."""
        if not self._entries:
            self._empty = trio.Event()
        entry = _Entry(request, transaction, Delivery(self._clock))
        self._entries.append(entry)
        self._hold()
        if len(self._entries) > self._limit:
            self._make_room()
        self._filled.set()
        return entry.delivery

    def rest(self) -> None:
        """Lets a stepped clock go on although messages wait: there will be no link for some simulated time."""
        self._resting = True
        self._hold()

    def resume(self) -> None:
        """Ends a `rest`: what waits is to be delivered before the time goes on."""
        self._resting = False
        self._hold()

    def _hold(self) -> None:
        """Holds a stepped clock until all is said that happened, or lets it go."""
        wanted = bool(self._entries) and not self._resting
        if wanted != self._holding:
            self._holding = wanted
            (self._clock.hold if wanted else self._clock.release)()

    def _make_room(self) -> None:
        # Never the first, which may be on its way, and never a start or stop: there are two in each session.
        for index in range(1, len(self._entries)):
            if isinstance(self._entries[index].request, MeterValuesRequest):
                self._entries[index].delivery.leave()
                del self._entries[index]
                self.dropped += 1
                return

    async def deliver(
        self,
        exchange: Callable[[OcppMessage], Awaitable[OcppMessage]],
        *,
        attempts: Callable[[], int],
        retry_interval_s: Callable[[], int],
    ) -> None:
        """Sends what is queued, now and later, until the link fails; what was not answered stays queued.

        Raises:
            NotConnected, CallExpired: the link is of no more use.
        """
        while True:
            while self._entries:
                entry = self._entries[0]
                try:
                    confirmation = await exchange(entry.message())
                except CallRefused:
                    entry.attempts += 1
                    if entry.attempts >= attempts():
                        self._drop()
                        continue
                    # §9.1.28: the wait grows with the number of transmissions.
                    await self._clock.sleep(retry_interval_s() * entry.attempts)
                    self.retried += 1
                    continue
                if isinstance(confirmation, StartTransactionConfirmation):
                    entry.transaction.settle(confirmation)
                self._leave()
            self._filled = trio.Event()
            await self._filled.wait()

    def _drop(self) -> None:
        entry = self._entries[0]
        if isinstance(entry.request, StartTransactionRequest):
            entry.transaction.give_up()
        self.dropped += 1
        self._leave()

    def _leave(self) -> None:
        self._entries.popleft().delivery.leave()
        self._hold()
        if not self._entries:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Waits until every message is confirmed or given up."""
        await self._empty.wait()
