"""Whether one more charger may come."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from solarocpp.config import Config
from solarocpp.gateway.refusals import Refused
from solarocpp.gateway.room import Room

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def room() -> Room:
    return Room(Config(max_links=3, max_links_per_address=2))


def taken(room: Room, links: Sequence[tuple[int, str]]) -> None:
    for charger_id, host in links:
        room.enter(charger_id, host)


@pytest.mark.parametrize(
    ("links", "charger_id", "kind"),
    [
        ([(1, HERE)], 2, None),
        ([(1, HERE), (2, HERE)], 3, "full_for_address"),
        ([(1, HERE), (2, HERE)], None, "full_for_address"),  # one that nobody registered
        ([(1, HERE), (2, HERE)], 2, None),  # it has a place
        ([(1, HERE), (1, HERE), (1, HERE), (1, HERE)], 2, None),  # three dead sockets are no chargers
        ([(1, HERE), (2, THERE), (3, THERE)], 4, "full"),
        ([(1, HERE), (2, THERE), (3, THERE)], 3, None),
        ([(1, HERE), (2, HERE)], 1, None),
    ],
)
def test_chargers_are_counted_and_not_links(
    room: Room, links: list[tuple[int, str]], charger_id: int | None, kind: str | None
) -> None:
    taken(room, links)
    refusal = room.refusal(charger_id, HERE)
    assert (refusal.kind if isinstance(refusal, Refused) else None) == kind


def test_a_place_is_free_when_the_last_link_of_a_charger_ended(room: Room) -> None:
    taken(room, [(1, HERE), (1, HERE), (2, HERE)])
    room.leave(1, HERE)
    assert room.refusal(3, HERE) is not None
    room.leave(1, HERE)
    assert room.refusal(3, HERE) is None
    room.leave(2, HERE)
    assert (len(room._links), len(room._links_from)) == (0, 0)  # nothing is kept of who went
