"""Charge sessions: their rows, and above all their energy, whatever the register does."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from stored import OUTLET, RECEIVED, SESSION, T, at, ended, observed, rows, started

from solarocpp.metering.datums import Datum, SessionProperties, StatusProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store import SessionRecord, Store, session_id_for
from solarocpp.store.effects import DatumObserved, Effect, SessionRefused


def project(store: Store, *effects: Effect) -> None:
    """Writes effects in one transaction."""
    store.project_tail([(0, effects)])


def registers(*values: float, period_s: float = 60) -> list[Effect]:
    """Register readings of session 1, one every minute from T."""
    return [observed(number * period_s, session=True, wattHours=value) for number, value in enumerate(values)]


def session(store: Store) -> tuple[object, ...]:
    """Energy, duration, average and peak power, and readings of the one session there is."""
    (row,) = rows(store, 'SELECT energy, duration, "averagePower", "peakPower", readings FROM session')
    return row


REGISTERS = {
    "rises": ([1000, 1500, 2500, 4000], 3000),
    "stands still": ([1000, 1000, 1000], 0),
    # Q83: the charger restarts within the session; 2000 before, 900 after.
    "is reset to zero": ([1000, 2000, 3000, 0, 500, 900], 2900),
    "is reset and read later": ([1000, 2000, 3000, 50, 500, 1000], 3000),
    "is reset twice": ([1000, 2000, 100, 300, 50, 60], 1360),
    "is reset and makes one large step": ([1000, 3000, 0, 2000, 2500], 4500),
    # Climbing back step by step is charging on, not recovery.
    "passes its old level after a reset": ([1000, 3000, 0, 1000, 2000, 3000, 3500], 5500),
    # Q86: one spurious 0 must not count the whole register when it recovers.
    "glitches to zero": ([53_700_000, 53_701_000, 0, 53_702_000, 53_703_000], 3000),
    "glitches for two readings": ([53_700_000, 53_701_000, 0, 0, 53_702_000], 2000),
    "glitches at the end, and is stopped right": ([1000, 2000, 0, 2000], 1000),
    # Q84: lifetime register in start and stop, one of the session's own in between.
    "is relative between start and stop": ([4_076_000, 0, 1500, 3000, 5000, 4_081_000], 5000),
    "is relative, and takes a step larger than half of the lifetime": ([5000, 0, 3000, 3500, 8500], 3500),
    "is relative and the session still runs": ([4_076_000, 0, 1500, 3000], 3000),
    "alternates between lifetime and relative": ([5000, 0, 5500, 500, 6000, 1000, 6500], 1500),
    # Q82: the stop carries 0 for unknown.
    "ends with zero": ([1000, 2000, 3000, 0], 2000),
    "jitters by rounding": ([1000.4, 1000.0, 1010.0, 1020.0], 19.6),
}


@pytest.mark.parametrize("ended_too", [True, False], ids=["ended", "running"])
@pytest.mark.parametrize(("values", "energy"), REGISTERS.values(), ids=REGISTERS.keys())
def test_energy_when_the_register(resting: Store, values: list[float], energy: float, *, ended_too: bool) -> None:
    """The same number from the view of a running session and from the stored totals of an ended one."""
    length = 60 * (len(values) - 1)
    project(resting, started(values[0]), *registers(*values), *([ended(length)] if ended_too else []))
    found, duration, average, _, readings = session(resting)
    assert found == pytest.approx(energy)
    assert (duration, readings) == (length, len(values))
    assert average == pytest.approx(energy * 3600 / length)


class TestPower:
    """Average and peak."""

    def test_average_and_peak_of_what_the_charger_measured(self, resting: Store) -> None:
        project(
            resting,
            started(1000),
            observed(0, session=True, wattHours=1000.0),
            observed(600, session=True, wattHours=2000.0, watts=6000.0),
            observed(1200, session=True, wattHours=3600.0, watts=11_000.0),
            observed(1800, session=True, wattHours=4000.0),
            ended(1800, 4000),
        )
        assert session(resting) == (3000.0, 1800, 6000.0, 11_000.0, 4)

    def test_peak_is_the_sum_of_phases_where_there_is_no_total(self, resting: Store) -> None:
        project(
            resting,
            started(0),
            observed(0, session=True, wattHours=0.0, watts_a=1000.0, watts_b=2000.0, watts_c=3000.0),
            observed(3600, session=True, wattHours=5000.0, watts_a=3600.0),
        )
        assert session(resting) == (5000.0, 3600, 5000.0, 6000.0, 2)

    def test_peak_is_the_steepest_rise_where_there_is_no_power(self, resting: Store) -> None:
        """100 Wh in 60 s are 6 kW; the 10 Wh within one second before the stop are a counting step, not 36 kW."""
        project(
            resting,
            started(0),
            *registers(0, 50, 150, 200),
            observed(181, session=True, wattHours=210.0),
            ended(181, 210),
        )
        assert session(resting) == (210.0, 181, pytest.approx(4176.795, abs=0.001), 6000.0, 5)

    def test_session_without_length_has_no_average(self, resting: Store) -> None:
        project(resting, started(1000), observed(0, session=True, wattHours=1000.0), ended(0, 1000))
        assert session(resting) == (0.0, 0, None, None, 1)

    def test_session_that_just_began_has_no_datum_yet(self, resting: Store) -> None:
        project(resting, started(1000))
        assert session(resting) == (None, 0, None, None, 0)


class TestSources:
    """A session whose readings come from more than one stream."""

    def test_registers_of_two_locations_are_not_mixed(self, resting: Store) -> None:
        """The inlet of the charger has a register of its own, far from the outlet's."""
        inlet = "/ocpp/cp/CP001/1/Inlet"
        project(
            resting,
            started(1000),
            observed(0, session=True, wattHours=1000.0),
            observed(600, session=True, source=inlet, wattHours=900_000.0, watts=7000.0),
            observed(1200, session=True, source=inlet, wattHours=902_000.0, watts=7500.0),
            observed(1800, session=True, wattHours=3900.0),
        )
        assert session(resting) == (2900.0, 1800, 5800.0, 7500.0, 4)

    def test_other_location_counts_while_the_own_one_has_only_its_start(self, resting: Store) -> None:
        inlet = "/ocpp/cp/CP001/1/Inlet"
        project(
            resting,
            started(1000),
            observed(0, session=True, wattHours=1000.0),
            observed(600, session=True, source=inlet, wattHours=900_000.0),
            observed(1200, session=True, source=inlet, wattHours=902_000.0),
        )
        assert session(resting)[0] == 2000.0

    def test_register_of_phases_is_added_up(self, resting: Store) -> None:
        """Q89: only per-phase registers; start and stop carry the total."""
        project(
            resting,
            started(3000),
            observed(0, session=True, wattHours=3000.0),
            observed(60, session=True, wattHours_a=1100.0, wattHours_b=1100.0, wattHours_c=1000.0),
            observed(120, session=True, wattHours=3500.0),
            ended(120, 3500),
        )
        assert session(resting)[0] == 500.0


