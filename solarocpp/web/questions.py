"""Routes that ask: sessions, datums, readings, events, ledger, links, and how the server is doing.

Whoever is limited to an account gets its rows only: those of its nodes, and the events that are known
to be its own. SQL knows no such limit, so `sql` takes the whole box.

Rows are answered as `{"columns": [...], "rows": [[...]], "cut": BOOL}`, times ISO 8601 in UTC, and are
made into JSON in the thread that fetched them, so a large answer does not stop the chargers. `cut`
says that there were more: a listing then has the newest ones, in order of time all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, cast

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

import solarocpp.query as q
from solarocpp.query.curves import power_curves
from solarocpp.registry import Registry
from solarocpp.store import Store, StoreStatistics
from solarocpp.store.registry import Connection
from solarocpp.store.schema import DATUM
from solarocpp.web.access import LOOKS, LOOKS_AT_NODES, LOOKS_AT_STREAMS, Caller
from solarocpp.web.answers import Answer

# A part for each character of a line in a table.
MOST_POINTS = 60

# A screenful of screens. More is one parameter away, all of it is what the Python module is for.
DEFAULT_LIMIT = 1_000
# Some 100 MB of Python values at twenty columns, in a process that has chargers to answer.
MAX_LIMIT = 100_000

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
Text = Annotated[str | None, QueryParameter()]
Node = Annotated[int | None, QueryParameter(ge=1)]

ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
"""Writes what DuckDB gives: decimals as numbers, and what JSON has no word for (an interval, bits) as text."""


class Link(Protocol):
    """What the API looks at of a link, and shows whole; the gateway's LinkInfo is one."""

    @property
    def charger_id(self) -> int:
        """The charger it belongs to."""

    @property
    def account_id(self) -> int:
        """The charger's account."""

    @property
    def reached(self) -> str:
        """The address of ours that the charger dialled; empty: a proxy did."""


Links = Callable[[], Sequence[Link]] | None
"""Lists every link; None: nothing listens for chargers in this process."""


class Rows(msgspec.Struct, frozen=True):
    """A table as an answer."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    cut: bool
    """There were more rows than `limit`."""


_ROWS: Final = {200: ResponseSpec(Rows, generate_examples=False, description="Rows of a table.")}
"""What the schema says of answers that are made into JSON where they are fetched."""


class _Beside(NamedTuple):
    """A column that is worked out for the rows of an answer, once they are known."""

    name: str
    cells: Sequence[Any]


class Status(Answer, frozen=True, kw_only=True):
    """How the server is doing."""

    chargers: int
    links: Sequence[Any] | None
    """None: nothing listens for chargers in this process."""
    open_sessions: int
    data: str | None
    """Where the store is; this and what follows is the whole box's, None for whoever is limited to an account."""
    store_id: str | None
    store: StoreStatistics | None


@get("/sessions", responses=_ROWS, opt=LOOKS_AT_STREAMS, summary="Charge sessions, one by one or aggregated")
async def list_sessions(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    *,
    node: Node = None,
    source: Text = None,
    charger: Text = None,
    token: Text = None,
    since: Text = None,
    until: Text = None,
    active: Annotated[bool | None, QueryParameter()] = None,
    by: Text = None,
    limit: Limit = DEFAULT_LIMIT,
    curve: Annotated[int, QueryParameter(ge=0, le=MOST_POINTS)] = 0,
) -> Response[bytes]:
    """Lists sessions, or aggregates them: `by` is a comma list of node, source, charger, token, hour, day, month.

    With `curve=N` each session of a listing has its mean power over N equal parts of it, too.
    """
    nodes, sources = caller.nodes(registry, node), caller.sources(source)

    def ask(con: Connection) -> bytes:
        # Whatever was written is checked by the query module, which names the nearest key.
        keys = cast("list[q.SessionKey] | None", _listed(by))
        found = q.sessions(
            con,
            node=nodes,
            source=sources,
            charger=charger,
            token=token,
            since=since,
            until=until,
            active=active,
            by=keys,
        )
        if keys is not None or not curve:
            return _rows(found, limit, newest_by="started" if keys is None else None)
        return _rows(found, limit, newest_by="started", beside=partial(_curves, con, found.columns, curve))

    return await _answered(store, ask)


