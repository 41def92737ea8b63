"""Datums: as stored, rolled up to quarters of an hour, hours, days or months, and the newest of each stream.

A roll-up says of each property, by its class (spec section 10, and what is ours):

* instantaneous (`watts`, `voltage_a`, whatever a vendor sends): mean, `_min` and `_max` of the period;
* accumulating (registers like `wattHours`): the clock value. A step between two readings that lie in different
  periods is shared between them by time, and one that took more than an hour is in none: what a register did
  over a gap is told by `readings`;
* interval (`wattHoursDiff`): the sum. SolarNetwork averages it; but it is energy;
* status (`status`, `token`, `sessionId`, ...): the most frequent.

Registers that fall are followed as in session totals (`store.stitching`), unless `stitched` is False: then a fall
is a negative step, as in SolarNetwork.

Hours, days and months are those of the node's time zone. A period in which none of the properties says
anything has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Literal

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import (
    Moment,
    Nodes,
    Sources,
    find_name,
    narrow,
    node_conditions,
    quote,
    read_rows,
    read_time_range,
    source_conditions,
)
from solarocpp.query.properties import KEYS, PropertyClass, choose_properties, property_class
from solarocpp.query.registers import CLOCK_TOLERANCE_US, STREAM
from solarocpp.query.rollups import NEIGHBOURS, roll_up_sql
from solarocpp.query.streams import Streams, find_streams
from solarocpp.query.zones import PERIODS, read_zones
from solarocpp.store.schema import DATUM, LATEST_VIEW

Aggregate = Literal["15min", "hour", "day", "month"]
"""Lengths of the periods datums are rolled up to, by the clock of their node."""

# What a roll-up shows of a property, by its class: suffixes of its columns.
_SHOWN: Mapping[PropertyClass, tuple[str, ...]] = {
    "instantaneous": ("", "_min", "_max"),
    "accumulating": ("",),
    "interval": ("",),
    "status": ("",),
}


def datums(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    node: Nodes | None = None,
    source: Sources | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    aggregate: Aggregate | None = None,
    properties: Iterable[str] | None = None,
    stitched: bool = True,
) -> DuckDBPyRelation:
    """Lists datums by time, or rolls them up to periods.

    The columns are `created` (of a roll-up: the start of the period), `nodeId`, `sourceId`, then the
    `properties` asked for, in any case, or all there are. A property of OCPP that no charger has sent
    so far is an empty column. Roll-ups have the periods that begin in the range, each whole.

    Raises:
        UnknownProperty: a property, or the aggregate, does not exist; the error has the nearest.
        BadTimeRange: `since` is not before `until`, or one of them is no time.
        BadSourcePattern: no source can match `source`.
    """
    streams = find_streams(con, node, source, since, until)
    rows = streams.rows(DATUM.name)
    names = choose_properties(rows.columns, properties)
    if aggregate is not None:
        return _roll_up(streams, rows.columns, names, find_name(aggregate, PERIODS), stitched=stitched)
    rows = narrow(rows, streams.zones.exceptions("created", streams.span))
    if [*KEYS, *names] == rows.columns:
        return rows.order('created, "nodeId", "sourceId"')
    spelled = (quote(name) if name in rows.columns else f"NULL::DOUBLE AS {quote(name)}" for name in names)
    return rows.project(", ".join((*map(quote, KEYS), *spelled))).order('created, "nodeId", "sourceId"')


def _roll_up(
    streams: Streams, there: list[str], names: list[str], aggregate: str, *, stitched: bool
) -> DuckDBPyRelation:
    known = [name for name in names if name in there]
    # No clock value has a step of more than an hour in it.
    before = NEIGHBOURS if stitched else timedelta(microseconds=CLOCK_TOLERANCE_US)
    ctes = roll_up_sql(streams, known, aggregate, before, stitched=stitched)
    shown = {name + suffix: name in known for name in names for suffix in _SHOWN[property_class(name)]}
    columns = (quote(name) if there else f"NULL::DOUBLE AS {quote(name)}" for name, there in shown.items())
    told = " OR ".join(f"{quote(name)} IS NOT NULL" for name in known) or "false"
    return streams.con.sql(
        f"WITH {ctes} SELECT make_timestamptz(period) AS created, {', '.join([STREAM, *columns])} FROM rolled "
        f"WHERE {told} ORDER BY created, {STREAM}"
    )


def latest(
    con: DuckDBPyConnection,
    *,
    node: Nodes | None = None,
    source: Sources | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> DuckDBPyRelation:
    """Lists the newest datum of each stream, by node and source, if it is in the range; columns as of `datum`.

    Raises:
        BadTimeRange: `since` is not before `until`, or one of them is no time.
        BadSourcePattern: no source can match `source`.
    """
    conditions = [*node_conditions(node), *source_conditions(source)]
    if since is not None or until is not None:
        conditions += read_zones(con, node).conditions("created", read_time_range(since, until))
    rows = read_rows(con, LATEST_VIEW.name, conditions)
    return rows.order('"nodeId", "sourceId"')
