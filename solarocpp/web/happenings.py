"""What happens, while it happens, for whoever watches: one ring of the newest, and a bounded buffer for each reader.

    store: committed exchanges, projected events -> Hub.publish -> ring (for who comes back)
                                                               -> Reader.put, if it wants that and may see it

Nothing here waits for a reader: a full buffer drops its oldest and counts, and the reader is told how many. While
nobody watches nothing is kept, so a server without readers pays nothing for this.

The queue of instructions (or whatever else comes) tells of itself in one of two ways: by an event whose name begins
with `instruction_`, or by `Hub.publish("instruction", ...)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, get_args

import msgspec
import trio
from litestar.response.sse import ServerSentEventMessage

from solarocpp.errors import SolarOcppError
from solarocpp.store import Store
from solarocpp.store.effects import Effect
from solarocpp.store.writer import Record
from solarocpp.web.access import MOST_DIGITS
from solarocpp.web.telling import Told, told_of_event, told_of_record

Kind = Literal["message", "datum", "status", "session", "link", "event", "instruction"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

# How long the ring is kept up after the last reader went: a reload, or a network that was lost.
RESUMABLE_S: Final = 120.0
# Beside its texts: what Python needs for one, and what JSON adds.
_OVERHEAD_BYTES: Final = 500


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept, and for how many."""

    ring_most: int = 10_000
    """For whoever comes back: some minutes of 200 chargers, and as many seconds of a storm of theirs."""
    ring_bytes: int = 16_000_000
    buffer_most: int = 1_000
    """Of each reader: a second of a storm. Browsers that need longer have something to tell their user."""
    buffer_bytes: int = 1_000_000
    readers: int = 64
    """64 MB of buffers at most. A dashboard is one, so this is more people than a box has."""
    readers_of_account: int = 16
    quiet_s: float = 15.0
    """How long a reader is told nothing: home routers forget an idle flow after 60 s, some proxies after 30."""


USUAL_ROOM: Final = Room()


class TooManyReaders(SolarOcppError):
    """No more readers are let in; a place is free when one of them goes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} readers of live events are connected already, which is the most. Try again later.")


class Happening:
    """One thing that happened, with its place in the order of all."""

    __slots__ = ("_written", "account_id", "charger", "content", "event_id", "kind", "size")

    def __init__(self, event_id: str, kind: Kind, account_id: int | None, charger: str | None, content: Told) -> None:
        self.event_id = event_id
        self.kind = kind
        self.account_id = account_id
        self.charger = None if charger is None else charger.casefold()
        self.content = content
        self.size = _OVERHEAD_BYTES + 2 * content.text_size
        self._written = b""

    def write(self) -> bytes:
        """Writes it as a server-sent event; once, for all its readers."""
        if not self._written:
            data = msgspec.json.encode(self.content, enc_hook=str).decode()
            self._written = ServerSentEventMessage(data, self.kind, self.event_id, sep="\n").encode()
        return self._written


class Wish(msgspec.Struct, frozen=True):
    """What a reader wants, and may see."""

    kinds: frozenset[Kind]
    charger: str | None = None
    """Its identity, in any case; None: all."""
    account_id: int | None = None
    """None: everybody's, and nobody's."""

    def __contains__(self, happening: Happening) -> bool:
        return (
            happening.kind in self.kinds
            and self.account_id in (None, happening.account_id)
            and (self.charger is None or self.charger.casefold() == happening.charger)
        )


class Reader:
    """What waits for one reader."""

    def __init__(self, wish: Wish, room: Room) -> None:
        self.wish = wish
        self._room = room
        self._waiting: deque[Happening] = deque()
        self._bytes = 0
        self._lost = 0
        self._news = trio.Event()

    def put(self, happening: Happening) -> None:
        """Takes what it wants; the oldest goes where there is no room."""
        if happening not in self.wish:
            return
        self._waiting.append(happening)
        self._bytes += happening.size
        room = self._room
        while len(self._waiting) > room.buffer_most or (self._bytes > room.buffer_bytes and len(self._waiting) > 1):
            self._bytes -= self._waiting.popleft().size
            self._lost += 1
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many it has not taken yet."""
        return len(self._waiting)

    async def take(self) -> tuple[int, list[Happening]]:
        """Waits for something, and gives how many were lost before it, and all that waits, oldest first."""
        await self._news.wait()
        self._news = trio.Event()
        lost, taken = self._lost, list(self._waiting)
        self._waiting.clear()
        self._bytes = self._lost = 0
        return lost, taken


