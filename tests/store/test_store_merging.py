"""Datums of one moment become one row, whatever way their messages came."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import OUTLET, RECEIVED, SESSION, T, at, exchange, observed, record_all, rows

from solarocpp.metering.datums import Datum, StatusProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.store import Store, open_store
from solarocpp.store.datums import DatumTable
from solarocpp.store.effects import DatumObserved, SignedReadingKept
from solarocpp.store.migrations import MIGRATIONS, furnish, migrate
from solarocpp.store.tables import Tables


def project(store: Store, *batches: list[DatumObserved]) -> None:
    """Writes each batch in a transaction of its own."""
    for batch in batches:
        store.project_tail([(0, batch)])


class TestSameMoment:
    """Two messages about one source and time."""

    @pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
    def test_properties_add_up(self, resting: Store, *, together: bool) -> None:
        first, second = observed(0, wattHours=1234.0), observed(0, watts=500.0)
        project(resting, *([[first, second]] if together else [[first], [second]]))
        assert rows(resting, 'SELECT created, "sourceId", "wattHours", watts FROM datum') == [
            (T, OUTLET, 1234.0, 500.0)
        ]

    @pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
    def test_higher_context_wins_though_it_came_first(self, resting: Store, *, together: bool) -> None:
        begin = observed(0, watts=2.0, contexts={"watts": 5})
        periodic = observed(0, watts=1.0)
        project(resting, *([[begin, periodic]] if together else [[begin], [periodic]]))
        assert rows(resting, "SELECT watts FROM datum") == [(2.0,)]

    @pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
    def test_later_arrival_wins_among_equals(self, resting: Store, *, together: bool) -> None:
        first, second = observed(0, watts=1.0), observed(0, watts=2.0, contexts={"watts": 3})
        project(resting, *([[first, second]] if together else [[first], [second]]))
        assert rows(resting, "SELECT watts FROM datum") == [(2.0,)]

    @pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
    def test_what_is_not_given_again_stays(self, resting: Store, *, together: bool) -> None:
        """A reading outside of a session must not take the session from a row that has one."""
        first, second = observed(60, session=True, watts=1.0), observed(60, watts=2.0)
        project(resting, *([[first, second]] if together else [[first], [second]]))
        assert rows(resting, 'SELECT "sessionId", token, duration, watts FROM datum') == [(SESSION, "TAG", 60, 2.0)]

    def test_newer_status_replaces_the_older_and_keeps_its_info(self, resting: Store) -> None:
        def status(name: str, info: str | None) -> DatumObserved:
            return DatumObserved(
                Datum(1, SourceId("/ocpp/cp/CP001/1/status"), T, {}, status=StatusProperties(name, info=info)), RECEIVED
            )

        project(resting, [status("Preparing", "plugged")], [status("Charging", None)])
        assert rows(resting, "SELECT status, info FROM datum") == [("Charging", "plugged")]

    def test_texts_of_a_vendor_stand_beside_its_numbers(self, resting: Store) -> None:
        """`load_a` gets its column here; the texts have theirs, so that no vendor can make columns of texts."""
        dlb = StatusProperties("Normal", mode="Solar")
        vid = StatusProperties(vid="141FBA1035F2")
        project(
            resting,
            [
                DatumObserved(Datum(1, SourceId("/ocpp/cp/CP001/dlb"), T, {"load_a": 6110.0}, status=dlb), RECEIVED),
                DatumObserved(Datum(1, SourceId("/ocpp/cp/CP001/1/vid"), T, {}, status=vid), RECEIVED),
            ],
        )
        assert rows(resting, 'SELECT "sourceId", load_a, status, mode, vid FROM datum ORDER BY 1 DESC') == [
            ("/ocpp/cp/CP001/dlb", 6110.0, "Normal", "Solar", None),
            ("/ocpp/cp/CP001/1/vid", None, None, None, "141FBA1035F2"),
        ]

    def test_received_is_the_last_time_it_was_told(self, resting: Store) -> None:
        later = RECEIVED + timedelta(hours=1)
        project(resting, [observed(0, watts=1.0)], [observed(0, watts=1.0, received=later)])
        assert rows(resting, "SELECT received FROM datum") == [(later,)]


class TestLate:
    """Datums that are not newer than their stream's newest."""

    def test_late_datum_of_a_new_moment_gets_its_own_row(self, resting: Store) -> None:
        project(resting, [observed(0, watts=1.0), observed(120, watts=3.0)], [observed(60, watts=2.0)])
        assert rows(resting, "SELECT created, watts FROM datum ORDER BY created") == [
            (at(0), 1.0),
            (at(60), 2.0),
            (at(120), 3.0),
        ]

    def test_late_datums_merge_after_a_restart_too(self, resting: Store) -> None:
        project(resting, [observed(0, watts=2.0, contexts={"watts": 6}), observed(60, watts=1.0)])
        directory = resting.directory
        resting.close()
        again = open_store(directory, now=T)
        try:
            project(again, [observed(0, watts=9.0, wattHours=7.0)])
            assert rows(again, 'SELECT watts, "wattHours" FROM datum ORDER BY created') == [(2.0, 7.0), (1.0, None)]
        finally:
            again.close()

    def test_context_of_a_winner_is_remembered(self, resting: Store) -> None:
        project(
            resting,
            [observed(0, watts=1.0)],
            [observed(0, watts=2.0, contexts={"watts": 6})],
            [observed(0, watts=3.0, contexts={"watts": 5})],
            [observed(0, watts=4.0, contexts={"watts": 6})],
        )
        assert rows(resting, "SELECT watts FROM datum") == [(4.0,)]
        assert rows(resting, 'SELECT property, context FROM "datumContext"') == [("watts", 6)]

    def test_streams_do_not_see_each_other(self, resting: Store) -> None:
        project(resting, [observed(60, source="/a", watts=1.0)], [observed(0, source="/b", watts=2.0)])
        assert rows(resting, 'SELECT "sourceId", watts FROM datum ORDER BY watts') == [("/a", 1.0), ("/b", 2.0)]


