"""Routes that ask: sessions, datums, SQL, the health of the store, and how the server is doing.

Rows are answered as `{"columns": [...], "rows": [[...]], "cut": BOOL}`, times ISO 8601 in UTC, and are
made into JSON in the thread that fetched them, so a large answer does not stop the chargers. `cut`
says that there were more: a listing then has the newest ones, in order of time all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

import solarocpp.query as q
from solarocpp.query.guard import answer_sql
from solarocpp.registry import DEFAULT_ACCOUNT, Registry
from solarocpp.store import Store, StoreStatistics
from solarocpp.store.registry import Connection
from solarocpp.web.answers import Answer

# A screenful of screens. More is one parameter away, all of it is what the Python module is for.
DEFAULT_LIMIT = 1_000
# Some 100 MB of Python values at twenty columns, in a process that has chargers to answer.
MAX_LIMIT = 100_000

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
Text = Annotated[str | None, QueryParameter()]
Node = Annotated[int | None, QueryParameter(ge=1)]

_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class Rows(msgspec.Struct, frozen=True):
    """A table as an answer."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    cut: bool
    """There were more rows than `limit`."""


class SqlQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One read-only SQL statement."""

    query: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT


class Status(Answer, frozen=True, kw_only=True):
    """How the server is doing."""

    data: str
    store_id: str
    chargers: int
    links: Sequence[Any] | None
    """Every link; None: nothing listens for chargers in this process."""
    open_sessions: int
    store: StoreStatistics


@get("/sessions", summary="Charge sessions, one by one or aggregated")
async def list_sessions(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
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
) -> Response[bytes]:
    """Lists sessions, or aggregates them: `by` is a comma list of node, source, charger, token, hour, day, month."""

    def ask(con: Connection) -> bytes:
        # Whatever was written is checked by the query module, which names the nearest key.
        keys = None if by is None else cast("list[q.SessionKey]", [key.strip() for key in by.split(",") if key.strip()])
        found = q.sessions(
            con,
            node=node,
            source=source,
            charger=charger,
            token=token,
            since=since,
            until=until,
            active=active,
            by=keys,
        )
        return _rows(found, limit, newest_by="started" if keys is None else None)

    return await _answered(store, ask)


@get("/datums", summary="Datums, one by one, aggregated, or the latest of each stream")
async def list_datums(  # noqa: PLR0913 one argument a filter
    store: NamedDependency[Store],
    *,
    node: Node = None,
    source: Text = None,
    since: Text = None,
    until: Text = None,
    aggregate: Text = None,
    latest: Annotated[bool, QueryParameter()] = False,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[bytes]:
    """Lists datums, aggregates them by hour, day or month, or gives the newest datum of each stream."""

    def ask(con: Connection) -> bytes:
        if latest:
            return _rows(q.latest(con, node=node, source=source), limit)
        found = q.datums(
            con, node=node, source=source, since=since, until=until, aggregate=cast("q.Aggregate | None", aggregate)
        )
        return _rows(found, limit, newest_by="created" if aggregate is None else None)

    return await _answered(store, ask)


@post("/sql", summary="One read-only SQL statement", status_code=200)
async def answer_question(data: JSONBody[SqlQuestion], store: NamedDependency[Store]) -> Response[bytes]:
    """Runs one read-only SQL statement; 408 if it takes longer than it may."""

    def ask(con: Connection) -> bytes:
        answer = answer_sql(con, data.query, limit=data.limit)
        return _ENCODER.encode(Rows(answer.columns, answer.rows, answer.truncated))

    return await _answered(store, ask)


@get("/status", summary="How the server is doing")
async def show_status(
    store: NamedDependency[Store], registry: NamedDependency[Registry], links: NamedDependency[Any]
) -> Status:
    """Tells links, open sessions, and what the store has done since it was opened."""
    open_sessions = await store.read(lambda con: len(q.sessions(con, active=True)))
    return Status(
        data=str(store.directory),
        store_id=str(store.store_id),
        chargers=len(registry.chargers(DEFAULT_ACCOUNT)),
        links=None if links is None else links(),
        open_sessions=open_sessions,
        store=store.statistics(),
    )


router = Router("/api", route_handlers=[list_sessions, list_datums, answer_question, show_status], tags=["questions"])


async def _answered(store: Store, ask: Callable[[Connection], bytes]) -> Response[bytes]:
    return Response(await store.read(ask), media_type="application/json")


def _rows(found: Any, limit: int, *, newest_by: str | None = None) -> bytes:
    """Fetches a relation; with `newest_by`, the newest rows by that column, oldest first."""
    ordered = found.order(f'"{newest_by}" DESC') if newest_by else found
    rows = ordered.limit(limit + 1).fetchall()
    cut = len(rows) > limit
    rows = rows[:limit]
    if newest_by:
        rows.reverse()
    return _ENCODER.encode(Rows(found.columns, rows, cut))