class Hub:
    """Everything that happens in a store, and who reads it; for the Trio thread.

    Args:
        store: what is listened to.
        run_id: tells the numbers of this process from another's, so that nobody resumes at a wrong place.
        room: how much is kept.
    """

    def __init__(self, store: Store, run_id: str, room: Room = USUAL_ROOM) -> None:
        self._store = store
        self._run_id = run_id
        self._room = room
        self._number = 0
        self._ring: deque[Happening] = deque()
        self._ring_bytes = 0
        self._readers: set[Reader] = set()
        self._unwatched_since = 0.0

    @property
    def quiet_s(self) -> float:
        """After how long a reader to whom nothing happens is told so."""
        return self._room.quiet_s

    @property
    def now_id(self) -> str:
        """The place in the order that everything so far is at or before."""
        return f"{self._run_id}-{self._number}"

    @contextmanager
    def reading(self, wish: Wish, after: str | None = None) -> Iterator[tuple[Reader, bool]]:
        """Lets somebody read while the block runs; also says whether everything since `after` is still there.

        Raises:
            TooManyReaders: there is no room.
        """
        self._check_room(wish)
        reader = Reader(wish, self._room)
        whole = after is None or self._catch_up(reader, after)
        self._readers.add(reader)
        self._listen()
        try:
            yield reader, whole
        finally:
            self._readers.discard(reader)
            self._unwatched_since = trio.current_time()

    def publish(self, kind: Kind, account_id: int | None, charger: str | None, content: Told) -> None:
        """Tells everybody who wants it and may see it; never blocks. Account None: nobody's but the whole box's."""
        self._number += 1
        happening = Happening(self.now_id, kind, account_id, charger, content)
        self._ring.append(happening)
        self._ring_bytes += happening.size
        while len(self._ring) > self._room.ring_most or self._ring_bytes > self._room.ring_bytes:
            self._ring_bytes -= self._ring.popleft().size
        for reader in self._readers:
            reader.put(happening)

    def _check_room(self, wish: Wish) -> None:
        room = self._room
        if len(self._readers) >= room.readers:
            raise TooManyReaders(room.readers)
        of_account = sum(reader.wish.account_id == wish.account_id for reader in self._readers)
        if wish.account_id is not None and of_account >= room.readers_of_account:
            raise TooManyReaders(room.readers_of_account)

    def _catch_up(self, reader: Reader, after: str) -> bool:
        """Puts what is newer than `after`; False if some of it is not kept any more, or it is no place we know."""
        run_id, _, number = after.rpartition("-")
        known = run_id == self._run_id and number.isdecimal() and len(number) <= MOST_DIGITS
        if not known or int(number) > self._number:
            return False
        missed = self._number - int(number)
        for happening in list(self._ring)[-missed:] if missed else ():
            reader.put(happening)
        return missed <= len(self._ring)

    def _listen(self) -> None:
        self._store.on_committed = self._take_committed
        self._store.on_projected = self._take_projected

    def _rest(self) -> bool:
        """Stops listening when nobody has watched for a while; tells whether it did."""
        if self._readers or trio.current_time() - self._unwatched_since < RESUMABLE_S:
            return False
        self._store.on_committed = self._store.on_projected = None
        self._number += 1  # what happens from now on is not kept, so nobody may resume across it
        self._ring.clear()
        self._ring_bytes = 0
        return True

    def _take_committed(self, records: Sequence[Record]) -> None:
        if self._rest():
            return
        for record in records:
            if record.exchange is not None:
                facts = record.exchange.charger
                for kind, content in told_of_record(record):
                    self.publish(kind, facts.account_id, facts.identifier, content)

    def _take_projected(self, effects: Sequence[Effect]) -> None:
        if self._rest():
            return
        for effect in effects:
            told = told_of_event(effect)
            if told is not None:
                kind, content = told
                self.publish(kind, content.account_id, content.charger, content)