class TestRows:
    """What `chargeSession` and the view show."""

    def test_refused_start_is_recorded_and_not_in_the_view(self, resting: Store) -> None:
        project(resting, SessionRefused(started(500), "Blocked"))
        assert rows(resting, 'SELECT ended, "endReason", "meterStart" FROM "chargeSession"') == [(T, "Refused", 500.0)]
        assert rows(resting, "FROM session") == []

    def test_end_closes_the_session_of_an_earlier_projection(self, resting: Store) -> None:
        project(resting, started(1000))
        project(resting, ended(60, 1100))
        assert rows(resting, 'SELECT ended, "endReason", "endToken", "meterStop" FROM "chargeSession"') == [
            (at(60), "Local", None, 1100.0)
        ]

    def test_late_datum_of_an_ended_session_changes_its_totals(self, resting: Store) -> None:
        project(resting, started(1000), *registers(1000, 2000), ended(60))
        assert session(resting)[0] == 1000.0
        project(resting, observed(30, session=True, wattHours=1200.0, watts=9999.0))
        assert session(resting) == (1000.0, 60, 60_000.0, 9999.0, 3)
        project(resting, observed(120, session=True, wattHours=2500.0))
        assert session(resting)[0] == 1500.0
        assert rows(resting, 'SELECT count(*) FROM "sessionTotal"') == [(1,)]

    def test_reading_that_goes_to_another_session_changes_the_totals_of_both(self, resting: Store) -> None:
        """A charger that says its reading again, for another transaction, takes it from the first."""
        other = UUID("00000000-0000-8000-8000-000000000041")
        first = [started(1000), *registers(1000, 2000, 5000), ended(120)]
        second = [started(0, other, 2), ended(300, session_id=other)]
        project(resting, *first, *second)
        totals = 'SELECT "transactionId", energy, readings FROM session ORDER BY 1'
        assert rows(resting, totals) == [(1, 4000.0, 3), (2, None, 0)]
        moved = Datum(1, OUTLET, at(120), {"wattHours": 5000.0}, None, SessionProperties(other, 2, "TAG", 120))
        project(resting, DatumObserved(moved, RECEIVED), observed(180, source=OUTLET, watts=1.0))
        assert rows(resting, totals) == [(1, 1000.0, 2), (2, 0.0, 1)]

    def test_value_that_comes_late_and_without_its_session_changes_its_totals(self, resting: Store) -> None:
        project(resting, started(1000), *registers(1000, 2000, 5000), ended(120))
        project(resting, observed(120, wattHours=3000.0))
        assert session(resting)[0] == 2000.0

    def test_status_datums_of_a_session_are_no_readings(self, resting: Store) -> None:
        status = Datum(
            1,
            SourceId("/ocpp/cp/CP001/1/status"),
            at(999),
            {},
            status=StatusProperties("Charging", session_id=SESSION, transaction_id=1),
        )
        project(resting, started(0), *registers(0, 100), DatumObserved(status, RECEIVED))
        assert session(resting) == (100.0, 60, 6000.0, 6000.0, 2)


