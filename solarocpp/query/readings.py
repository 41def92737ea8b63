"""Readings: how far registers went between two moments, and where they stood (spec 10.4).

Five ways to read a register at the two ends of a range, by SolarNetwork's names and keys:

    CalculatedAt             at      where it stood at one moment, by the readings around it
    CalculatedAtDifference   atd     the difference of two such moments
    NearestDifference        diff    from the newest reading at or before the one end to that of the other; a month back
    Difference               delta   the same, a year back
    DifferenceWithin         change  from the first reading to the last one within the range

Where nothing was read at or before the beginning, all of the last three begin with the first reading within:
a new charger has energy, too. Unlike in a list of datums, a reading at the very end of the range counts (spec 10.2).

With an `aggregate` it is the reading value of each period, of type Difference only: what `datums` tells as
clock value is shared by time; this goes whole to the period in which a step ended, and loses nothing over a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.errors import BadTimeRange, QueryError
from solarocpp.query.datums import Aggregate
from solarocpp.query.filters import Moment, Nodes, Sources, TimeRange, find_name, quote
from solarocpp.query.properties import choose_properties, property_class
from solarocpp.query.registers import READING_TOLERANCE_US, SERIES, START, STREAM, step_sql
from solarocpp.query.rollups import NEIGHBOURS, READING_VALUE, register_columns, roll_up_sql
from solarocpp.query.streams import NOTHING, Streams, find_streams
from solarocpp.query.zones import PERIODS
from solarocpp.store.schema import DATUM, PROPERTIES

ReadingType = Literal[
    "CalculatedAt",
    "CalculatedAtDifference",
    "NearestDifference",
    "Difference",
    "DifferenceWithin",
    "at",
    "atd",
    "diff",
    "delta",
    "change",
]
"""SolarNetwork's reading types and their keys, in any case."""

_MONTH: Final = timedelta(days=31)
_YEAR: Final = timedelta(microseconds=READING_TOLERANCE_US)


class _Way(NamedTuple):
    """A row of the table of reading types."""

    key: str
    tolerance: timedelta
    """How far from a moment the reading may be that stands for it."""
    between: bool = False
    """Whether it is read at the moment itself, between two readings."""


_WAYS: Mapping[str, _Way] = {
    "CalculatedAt": _Way("at", _MONTH, between=True),
    "CalculatedAtDifference": _Way("atd", _MONTH, between=True),
    "NearestDifference": _Way("diff", _MONTH),
    "Difference": _Way("delta", _YEAR),
    "DifferenceWithin": _Way("change", NOTHING),
}
_NAMES: Mapping[str, str] = {name: name for name in _WAYS} | {way.key: name for name, way in _WAYS.items()}

# What is shown of a register: suffix of the column, and what a roll-up calls it.
_SHOWN: Mapping[str, str] = {"": " difference", "_start": " first", "_end": " last"}


def readings(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    type: ReadingType = "Difference",  # noqa: A002 -- SolarNetwork's word
    node: Nodes | None = None,
    source: Sources | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    aggregate: Aggregate | None = None,
    properties: Iterable[str] | None = None,
    stitched: bool = True,
) -> DuckDBPyRelation:
    """Reads registers: one row for each stream, or, with an `aggregate`, for each of its periods.

    The columns are `created` and `endDate` (of the readings the difference is between; of a period its start
    and end), `nodeId`, `sourceId`, `timeZone`, and of each register its difference, called like the property,
    and where it stood, `_start` and `_end`. CalculatedAt reads at `since`: all three are what it read.

    Raises:
        QueryError: the type does not go with an aggregate, or a property is no register.
        UnknownProperty: there is no such property, type or aggregate; the error has the nearest.
        BadTimeRange: `since` is not before `until`, one of them is no time, or the type needs what is missing.
        BadSourcePattern: no source can match `source`.
    """
    name = _NAMES[find_name(type, _NAMES)]
    streams = find_streams(con, node, source, since, until)
    there = streams.rows(DATUM.name).columns
    names = _registers(there, properties)
    known = [name for name in names if name in there]
    asked = known or [PROPERTIES[0].name]  # some register that is there always, to have rows without any
    if aggregate is not None:
        if name != "Difference":
            raise QueryError(f"{name} has no aggregate. Leave out {aggregate}, or ask for type Difference.")
        level = find_name(aggregate, PERIODS)
        ctes = roll_up_sql(streams, asked, level, _YEAR, stitched=stitched)
        return _shown(streams, ctes, names, known, ends=streams.zones.period_end(level, "period"))
    way = _WAYS[name]
    if way.between:
        if since is None or (until is None) != (way.key == "at"):
            reason = "CalculatedAt needs since and no until, CalculatedAtDifference needs both"
            raise BadTimeRange(since, until, reason)
        if way.key == "at":
            streams = streams._replace(span=TimeRange(streams.span.since, streams.span.since))
    return _shown(streams, _read_sql(streams, asked, way, stitched=stitched), names, known, ends="ends")


