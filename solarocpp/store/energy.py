"""Energy and power of each stream as views: one series that never falls, parted into sessions and idle.

A register is followed as `stitching` says, over sessions and what lies between them. Each step of it is
either the session's that both its readings belong to, or idle: the step to the first reading of a session is
idle, and so is what flows after a StopTransaction (Q85). So the sessions of a stream and its idle energy are
what the register went, whatever it did.

* A session that has fewer than two register readings in a stream has steps by interval values there, else by
  the area under power, as its total has (`totals`). What the register rose by the next time it was read is then
  partly known already, and only the rest is idle.
* A reading without session in the middle of one is of another provenance (Q84) and counts nothing.
* Sessions that overlap (a clock was set back) have steps between readings of both: idle, and `suspect`.

The energy of a session in the view `session` is the sum of its steps in the stream `energySource`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from solarocpp.store.database import Connection
from solarocpp.store.phases import derived_power_sql, whole_sql
from solarocpp.store.stitching import shifted_sql, stitched_sql
from solarocpp.store.totals import MOST_W, SLOPE_S

_POWER: Final = """
CREATE OR REPLACE VIEW power AS
SELECT created, "nodeId", "sourceId", "sessionId", coalesce({measured}, {derived}) AS power,
    {measured} IS NULL AS derived
