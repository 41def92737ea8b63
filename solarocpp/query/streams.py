"""The streams a question is about, and the rows that answer it, as SQL.

The conditions are DuckDB expressions that carry what an analyst wrote as values; DuckDB itself turns them
into text. Only columns that are needed are read, so a question about one register costs one column.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import (
    Moment,
    Nodes,
    Sources,
    TimeRange,
    node_conditions,
    quote,
    read_rows,
    read_time_range,
    source_conditions,
    text,
    time_conditions,
)
from solarocpp.query.properties import KEYS
from solarocpp.query.zones import Zones, read_zones
from solarocpp.store.schema import DATUM

NOTHING: Final = timedelta(0)


class Streams(NamedTuple):
    """The streams that are asked about, and when."""

    con: DuckDBPyConnection
    node: Nodes | None
    source: Sources | None
    span: TimeRange
    zones: Zones

    def rows(self, table: str, before: timedelta = NOTHING, after: timedelta = NOTHING) -> DuckDBPyRelation:
        """Reads the rows of these streams in the range and so far around it, at every node.

        Raises:
            BadSourcePattern: no source can match.
        """
        span = _widened(self.zones.widest(self.span), before, after)
        conditions = [*node_conditions(self.node), *source_conditions(self.source), *time_conditions("created", span)]
        return read_rows(self.con, table, conditions)

    def datums_sql(self, names: Sequence[str], after: timedelta) -> str:
        """Writes the SQL of the datums in the range, and so far after it, with these properties."""
        return self.rows(DATUM.name, NOTHING, after).project(", ".join(map(quote, (*KEYS, *names)))).sql_query()

    def readings_sql(self, registers: Sequence[str], before: timedelta, after: timedelta) -> str:
        """Writes the SQL of the readings of registers, one a row."""
        rows = self.rows(DATUM.name, before, after)
        of_one = '"nodeId", "sourceId", {text} AS property, created, "transactionId", {name} AS value'
        return " UNION ALL ".join(
            rows.filter(f"{quote(name)} IS NOT NULL")
            .project(of_one.format(text=text(name), name=quote(name)))
            .sql_query()
            for name in registers
        )

    def records_sql(self, registers: Sequence[str], before: timedelta, after: timedelta) -> str:
        """Writes the SQL of the Reset records of registers."""
        rows = self.rows("resetRecord", before, after)
        rows = rows.filter(f"property IN ({', '.join(map(text, registers))})")
        return rows.project('"nodeId", "sourceId", property, created, "final", "start"').sql_query()


def find_streams(
    con: DuckDBPyConnection, node: Nodes | None, source: Sources | None, since: Moment | None, until: Moment | None
) -> Streams:
    """Reads what was asked.

    Raises:
        BadTimeRange: `since` is not before `until`, or one of them is no time.
    """
    return Streams(con, node, source, read_time_range(since, until), read_zones(con, node))


def _widened(span: TimeRange, before: timedelta, after: timedelta) -> TimeRange:
    return TimeRange(_shifted(span.since, -before), _shifted(span.until, after))


def _shifted(moment: datetime | None, by: timedelta) -> datetime | None:
    try:
        return None if moment is None else moment + by
    except OverflowError:  # before year 1 or after 9999: that end is open
        return None
