"""Where the hours, days and months of a node begin: by the clock on its wall (spec 10.1).

A node without a time zone goes by UTC. The zones of the nodes are looked up once, when a question is
asked, and written into its SQL, so nothing has to be converted row by row, which costs DuckDB nine times
as much as arithmetic: hours are counted from the epoch, and only they, of which a year has 8,760, are
turned into days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from duckdb import DuckDBPyConnection, Expression, SQLExpression

from solarocpp.errors import StoreError
from solarocpp.query.filters import (
    Nodes,
    TimeRange,
    column,
    find_name,
    node_conditions,
    read_rows,
    text,
    value,
)

HOUR_US = 3_600_000_000


class Period(NamedTuple):
    """A row of the period table."""

    width_us: int
    """How long it is; of days and months the longest there are."""
    calendar: str = ""
    """What DuckDB's date_trunc calls it; empty: it is counted from the epoch."""


PERIODS: Mapping[str, Period] = {
    "15min": Period(HOUR_US // 4),
    "hour": Period(HOUR_US),
    "day": Period(25 * HOUR_US, "day"),
    "month": Period((31 * 24 + 1) * HOUR_US, "month"),
}


class Zones(NamedTuple):
    """The nodes that do not go by UTC, by their time zone."""

    nodes: Mapping[str, tuple[int, ...]]

    def period_start(self, period: str, time: str) -> str:
        """Writes the SQL for the start of the period that `time` is in; both are microseconds since the epoch.

        Raises:
            UnknownProperty: there is no such period.
        """
        width, calendar = PERIODS[find_name(period, PERIODS)]
        if calendar:
            return self._by_zone(lambda zone: _calendar_start(time, calendar, zone))
        return self._by_zone(lambda zone: _counted_start(time, width, zone))

    def period_end(self, period: str, start: str) -> str:
        """Writes the SQL for the end of the period that begins at `start`."""
        # Even the longest one ends before the one after it does.
        return self.period_start(period, f"({start} + {PERIODS[period].width_us})")

    def moment(self, moment: datetime) -> str:
        """Writes the SQL of a moment in microseconds since the epoch, which may differ by node."""
        return self._by_zone(lambda zone: str(in_us(TimeRange(moment, None).at(zone).since or moment)))

    def name(self) -> str:
        """Writes the SQL of the time zone of a node."""
        return self._by_zone(text)

    def within(self, time: str, span: TimeRange) -> str:
        """Writes the SQL condition that `time`, in microseconds since the epoch, is in a range."""

        def condition(zone: str) -> str:
            since, until = span.at(zone)
            limits = [f"{time} >= {in_us(since)}"] if since else []
            limits += [f"{time} < {in_us(until)}"] if until else []
            return " AND ".join(limits) or "true"

        return self._by_zone(condition)

    def conditions(self, name: str, span: TimeRange) -> list[Expression]:
        """Limits the time column `name` to a range."""
        since, until = self.widest(span)
        conditions = [] if since is None else [column(name) >= value(since)]
        conditions += [] if until is None else [column(name) < value(until)]
        # DuckDB skips blocks of rows by the plain limits alone.
        return [*conditions, *self.exceptions(name, span)]

    def exceptions(self, name: str, span: TimeRange) -> list[Expression]:
        """Limits a time column further than `widest` does, at nodes where the range begins or ends elsewhere."""
        exact = self.within(f'epoch_us("{name}")', span)
        return [SQLExpression(exact)] if exact.startswith("CASE") else []

    def widest(self, span: TimeRange) -> TimeRange:
        """Gives the range that covers `span` at every node, both ends aware UTC."""
        spans = [span.at(zone) for zone in ("UTC", *self.nodes)]
        since = [here.since for here in spans if here.since]
        until = [here.until for here in spans if here.until]
        return TimeRange(min(since, default=None), max(until, default=None))

    def _by_zone(self, write: Callable[[str], str]) -> str:
        utc = write("UTC")
        cases = {zone: sql for zone in self.nodes if (sql := write(zone)) != utc}
        if not cases:
            return utc
        whens = (f'WHEN "nodeId" IN ({", ".join(map(str, self.nodes[zone]))}) THEN {cases[zone]}' for zone in cases)
        return f"CASE {' '.join(whens)} ELSE {utc} END"


def read_zones(con: DuckDBPyConnection, node: Nodes | None) -> Zones:
    """Looks up the time zones of the nodes in question."""
    rows = read_rows(con, "node", [*node_conditions(node), column("timeZone").isnotnull()])
    nodes = defaultdict(list)
    for number, zone in sorted(rows.project('"nodeId", "timeZone"').fetchall()):
        try:
            ZoneInfo(zone)
        except (ValueError, ZoneInfoNotFoundError) as exc:
            reason = f"Node {number} has the time zone {zone!r}, which this machine does not know"
            raise StoreError(f"{reason}; change it with: solarocpp node set {number} --time-zone UTC") from exc
        nodes[str(zone)].append(int(number))
    return Zones({zone: tuple(numbers) for zone, numbers in nodes.items()})


def in_us(moment: datetime) -> int:
    """Gives a moment in microseconds since the epoch, as DuckDB counts them."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _counted_start(time: str, width_us: int, zone: str) -> str:
    beyond = {offset % width_us for offset in _offsets_us(zone)}
    if beyond == {0}:
        return f"{time} // {width_us} * {width_us}"
    if len(beyond) == 1:
        [shift] = beyond
        return f"({time} + {shift}) // {width_us} * {width_us} - {shift}"
    # Zones that changed by half an hour, like Lord Howe Island's each summer: by the offset of each moment.
    local = f"epoch_us(timezone('{zone}', make_timestamptz({time})))"
    return f"{local} // {width_us} * {width_us} - ({local} - {time})"


def _calendar_start(time: str, unit: str, zone: str) -> str:
    if zone == "UTC":
        return f"epoch_us(date_trunc('{unit}', make_timestamp({time})))"
    start = f"timezone('{zone}', date_trunc('{unit}', timezone('{zone}', make_timestamptz({time}))))"
    # In Havana midnight comes twice a year on one day, and DuckDB gives the later one.
    earlier = f"{start} - INTERVAL 1 HOUR"
    twice = f"timezone('{zone}', {earlier}) = timezone('{zone}', {start})"
    return f"epoch_us(CASE WHEN {twice} THEN {earlier} ELSE {start} END)"


@cache
def _offsets_us(zone: str) -> frozenset[int]:
    """Finds the offsets a zone has had, month by month, since chargers can talk."""
    clock = ZoneInfo(zone)
    months = (datetime(year, month, 1, tzinfo=UTC) for year in range(2005, 2040) for month in range(1, 13))
    offsets = (month.astimezone(clock).utcoffset() for month in months)
    return frozenset(offset // timedelta(microseconds=1) for offset in offsets if offset is not None)
