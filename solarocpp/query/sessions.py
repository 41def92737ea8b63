"""Charge sessions, listed one by one or aggregated by node, source, charger, token and time.

Both read the view `session`, which leaves refused starts out, counts energy over register resets,
and gives running sessions their totals so far. A session belongs to the moment it started: in time
ranges, and in the hour, day or month, by the clock of its node, that it is counted in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.query.filters import (
    Moment,
    Nodes,
    Sources,
    column,
    find_name,
    lower,
    node_conditions,
    quote,
    read_rows,
    read_time_range,
    source_conditions,
    value,
)
from solarocpp.query.zones import PERIODS, read_zones

SessionKey = Literal["node", "source", "charger", "token", "hour", "day", "month"]
"""What sessions can be aggregated by."""

# Each key with its columns in the result: name and SQL, which has the start of a period for `{}`.
_KEYS: Mapping[str, Mapping[str, str]] = {
    "node": {"nodeId": '"nodeId"'},
    "source": {"sourceId": '"sourceId"'},
    "charger": {"chargerId": '"chargerId"', "identifier": "identifier"},
    "token": {"token": "token"},
    **{period: {period: "make_timestamptz({})"} for period in ("hour", "day", "month")},
}

# What each group tells. Average power leaves out sessions whose energy is not known, not their time only.
_MEASURES: Mapping[str, str] = {
    "sessions": "count(*)",
    "energy": "sum(energy)",
    "duration": "sum(duration)::BIGINT",
    "averagePower": "sum(energy) FILTER (duration > 0) * 3600 / sum(duration) FILTER (duration > 0 AND energy >= 0)",
    "peakPower": 'max("peakPower")',
    "openSessions": "count(*) FILTER (ended IS NULL)",
}


def sessions(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    *,
    node: Nodes | None = None,
    source: Sources | None = None,
    charger: int | str | None = None,
    token: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    active: bool | None = None,
    by: SessionKey | Iterable[SessionKey] | None = None,
) -> DuckDBPyRelation:
    """Lists charge sessions, or aggregates them by the keys of `by`.

    A listing has the columns of the view `session`, oldest start first. An aggregation has the columns of
    its keys, in the order given (`nodeId`, `sourceId`, `chargerId` and `identifier`, `token`, `hour`, `day`,
    `month`: start of the period), and `sessions` (how many), `energy` (Wh), `duration` (s), `averagePower`
    (W, energy over duration), `peakPower` (W), `openSessions`; it is ordered by its keys. An empty `by`
    gives one row for everything.

    `node` is one node or several; of none there is no session. `charger` is a chargerId or a charge point
    identity, `token` an id tag, both compared without case; `active` True leaves running sessions only,
    False ended ones.

    Raises:
        UnknownProperty: a key of `by` does not exist.
        BadTimeRange: `since` is not before `until`, or one of them is no time.
        BadSourcePattern: no source can match `source`.
    """
    zones = read_zones(con, node)
    conditions = [
        *node_conditions(node),
        *source_conditions(source),
        *zones.conditions("started", read_time_range(since, until)),
        *([] if token is None else [lower("token") == value(token.lower())]),
        *([] if active is None else [column("ended").isnull() if active else column("ended").isnotnull()]),
        *([column("chargerId") == value(charger)] if isinstance(charger, int) else []),
    ]
    rows = read_rows(con, "session", conditions)
    if isinstance(charger, str):
        named = read_rows(con, "charger", [lower("identifier") == value(charger.lower())])
        rows = rows.join(named.project('"chargerId"'), "chargerId", how="semi")
    if by is None:
        return rows.order('started, "sessionId"')
    names = [find_name(key, _KEYS) for key in ([by] if isinstance(by, str) else by)]
    if "charger" in names:
        identifiers = read_rows(con, "charger", []).project('"chargerId", identifier')
        rows = rows.join(identifiers, "chargerId", how="left")
    starts = {key: zones.period_start(key, "epoch_us(started)") for key in names if key in PERIODS}
    return _aggregate(rows, {name: sql.format(starts.get(key)) for key in names for name, sql in _KEYS[key].items()})


def _aggregate(rows: DuckDBPyRelation, keys: Mapping[str, str]) -> DuckDBPyRelation:
    columns = ", ".join(f"{sql} AS {quote(name)}" for name, sql in {**keys, **_MEASURES}.items())
    totals = rows.aggregate(columns, ", ".join(keys.values()))
    return totals.order(", ".join(quote(name) for name in keys)) if keys else totals
