"""StartTransaction: vectors M1 and M2, repeats, ConcurrentTx, and clocks and meters that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from charging_site import OUTLET, STORE_ID, Site, T, after, at, datum, datums, events, of, one, reading, session_record

from solarocpp.metering.datums import SessionProperties
from solarocpp.registry.entities import Authorization
from solarocpp.store.effects import EventHappened, SessionRefused, SessionStarted
from solarocpp.store.sessions import session_id_for


def test_session_begins_with_a_datum_m1() -> None:
    confirmation, answer = Site().start()
    began, first = one(answer, SessionStarted), datum(answer)
    assert (confirmation.transaction_id, confirmation.id_tag_info.status) == (1, "Accepted")
    assert began.source_id == first.source_id == OUTLET
    assert (began.token, began.started, began.meter_start_wh, began.connector_id) == ("tester", T, 1234.0, 1)
    assert (first.created, first.properties, first.contexts) == (T, {"wattHours": 1234.0}, {"wattHours": 5})
    assert first.session == SessionProperties(began.session_id, 1, "tester", 0)
    assert events(answer) == []
    assert not answer.from_memory


def test_session_id_is_the_stores() -> None:
    _, answer = Site().start()
    assert one(answer, SessionStarted).session_id == session_id_for(STORE_ID, 1)


@pytest.mark.parametrize(("token", "status"), [("nobody", "Invalid"), ("blocked", "Blocked"), ("expired", "Expired")])
def test_refused_start_is_recorded_without_datum_m2_q1(token: str, status: str) -> None:
    """Changed by architecture section 8, Q1: no session stays open."""
    site = Site()
    confirmation, answer = site.start(token=token)
    assert (confirmation.transaction_id, confirmation.id_tag_info.status) == (1, status)
    refused = one(answer, SessionRefused)
    assert (refused.status, refused.start.token, refused.start.transaction_id) == (status, token, 1)
    assert len(answer.effects) == 1
    assert site.transactions.open_sessions(7) == []


def test_id_tag_info_of_a_start_is_its_status_only() -> None:
    confirmation, _ = Site().start(token="expiring")
    assert (confirmation.id_tag_info.parent_id_tag, confirmation.id_tag_info.expiry_date) == (None, None)


def test_start_sent_again_gets_the_same_answer_and_changes_nothing_w5_w14_q66() -> None:
    site = Site(max_active=1)
    first, _ = site.start()
    again, answer = site.start(received=after(3600))
    assert again == first
    assert answer.effects == ()


def test_start_sent_again_after_a_restart_gets_the_same_id() -> None:
    site = Site(open_sessions=[session_record()], max_active=1)
    confirmation, answer = site.start(received=after(3600))
    assert (confirmation.transaction_id, confirmation.id_tag_info.status) == (123, "Accepted")
    assert answer.effects == ()


def test_start_sent_again_after_its_stop_gets_the_same_id() -> None:
    site = Site()
    first, _ = site.start()
    site.stop(first.transaction_id)
    again, answer = site.start(received=after(3600))
    assert (again, answer.effects) == (first, ())


def test_refused_start_sent_again_gets_the_same_answer_even_if_the_token_is_allowed_now() -> None:
    site = Site()
    first, _ = site.start(token="new")
    site.registry._put_authorization(Authorization(9, 1, "new", T))
    again, answer = site.start(token="new")
    assert (again, answer.effects) == (first, ())


def test_refused_start_of_before_a_restart_is_judged_again_under_its_id() -> None:
    refused = session_record(token="blocked", ended=T, end_reason="Refused")
    confirmation, answer = Site(recent=[refused]).start(token="blocked")
    assert (confirmation.transaction_id, confirmation.id_tag_info.status) == (123, "Blocked")
    assert answer.effects == ()


def test_refused_start_of_before_a_restart_that_is_allowed_now_is_a_new_one() -> None:
    refused = session_record(ended=T, end_reason="Refused")
    confirmation, answer = Site(recent=[refused]).start()
    assert (confirmation.transaction_id, confirmation.id_tag_info.status) == (124, "Accepted")
    assert len(of(answer, SessionStarted)) == 1


@pytest.mark.parametrize(
    "other", [{"connector": 2}, {"token": "expiring"}, {"meter": 1235}, {"timestamp": after(1)}, {"charger": 8}]
)
def test_start_that_differs_is_another_one_w10(other: dict[str, object]) -> None:
    site = Site()
    first, _ = site.start()
    second, answer = site.start(**other)  # type: ignore[arg-type]
    assert second.transaction_id == first.transaction_id + 1
    assert len(of(answer, SessionStarted)) == 1


def test_ids_go_on_over_chargers_and_refusals_q67() -> None:
    site = Site(recent=[session_record(ended=after(5), end_reason="Local")])
    ids = [
        site.start(timestamp=after(60))[0].transaction_id,
        site.start(token="nobody", timestamp=after(61))[0].transaction_id,
        site.start(charger=8)[0].transaction_id,
        site.start(charger=9)[0].transaction_id,
    ]
    assert ids == [124, 125, 126, 127]


def test_ids_end_with_32_bits_q67() -> None:
    site = Site(recent=[session_record(transaction_id=2**31 - 1, ended=after(5), end_reason="Local")])
    with pytest.raises(OverflowError):
        site.start(timestamp=after(60))


def test_id_of_a_start_that_was_not_recorded_is_never_given_again() -> None:
    site = Site()
    _, answer = site.start()
    site.central.undo(answer.effects)
    assert site.transactions.open_sessions(7) == []
    again, answer = site.start()
    assert again.transaction_id == 2
    assert len(of(answer, SessionStarted)) == 1


def test_second_session_of_a_limited_token_is_concurrent_q3() -> None:
    site = Site(max_active=1)
    site.start()
    confirmation, answer = site.start(charger=8, token="TESTER")
    assert confirmation.id_tag_info.status == "ConcurrentTx"
    assert one(answer, SessionRefused).status == "ConcurrentTx"


def test_limit_counts_open_sessions_only() -> None:
    site = Site(max_active=1)
    first, _ = site.start()
    site.stop(first.transaction_id)
    assert site.start(charger=8)[0].id_tag_info.status == "Accepted"


def test_limit_is_the_accounts() -> None:
    site = Site(max_active=1)
    site.start(charger=9)
    assert site.start(charger=8)[0].id_tag_info.status == "Accepted"


def test_session_of_a_removed_charger_does_not_count() -> None:
    site = Site(max_active=1)
    site.start()
    site.registry._drop_charger(site.registry.charger(7))
    assert site.start(charger=8)[0].id_tag_info.status == "Accepted"


def test_lost_stop_does_not_lock_the_driver_out_q70() -> None:
    site = Site(open_sessions=[session_record()], max_active=1)
    assert site.start(timestamp=after(3600), meter=5000)[0].id_tag_info.status == "Accepted"


def test_without_limit_a_token_may_charge_twice() -> None:
    site = Site()
    site.start()
    assert site.start(charger=8)[0].id_tag_info.status == "Accepted"


def test_older_session_of_the_connector_stays_open_and_is_suspect() -> None:
    site = Site(open_sessions=[session_record()])
    _, answer = site.start(timestamp=after(3600), meter=5000, received=after(3600))
    assert events(answer) == ["session_suspect"]
    assert one(answer, EventHappened).data == {"transaction_id": 123, "connector_id": 1}
    assert [row.transaction_id for row in site.transactions.open_sessions(7)] == [123, 124]


@pytest.mark.parametrize("timestamp", [None, datetime(1970, 1, 1, tzinfo=UTC), after(86401)])
def test_session_begins_when_we_hear_of_it_if_the_clock_is_wrong_q51(timestamp: datetime | None) -> None:
    site = Site()
    first, answer = site.start(timestamp=timestamp)
    assert one(answer, SessionStarted).started == datum(answer).created == T
    assert events(answer) == ["time_replaced"]
    again, answer = site.start(timestamp=timestamp, received=after(30))
    assert (again, answer.effects) == (first, ())


def test_clock_that_is_never_set_can_begin_a_session_after_another() -> None:
    site = Site()
    first, _ = site.start(timestamp=None)
    site.stop(first.transaction_id, timestamp=None)
    second, _ = site.start(timestamp=None, meter=54321, received=after(3600))
    assert second.transaction_id == 2


def test_unknown_register_is_null_and_makes_no_datum_q82() -> None:
    confirmation, answer = Site().start(meter=-1)
    assert confirmation.id_tag_info.status == "Accepted"
    assert one(answer, SessionStarted).meter_start_wh is None
    assert (datums(answer), events(answer)) == ([], ["meter_start_implausible"])


def test_offline_start_keeps_its_own_time_q74_m24() -> None:
    """The whole of vector M24: a session replayed a day later keeps its times."""
    site, day = Site(), 86400.0
    started, start = site.start(received=after(day))
    number = started.transaction_id
    middle = site.read(at(after(60), reading("2000")), transaction=number, received=after(day + 1))
    stop = site.stop(number, meter=3000, timestamp=after(120), received=after(day + 2))
    found = [datum(answer) for answer in (start, middle, stop)]
    assert [(row.created, row.properties) for row in found] == [
        (T, {"wattHours": 1234.0}),
        (after(60), {"wattHours": 2000.0}),
        (after(120), {"wattHours": 3000.0}),
    ]
    assert [row.session.duration_s for row in found if row.session] == [0, 60, 120]


def test_session_is_recorded_without_datum_when_not_published_m9() -> None:
    site = Site()
    site.settings(publish=False)
    _, answer = site.start()
    assert [type(effect) for effect in answer.effects] == [SessionStarted]


def test_vehicles_of_one_wildcard_are_counted_apart_q97() -> None:
    """A fleet's `vid:*` with `maxActive` 1 lets each of its cars charge once, and all of them at the same time."""
    site = Site()
    site.registry._put_authorization(Authorization(9, 1, "vid:*", T, max_active=1))
    statuses = [
        site.start(token=token, charger=charger, connector=connector)[0].id_tag_info.status
        for token, charger, connector in (("vid:A", 7, 1), ("vid:B", 7, 2), ("vid:A", 8, 1))
    ]
    assert statuses == ["Accepted", "Accepted", "ConcurrentTx"]