class TestColumns:
    """Phase and vendor properties get their column when they first come."""

    async def test_phase_column_appears_and_the_views_show_it(self, store: Store) -> None:
        await record_all(store, [(exchange(1), [observed(0, watts=1.0)])])
        await store.settle()
        assert "current_a" not in await store.read(lambda con: con.sql("FROM latest").columns)
        await record_all(store, [(exchange(2), [observed(60, current_a=3.6, current_b=3.5)])])
        assert await store.read(lambda con: con.execute("SELECT current_a, current_b FROM latest").fetchall()) == [
            (3.6, 3.5)
        ]
        assert await store.read(lambda con: con.execute("SELECT count(*) FROM session").fetchall()) == [(0,)]

    def test_one_property_has_one_column_however_it_is_spelled(self, resting: Store) -> None:
        """DuckDB matches names in any case: a second spelling would not be a second column but an error."""
        project(resting, [observed(0, Load_A=1.0)], [observed(60, load_a=2.0, WATTS=3.0)])
        assert rows(resting, "SELECT load_a, watts FROM datum ORDER BY created") == [(1.0, None), (2.0, 3.0)]

    def test_columns_that_exist_are_known_after_a_restart(self, resting: Store) -> None:
        project(resting, [observed(0, voltage_ab=400.0)])
        missing = resting.read_now(lambda con: DatumTable(con).missing([observed(60, voltage_ab=1.0, voltage_bc=2.0)]))
        assert missing == ["voltage_bc"]


def test_signed_readings_are_kept_whole(resting: Store) -> None:
    kept = SignedReadingKept(
        1, OUTLET, T, RECEIVED, SESSION, "Energy.Active.Import.Register", "Transaction.End", "OCMF|{"
    )
    resting.project_tail([(0, [kept])])
    assert rows(resting, 'SELECT created, "sessionId", measurand, context, value FROM "signedReading"') == [
        (T, SESSION, "Energy.Active.Import.Register", "Transaction.End", "OCMF|{")
    ]


# A table of one connection serves all examples: each has a node of its own.
CON = duckdb.connect()
migrate(CON, Path("memory"), T, MIGRATIONS)
furnish(CON, SESSION, T)
TABLES = Tables(CON)
NODES = count(1)

READINGS = st.lists(
    st.tuples(
        st.integers(0, 3),  # minute
        st.sampled_from(["watts", "wattHours", "current"]),
        st.one_of(st.none(), st.integers(0, 8)),  # context
        st.integers(0, 9),  # value
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.slow  # a hundred examples against a real database
@given(readings=READINGS, cuts=st.sets(st.integers(1, 13)))
def test_rows_do_not_depend_on_how_messages_are_split(
    readings: list[tuple[int, str, int | None, int]], cuts: set[int]
) -> None:
    """The documented rule, said again in three lines, against every way to batch the same messages."""
    node = next(NODES)
    effects = [
        DatumObserved(
            Datum(node, OUTLET, at(60 * minute), {name: float(value)}, None if rank is None else {name: rank}), RECEIVED
        )
        for minute, name, rank, value in readings
    ]
    bounds = [0, *sorted(cut for cut in cuts if cut < len(effects)), len(effects)]
    for begin, end in pairwise(bounds):
        TABLES.project(CON, effects[begin:end], None)

    expected: dict[int, dict[str, float]] = {}
    for minute, name, _, value in sorted(readings, key=lambda reading: max(4, reading[2] or 0)):
        expected.setdefault(minute, {})[name] = float(value)
    found = CON.execute(
        'SELECT epoch(created - ?)::INT // 60, watts, "wattHours", current FROM datum WHERE "nodeId" = ?', [T, node]
    ).fetchall()
    names = ("watts", "wattHours", "current")
    assert {
        minute: {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for minute, *values in found
    } == expected
    assert len(found) == len(expected)
