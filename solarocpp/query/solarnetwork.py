"""What SolarNetwork's management API lists: sessions by its filters, and what chargers said last (spec 2.5, 2.6).

Unlike the other questions these give rows, a page of them, since that is what a program asks for there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from duckdb import DuckDBPyConnection, DuckDBPyRelation, Expression

from solarocpp.query.filters import (
    Moment,
    Nodes,
    Sources,
    TimeRange,
    column,
    node_conditions,
    read_rows,
    time_conditions,
    value,
)
from solarocpp.query.streams import find_streams
from solarocpp.store.schema import CHARGE_SESSION, CONNECTOR, DATUM, LEDGER

Order = Sequence[tuple[str, bool]]
"""What to sort by, and whether the largest comes first."""

_SESSION_ORDER: Final[Mapping[str, str]] = {
    "charger": '"chargerId"',
    "evse": "0",
    "connector": '"connectorId"',
    "date": "started",
    "created": "started",
    "id": '"sessionId"',
}
SESSION_SORTS: Final = tuple(_SESSION_ORDER)
"""What sessions can be sorted by."""

_ACTION_ORDER: Final[Mapping[str, str]] = {
    "action": "action",
    "connector": "connector",
    "charger": '"chargerId"',
    "created": "created",
    "evse": "0",
    "time": "ts",
    "user": "0",
}


class SessionFilter(NamedTuple):
    """Which sessions; what is None does not matter."""

    nodes: Nodes | None = None
    chargers: Sequence[int] | None = None
    connectors: Sequence[int] | None = None
    sessions: Sequence[UUID] | None = None
    transactions: Sequence[int] | None = None
    reasons: Sequence[str] | None = None
    active: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


class FoundSession(NamedTuple):
    """A row of `chargeSession`."""

    session_id: UUID
    charger_id: int
    connector_id: int
    transaction_id: int
    token: str
    started: datetime
    ended: datetime | None
    end_reason: str | None
    end_token: str | None


class ActionFilter(NamedTuple):
    """Which messages of chargers; what is None does not matter."""

    account: int
    chargers: Sequence[int] | None
    connectors: Sequence[int] | None
    actions: Sequence[str] | None
    since: datetime
    until: datetime | None


class LastAction(NamedTuple):
    """The last message with an action about a connector."""

    charger_id: int
    connector_id: int
    action: str
    message_id: str
    created: datetime
    """When the first of them came, of those that were asked about."""
    ts: datetime


class FoundConnector(NamedTuple):
    """A row of `connector`."""

    charger_id: int
    connector_id: int
    status: str | None
    error_code: str | None
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    timestamp: datetime | None
    received: datetime | None


def find_sessions(
    con: DuckDBPyConnection, wanted: SessionFilter, order: Order, most: int, offset: int
) -> tuple[int, list[FoundSession]]:
    """Counts sessions and gives a page of them, oldest first by charger and connector; refused starts are none."""
    conditions = [
        *node_conditions(wanted.nodes),
        *_among("chargerId", wanted.chargers),
        *_among("connectorId", wanted.connectors),
        *_among("sessionId", None if wanted.sessions is None else [str(number) for number in wanted.sessions]),
        *_among("transactionId", wanted.transactions),
        *_among("endReason", wanted.reasons),
        *(
            []
            if wanted.active is None
            else [column("ended").isnull() if wanted.active else column("ended").isnotnull()]
        ),
        *time_conditions("started", TimeRange(wanted.since, wanted.until)),
    ]
    rows = read_rows(con, CHARGE_SESSION.name, conditions).filter("\"endReason\" IS DISTINCT FROM 'Refused'")
    ((total,),) = rows.count("*").fetchall()
    usual = [("charger", False), ("connector", False), ("date", False)]
    page = rows.order(_spelled(_SESSION_ORDER, [*order, *usual, ("id", False)])).limit(most, offset)
    columns = '"sessionId", "chargerId", "connectorId", "transactionId", token, started, ended, "endReason", "endToken"'
    return int(total), [FoundSession(*row) for row in page.project(columns).fetchall()]


def last_actions(
    con: DuckDBPyConnection, wanted: ActionFilter, order: Order, most: int, offset: int
) -> list[LastAction]:
    """Gives the last message of each kind that chargers sent about each connector; what names none is about 0."""
    conditions = [
        column("accountId") == value(wanted.account),
        column("direction") == value("in"),
        *_among("chargerId", wanted.chargers),
        *_among("action", wanted.actions),
        *time_conditions("received", TimeRange(wanted.since, wanted.until)),
    ]
    said = read_rows(con, LEDGER.name, conditions).project(
        "\"chargerId\", action, seq, received, json_extract_string(request, '$[1]') AS id, "
        "coalesce(try_cast(json_extract_string(request, '$[3].connectorId') AS INTEGER), 0) AS connector"
    )
    for condition in _among("connector", wanted.connectors):
        said = said.filter(condition)
    last = said.aggregate(
        '"chargerId", connector, action, arg_max(id, seq) AS id, min(received) AS created, max(received) AS ts',
        '"chargerId", connector, action',
    )
    usual = [("charger", False), ("connector", False), ("action", False)]
    rows = last.order(_spelled(_ACTION_ORDER, [*order, *usual])).limit(most, offset).fetchall()
    return [LastAction(*row) for row in rows]


def find_sources(
    con: DuckDBPyConnection, node: Nodes, source: Sources | None, since: Moment | None, until: Moment | None
) -> list[tuple[int, str]]:
    """Lists nodes with their sources, of those that have datums in the range."""
    streams = find_streams(con, node, source, since, until)
    rows = streams.rows(DATUM.name)
    for condition in streams.zones.conditions("created", streams.span):
        rows = rows.filter(condition)
    return rows.project('"nodeId", "sourceId"').distinct().order('"nodeId", "sourceId"').fetchall()


def find_connectors(con: DuckDBPyConnection, chargers: Sequence[int], connector: int | None) -> list[FoundConnector]:
    """Lists what is known of the connectors of chargers."""
    conditions = [*_among("chargerId", chargers), *_among("connectorId", None if connector is None else [connector])]
    rows: DuckDBPyRelation = read_rows(con, CONNECTOR.name, conditions)
    found = rows.project(
        '"chargerId", "connectorId", status, "errorCode", info, "vendorId", "vendorErrorCode", "timestamp", received'
    ).order('"chargerId", "connectorId"')
    return [FoundConnector(*row) for row in found.fetchall()]


def _among(name: str, values: Sequence[int] | Sequence[str] | None) -> list[Expression]:
    """Limits a column to values; none of them leaves no row."""
    if values is None:
        return []
    # DuckDB has no IN of nothing.
    return [column(name).isin(*map(value, values)) if values else value(content=False)]


def _spelled(known: Mapping[str, str], order: Order) -> str:
    return ", ".join(f"{known[key]}{' DESC' if descending else ''}" for key, descending in order)