class TestSnapshot:
    """What the memory of transactions starts from."""

    def test_open_and_recent_sessions_come_back(self, resting: Store) -> None:
        ids = [UUID(int=SESSION.int + number) for number in range(5)]
        for number, session_id in enumerate(ids, start=1):
            project(resting, started(number * 100, session_id, number))
        project(resting, ended(60, 999, ids[0]), ended(61, None, ids[1]), ended(62, 5.0, ids[2]))
        project(resting, SessionRefused(started(0, UUID(int=SESSION.int + 9), 6), "Blocked"))
        snapshot = resting.transactions(recent=2)
        assert [record.transaction_id for record in snapshot.open] == [4, 5]
        assert snapshot.open[0] == SessionRecord(
            ids[3], 1, OUTLET, 1, 1, 4, "TAG", datetime(2026, 3, 1, 10, tzinfo=UTC), None, None, None, 400.0, None
        )
        assert [record.transaction_id for record in snapshot.recent] == [3, 6]
        assert snapshot.recent[1].end_reason == "Refused"
        assert snapshot.next_transaction_id == 7

    def test_fresh_store_begins_at_one(self, resting: Store) -> None:
        assert resting.transactions() == type(resting.transactions())([], [], 1)


class TestIdentity:
    """session_id_for."""

    STORE = UUID("12345678-9abc-4def-8123-456789abcdef")

    def test_id_is_a_uuid_of_version_8_that_counts(self) -> None:
        """The upper half is the store's with the version put in, the lower half the number; always the same."""
        made = session_id_for(self.STORE, 1000)
        assert made == UUID("12345678-9abc-8def-8000-0000000003e8")
        assert (made.version, made.variant) == (8, "specified in RFC 4122")

    def test_ids_of_other_transactions_and_stores_differ(self) -> None:
        made = {
            session_id_for(self.STORE, 1),
            session_id_for(self.STORE, 2),
            session_id_for(self.STORE, 2**31 - 1),
            session_id_for(UUID(int=5), 1),
        }
        assert len(made) == 4