FROM datum d WHERE coalesce({measured}, {derived}) IS NOT NULL AND status IS NULL"""

# One step a clause: readings and runs of them since one that names its session; the session each is within, also
# those that do not name it: the last one, if it has readings later on; what a session has that can be counted;
# steps it must be estimated by; the register's beside them; both together.
_ENERGY: Final = """
CREATE OR REPLACE VIEW energy AS
WITH sample AS (
    SELECT d.created, d."nodeId", d."sourceId", d."transactionId" AS number,
        {register} AS register, {interval} AS "interval", coalesce({power}, {derived}) AS power
    FROM datum d
),
placed AS (
    SELECT *, count(register) OVER session AS registers, count("interval") OVER session AS intervals,
        max(created) OVER session AS until,
        count(number) OVER (PARTITION BY "nodeId", "sourceId" ORDER BY created ROWS UNBOUNDED PRECEDING) AS run
    FROM sample
    WHERE register IS NOT NULL OR number IS NOT NULL AND ("interval" IS NOT NULL OR power IS NOT NULL)
    WINDOW session AS (
        PARTITION BY "nodeId", "sourceId", number ORDER BY created
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
counted AS (
    SELECT *, number IS NOT NULL AS named,
        CASE WHEN created <= first_value(until) OVER run THEN coalesce(first_value(number) OVER run, -1) ELSE -1 END
            AS within
    FROM placed WINDOW run AS (PARTITION BY "nodeId", "sourceId", run ORDER BY created)
),
estimated AS (
    SELECT *, CASE WHEN named OR within < 0 THEN register END AS "wattHours",
        CASE WHEN NOT named OR registers > 1 OR coalesce("interval", power) IS NULL THEN NULL
        WHEN intervals > 0 THEN greatest("interval", 0)
        WHEN power IS NOT NULL THEN greatest(power + lag(power) OVER session, 0) / 2 / 3600e6
            * (epoch_us(created) - lag(epoch_us(created)) OVER session) END AS estimate,
        named AND row_number() OVER session > 1 AS begun
    FROM counted
    WINDOW session AS (
        PARTITION BY "nodeId", "sourceId", named, within, CASE WHEN registers > 1 THEN register ELSE power END IS NULL
        ORDER BY created)
),
followed AS (
    SELECT *, "wattHours rise" AS rise, "wattHours note" AS note, "wattHours since" AS since,
        sum(coalesce(estimate, 0)) OVER (
            PARTITION BY "nodeId", "sourceId" ORDER BY created ROWS UNBOUNDED PRECEDING) AS guessed
    FROM ({followed})
),
parted AS (
    SELECT *, rise IS NOT NULL AND within >= 0 AND lag(within) OVER counting IS NOT DISTINCT FROM within AS inside,
        greatest(0, rise - guessed + coalesce(lag(guessed) OVER counting, guessed)) AS unguessed
    FROM followed
    WINDOW counting AS (PARTITION BY "nodeId", "sourceId", rise IS NULL ORDER BY created)
),
step AS (
    SELECT *, CASE WHEN inside THEN rise ELSE estimate END AS "sessionStep",
        CASE WHEN inside THEN 0 WHEN rise IS NOT NULL THEN unguessed WHEN estimate IS NOT NULL THEN 0 END AS "idleStep"
    FROM parted
)
-- By its number, which is read 40 times as fast from 10M datums as its UUID.
SELECT created, step."nodeId", step."sourceId", s."sessionId", register,
    sum(coalesce("sessionStep", 0) + coalesce("idleStep", 0)) OVER (
        PARTITION BY step."nodeId", step."sourceId" ORDER BY created ROWS UNBOUNDED PRECEDING) AS energy,
    coalesce("sessionStep", 0) + "idleStep" AS step,
    "idleStep",
    CASE WHEN "idleStep" IS NULL THEN NULL
        WHEN rise * 3600e6 / greatest(epoch_us(created) - epoch_us(since), {slope_s} * 1000000) > {most_w}
            OR rise IS NOT NULL AND NOT inside AND begun AND registers > 1 THEN 'suspect'
        WHEN estimate IS NOT NULL THEN 'estimated' WHEN note IS NOT NULL THEN 'stitched' ELSE 'measured' END AS quality,
    coalesce(note, CASE WHEN register IS NOT NULL AND rise IS NULL THEN 'ignored' END) AS note
FROM step LEFT JOIN "chargeSession" s ON s."transactionId" = step.number"""

# What a group of steps comes to.
_SUMS: Final = """
    coalesce(sum(step), 0) AS energy, coalesce(sum(step - "idleStep"), 0) AS "sessionEnergy",
    coalesce(sum("idleStep"), 0) AS "idleEnergy",
    coalesce(sum(step) FILTER (quality = 'estimated'), 0) AS "estimatedEnergy",
    coalesce(sum(step) FILTER (quality = 'suspect'), 0) AS "suspectEnergy",
    count(*) FILTER (note = 'reset') AS resets, count(*) FILTER (note = 'ignored') AS ignored,
    arg_max(quality, list_position(['measured', 'stitched', 'estimated', 'suspect'], quality)) AS quality"""

_CONNECTOR_ENERGY: Final = f"""
CREATE OR REPLACE VIEW "connectorEnergy" AS
SELECT e.*, c."chargerId", c."connectorId"
FROM (
    SELECT "nodeId", "sourceId", min(created) AS since, max(created) AS until, {_SUMS}
    FROM energy GROUP BY "nodeId", "sourceId"
) e
LEFT JOIN (
    SELECT "nodeId", "sourceId", arg_max("chargerId", started) AS "chargerId",
        arg_max("connectorId", started) AS "connectorId"
    FROM "chargeSession" GROUP BY "nodeId", "sourceId"
) c ON c."nodeId" = e."nodeId" AND c."sourceId" = e."sourceId"
"""

# A step belongs whole to the day of its later reading, in the time zone of the node.
_DAILY_ENERGY: Final = f"""
CREATE OR REPLACE VIEW "dailyEnergy" AS
SELECT (e.created AT TIME ZONE coalesce(n."timeZone", 'UTC'))::DATE AS day, e."nodeId", e."sourceId", {_SUMS}
FROM energy e LEFT JOIN node n ON n."nodeId" = e."nodeId" GROUP BY day, e."nodeId", e."sourceId"
"""


def create_energy_views(con: Connection, datum_columns: Collection[str]) -> None:
    """Makes the views of energy and power for the property columns that exist now."""
    measured, derived = whole_sql("watts", datum_columns), derived_power_sql(datum_columns)
    followed = stitched_sql(shifted_sql("FROM estimated", ["wattHours"]), ["wattHours"], session="within", shifted=True)
    con.execute(_POWER.format(measured=measured, derived=derived))
    con.execute(
        _ENERGY.format(
            register=whole_sql("wattHours", datum_columns),
            interval=whole_sql("wattHoursDiff", datum_columns),
            power=measured,
            derived=derived,
            followed=followed,
            slope_s=SLOPE_S,
            most_w=MOST_W,
        )
    )
    con.execute(_CONNECTOR_ENERGY)
    con.execute(_DAILY_ENERGY)