def _registers(there: Sequence[str], properties: Iterable[str] | None) -> list[str]:
    if properties is None:
        return [name for name in there if property_class(name) == "accumulating"]
    names = choose_properties(there, properties)
    for name in names:
        if property_class(name) != "accumulating":
            raise QueryError(f"{name} is no register, it is {property_class(name)}: ask for it with datums.")
    return names


def _read_sql(streams: Streams, names: Sequence[str], way: _Way, *, stitched: bool) -> str:
    """Writes the CTEs that read at the ends of the range; the last is `rolled`, like that of a roll-up."""
    around = (max(way.tolerance, NEIGHBOURS), way.tolerance if way.between else NEIGHBOURS)
    readings, records = streams.readings_sql(names, *around), streams.records_sql(names, *around)
    since, until = ("NULL" if end is None else streams.zones.moment(end) for end in streams.span)
    tolerance = way.tolerance // timedelta(microseconds=1)
    read = (_BETWEEN if way.between else _NEAREST).format(since=since, until=until, tolerance=tolerance)
    return (
        f"{step_sql(readings, records, stitched=stitched)}, {read}, rolled AS ("
        f"SELECT {STREAM}, min(starts) AS period, max(ends) AS ends, {register_columns(names, READING_VALUE)} "
        "FROM register GROUP BY ALL)"
    )


# An end that is open is NULL.
_NEAREST = f"""
bound AS (
    SELECT {SERIES}, max(t) AS ends, coalesce(
        max(t) FILTER (t <= {{since}} AND t >= {{since}} - {{tolerance}}),
        min(t) FILTER (t <= {{since}} IS NOT TRUE)) AS starts
    FROM step WHERE t > {{until}} IS NOT TRUE GROUP BY ALL
),
register AS (
    SELECT {SERIES}, starts, ends,
        coalesce(sum(rise) FILTER (t > starts), 0) AS difference,
        coalesce(arg_min(before, 4 * t + kind) FILTER (t > starts), arg_max(value, kind)) AS first,
        arg_max(value, 4 * t + kind) FILTER (kind <> {START} OR t = {{until}} IS NOT TRUE) AS last
    FROM step JOIN bound USING ({SERIES}) WHERE t BETWEEN starts AND ends GROUP BY ALL
)"""

_AT = """coalesce(
            arg_max(value, kind) FILTER (t = {at}),
            max(before + rise * ({at} - before_t) / (t - before_t)) FILTER (
                before_t < {at} AND t > {at} AND before_t >= {at} - {{tolerance}} AND t <= {at} + {{tolerance}}))"""

# Nine decimals, as SolarNetwork's. Of one moment, what the register stood at is all there is to tell.
_BETWEEN = f"""
moment AS (
    SELECT {SERIES}, {{since}} AS starts, {{until}} AS ends,
        round({_AT.format(at="{since}")}, 9) AS first,
        round({_AT.format(at="{until}")}, 9) AS last,
        round(sum(CASE
            WHEN t <= {{since}} OR before_t >= {{until}} THEN 0
            WHEN t = before_t THEN rise
            ELSE rise * (least(t, {{until}}) - greatest(before_t, {{since}})) / (t - before_t) END), 9) AS passed
    FROM step GROUP BY ALL
),
register AS (
    SELECT *, CASE
        WHEN starts = ends THEN first WHEN first IS NOT NULL AND last IS NOT NULL THEN passed END AS difference
    FROM moment
)"""


def _shown(streams: Streams, ctes: str, names: Sequence[str], known: Sequence[str], *, ends: str) -> DuckDBPyRelation:
    columns = (
        f"{quote(name + column) if name in known else 'NULL::DOUBLE'} AS {quote(name + suffix)}"
        for name in names
        for suffix, column in _SHOWN.items()
    )
    told = " OR ".join(f"{quote(f'{name} difference')} IS NOT NULL" for name in known) or "false"
    return streams.con.sql(
        f'WITH {ctes} SELECT make_timestamptz(period) AS created, {STREAM}, {streams.zones.name()} AS "timeZone", '
        f'make_timestamptz({ends}) AS "endDate", {", ".join(columns)} FROM rolled WHERE {told} '
        f"ORDER BY created, {STREAM}"
    )
