"""The totals of a session, as SQL: energy and how far it can be believed, duration, power.

Written once, and used twice: kept in `sessionTotal` when a session ends, and again when late datums of it
arrive or an operator records a meter change; and computed by the view `session` while it runs.

Each stream with readings of the session is a line of its own, and the energy is the best line's. Lines are
ranked by what they have, first of all two readings of a register (followed as `stitching` says), then the
session's own stream before others, then the number of readings:

| line | quality |
|---|---|
| two register readings or more | `measured`; `stitched` over a reset, glitch or record, or from another stream |
| no register, but interval values: their sum | `estimated` |
| neither, but power, measured or derived: its area, by trapezoids | `estimated` |
| no readings (nothing is published), meterStart and meterStop: their difference | `estimated` |

Whatever contradicts itself is `suspect`, and `doubt` says why; the energy stays what the line says.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from solarocpp.store.phases import derived_power_sql, whole_sql
from solarocpp.store.stitching import shifted_sql, stitched_sql

# A register that counts in steps of 10 Wh is wrong by 0.6 kW over a minute, by 36 kW over a second.
SLOPE_S: Final = 60

# The Megawatt Charging System, 1250 V and 3000 A, is the most any connector is specified for.
MOST_W: Final = 3_750_000

# Power is sampled: between two samples it may have been at its peak or off, so one longest gap at the peak is
# forgiven; a quarter for current clamps and for derived power; a register that counts whole kWh, 1 kWh.
_TOLERANCE: Final = "1000 + 0.25 * greatest(area, within) + peak * gap / 3600"
# Power at three times at least: two are an edge each, with nothing in between to compare.
_COMPARED: Final = 3

_DOUBTS: Final = f"""CASE
    WHEN fastest > {MOST_W}
        THEN format('the register rises by {{:.0f}} kW, more than any connector delivers', fastest / 1e3)
    WHEN lower THEN 'the register at the stop is below the one before'
    WHEN powers >= {_COMPARED} AND abs(area - within) > {_TOLERANCE} THEN CASE
        WHEN within > 0 AND area BETWEEN 500 * within AND 2000 * within
            THEN 'power says 1000 times as much: the register seems to count kWh labelled Wh, multiply it by 1000'
        WHEN area > 0 AND within BETWEEN 500 * area AND 2000 * area
            THEN 'power says a thousandth of it: the register or the power has the wrong unit'
        ELSE format('power adds up to {{:.0f}} Wh where the register rises by {{:.0f}} Wh', area, within) END
    END"""

# Materialized, `step` costs the same and the whole is planned in half the time: DuckDB pushes no filters through it.
# One step a clause: samples, steps of their registers and areas of their power, one line a stream, the best line.
_TOTALS: Final = """
WITH chosen AS ({chosen}),
sample AS (
    SELECT d."sessionId", d."transactionId", d."nodeId", d."sourceId", d."sourceId" = c."sourceId" AS own, d.created,
        d."endDate" IS NOT NULL AS closing, {register} AS "wattHours", {interval} AS "interval",
        coalesce({power}, {derived}) AS power
    -- The number comes first: it is read 40 times as fast as a UUID, and leaves few of those to compare.
    FROM datum d JOIN chosen c ON d."transactionId" = c."transactionId" AND d."sessionId" = c."sessionId"
    WHERE d.status IS NULL
),
step AS MATERIALIZED (
    SELECT * EXCLUDE ("wattHours rise", "wattHours note"), "wattHours rise" AS rise, "wattHours note" AS note,
        (epoch_us(created) - epoch_us("wattHours since")) / 1e6 AS seconds,
        sum("wattHours rise") OVER (
            PARTITION BY "transactionId", "sourceId" ORDER BY created ROWS UNBOUNDED PRECEDING) AS risen,
        lag(power) OVER powers AS "powerBefore",
        (epoch_us(created) - lag(epoch_us(created)) OVER powers) / 1e6 AS gap
    FROM ({steps})
    WINDOW powers AS (PARTITION BY "transactionId", "sourceId", power IS NULL ORDER BY created)
),
line AS (
    SELECT "sessionId", "sourceId", own, count(rise) AS registers, count("interval") AS intervals,
        count(power) AS powers, sum(rise) AS rise, max(rise * 3600 / seconds) FILTER (seconds >= {slope_s}) AS slope,
        max(rise * 3600 / greatest(seconds, {slope_s})) AS fastest,
        coalesce(bool_or(note = 'reset' AND closing), false) AS lower, count(note) AS notes,
        sum(greatest("interval", 0)) AS "interval", sum(greatest(power + "powerBefore", 0) / 2 * gap / 3600) AS area,
        max(gap) FILTER (power IS NOT NULL) AS gap, max(power) AS peak,
        -- Where readings with power count nothing (Q84, Q86), the register tells of the whole session only.
        CASE WHEN bool_or(note = 'ignored' AND power IS NOT NULL) THEN sum(rise) ELSE
            arg_max(risen, created) FILTER (power IS NOT NULL) - arg_min(risen, created) FILTER (power IS NOT NULL)
        END AS within
    FROM step GROUP BY "sessionId", "sourceId", own
),
judged AS (
    SELECT *, CASE WHEN registers > 1 THEN 3 WHEN intervals > 0 THEN 2 WHEN powers > 1 THEN 1 ELSE 0 END AS kind,
        CASE WHEN registers > 1 THEN {doubts} END AS doubt
    FROM line
),
best AS (
    SELECT "sessionId", arg_max({{
            'source': "sourceId", 'slope': slope, 'doubt': doubt,
            'energy': CASE kind WHEN 3 THEN rise WHEN 2 THEN "interval" WHEN 1 THEN area ELSE rise END,
            'quality': CASE WHEN doubt IS NOT NULL THEN 'suspect' WHEN kind < 3 THEN 'estimated'
                WHEN notes > 0 OR NOT own THEN 'stitched' ELSE 'measured' END
        }}, kind * 1e12 + CASE WHEN own THEN 1e9 ELSE 0 END + registers + powers) AS line
    FROM judged GROUP BY ALL
),
observed AS (
    SELECT "sessionId", count(*) AS readings, max(created) AS newest, max(power) AS peak
    FROM sample GROUP BY "sessionId"
),
total AS (
    SELECT c."sessionId", b.line, o.peak, coalesce(o.readings, 0) AS readings,
        -- Where nothing is published, start and stop are all there is; meterStop is empty where it cannot be (Q82).
        coalesce(b.line.energy, c."meterStop" - c."meterStart") AS energy,
        greatest(0, (epoch_us(coalesce(c.ended, o.newest, c.started)) - epoch_us(c.started)) // 1000000) AS duration
    FROM chosen c
    LEFT JOIN observed o ON o."sessionId" = c."sessionId"
    LEFT JOIN best b ON b."sessionId" = c."sessionId"
)
SELECT "sessionId", energy, duration, energy * 3600 / nullif(duration, 0) AS "averagePower",
    coalesce(peak, line.slope, energy * 3600 / nullif(duration, 0)) AS "peakPower", readings,
    CASE WHEN energy IS NOT NULL THEN coalesce(line.quality, 'estimated') END AS quality,
    line.doubt AS doubt, CASE WHEN line.energy IS NOT NULL THEN line.source END AS "energySource"
FROM total"""


def totals_sql(chosen: str, datum_columns: Collection[str]) -> str:
    """Writes the SQL that gives the totals of sessions, columns as `sessionTotal`.

    Args:
        chosen: SQL of the rows of `chargeSession` in question.
        datum_columns: names of the columns that `datum` has; phases are used where they exist.
    """
    samples = shifted_sql("FROM sample", ["wattHours"])
    return _TOTALS.format(
        chosen=chosen,
        register=whole_sql("wattHours", datum_columns),
        interval=whole_sql("wattHoursDiff", datum_columns),
        power=whole_sql("watts", datum_columns),
        derived=derived_power_sql(datum_columns),
        slope_s=SLOPE_S,
        steps=stitched_sql(samples, ["wattHours"], partition='"transactionId", "sourceId"', session=None, shifted=True),
        doubts=_DOUBTS,
    )
