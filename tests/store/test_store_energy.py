"""The views of energy and power, and how far the energy of a session can be believed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stored import OUTLET, SESSION, T, ended, observed, rows, started

from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.store import Store
from solarocpp.store.effects import DatumObserved, Effect
from solarocpp.store.migrations import migrate
from solarocpp.store.tables import Tables


def project(store: Store, *effects: Effect) -> None:
    """Writes effects in one transaction."""
    store.project_tail([(0, effects)])


def quality(store: Store) -> tuple[object, ...]:
    """Energy, quality and doubt of the one session there is."""
    (row,) = rows(store, "SELECT energy, quality, doubt FROM session")
    return row


def minutes(*readings: dict[str, float], session: bool = True) -> list[Effect]:
    """One datum a minute from T."""
    return [observed(60 * n, session=session, **properties) for n, properties in enumerate(readings)]


def registers(*values: float) -> list[dict[str, float]]:
    return [{"wattHours": value} for value in values]


def charging(*values: float, watts: float) -> list[dict[str, float]]:
    return [{"wattHours": value, "watts": watts} for value in values]


HOUR = [n * 100 for n in range(61)]  # 6 kW, a reading a minute

QUALITIES: dict[str, tuple[list[dict[str, float]], tuple[float, str, str | None]]] = {
    "plain differences": (registers(1000, 1100, 1200), (200.0, "measured", None)),
    "register and power agree": (charging(*HOUR, watts=6000.0), (6000.0, "measured", None)),
    # Q83, Q86, Q84
    "a reset": (registers(1000, 1100, 50, 150), (250.0, "stitched", None)),
    "a glitch": (registers(90_000, 90_100, 0, 90_200), (200.0, "stitched", None)),
    "relative in between": (registers(90_000, 0, 100, 90_200), (200.0, "stitched", None)),
    # Q82
    "a stop below": (
        [*registers(1000, 1100), {"wattHours": 20.0, "closing": 1.0}],
        (120.0, "suspect", "the register at the stop is below the one before"),
    ),
    # Q87
    "kWh labelled Wh": (
        charging(*[n / 1000 for n in HOUR], watts=6000.0),
        (
            6.0,
            "suspect",
            "power says 1000 times as much: the register seems to count kWh labelled Wh, multiply it by 1000",
        ),
    ),
    "Wh labelled kWh": (
        charging(*[n * 1000 for n in HOUR], watts=6000.0),
        (6_000_000.0, "suspect", "the register rises by 6000 kW, more than any connector delivers"),
    ),
    "power in kW labelled W": (
        charging(*HOUR, watts=6.0),
        (6000.0, "suspect", "power says a thousandth of it: the register or the power has the wrong unit"),
    ),
    "power twice as much": (
        charging(*HOUR, watts=12_000.0),
        (6000.0, "suspect", "power adds up to 12000 Wh where the register rises by 6000 Wh"),
    ),
    # Tolerances: a quarter, 1 kWh, and one gap at the peak.
    "power within tolerance": (charging(*HOUR, watts=9400.0), (6000.0, "measured", None)),
    "power just beyond it": (
        charging(*HOUR, watts=9600.0),
        (6000.0, "suspect", "power adds up to 9600 Wh where the register rises by 6000 Wh"),
    ),
    # MCS: 3.75 MW are 62.5 kWh a minute.
    "as fast as can be": (registers(0, 62_500), (62_500.0, "measured", None)),
    "faster than can be": (
        registers(0, 62_600),
        (62_600.0, "suspect", "the register rises by 3756 kW, more than any connector delivers"),
    ),
    # No register.
    "power alone": ([{"watts": 6000.0}, {"watts": 12_000.0}, {"watts": 12_000.0}], (350.0, "estimated", None)),
    "intervals alone": ([{"wattHoursDiff": 100.0, "watts": 1.0}, {"wattHoursDiff": 110.0}], (210.0, "estimated", None)),
    "current and voltage alone": (
        [{"current": 10.0, "voltage": 230.0}, {"current": 10.0, "voltage": 230.0, "powerFactor": 0.5}],
        (28.75, "estimated", None),
    ),
    "one register and power": ([{"wattHours": 5000.0}, {"watts": 600.0}, {"watts": 600.0}], (10.0, "estimated", None)),
    "one register": (registers(5000), (0.0, "estimated", None)),
}


@pytest.mark.parametrize(("readings", "expected"), QUALITIES.values(), ids=QUALITIES.keys())
def test_quality_of_a_session_with(
    resting: Store, readings: list[dict[str, float]], expected: tuple[object, ...]
) -> None:
    """The same of a running session and of an ended one, except that only a stop can be below."""
    length = 60 * (len(readings) - 1)
    closing = bool(readings[-1].pop("closing", 0))
    *before, _ = effects = minutes(*readings)
    if closing:
        end = SessionProperties(SESSION, 1, "TAG", length, T)
        effects = [*before, DatumObserved(Datum(1, OUTLET, observed(length).datum.created, readings[-1], None, end), T)]
    project(resting, started(0), *effects)
    found, word, doubt = quality(resting)
    assert (found, word, doubt) == (pytest.approx(expected[0]), *expected[1:])
    project(resting, ended(length))
    assert quality(resting) == (found, word, doubt)


def test_session_without_datums_has_what_start_and_stop_say(resting: Store) -> None:
    """Nothing is published of it; without a stop that can be (Q82) nothing is known."""
    project(resting, started(1000), ended(60, 1500))
    assert rows(resting, 'SELECT energy, quality, "energySource" FROM session') == [(500.0, "estimated", None)]


def test_session_without_a_right_stop_and_without_datums_has_no_energy(resting: Store) -> None:
    project(resting, started(1000), ended(60, None))
    assert quality(resting) == (None, None, None)


def test_energy_of_another_stream_is_stitched_and_says_which(resting: Store) -> None:
    inlet = "/ocpp/cp/CP001/1/Inlet"
    project(
        resting,
        started(1000),
        observed(0, session=True, wattHours=1000.0),
        observed(60, session=True, source=inlet, wattHours=900_000.0),
        observed(120, session=True, source=inlet, wattHours=900_100.0),
    )
    assert rows(resting, 'SELECT energy, quality, "energySource" FROM session') == [(100.0, "stitched", inlet)]


class TestPower:
    """Power where nobody measured it (Q93): in a view, never in `datum`."""

    def power(self, store: Store, **properties: float) -> list[tuple[object, ...]]:
        project(store, observed(0, **properties))
        return rows(store, "SELECT power, derived FROM power")

    def test_measured_power_goes_first(self, resting: Store) -> None:
        assert self.power(resting, watts=7.0, current=10.0, voltage=230.0) == [(7.0, False)]

    def test_phases_of_measured_power_are_added_up(self, resting: Store) -> None:
        assert self.power(resting, watts_a=7.0, watts_b=8.0) == [(15.0, False)]

    def test_each_phase_has_its_own_voltage_and_factor_or_what_there_is(self, resting: Store) -> None:
        """10 A x 230 V, and 3 A x 100 V, all by half: the only factor that was sent is nearer than none."""
        found = self.power(
            resting, current_a=10.0, current_b=1.0, current_c=2.0, voltage_a=230.0, voltage=100.0, powerFactor_a=0.5
        )
        assert found == [(1300.0, True)]

    def test_voltage_of_another_phase_is_better_than_none(self, resting: Store) -> None:
        assert self.power(resting, current_b=2.0, voltage_a=230.0) == [(460.0, True)]

    def test_voltage_between_phases_is_not_of_a_phase(self, resting: Store) -> None:
        """Q90."""
        assert self.power(resting, current_a=2.0, voltage_ab=400.0) == []

    def test_raw_datums_stay_as_they_are(self, resting: Store) -> None:
        self.power(resting, current=10.0, voltage=230.0)
        assert rows(resting, "SELECT watts FROM datum") == [(None,)]


class TestSeries:
    """`energy`, reading by reading, and its sums."""

    def test_energy_goes_to_sessions_and_what_is_between_to_idle(self, resting: Store) -> None:
        """Q85: 4 Wh flow after the stop; the next session begins with them already counted."""
        project(
            resting,
            started(1000),
            *minutes(*registers(1000, 1500, 2000)),
            ended(120),
            observed(180, wattHours=2004.0),
        )
        assert rows(resting, 'SELECT energy, step, "idleStep", quality FROM energy ORDER BY created') == [
            (0.0, 0.0, 0.0, "measured"),
            (500.0, 500.0, 0.0, "measured"),
            (1000.0, 500.0, 0.0, "measured"),
            (1004.0, 4.0, 4.0, "measured"),
        ]
        assert rows(
            resting,
            'SELECT "sourceId", energy, "sessionEnergy", "idleEnergy", quality, "chargerId", "connectorId" '
            'FROM "connectorEnergy"',
        ) == [(OUTLET, 1004.0, 1000.0, 4.0, "measured", 1, 1)]

    def test_notes_and_counts(self, resting: Store) -> None:
        project(resting, *minutes(*registers(9000, 0, 9100, 50), session=False))
        assert rows(resting, "SELECT register, energy, step, quality, note FROM energy ORDER BY created") == [
            (9000.0, 0.0, 0.0, "measured", None),
            (0.0, 0.0, None, None, "ignored"),
            (9100.0, 100.0, 100.0, "stitched", "returned"),
            (50.0, 150.0, 50.0, "stitched", "reset"),
        ]
        assert rows(resting, 'SELECT energy, resets, ignored, quality FROM "connectorEnergy"') == [
            (150.0, 1, 1, "stitched")
        ]

    def test_what_was_estimated_is_not_counted_again_when_the_register_comes_back(self, resting: Store) -> None:
        """Power alone says 200 Wh; by the next reading the register went 230, so 30 flowed outside of the session."""
        readings = [{"wattHours": 1000.0}, {"watts": 6000.0}, {"watts": 6000.0}, {"watts": 6000.0}]
        project(resting, started(1000), *minutes(*readings), observed(600, wattHours=1230.0))
        assert rows(
            resting, 'SELECT energy, "sessionEnergy", "idleEnergy", "estimatedEnergy", quality FROM "connectorEnergy"'
        ) == [(230.0, 200.0, 30.0, 200.0, "estimated")]

    def test_reading_without_session_in_the_middle_of_one_counts_nothing(self, resting: Store) -> None:
        """Q84: it is of another provenance, and the session's own readings know better."""
        project(
            resting,
            started(0),
            observed(0, session=True, wattHours=0.0),
            observed(60, wattHours=70_000.0),
            observed(120, session=True, wattHours=100.0),
        )
        assert rows(resting, "SELECT energy, note FROM energy ORDER BY created") == [
            (0.0, None),
            (0.0, "ignored"),
            (100.0, None),
        ]

    def test_days_are_those_of_the_node(self, resting: Store) -> None:
        """22:30 and 23:30 UTC are two days in Berlin."""
        resting.write_now(lambda con: con.execute("UPDATE node SET \"timeZone\" = 'Europe/Berlin'"))
        project(
            resting,
            *[observed(hour * 3600, wattHours=wh) for hour, wh in ((12.0, 0.0), (12.5, 100.0), (13.5, 300.0))],
        )
        assert [(str(day), wh) for day, wh in rows(resting, 'SELECT day, energy FROM "dailyEnergy" ORDER BY 1')] == [
            ("2026-03-01", 100.0),
            ("2026-03-02", 200.0),
        ]

    def test_filter_on_a_source_reaches_the_table(self, resting: Store) -> None:
        """Without that, one connector of a large store would cost all of them."""
        # With one source only, statistics would answer instead of a filter.
        for source in ("/a", "/b", "/c"):
            project(resting, observed(0, source=source, wattHours=1.0, watts=1.0, current=1.0, voltage=1.0))
        for view in ("energy", '"connectorEnergy"', '"dailyEnergy"', "power"):
            ((_, plan),) = rows(resting, f"EXPLAIN FROM {view} WHERE \"sourceId\" = '/b'")
            scan = str(plan)[str(plan).index("main.datum") :]
            assert "sourceId='/b'" in scan[: scan.index("┘")], view


