"""Datums: as stored, rolled up to hours, days or months, and the newest of each stream.

A roll-up says of each property, by its class (spec section 10, and what is ours):

* instantaneous (`watts`, `voltage_a`, whatever a vendor sends): mean, `_min` and `_max` of the period;
* accumulating (registers like `wattHours`): how far the register went. The step between two readings
  belongs whole to the period of the later one, however long the gap: SolarNetwork's reading value. So
  the hours of a day add up to the day, and no energy falls between two periods;
* interval (`wattHoursDiff`): the sum. SolarNetwork averages it; but it is energy;
* status (`status`, `token`, `sessionId`, ...): the newest, where SolarNetwork takes the most frequent.

Registers are followed as `store.stitching` says, like those of session totals.

Periods are UTC. A stream without a datum in a period has no row for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import (
    Moment,
    Nodes,
    TimeRange,
    find_name,
    node_conditions,
    period_start,
    quote,
    read_rows,
    read_time_range,
    source_conditions,
    time_conditions,
)
from solarocpp.store.schema import DATUM, LATEST_VIEW, PHASES, PROPERTIES
from solarocpp.store.stitching import SESSION, stitched_sql

Aggregate = Literal["hour", "day", "month"]
"""Lengths of the periods datums are rolled up to; UTC."""

# A register steps from the reading before the range, and a dip is known by the readings after it. So both
# are looked at, and a period says the same whatever range was asked. Spec 10.2 uses its full rule up to 14 days.
NEIGHBOURS = timedelta(days=14)

_KEYS = ("created", "nodeId", "sourceId")
_STATUS = frozenset(row.name for row in DATUM.columns if row.type != "DOUBLE")
_MEASURANDS: Mapping[str, str] = {row.name + phase: row.measurand for row in PROPERTIES for phase in ("", *PHASES)}

PropertyClass = Literal["instantaneous", "accumulating", "interval", "status"]
"""How a roll-up treats a property."""

# By the last word of the measurand (OCPP 1.6 §7.31); all others are instantaneous, so reactive power is, too.
_CLASSES: Mapping[str, PropertyClass] = {"Register": "accumulating", "Interval": "interval"}

# What a roll-up tells of a property, by its class: suffix of the column, and SQL.
_ROLL_UPS: Mapping[PropertyClass, Mapping[str, str]] = {
    "instantaneous": {"": "avg({name})", "_min": "min({name})", "_max": "max({name})"},
    "accumulating": {"": "sum({name})"},  # by then the column has the steps
    "interval": {"": "sum({name})"},
    "status": {"": "arg_max({name}, created)"},
}


def datums(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    node: Nodes | None = None,
    source: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    aggregate: Aggregate | None = None,
    properties: Iterable[str] | None = None,
) -> DuckDBPyRelation:
    """Lists datums by time, or rolls them up to periods.

    The columns are `created` (of a roll-up: the start of the period), `nodeId`, `sourceId`, then the
    `properties` asked for, in any case, or all there are. A property of OCPP that no charger has sent
    so far is an empty column.

    Raises:
        UnknownProperty: a property, or the aggregate, does not exist; the error has the nearest.
        BadTimeRange: `since` is not before `until`, or one of them is no time.
        BadSourcePattern: no source can match `source`.
    """
    span = read_time_range(since, until)
    rows = read_rows(con, DATUM.name, [*node_conditions(node), *source_conditions(source)])
    names = _choose(rows.columns, properties)
    if aggregate is None:
        rows = _limit(rows, span)
        spelled = (quote(name) if name in rows.columns else f"NULL::DOUBLE AS {quote(name)}" for name in names)
        return rows.project(", ".join((*map(quote, _KEYS), *spelled))).order('created, "nodeId", "sourceId"')
    return _roll_up(rows, names, span, period_start(aggregate, "created"))


def latest(con: DuckDBPyConnection, *, node: Nodes | None = None, source: str | None = None) -> DuckDBPyRelation:
    """Lists the newest datum of each stream, by node and source; columns as of the table `datum`.

    Raises:
        BadSourcePattern: no source can match `source`.
    """
    rows = read_rows(con, LATEST_VIEW.name, [*node_conditions(node), *source_conditions(source)])
    return rows.order('"nodeId", "sourceId"')


def _choose(there: list[str], properties: Iterable[str] | None) -> list[str]:
    if properties is None:
        chosen = there
    else:
        asked = [properties] if isinstance(properties, str) else properties
        chosen = [find_name(name, [*_MEASURANDS, *there]) for name in asked]
    return [name for name in dict.fromkeys(chosen) if name not in _KEYS]


def _limit(rows: DuckDBPyRelation, span: TimeRange) -> DuckDBPyRelation:
    for condition in time_conditions("created", span):
        rows = rows.filter(condition)
    return rows


def _roll_up(rows: DuckDBPyRelation, names: list[str], span: TimeRange, period: str) -> DuckDBPyRelation:
    there = [name for name in names if name in rows.columns]
    session = [name for name in ("transactionId",) if name in rows.columns and name not in there]
    rows = rows.project(", ".join(map(quote, (*_KEYS, *there, *session))))
    registers = [name for name in there if property_class(name) == "accumulating"]
    if registers:
        rows = _steps(_limit(rows, _widen(span)), registers)
    columns = {"created": period, "nodeId": '"nodeId"', "sourceId": '"sourceId"'}
    for name in names:
        for suffix, sql in _ROLL_UPS[property_class(name)].items():
            columns[name + suffix] = sql.format(name=quote(name)) if name in there else "NULL::DOUBLE"
    selected = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())
    groups = ", ".join(columns[name] for name in _KEYS)
    return _limit(rows, span).aggregate(selected, groups).order('created, "nodeId", "sourceId"')


def property_class(name: str) -> PropertyClass:
    """Says how a roll-up treats a column of `datum`; unknown ones are a vendor's, and instantaneous."""
    if name in _STATUS:
        return "status"
    *_, kind = _MEASURANDS.get(name, "").split(".")
    return _CLASSES.get(kind, "instantaneous")


def _widen(span: TimeRange) -> TimeRange:
    return TimeRange(_shift(span.since, -NEIGHBOURS), _shift(span.until, NEIGHBOURS))


def _shift(moment: datetime | None, by: timedelta) -> datetime | None:
    try:
        return None if moment is None else moment + by
    except OverflowError:  # before year 1 or after 9999: that end is open
        return None


def _steps(rows: DuckDBPyRelation, registers: list[str]) -> DuckDBPyRelation:
    """Replaces each reading of the registers by how far they went since the reading before."""
    session = SESSION if "transactionId" in rows.columns else None
    rows = rows.query("register", stitched_sql("FROM register", registers, session=session))
    replaced = ", ".join(f"{quote(f'{r} rise')} AS {quote(r)}" for r in registers)
    helpers = ", ".join(quote(f"{r} {helper}") for r in registers for helper in ("since", "rise", "note"))
    return rows.project(f"* EXCLUDE ({helpers}) REPLACE ({replaced})")
