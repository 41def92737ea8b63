"""The memory of transactions: what it keeps, what it forgets, and taking back in any order."""

from __future__ import annotations

from charging_site import SESSION_ID, Site, T, after, one, session_record

from solarocpp.central_system.transactions import RECENT_PER_CHARGER
from solarocpp.ocpp.messages import ClearCacheConfirmation, ClearCacheRequest
from solarocpp.store.effects import ChargerDescribed, SessionEnded, SessionStarted


def test_newest_ended_sessions_are_kept_and_older_ones_forgotten() -> None:
    site = Site()
    for number in range(1, RECENT_PER_CHARGER + 3):
        site.start(timestamp=after(100 * number), meter=number)
        site.stop(number, timestamp=after(100 * number + 50), meter=number)
    assert [row.transaction_id for row in site.transactions.ended_sessions(7)] == list(range(3, RECENT_PER_CHARGER + 3))
    assert site.transactions.find(7, 2) is None
    assert site.transactions.owner(2) is None
    assert site.transactions.owner(3) == 7


def test_open_sessions_are_never_forgotten() -> None:
    site = Site()
    for number in range(100):
        site.start(timestamp=after(number), meter=number)
    assert len(site.transactions.open_sessions(7)) == 100


def test_charger_that_never_charged_has_nothing() -> None:
    transactions = Site().transactions
    assert transactions.open_sessions(99) == transactions.ended_sessions(99) == []
    assert transactions.find(99, 1) is None
    assert transactions.open_at(99, 1, T) is None
    assert list(transactions.open_with_token("tester")) == []


def test_start_and_stop_taken_back_oldest_first_leave_nothing() -> None:
    """A failed commit refuses its whole batch, in the order it was queued."""
    site = Site()
    started, start = site.start()
    stop = site.stop(started.transaction_id)
    site.central.undo(start.effects)
    site.central.undo(stop.effects)
    assert site.transactions.find(7, started.transaction_id) is None
    assert site.transactions.open_sessions(7) == []


def test_refused_start_is_taken_back() -> None:
    site = Site()
    started, answer = site.start(token="nobody")
    site.central.undo(answer.effects)
    assert site.transactions.find(7, started.transaction_id) is None


def test_effects_of_unknown_sessions_change_nothing() -> None:
    transactions = Site().transactions
    end = SessionEnded(SESSION_ID, T, "Local", None, None)
    transactions.apply(end)
    transactions.undo(end)
    assert transactions.find(7, 123) is None


def test_description_of_a_charger_never_described_here_is_not_taken_back() -> None:
    site = Site()
    site.central.undo([ChargerDescribed(7, "ACME", "Roadrunner")])
    assert site.registry.charger(7).vendor == ""


def test_exchange_of_a_kind_that_changes_nothing_replays_to_nothing() -> None:
    site = Site(open_sessions=[session_record()])
    facts = site.registry.facts(site.registry.charger(7))
    assert site.central.learn(facts, ClearCacheRequest(), ClearCacheConfirmation("Accepted"), T) == ()


def test_session_keeps_its_identity_from_start_to_end() -> None:
    site = Site()
    started, start = site.start()
    assert one(site.stop(started.transaction_id), SessionEnded).session_id == one(start, SessionStarted).session_id
