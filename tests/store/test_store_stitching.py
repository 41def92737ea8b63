"""How a register is followed, from reading to reading: the rule itself, on a table of its own."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solarocpp.store.stitching import shifted_sql, stitched_sql

Reading = float | None
TABLE = """CREATE TABLE "resetRecord" (
    created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, property VARCHAR, "final" DOUBLE, "start" DOUBLE)"""
NOTES = {"reset": "!", "ignored": "~", "returned": "^", "recorded": "*", None: ""}

OF_ONE_SESSION: dict[str, tuple[list[Reading], str]] = {
    "rises": ([1000, 1500, 2500], "0 500 1000"),
    "is missing in between": ([1000, None, 2500], "0 - 1500"),
    "begins late": ([None, 1000, 1500], "- 0 500"),
    # Q83
    "is reset": ([1000, 3000, 50, 500], "0 2000 50! 450"),
    "climbs back after a reset": ([1000, 3000, 0, 1000, 2000, 3000], "0 2000 0! 1000 1000 1000"),
    # meterStart is whole Wh, readings are not
    "is rounded at the start": ([5, 4.5, 4.75], "0 0 0.25"),
    "falls by 1 Wh": ([5, 4, 4.25], "0 4! 0.25"),
    # Q86
    "glitches": ([5000, 5100, 0, 5200], "0 100 -~ 100^"),
    "glitches twice as long": ([5000, 0, 0, 5200], "0 -~ -~ 200^"),
    # Q84, and a reboot on the way
    "is relative in between": ([5000, 0, 900, 1800, 6800], "0 -~ -~ -~ 1800^"),
    "is relative, and reset on the way": ([5000, 0, 900, 0, 400, 6300], "0 -~ -~ -~ -~ 1300^"),
    "has a glitch within what is relative": ([9000, 0, 900, 0, 1000, 9999], "0 -~ -~ -~ -~ 999^"),
    # By just half of the fall: no jump.
    "comes back by half of the fall": ([1000, 0, 500, 1000], "0 0! 500 500"),
    "comes back by more than half of the fall": ([1000, 0, 499, 1000], "0 -~ -~ 0^"),
    "does not quite come back": ([1000, 0, 999], "0 0! 999"),
}


def stitched(readings: list[tuple[int | None, Reading]], *, records: str = "", session: bool = True) -> str:
    """The rises, a word a reading, `-` for none: `!` reset, `~` ignored, `^` returned, `*` after a record."""
    with duckdb.connect() as con:
        con.execute(TABLE)
        con.execute(records)
        rows = [{"n": n, "t": number, "r": wh} for n, (number, wh) in enumerate(readings)]
        con.execute(
            """CREATE TABLE reading AS SELECT TIMESTAMPTZ '2026-03-01 10:00:00Z' + to_minutes(n) AS created,
                1 AS "nodeId", '/a' AS "sourceId", t AS "transactionId", r AS "wattHours"
            FROM (SELECT unnest(from_json(?, '[{"n": "BIGINT", "t": "BIGINT", "r": "DOUBLE"}]'), recursive := true))""",
            [json.dumps(rows)],
        )
        own = {} if session else {"session": None}
        sql = stitched_sql(shifted_sql("FROM reading", ["wattHours"]), ["wattHours"], shifted=True, **own)
        plain = stitched_sql("FROM reading", ["wattHours"], **own)
        chosen = 'SELECT "wattHours rise", "wattHours note" FROM ({}) ORDER BY created'
        if not records:
            assert con.sql(chosen.format(plain)).fetchall() == con.sql(chosen.format(sql)).fetchall()
        found = con.sql(chosen.format(sql)).fetchall()
        assert con.sql(f"FROM ({sql}) LIMIT 0").columns == [
            *con.sql("FROM reading LIMIT 0").columns,
            "wattHours since",
            "wattHours rise",
            "wattHours note",
        ]
    return " ".join(("-" if rise is None else f"{rise:g}") + NOTES[note] for rise, note in found)


@pytest.mark.parametrize("session", [True, False], ids=["stream", "session"])
@pytest.mark.parametrize(("values", "rises"), OF_ONE_SESSION.values(), ids=OF_ONE_SESSION.keys())
def test_register_that(values: list[Reading], rises: str, *, session: bool) -> None:
    """Among the readings of one session it goes the same whether others are looked at or not."""
    assert stitched([(1, value) for value in values], session=session) == rises


class TestSessions:
    """A register over several sessions of one connector, and what is between them."""

    def test_register_that_starts_anew_with_each_session_counts_each(self) -> None:
        """Q83: only start and stop are sent, and the second is one step past the level of the first."""
        assert stitched([(1, 0), (1, 5000), (2, 0), (2, 6000)]) == "0 5000 0! 6000"

    def test_register_that_starts_anew_when_the_car_leaves_counts_each(self) -> None:
        assert stitched([(1, 0), (1, 5000), (None, 0), (2, 0), (2, 6000)]) == "0 5000 0! 0 6000"

    def test_register_that_is_relative_within_each_session(self) -> None:
        """Q84: lifetime readings at start and stop, and between sessions."""
        readings = [(1, 9000), (1, 0), (1, 500), (1, 9500), (None, 9500), (2, 9500), (2, 0), (2, 9800)]
        assert stitched(readings) == "0 -~ -~ 500^ 0 0 -~ 300^"

    def test_glitch_between_sessions_is_one(self) -> None:
        assert stitched([(1, 9000), (1, 9500), (None, 0), (2, 9510), (2, 9600)]) == "0 500 -~ 10^ 90"

    def test_session_that_ends_below_is_no_glitch(self) -> None:
        assert stitched([(1, 100), (1, 5000), (1, 10), (None, 6000)]) == "0 4900 10! 5990"


class TestRecords:
    """What an operator says of a meter change."""

    RECORD = """INSERT INTO "resetRecord" VALUES
        (TIMESTAMPTZ '2026-03-01 10:01:30Z', 1, '/a', 'wattHours', 5200, 40)"""

    def test_change_of_the_meter_is_counted_on_both_sides(self) -> None:
        """200 Wh on the old one after its last reading, 60 on the new one before its first."""
        assert stitched([(1, 4000), (1, 5000), (1, 100), (1, 150)], records=self.RECORD) == "0 1000 260* 50"

    def test_reading_at_the_moment_of_the_change_is_the_old_meters(self) -> None:
        """As spec 10.2 orders them: the reading, then the record's final, then its start."""
        record = self.RECORD.replace("10:01:30", "10:01:00")
        assert stitched([(1, 4000), (1, 5000), (1, 100), (1, 150)], records=record) == "0 1000 260* 50"

    def test_new_meter_may_begin_above_the_old_one(self) -> None:
        """No rule can know that one."""
        assert stitched([(1, 0), (1, 0), (1, 700)], records=self.RECORD.replace("5200, 40", "0, 700")) == "0 0 0*"

    def test_records_add_up(self) -> None:
        second = ", (TIMESTAMPTZ '2026-03-01 10:02:30Z', 1, '/a', 'wattHours', 110, 0)"
        assert stitched([(1, 4000), (1, 5000), (1, 100), (1, 5)], records=self.RECORD + second) == "0 1000 260* 15*"

    def test_reset_after_a_record_counts_from_zero(self) -> None:
        assert stitched([(1, 5000), (1, 5100), (1, 100), (1, 30)], records=self.RECORD) == "0 100 160* 30!"

    @pytest.mark.parametrize(("theirs", "other"), [("1, '/a'", "2, '/a'"), ("'/a'", "'/b'"), ("wattHours", "watts")])
    def test_record_of_another_register_changes_nothing(self, theirs: str, other: str) -> None:
        readings: list[tuple[int | None, Reading]] = [(1, 4000), (1, 5000), (1, 100), (1, 150)]
        assert stitched(readings, records=self.RECORD.replace(theirs, other)) == "0 1000 100! 50"


