"""How far registers went: SolarNetwork's clock and reading values (spec 10.2), in SQL.

A register is the series of one accumulating property of one stream. Its readings are put in order together
with the Reset records of meters that were changed; what lies between two neighbours is a step:

    reading -> kept -> event -> step -> register (one row a period)

* clock value: a step over the end of a period is shared by time between both periods; one that took more
  than an hour is nobody's;
* reading value: a whole step belongs to the period in which it ended, however long it took.

A reading at the moment when a period ends and the next begins is in both.

Each register is a series of its own: its neighbours are the nearest readings that have it. SolarNetwork's
are the nearest rows, so a row without the register, between two that have it, can lose energy there.

`stitched` follows a register that fell (Q83, Q84, Q86) as `store.stitching` does for sessions: readings that
count nothing are left out, and a fall that stays is a Reset record at the reading before it, to zero.
"""

from __future__ import annotations

from typing import Final

from solarocpp.query.zones import HOUR_US
from solarocpp.store.stitching import stitched_sql

CLOCK_TOLERANCE_US: Final = HOUR_US
"""A step that took longer is in no clock value (spec 10.2)."""

READING_TOLERANCE_US: Final = 365 * 24 * HOUR_US
"""How far before a period the reading may be that its reading value begins with (spec 10.2)."""

STREAM: Final = '"nodeId", "sourceId"'
"""What a datum belongs to, as SQL."""

SERIES: Final = f"{STREAM}, property"
"""What a register belongs to, as SQL."""

# What can happen to a register, in the order in which it does at one moment (spec 10.2).
READING, FINAL, START = 0, 1, 2


def step_sql(readings: str, records: str, *, stitched: bool) -> str:
    """Writes the CTEs up to `step`: every reading and both sides of each Reset record, with both neighbours.

    `kind` is 0 for a reading, 1 for what the old meter ended with, 2 for what the new one began with;
    `rise` is what the register went since the event before, `next_rise` what it will until the one after.

    Args:
        readings: SQL of rows with the columns of a series, `created`, `value` and `transactionId`.
        records: SQL of rows of `resetRecord`.
        stitched: whether a register that falls is followed; if not, a fall is a negative step, as in SolarNetwork.
    """
    zero = "CASE WHEN {kind} = 0 AND {later} < {earlier} THEN 0 ELSE {earlier} END" if stitched else "{earlier}"
    return _STEP.format(
        readings=readings,
        records=records,
        series=SERIES,
        neighbours=_NEIGHBOURS.format(events="event"),
        neighbour=_FOLLOWED if stitched else "neighbour AS (FROM ordered)",
        before=zero.format(kind="kind", later="value", earlier="before"),
        value=zero.format(kind="after_kind", later="after", earlier="value"),
    )


_NEIGHBOURS = f"""
    SELECT *, first_value(t) OVER series AS first_t, lag(t) OVER series AS before_t, lag(value) OVER series AS before,
        lead(t) OVER series AS after_t, lead(value) OVER series AS after, lead(kind) OVER series AS after_kind
    FROM {{events}} WINDOW series AS (PARTITION BY {SERIES} ORDER BY t, kind)"""

_STEP = """
reading AS ({readings}),
record AS ({records}),
change AS (
    SELECT {series}, epoch_us(created) AS t, unnest([1, 2]) AS kind, unnest(["final", "start"]) AS value FROM record
),
event AS (SELECT {series}, epoch_us(created) AS t, 0 AS kind, value FROM reading UNION ALL FROM change),
ordered AS ({neighbours}),
{neighbour},
step AS (
    SELECT {series}, t, kind, value, first_t, before_t, after_t, {before} AS before,
        CASE WHEN kind = 2 OR before IS NULL THEN 0 ELSE value - {before} END AS rise,
        CASE WHEN after_kind = 2 OR after IS NULL THEN 0 ELSE after - {value} END AS next_rise
    FROM neighbour
)"""

# Most registers only rise, and to follow one that falls costs ten times as much; less if it goes by a number `n`.
# MATERIALIZED, since DuckDB plans the whole three times as fast when it does not push filters through it.
# A reading at the very moment of a Reset record is one of the old meter, as in spec 10.2.
_FOLLOWED = f"""
falling AS (
    SELECT *, row_number() OVER () AS n
    FROM (SELECT DISTINCT {SERIES} FROM ordered WHERE kind = 0 AND value < before)
),
shift AS (
    SELECT n, created, sum("final" - "start") OVER (PARTITION BY n ORDER BY created) AS shift
    FROM record JOIN falling USING ({SERIES})
),
shifted AS (
    SELECT r.n, r.created, "transactionId", value, coalesce(s.shift, 0) AS "value shift"
    FROM (FROM reading JOIN falling USING ({SERIES})) r
    ASOF LEFT JOIN shift s ON r.n = s.n AND r.created > s.created
),
followed AS MATERIALIZED (
    SELECT {SERIES}, epoch_us(created) AS t, 0 AS kind, value
    FROM ({stitched_sql("FROM shifted", ["value"], partition="n", shifted=True)}) JOIN falling USING (n)
    WHERE "value note" IS DISTINCT FROM 'ignored'
    UNION ALL FROM change SEMI JOIN falling USING ({SERIES})
),
neighbour AS (
    FROM ordered ANTI JOIN falling USING ({SERIES})
    UNION ALL {_NEIGHBOURS.format(events="followed")}
)"""


def register_sql(start: str, width_us: int) -> str:
    """Writes the CTE `register` after `step`: the clock and reading value of each register in each period.

    Args:
        start: SQL for the start of the period that `t` is in.
        width_us: length of a period.
    """
    return _REGISTER.format(
        series=SERIES,
        start=start,
        width=width_us,
        clock_tolerance=CLOCK_TOLERANCE_US,
        reading_tolerance=READING_TOLERANCE_US,
    )


# The portions of a clock value are in the order of spec 10.2. Both sides of a step find their own portion, so
# nothing has to be repeated but the readings that end one period and begin another.
_REGISTER = """
placed AS (SELECT *, {start} AS starts FROM step),
member AS (
    SELECT *, starts AS period FROM placed
    UNION ALL
    SELECT *, starts - {width} FROM placed WHERE t = starts AND first_t < t
),
register AS (
    SELECT {series}, period,
        sum(CASE
            WHEN t - before_t > {clock_tolerance} OR t = before_t THEN 0
            WHEN before_t < period THEN rise * (t - period) / (t - before_t)
            ELSE rise END)
        + CASE WHEN bool_or(kind = 0) THEN coalesce(
            sum(next_rise * (period + {width} - t) / (after_t - t)) FILTER (
                t < period + {width} AND after_t > period + {width} AND after_t - t <= {clock_tolerance}), 0)
            ELSE 0 END AS clock,
        coalesce(sum(rise) FILTER (t > period AND before_t >= period - {reading_tolerance}), 0) AS difference,
        arg_min(CASE WHEN t > period AND before_t >= period - {reading_tolerance} THEN before ELSE value END,
            4 * t + kind) FILTER (kind <> 1 OR t > period) AS first,
        arg_max(value, 4 * t + kind) FILTER (kind <> 2 OR t < period + {width}) AS last
    FROM member GROUP BY ALL
)"""
