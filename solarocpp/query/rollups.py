"""Datums rolled up to quarters of an hour, hours, days and months (spec 10.2 and 10.3), in SQL.

    datums, register -> one table a class of properties -> 15min or hour -> day -> month

Quarters and hours are made of datums, days of hours, months of days, as SolarNetwork stores them. Each level
keeps, beside what it shows, what the next needs: how many readings a mean is of, and where registers stood.
Such a helper column is called like the property, a space, and its name here, so no property can be in its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from solarocpp.query.filters import quote, text
from solarocpp.query.properties import PropertyClass, property_class
from solarocpp.query.registers import STREAM, register_sql, step_sql
from solarocpp.query.streams import Streams
from solarocpp.query.zones import PERIODS, Zones

_PERIOD: Final = f"{STREAM}, period"

# What a level tells of a property {p}, by its class: suffix of the column, and SQL over datums.
_OF_DATUMS: Mapping[PropertyClass, Mapping[str, str]] = {
    "instantaneous": {"": "avg({p})", "_min": "min({p})", "_max": "max({p})", " count": "count({p})"},
    "interval": {"": "sum({p})"},
}

READING_VALUE: Mapping[str, str] = {" difference": "difference", " first": "first", " last": "last"}
"""Suffixes of the columns of a reading value, and what `register` calls them."""

# ... over the register of a property,
_OF_REGISTER: Mapping[str, str] = {"": "clock", **READING_VALUE}

# ... and over the periods of the level below, which began at `below`. Spec 10.3; a status is in neither
# table, since the most frequent one is found in the same way from datums and from periods.
_OF_PERIODS: Mapping[PropertyClass, Mapping[str, str]] = {
    "instantaneous": {
        "": "sum({p} * {p count}) / sum({p count})",
        "_min": "min({p_min})",
        "_max": "max({p_max})",
        " count": "sum({p count})::BIGINT",
    },
    "interval": {"": "sum({p})"},
    "accumulating": {
        "": "sum({p})",
        " difference": "sum({p difference})",
        " first": "arg_min({p first}, below)",
        " last": "arg_max({p last}, below)",
    },
}

_BELOW: Mapping[str, str] = {"day": "hour", "month": "day"}
"""What each level is made of; those without are made of datums."""


# A dip is known by the readings around it, so these are looked at, and a period says the same whatever range was
# asked. Spec 10.2 looks as far back for readings.
NEIGHBOURS: Final = timedelta(days=14)


def roll_up_sql(streams: Streams, names: Sequence[str], aggregate: str, before: timedelta, *, stitched: bool) -> str:
    """Writes the CTEs that roll `names` up; the last is called `rolled`.

    It has the columns of a stream, `period` (its start, in microseconds since the epoch), and for each property
    those of its class. The periods are those that begin in the range, each whole.

    Args:
        streams: whose datums.
        names: columns that `datum` has.
        aggregate: a name of PERIODS.
        before: how far before the range a register may have been read for it to matter.
        stitched: see `step_sql`.
    """
    levels = [aggregate]
    while levels[0] in _BELOW:
        levels.insert(0, _BELOW[levels[0]])
    base, *longer = levels
    zones, whole = streams.zones, timedelta(microseconds=PERIODS[aggregate].width_us)
    registers = [name for name in names if property_class(name) == "accumulating"]
    others = [name for name in names if name not in registers]
    ctes = []
    if others or not registers:
        start = zones.period_start(base, "epoch_us(created)")
        ctes.append(f"sample AS (SELECT *, {start} AS period FROM ({streams.datums_sql(others, whole)}))")
    parts = {"mean": _combined("sample", names, _OF_DATUMS), "mode": _most_frequent("sample", names)}
    if registers:
        around = (before, whole + NEIGHBOURS)
        readings, records = streams.readings_sql(registers, *around), streams.records_sql(registers, *around)
        ctes.append(step_sql(readings, records, stitched=stitched))
        ctes.append(register_sql(zones.period_start(base, "t"), PERIODS[base].width_us))
        parts["register"] = f"SELECT {_PERIOD}, {register_columns(registers, _OF_REGISTER)} FROM register GROUP BY ALL"
    ctes += _level(base, parts)
    for level in longer:
        ctes += longer_ctes(level, names, zones)
    ctes.append(f'rolled AS (FROM "{aggregate}" WHERE {zones.within("period", streams.span)})')
    return ", ".join(ctes)


def longer_ctes(level: str, names: Sequence[str], zones: Zones) -> Iterator[str]:
    """Writes the CTEs that make days of hours, or months of days; the last is called like the level."""
    start = zones.period_start(level, "period")
    below = f"in_{level}"
    yield f'{below} AS (SELECT * EXCLUDE (period), period AS below, {start} AS period FROM "{_BELOW[level]}")'
    yield from _level(level, {"mean": _combined(below, names, _OF_PERIODS), "mode": _most_frequent(below, names)})


def _level(level: str, parts: Mapping[str, str]) -> Iterator[str]:
    """Writes the CTEs of one level: its parts, and the rows they have together."""
    there = {f'"{level}_{part}"': sql for part, sql in parts.items() if sql}
    for name, sql in there.items():
        yield f"{name} AS ({sql})"
    first, *others = there or ["sample WHERE false"]
    joined = "".join(f" FULL JOIN {other} USING ({_PERIOD})" for other in others)
    yield f'"{level}" AS (FROM {first}{joined})'


def _combined(rows: str, names: Sequence[str], table: Mapping[PropertyClass, Mapping[str, str]]) -> str:
    columns = [
        f"{sql.format_map(_Spelling(name))} AS {quote(name + suffix)}"
        for name in names
        for suffix, sql in table.get(property_class(name), {}).items()
    ]
    return f"SELECT {_PERIOD}, {', '.join(columns)} FROM {rows} GROUP BY ALL" if columns else ""


def _most_frequent(rows: str, names: Sequence[str]) -> str:
    """Finds the most frequent value of each status; of those that are equally frequent, the lowest in order."""
    statuses = [quote(name) for name in names if property_class(name) == "status"]
    if not statuses:
        return ""
    # A quarter of what mode() costs, which takes any of them.
    chosen = (f"(min({{'n': -n, 'v': {p}}}) FILTER ({p} IS NOT NULL)).v AS {p}" for p in statuses)
    sets = (f"({_PERIOD}, {p})" for p in statuses)
    return (
        f"SELECT {_PERIOD}, {', '.join(chosen)} FROM ("
        f"SELECT {_PERIOD}, {', '.join(statuses)}, count(*) AS n FROM {rows} GROUP BY GROUPING SETS ({', '.join(sets)})"
        f") GROUP BY ALL"
    )


def register_columns(names: Sequence[str], told: Mapping[str, str]) -> str:
    """Writes the SQL that makes columns of the rows of `register`."""
    return ", ".join(
        f"max({column}) FILTER (property = {text(name)}) AS {quote(name + suffix)}"
        for name in names
        for suffix, column in told.items()
    )


class _Spelling(dict[str, str]):
    """Spells `{p}`, `{p count}` and the like as the columns of one property."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, key: str) -> str:
        return quote(self._name + key.removeprefix("p"))
