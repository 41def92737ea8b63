"""The ring and the readers without a socket: who is slow loses its oldest and is told how many; nothing grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from served import NOW

from solarocpp.store import ChargerFacts, Exchange, Store, open_store
from solarocpp.web.happenings import KINDS, RESUMABLE_S, USUAL_ROOM, Hub, Room, TooManyReaders, Wish
from solarocpp.web.telling import MessageTold

ALL = Wish(frozenset(KINDS))
FACTS = ChargerFacts(1, "CP001", 1, 1, "/t", publish=True)  # type: ignore[arg-type]  # an identifier is a str


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "data", now=NOW)
    yield opened
    opened.close()


@pytest.fixture
def hub(store: Store) -> Hub:
    return Hub(store, "run")


def message(text: str) -> MessageTold:
    return MessageTold(charger="CP001", received=NOW, direction="in", action="Heartbeat", request=text, answer="")


def publish(hub: Hub, *texts: str) -> None:
    for text in texts:
        hub.publish("message", 1, "CP001", message(text))


async def test_a_slow_reader_loses_its_oldest_and_hears_how_many(store: Store) -> None:
    hub = Hub(store, "run", Room(buffer_most=3))
    with hub.reading(ALL) as (slow, _), hub.reading(Wish(frozenset({"datum"}))) as (other, _):
        publish(hub, *"abcde")
        lost, kept = await slow.take()
        assert (lost, [each.content.request for each in kept]) == (2, ["c", "d", "e"])  # type: ignore[attr-defined]
        publish(hub, "f")
        lost, kept = await slow.take()
        assert (lost, len(kept)) == (0, 1)  # told once
        assert other.waiting == 0  # what it does not want is not lost to it


async def test_long_messages_count_by_their_length(store: Store) -> None:
    """64 KiB each, and a thousand of them would be in memory for every reader."""
    hub = Hub(store, "run", Room(buffer_bytes=300_000, ring_bytes=300_000))
    with hub.reading(ALL) as (slow, _):
        publish(hub, *["x" * 65_536] * 5)
        assert slow.waiting == 2
    with hub.reading(ALL, "run-0") as (again, whole):
        assert (again.waiting, whole) == (2, False)


async def test_one_that_is_too_long_for_every_buffer_is_told_all_the_same(store: Store) -> None:
    hub = Hub(store, "run", Room(buffer_bytes=10))
    with hub.reading(ALL) as (reader, _):
        publish(hub, "long", "longer")
        assert (await reader.take())[0] == 1


async def test_nothing_is_kept_while_nobody_watches(
    hub: Hub, store: Store, autojump_clock: trio.testing.MockClock
) -> None:
    """A server without readers pays nothing; after the last one went, what happens is kept for a while."""
    heartbeat = Exchange(NOW, FACTS, "in", "Heartbeat", "[2]", "[3]")
    assert store.on_committed is None
    with hub.reading(ALL):
        assert store.on_committed is not None
    place = hub.now_id
    await trio.sleep(RESUMABLE_S - 1)
    store.show(heartbeat)
    with hub.reading(ALL, place) as (reader, whole):
        assert (reader.waiting, whole) == (1, True)
    place = hub.now_id
    await trio.sleep(RESUMABLE_S)
    store.show(heartbeat)
    assert store.on_committed is store.on_projected is None
    with hub.reading(ALL, place) as (reader, whole):
        assert (reader.waiting, whole) == (0, False)


async def test_the_readers_are_counted(store: Store) -> None:
    hub = Hub(store, "run", Room(readers=1))
    with hub.reading(ALL), pytest.raises(TooManyReaders), hub.reading(ALL):
        pass
    with hub.reading(ALL):  # a place is free again
        pass


def test_the_limits_are_what_their_reasons_say() -> None:
    """Memory at worst: a ring, and a full buffer for each reader."""
    assert USUAL_ROOM.ring_bytes + USUAL_ROOM.readers * USUAL_ROOM.buffer_bytes == 80_000_000
    assert USUAL_ROOM.readers_of_account * 4 == USUAL_ROOM.readers


async def test_a_happening_is_written_once_and_as_the_standard_has_it(hub: Hub) -> None:
    with hub.reading(ALL) as (reader, _):
        publish(hub, "a\nb")
        _, (happening,) = await reader.take()
    written = happening.write()
    assert written is happening.write()
    head, data, *rest = written.decode().split("\n")[1:]
    assert (written.decode().split("\n")[0], head, rest) == ("id: run-1", "event: message", ["", ""])
    assert '"request":"a\\nb"' in data