def _curves(con: Connection, columns: Sequence[str], points: int, rows: Sequence[Sequence[Any]]) -> _Beside:
    at = columns.index("sessionId")
    curves = power_curves(con, [row[at] for row in rows], points)
    return _Beside("curve", [curves.get(row[at]) for row in rows])


@get(
    "/datums",
    responses=_ROWS,
    opt=LOOKS_AT_STREAMS,
    summary="Datums, one by one, aggregated, or the latest of each stream",
)
async def list_datums(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    *,
    node: Node = None,
    source: Text = None,
    since: Text = None,
    until: Text = None,
    aggregate: Text = None,
    properties: Text = None,
    latest: Annotated[bool, QueryParameter()] = False,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[bytes]:
    """Lists datums, aggregates them by 15min, hour, day or month, or gives the newest datum of each stream.

    `properties` is a comma list, like `wattHours,watts`.
    """
    nodes, sources = caller.nodes(registry, node), caller.sources(source)
    limited = caller.account_id is not None

    def ask(con: Connection) -> bytes:
        if latest:
            return _rows(q.latest(con, node=nodes, source=sources), limit, own_columns=limited)
        found = q.datums(
            con,
            node=nodes,
            source=sources,
            since=since,
            until=until,
            aggregate=cast("q.Aggregate | None", aggregate),
            properties=_chosen(properties, caller),
        )
        return _rows(found, limit, newest_by="created" if aggregate is None else None, own_columns=limited)

    return await _answered(store, ask)


@get("/readings", responses=_ROWS, opt=LOOKS_AT_STREAMS, summary="How far registers went, and where they stood")
async def list_readings(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    *,
    node: Node = None,
    source: Text = None,
    since: Text = None,
    until: Text = None,
    aggregate: Text = None,
    properties: Text = None,
    reading_type: Annotated[str, QueryParameter(name="type")] = "Difference",
    limit: Limit = DEFAULT_LIMIT,
) -> Response[bytes]:
    """Reads registers at both ends of a range, or by period; `type` is one of SolarNetwork's, or its key."""
    nodes, sources = caller.nodes(registry, node), caller.sources(source)

    def ask(con: Connection) -> bytes:
        found = q.readings(
            con,
            type=cast("q.ReadingType", reading_type),
            node=nodes,
            source=sources,
            since=since,
            until=until,
            aggregate=cast("q.Aggregate | None", aggregate),
            properties=_chosen(properties, caller),
        )
        return _rows(found, limit, own_columns=caller.account_id is not None)

    return await _answered(store, ask)


@get(
    "/events", responses=_ROWS, opt=LOOKS, summary="What happened: refused and repaired handshakes, links, bad samples"
)
async def list_events(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    *,
    tags: Text = None,
    charger: Text = None,
    since: Text = None,
    until: Text = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[bytes]:
    """Lists events; `tags` is a comma list of those an event must have, like `ocpp,charger,forbidden`."""

    def ask(con: Connection) -> bytes:
        found = q.events(con, tags=tags or (), charger=charger, since=since, until=until, account=caller.account_id)
        return _rows(found, limit, newest_by="created")

    return await _answered(store, ask)


@get("/ledger", responses=_ROWS, opt=LOOKS, summary="What was said, and what was answered")
async def list_ledger(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    caller: NamedDependency[Caller],
    *,
    charger: Text = None,
    action: Text = None,
    direction: Annotated[Literal["in", "out"] | None, QueryParameter()] = None,
    since: Text = None,
    until: Text = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[bytes]:
    """Lists exchanges, frame by frame; `direction` is `in` for what chargers asked, `out` for what we did."""

    def ask(con: Connection) -> bytes:
        found = q.ledger(
            con,
            charger=charger,
            action=action,
            direction=direction,
            since=since,
            until=until,
            account=caller.account_id,
        )
        return _rows(found, limit, newest_by="seq")

    return await _answered(store, ask)


@get("/clocks", responses=_ROWS, opt=LOOKS_AT_NODES, summary="How far the clock of each charger is off")
async def list_clocks(
    store: NamedDependency[Store], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Lists the clocks of the chargers, the worst first; offset is theirs less ours, in seconds."""
    nodes = caller.nodes(registry, None)
    return await _answered(store, lambda con: _rows(q.clocks(con, node=nodes), MAX_LIMIT))


@get("/links", opt=LOOKS, summary="Who is connected")
async def list_links(links: NamedDependency[Links], caller: NamedDependency[Caller]) -> Sequence[Any] | None:
    """Lists who is connected, by identifier; null where nothing listens for chargers."""
    return _seen(links, caller)


@get("/status", opt=LOOKS, summary="How the server is doing")
async def show_status(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    links: NamedDependency[Links],
    caller: NamedDependency[Caller],
) -> Status:
    """Tells links, open sessions, and what the store has done since it was opened."""
    nodes = caller.nodes(registry, None)
    whole = caller.whole_box
    return Status(
        chargers=len(registry.chargers(caller.account_id)),
        links=_seen(links, caller),
        open_sessions=await store.read(lambda con: len(q.sessions(con, node=nodes, active=True))),
        data=str(store.directory) if whole else None,
        store_id=str(store.store_id) if whole else None,
        store=store.statistics() if whole else None,
    )


router = Router(
    "/api",
    route_handlers=[
        list_sessions,
        list_datums,
        list_readings,
        list_events,
        list_ledger,
        list_clocks,
        list_links,
        show_status,
    ],
    tags=["questions"],
)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _chosen(properties: str | None, caller: Caller) -> list[str] | None:
    """Reads a list of properties; that somebody else's charger sends one of its own is not for an account to know."""
    names = _listed(properties)
    if names is None or caller.account_id is None:
        return names
    return q.choose_properties(q.OCPP_PROPERTIES, names)


def _seen(links: Links, caller: Caller) -> list[Link] | None:
    return None if links is None else [link for link in links() if caller.account_id in (None, link.account_id)]


async def _answered(store: Store, ask: Callable[[Connection], bytes]) -> Response[bytes]:
    return Response(await store.read(ask), media_type="application/json")


def _rows(
    found: Any,
    limit: int,
    *,
    newest_by: str | None = None,
    own_columns: bool = False,
    beside: Callable[[Sequence[Sequence[Any]]], _Beside] | None = None,
) -> bytes:
    """Fetches a relation; with `newest_by`, the newest rows by that column, oldest first."""
    ordered = found.order(f'"{newest_by}" DESC') if newest_by else found
    rows = ordered.limit(limit + 1).fetchall()
    cut = len(rows) > limit
    rows = rows[:limit]
    if newest_by:
        rows.reverse()
    columns: Sequence[str] = found.columns
    if "JSON" in found.types:
        rows = [_with_objects(row, found.types) for row in rows]
    if own_columns:
        columns, rows = _own_columns(columns, rows)
    if beside is not None:
        added = beside(rows)
        columns, rows = [*columns, added.name], [(*row, cell) for row, cell in zip(rows, added.cells, strict=True)]
    return ENCODER.encode(Rows(columns, rows, cut))


def _with_objects(row: Sequence[Any], types: Sequence[Any]) -> list[Any]:
    """Has JSON columns answered as what they hold, and not as text to be read once more."""
    return [
        msgspec.Raw(cell.encode()) if kind == "JSON" and cell is not None else cell
        for cell, kind in zip(row, types, strict=True)
    ]


_EVERYBODYS: Final = {
    column.name + suffix for column in DATUM.columns for suffix in ("", "_min", "_max", "_start", "_end")
}


def _own_columns(columns: Sequence[str], rows: list[Any]) -> tuple[list[str], list[Any]]:
    """Leaves out what only others' chargers have sent: a vendor's column is there for all as soon as one sends it."""
    shown = [at for at, name in enumerate(columns) if name in _EVERYBODYS or any(row[at] is not None for row in rows)]
    return [columns[at] for at in shown], [[row[at] for at in shown] for row in rows]