def test_several_registers_are_followed_at_once_and_a_vendor_may_name_them() -> None:
    with duckdb.connect() as con:
        con.execute(
            'CREATE TABLE reading (created INTEGER, "nodeId" INTEGER, "sourceId" VARCHAR, a INTEGER, "it\'s" INTEGER)'
        )
        con.execute("INSERT INTO reading VALUES (1, 1, '/a', 10, 1), (2, 1, '/a', 20, NULL), (3, 1, '/a', 5, 2)")
        sql = stitched_sql("FROM reading", ["a", "it's"], session=None)
        assert con.sql(f'SELECT "a rise", "it\'s rise" FROM ({sql}) ORDER BY created').fetchall() == [
            (0, 0),
            (10, None),
            (5, 1),
        ]


def test_nothing_to_follow_leaves_the_rows() -> None:
    assert stitched_sql("FROM datum", []) == "FROM datum"


def by_hand(readings: list[tuple[int | None, Reading]]) -> str:
    """The rule as the module tells it, reading by reading over the whole series, without cutting it into parts."""
    numbers = [number for number, _ in readings]
    kept = [n for n, (_, wh) in enumerate(readings) if wh is not None]
    values = [wh if wh is not None else 0.0 for _, wh in readings]
    sessions = [None, *(numbers[n] for n in kept), None]
    bounds = {
        n
        for n, before, own, after in zip(kept, sessions, sessions[1:], sessions[2:], strict=False)
        if own is not None and (before != own or after != own)
    }
    marks = dict.fromkeys(range(len(readings)), "")
    for _ in range(2):
        falls = [i for i in range(1, len(kept)) if values[kept[i]] < values[kept[i - 1]]]
        ignored: set[int] = set()
        for first, end in zip(falls, [*falls[1:], len(kept)], strict=False):
            level = values[kept[first - 1]]
            jump = (level - values[kept[first]]) / 2
            for i in range(first, end):
                before, now = values[kept[i - 1]], values[kept[i]]
                if before < level <= now and now - before > jump and not bounds & set(kept[first:i]):
                    marks[kept[i]] = "^"
                    ignored |= {n for n in kept[first:end] if values[n] < level}
        marks |= dict.fromkeys(ignored, "~")
        kept = [n for n in kept if n not in ignored]
    told = ["-" + marks[n] for n in range(len(readings))]
    for before_n, n in zip([None, *kept], kept, strict=False):
        gained = 0 if before_n is None else values[n] - values[before_n]
        if -1 < gained < 0:
            gained = 0
        told[n] = f"{values[n]:g}!" if gained < 0 else f"{gained:g}{marks[n]}"
    return " ".join(told)


READINGS = st.lists(
    st.tuples(
        st.sampled_from([None, 1, 1, 2, 2, 3]),
        st.one_of(st.none(), st.integers(0, 40).map(lambda n: 250.0 * n), st.sampled_from([0.0, 100.5, 9999.5])),
    ),
    min_size=1,
    max_size=24,
).map(lambda readings: sorted(readings, key=lambda reading: reading[0] or 0) if len(readings) % 2 else readings)


@pytest.mark.slow  # DuckDB plans four long statements for each example
@settings(max_examples=40, deadline=None)
@given(readings=READINGS)
def test_what_is_cut_into_parts_is_followed_as_a_whole(readings: list[tuple[int | None, Reading]]) -> None:
    assert stitched(readings) == by_hand(readings)
