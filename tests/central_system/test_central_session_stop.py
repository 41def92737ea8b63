"""StopTransaction: vectors M3, M14 to M16 as changed, repeats, unknown and foreign transactions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from charging_site import (
    OUTLET,
    SESSION_ID,
    Site,
    after,
    at,
    datum,
    datums,
    events,
    of,
    one,
    reading,
    session_record,
)

from solarocpp.metering.datums import SessionProperties
from solarocpp.ocpp.datatypes import IdTagInfo
from solarocpp.ocpp.messages import StopTransactionConfirmation
from solarocpp.store.effects import EventHappened, SessionEnded, SignedReadingKept

ACCEPTED = StopTransactionConfirmation(IdTagInfo("Accepted"))


@pytest.fixture
def site() -> Site:
    return Site(open_sessions=[session_record()])


def test_session_ends_with_a_datum_m3(site: Site) -> None:
    answer = site.stop()
    assert answer.confirmation == ACCEPTED
    assert one(answer, SessionEnded) == SessionEnded(SESSION_ID, after(60), "Local", "tester", 54321.0)
    last = datum(answer)
    assert (last.source_id, last.created, last.properties) == (OUTLET, after(60), {"wattHours": 54321.0})
    assert last.contexts == {"wattHours": 6}
    assert last.session == SessionProperties(SESSION_ID, 123, "tester", 60, after(60), "Local", "tester")
    assert events(answer) == []
    assert site.transactions.open_sessions(7) == []


def test_reason_and_token_may_be_missing_q70(site: Site) -> None:
    answer = site.stop(token=None, reason=None)
    assert answer.confirmation == ACCEPTED
    assert one(answer, SessionEnded) == SessionEnded(SESSION_ID, after(60), "Local", None, 54321.0)


def test_any_token_stops_spec_4_1(site: Site) -> None:
    assert site.stop(token="blocked").confirmation == ACCEPTED


def test_transaction_data_carry_their_own_duration_and_no_end_q9(site: Site) -> None:
    data = [
        at(after(10), reading("2000"), reading("7", "SoC", location="EV")),
        at(after(60), reading("400", "Power.Active.Import"), reading("1", context="Transaction.End")),
        at(after(60), reading("8", "SoC", location="EV")),
    ]
    answer = site.stop(data=data)
    found = [
        (row.created, row.source_id, row.properties, row.session and (row.session.duration_s, row.session.end_date))
        for row in datums(answer)
    ]
    assert found == [
        (after(10), "/ocpp/cp/CP001/1/Outlet", {"wattHours": 2000.0}, (10, None)),
        (after(10), "/ocpp/cp/CP001/1/EV", {"soc": 7.0}, (10, None)),
        (after(60), "/ocpp/cp/CP001/1/EV", {"soc": 8.0}, (60, None)),
        (after(60), "/ocpp/cp/CP001/1/Outlet", {"watts": 400.0, "wattHours": 54321.0}, (60, after(60))),
    ]


def test_stop_sent_again_changes_nothing_and_gets_the_same_answer_q65(site: Site) -> None:
    """Changed by architecture section 4: the reference system answers `{}`."""
    data = [at(after(10), reading("2000"))]
    first = site.stop(data=data)
    again = site.stop(data=data, received=after(3600))
    assert again.confirmation == first.confirmation == ACCEPTED
    assert again.effects == ()


def test_stop_sent_again_after_a_restart_changes_nothing() -> None:
    ended = session_record(ended=after(60), end_reason="Local", end_token="tester", meter_stop_wh=54321.0)
    answer = Site(recent=[ended]).stop()
    assert (answer.confirmation, answer.effects) == (ACCEPTED, ())


@pytest.mark.parametrize(
    "other", [{"meter": 60000}, {"timestamp": after(70)}, {"reason": "Remote"}, {"token": "somebody"}]
)
def test_different_second_stop_is_evidence_and_the_first_wins_q65(site: Site, other: dict[str, object]) -> None:
    site.stop()
    answer = site.stop(**other, data=[at(after(20), reading("3000"))])  # type: ignore[arg-type]
    assert answer.confirmation == ACCEPTED
    assert events(answer) == ["stop_contradicted"]
    assert of(answer, SessionEnded) == []
    late = datum(answer)
    assert (late.properties, late.session) == ({"wattHours": 3000.0}, SessionProperties(SESSION_ID, 123, "tester", 20))


def test_stop_whose_commit_failed_can_be_sent_again(site: Site) -> None:
    site.central.undo(site.stop().effects)
    assert [row.transaction_id for row in site.transactions.open_sessions(7)] == [123]
    assert site.transactions.open_sessions(7)[0] == session_record()
    assert len(of(site.stop(), SessionEnded)) == 1


@pytest.mark.parametrize("transaction", [77, 2**40])
def test_unknown_transaction_is_acknowledged_and_its_readings_stored_m15_q30(site: Site, transaction: int) -> None:
    """Changed by architecture section 8, Q30: the reference system loses them."""
    answer = site.stop(transaction, data=[at(after(10), reading("2000"))])
    assert answer.confirmation == StopTransactionConfirmation()
    assert [(row.source_id, row.created, row.properties, row.session) for row in datums(answer)] == [
        ("/ocpp/cp/CP001/0/Outlet", after(10), {"wattHours": 2000.0}, None),
        ("/ocpp/cp/CP001/0/Outlet", after(60), {"wattHours": 54321.0}, None),
    ]
    assert events(answer) == ["stop_unmatched"]
    assert one(answer, EventHappened).data == {
        "transaction_id": transaction,
        "timestamp": "2020-04-01T12:01:00+00:00",
        "meter_stop": 54321,
        "reason": "Local",
    }
    assert len(site.transactions.open_sessions(7)) == 1


def test_another_chargers_transaction_is_not_stopped_q69(site: Site) -> None:
    answer = site.stop(charger=8)
    assert answer.confirmation == StopTransactionConfirmation()
    assert events(answer) == ["stop_foreign"]
    assert of(answer, SessionEnded) == []
    assert len(site.transactions.open_sessions(7)) == 1


def test_stop_of_a_refused_start_is_acknowledged_and_its_register_stored() -> None:
    """The usual end of a refused start: the charger stops it itself, with reason DeAuthorized."""
    site = Site()
    started, _ = site.start(token="nobody")
    answer = site.stop(started.transaction_id, reason="DeAuthorized", meter=1234)
    assert answer.confirmation == StopTransactionConfirmation()
    assert events(answer) == ["stop_unmatched"]
    assert (datum(answer).source_id, datum(answer).session) == (OUTLET, None)


@pytest.mark.parametrize("transaction", [0, -1])
def test_stop_without_number_ends_the_one_session_that_fits_m14_q64(site: Site, transaction: int) -> None:
    """Changed by architecture section 8, Q30: the reference system answers 0 with an error."""
    answer = site.stop(transaction, token="TESTER")
    assert answer.confirmation == ACCEPTED
    assert one(answer, SessionEnded).session_id == SESSION_ID
    again = site.stop(transaction, token="TESTER", received=after(3600))
    assert (again.confirmation, again.effects) == (ACCEPTED, ())


@pytest.mark.parametrize("odd", [{"token": "somebody"}, {"meter": 1000}, {"timestamp": after(-1)}])
def test_stop_without_number_that_fits_nothing_is_unmatched_q64(site: Site, odd: dict[str, object]) -> None:
    answer = site.stop(-1, **odd)  # type: ignore[arg-type]
    assert answer.confirmation == StopTransactionConfirmation()
    assert events(answer) == ["stop_unmatched"]
    assert len(site.transactions.open_sessions(7)) == 1


def test_stop_without_number_that_fits_two_sessions_is_unmatched_q64() -> None:
    other = session_record(connector_id=2, transaction_id=124, session_id=Site().transactions.session_id(124))
    site = Site(open_sessions=[session_record(), other])
    assert events(site.stop(-1, token=None)) == ["stop_unmatched"]
    assert len(site.transactions.open_sessions(7)) == 2


@pytest.mark.parametrize("meter", [-1, 0, 1233])
def test_register_below_its_start_is_null_and_acknowledged_q82_w8(site: Site, meter: int) -> None:
    answer = site.stop(meter=meter)
    assert answer.confirmation == ACCEPTED
    assert one(answer, SessionEnded).meter_stop_wh is None
    assert events(answer) == ["meter_stop_implausible"]
    closing = datum(answer)
    # A register that was reset is a reading all the same (Q83); -1 is none. The end is told either way.
    assert closing.properties == ({"wattHours": float(meter)} if meter >= 0 else {})
    assert closing.session is not None
    assert closing.session.end_date == after(60)
    assert site.stop(meter=meter).effects == ()


def test_register_equal_to_its_start_is_a_session_without_energy(site: Site) -> None:
    answer = site.stop(meter=1234)
    assert (one(answer, SessionEnded).meter_stop_wh, events(answer)) == (1234.0, [])


@pytest.mark.parametrize("timestamp", [None, datetime(1970, 1, 1, tzinfo=UTC), after(61 + 86401)])
def test_session_ends_when_we_hear_of_it_if_the_clock_is_wrong_q51(site: Site, timestamp: datetime | None) -> None:
    answer = site.stop(timestamp=timestamp)
    assert one(answer, SessionEnded).ended == datum(answer).created == after(61)
    assert events(answer) == ["time_replaced"]
    again = site.stop(timestamp=timestamp, received=after(3600))
    assert (again.confirmation, again.effects) == (ACCEPTED, ())


def test_clock_set_back_during_the_session_does_not_end_it_before_its_start_q50(site: Site) -> None:
    answer = site.stop(timestamp=after(-7200))
    assert one(answer, SessionEnded).ended == after(61)
    assert events(answer) == ["time_replaced"]
    assert site.stop(timestamp=after(-7200)).effects == ()


def test_clock_set_back_and_ours_before_the_start_ends_at_the_start() -> None:
    site = Site(open_sessions=[session_record(started=after(7200))])
    assert one(site.stop(timestamp=after(60)), SessionEnded).ended == after(7200)


def test_signed_and_unreadable_data_do_not_keep_a_session_open_q71(site: Site) -> None:
    data = [at(after(60), reading("OCMF|{}", format="SignedData", context="Transaction.End"), reading("x", "SoC"))]
    answer = site.stop(data=data)
    assert len(of(answer, SessionEnded)) == 1
    kept = one(answer, SignedReadingKept)
    assert (kept.value, kept.session_id, kept.created) == ("OCMF|{}", SESSION_ID, after(60))
    assert events(answer) == ["sample_unreadable"]


def test_session_ends_without_datum_when_not_published(site: Site) -> None:
    site.settings(publish=False)
    answer = site.stop(data=[at(after(10), reading("2000"))])
    assert [type(effect) for effect in answer.effects] == [SessionEnded]


def test_an_operator_ends_a_session_once_and_its_charger_is_late() -> None:
    """Whoever ends it by the API has seen that its charger will not; what that sends later changes nothing."""
    site = Site(open_sessions=[session_record()])
    end = SessionEnded(SESSION_ID, after(30), "Other", None, None)
    assert site.central.end_session(end)
    assert site.transactions.open_sessions(7) == []
    assert not site.central.end_session(end)
    answer = site.stop()
    assert answer.confirmation == ACCEPTED
    assert events(answer) == ["stop_contradicted"]
    assert of(answer, SessionEnded) == []