# A reading: minutes since the one before, register, power, interval value, and whose it is: nobody's, the same
# session's, or that of a session which begins with it.
Reading = tuple[int, int | None, int | None, int | None, str]
LEVELS = st.one_of(st.none(), st.integers(0, 10), st.integers(0, 5000), st.just(53_700_000))
READINGS = st.lists(
    st.tuples(
        st.integers(1, 200),
        LEVELS,
        st.one_of(st.none(), st.integers(0, 11_000)),
        st.one_of(st.none(), st.none(), st.integers(0, 300)),
        st.sampled_from(["idle", "same", "same", "new"]),
    ),
    max_size=30,
)

# The views take longer to plan than to answer, so they are asked of several streams at a time.
STREAMS = settings(max_examples=20)
QUESTIONS = {
    "series": 'SELECT "sourceId", list(energy ORDER BY created) FROM energy GROUP BY ALL',
    "connectors": 'SELECT "sourceId", (energy, "sessionEnergy", "idleEnergy") FROM "connectorEnergy"',
    "sessions": 'SELECT "sourceId", sum(energy) FROM session GROUP BY ALL',
    "days": 'SELECT "sourceId", sum(energy) FROM "dailyEnergy" GROUP BY ALL',
}


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """A store in memory, with its views."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, Path(), T)
        con.execute("INSERT INTO node VALUES (1, 1, 'node 1', ?, NULL)", [T])
        Tables(con)
        yield con


def ask(con: duckdb.DuckDBPyConnection, question: str) -> dict[str, Any]:
    """By source; sources without rows are not there."""
    return dict(con.execute(QUESTIONS[question]).fetchall())


def fill(con: duckdb.DuckDBPyConnection, streams: Sequence[list[Reading]]) -> None:
    """Puts the readings of each stream into the store, as source 0, 1, ..."""
    data = []
    for source, readings in enumerate(streams):
        minute, number, current = 0, 1000 * source, None
        for gap, register, power, interval, whose in readings:
            minute += gap
            if whose == "new":
                number += 1
            current = number if whose == "new" or (whose == "same" and number % 1000) else None
            data.append({"s": source, "m": minute, "n": current, "r": register, "p": power, "i": interval})
    con.execute('DELETE FROM datum; DELETE FROM "chargeSession"')
    con.execute(
        """INSERT INTO datum
            (created, "nodeId", "sourceId", "sessionId", "transactionId", "wattHours", watts, "wattHoursDiff")
        SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_minutes(m), 1, s,
            ('00000000-0000-8000-8000-' || lpad(n::VARCHAR, 12, '0'))::UUID, n, r, p, i
        FROM (SELECT unnest(from_json(?, ?), recursive := true))""",
        [json.dumps(data), '[{"s":"VARCHAR","m":"BIGINT","n":"BIGINT","r":"DOUBLE","p":"DOUBLE","i":"DOUBLE"}]'],
    )
    con.execute(
        """INSERT INTO "chargeSession" ("sessionId", "nodeId", "sourceId", "transactionId", started)
        SELECT "sessionId", 1, "sourceId", "transactionId", min(created) FROM datum
        WHERE "sessionId" IS NOT NULL GROUP BY ALL"""
    )


@given(st.lists(READINGS, min_size=1, max_size=8))
@STREAMS
@example(
    [
        [
            (1, 0, None, None, "new"),
            (9, 5000, None, None, "same"),
            (9, 0, None, None, "new"),
            (9, 6000, None, None, "same"),
        ],
        [(1, 5000, None, None, "new"), (9, 0, None, None, "idle"), (9, 5001, None, None, "same")],
        [(1, 9, 600, None, "new"), (9, None, 600, None, "same"), (9, 5, None, None, "idle"), (9, 700, 1, None, "new")],
    ]
)
def test_sessions_and_idle_are_the_whole(empty: duckdb.DuckDBPyConnection, streams: list[list[Reading]]) -> None:
    """Whatever the register does: the series never falls, and its end is what sessions and idle add up to."""
    fill(empty, streams)
    series, connectors, sessions, days = (ask(empty, question) for question in QUESTIONS)
    for source in map(str, range(len(streams))):
        energies = series.get(source, [0])  # without any register there is none
        assert energies == sorted(energies)
        total, of_sessions, idle = connectors.get(source, (0, 0, 0))
        assert total == pytest.approx(energies[-1])
        assert of_sessions + idle == pytest.approx(energies[-1])
        assert idle >= 0
        assert (sessions.get(source) or 0) == pytest.approx(of_sessions)
        assert (days.get(source) or 0) == pytest.approx(energies[-1])


RISES = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5000), st.sampled_from(["idle", "same", "new"])))


@given(st.lists(RISES, min_size=1, max_size=8))
@STREAMS
def test_register_that_only_rises_gave_last_minus_first(
    empty: duckdb.DuckDBPyConnection, streams: list[list[tuple[int, int, str]]]
) -> None:
    # A reading without session in the middle of one counts nothing, so the last one names it again.
    levels = [list(accumulate(rise for _, rise, _ in steps)) for steps in streams]
    fill(
        empty,
        [
            [(gap, level, None, None, whose) for (gap, _, whose), level in zip(steps, risen, strict=True)]
            for steps, risen in zip(streams, levels, strict=True)
        ],
    )
    risen = {source: energies[-1] for source, energies in ask(empty, "series").items()}
    assert risen == {str(source): level[-1] - level[0] for source, level in enumerate(levels) if level}
