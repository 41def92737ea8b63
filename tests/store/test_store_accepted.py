"""What chargers accepted, as rows: charging profiles, reservations, local lists."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
from stored import RECEIVED, T, at, ended, rows, started

from solarocpp.store import Store
from solarocpp.store.accepted import forget_charger
from solarocpp.store.effects import (
    ConnectorStatusChanged,
    Effect,
    ListRow,
    LocalListAccepted,
    LocalListDoubted,
    ProfileInstalled,
    ProfilesCleared,
    ReservationAnswered,
    ReservationCancelled,
    ReservationUsed,
)


async def told(store: Store, *effects: Effect) -> None:
    """Each in a projection of its own, as they come."""
    for effect in effects:
        store.record(None, [effect])
        await store.settle()


def profile(number: int, *, connector: int = 1, purpose: str = "TxDefaultProfile", stack: int = 0) -> ProfileInstalled:
    return ProfileInstalled(1, connector, number, purpose, stack, None, f'{{"chargingProfileId":{number}}}', T)


def numbers(store: Store) -> Sequence[tuple[object, ...]]:
    return rows(store, 'SELECT "chargingProfileId", "connectorId" FROM "installedProfile" ORDER BY ALL')


async def test_a_profile_replaces_what_was_there_of_its_purpose_and_level(store: Store) -> None:
    """OCPP 1.6 §3.13.2."""
    await told(store, profile(1), profile(2, connector=2), profile(3, stack=1), profile(4))
    assert numbers(store) == [(2, 2), (3, 1), (4, 1)]
    assert rows(store, "SELECT profile->>'$.chargingProfileId' FROM \"installedProfile\" ORDER BY 1") == [
        ("2",),
        ("3",),
        ("4",),
    ]


async def test_a_profile_is_at_one_place(store: Store) -> None:
    """§7.8: chargingProfileId is unique; the same one again moves it."""
    await told(store, profile(1), profile(1, connector=2, stack=3))
    assert numbers(store) == [(1, 2)]


async def test_clearing_takes_what_matches_all_that_is_given(store: Store) -> None:
    made = [profile(1), profile(2, stack=1), profile(3, connector=2), profile(4, purpose="TxProfile")]
    await told(store, *made, ProfilesCleared(1, connector_id=1, purpose="TxDefaultProfile", stack_level=1))
    assert numbers(store) == [(1, 1), (3, 2), (4, 1)]
    await told(store, ProfilesCleared(1, purpose="TxProfile"), ProfilesCleared(2))
    assert numbers(store) == [(1, 1), (3, 2)]
    await told(store, ProfilesCleared(1, charging_profile_id=3, connector_id=1))  # an id says it all (§5.3)
    assert numbers(store) == [(1, 1)]
    await told(store, ProfilesCleared(1))
    assert numbers(store) == []


async def test_profiles_of_a_transaction_end_with_it(store: Store) -> None:
    await told(
        store,
        started(),
        profile(1),
        profile(2, purpose="TxProfile"),
        profile(3, purpose="TxProfile", connector=2),
        ended(60),
    )
    assert numbers(store) == [(1, 1), (3, 2)]


async def test_a_late_end_leaves_the_profile_of_the_next_transaction(store: Store) -> None:
    """A stop that waited in a charger comes when the next car charges already, under another profile."""
    of_the_second = msgspec.structs.replace(profile(2, purpose="TxProfile"), transaction_id=2)
    second = started(session_id=UUID(int=2), transaction_id=2)
    await told(store, started(), second, of_the_second, ended(60))
    assert numbers(store) == [(2, 1)]
    store.record(None, [ended(90, session_id=UUID(int=2))])
    await store.settle()
    assert numbers(store) == []


def accepted(number: int = 1, seconds: float = 0) -> ReservationAnswered:
    return ReservationAnswered(1, number, "Accepted", at(seconds))


def status(said: str, seconds: float, connector: int = 1) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(1, connector, at(seconds), at(seconds), said, "NoError")


def reservations(store: Store) -> Sequence[tuple[object, ...]]:
    return rows(store, 'SELECT status, reason, "transactionId" FROM reservation ORDER BY "reservationId"')


async def order(store: Store, number: int = 1, **changes: float) -> None:
    await store.write(
        lambda con: con.execute(
            'INSERT INTO reservation ("reservationId", "chargerId", "connectorId", token, created, expires, status) '
            "VALUES (?, 1, ?, 'TAG', ?, ?, 'requested')",
            [number, changes.get("connector", 1), T, at(60 * changes.get("minutes", 60))],
        )
    )


async def test_a_reservation_is_active_when_the_charger_says_so(store: Store) -> None:
    await order(store)
    await told(store, accepted())
    assert reservations(store) == [("active", None, None)]


async def test_a_reservation_the_charger_does_not_take_is_refused_with_its_word(store: Store) -> None:
    await order(store)
    await told(store, ReservationAnswered(1, 1, "Occupied", T), accepted())
    assert reservations(store) == [("refused", "the charger says Occupied", None)]


async def test_a_transaction_uses_it(store: Store) -> None:
    await order(store)
    await told(store, accepted(), status("Reserved", 1), ReservationUsed(1, 1, 12, at(60)), status("Available", 90))
    assert reservations(store) == [("used", None, 12)]


async def test_a_start_without_reservation_id_uses_it_too(store: Store) -> None:
    """Chargers leave it out; whom the connector waited for is told by the id tag."""
    await order(store)
    await order(store, 2, connector=2)
    await told(store, accepted(1, -10), accepted(2, -10), started())
    assert reservations(store) == [("used", None, 1), ("active", None, None)]


@pytest.mark.parametrize("hours", [-2, 0, 2])
@pytest.mark.parametrize(("minutes", "status_"), [(59, "used"), (61, "active")])
async def test_a_start_uses_it_by_our_clock_whatever_the_chargers_says(
    store: Store, hours: int, minutes: int, status_: str
) -> None:
    """A clock that is set to local time (Q50) must not leave the connector waiting, nor end the wait too late."""
    await order(store)
    begun = msgspec.structs.replace(started(), started=at(3600 * hours), received=at(60 * minutes))
    await told(store, accepted(), begun)
    assert [row[0] for row in reservations(store)] == [status_]


async def test_another_chargers_word_does_not_end_it(store: Store) -> None:
    await order(store)
    await told(store, accepted(), ReservationUsed(2, 1, 12, at(60)), ReservationCancelled(2, 1, at(61)))
    assert reservations(store) == [("active", None, None)]


async def test_it_ends_when_its_connector_is_available_again(store: Store) -> None:
    await order(store)
    await told(store, accepted(), status("Available", 1))
    assert reservations(store) == [("active", None, None)], "said before it was reserved"
    await told(store, status("Reserved", 2), status("Available", 3, connector=2))
    assert reservations(store) == [("active", None, None)], "another connector"
    await told(store, status("Available", 60))
    assert reservations(store) == [("ended", "the connector is Available again", None)]


async def test_available_after_its_time_is_its_expiry(store: Store) -> None:
    await order(store)
    await told(store, accepted(), status("Reserved", 2), status("Available", 3601))
    assert reservations(store) == [("expired", None, None)]


async def test_a_fault_ends_it_and_one_of_the_whole_charger_does(store: Store) -> None:
    """OCPP 1.6 §5.13."""
    await order(store)
    await order(store, 2, connector=2)
    await told(store, accepted(1), accepted(2), status("Faulted", 5, connector=2))
    assert reservations(store) == [("active", None, None), ("ended", "the connector is Faulted", None)]
    await told(store, status("Available", 6, connector=0))
    assert reservations(store)[0] == ("active", None, None)
    await told(store, status("Unavailable", 7, connector=0))
    assert reservations(store)[0] == ("ended", "the connector is Unavailable", None)


async def test_a_status_from_before_the_answer_does_not_end_it(store: Store) -> None:
    await order(store)
    await told(store, accepted(1, 10), status("Faulted", 5))
    assert reservations(store) == [("active", None, None)]


async def test_cancelled(store: Store) -> None:
    await order(store)
    await told(store, accepted(), ReservationCancelled(1, 1, at(9)))
    assert reservations(store) == [("cancelled", None, None)]


def entries(store: Store) -> Sequence[tuple[object, ...]]:
    return rows(store, 'SELECT token, status, parent FROM "localListEntry" WHERE "chargerId" = 1 ORDER BY token')


def lists(store: Store) -> Sequence[tuple[object, ...]]:
    return rows(store, 'SELECT wanted, version, doubted, problem FROM "localList" WHERE "chargerId" = 1')


async def test_a_full_list_replaces_and_a_differential_one_changes(store: Store) -> None:
    first = LocalListAccepted(1, 3, True, (ListRow("A", "Accepted"), ListRow("B", "Accepted", "P")), RECEIVED)
    other = LocalListAccepted(2, 9, True, (ListRow("Z", "Accepted"),), RECEIVED)
    await told(store, first, other)
    assert entries(store) == [("A", "Accepted", None), ("B", "Accepted", "P")]
    assert lists(store) == [(False, 3, False, None)]
    changes = (ListRow("a", "Blocked"), ListRow("B", None), ListRow("C", "Accepted"))
    await told(store, LocalListAccepted(1, 4, False, changes, RECEIVED))
    assert entries(store) == [("C", "Accepted", None), ("a", "Blocked", None)]
    assert lists(store) == [(False, 4, False, None)]
    await told(store, LocalListAccepted(1, 5, True, (), RECEIVED))
    assert entries(store) == []
    assert rows(store, 'SELECT count(*) FROM "localListEntry"') == [(1,)]


async def test_doubt_says_why_and_goes_with_the_next_list(store: Store) -> None:
    await store.write(lambda con: con.execute('INSERT INTO "localList" ("chargerId", wanted) VALUES (1, true)'))
    accepted_list = LocalListAccepted(1, 3, True, (ListRow("A", "Accepted"),), RECEIVED)
    await told(store, accepted_list, LocalListDoubted(1, "SendLocalList was answered VersionMismatch", 4))
    assert lists(store) == [(True, 4, True, "SendLocalList was answered VersionMismatch")]
    assert entries(store) == [("A", "Accepted", None)]
    await told(store, msgspec.structs.replace(accepted_list, version=5))
    assert lists(store) == [(True, 5, False, None)]


async def test_what_a_removed_charger_had_goes_with_it(store: Store) -> None:
    list_of = LocalListAccepted(1, 3, True, (ListRow("A", "Accepted"),), RECEIVED)
    other = msgspec.structs.replace(list_of, charger_id=2)
    await order(store)
    await told(store, profile(1), list_of, other, accepted())
    await store.write(lambda con: forget_charger(con, 1))
    assert numbers(store) == entries(store) == lists(store) == []
    assert rows(store, 'SELECT count(*) FROM "localListEntry"') == [(1,)]
    assert reservations(store) == [("ended", "the charger was removed", None)]
