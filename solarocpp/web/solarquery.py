"""SolarNetwork's query API (SolarQuery) over the query module: datums, readings, and which sources there are.

Parameters, rows and envelopes are SolarNetwork's (spec 10.4); what is worked out is what `/api` tells, too. A
page has 1,000 rows at most, and a long range is told in longer periods, as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple, cast
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Tag
from msgspec import UNSET

import solarocpp.query as q
from solarocpp.query.cells import fetch_cells
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.registry import Connection
from solarocpp.web.access import LOOKS_AT_STREAMS, Caller
from solarocpp.web.management import Clock
from solarocpp.web.solaruser.criteria import DATES, PAGE, SORTS, Criteria, either, filtered_by
from solarocpp.web.solaruser.entities import Answered, Page
from solarocpp.web.solaruser.faults import Refused, illegal

TAG: Final = Tag(
    name="SolarQuery",
    description="""SolarNetwork's query API. What differs from SolarNetwork's own:

- `aggregation` is None, FifteenMinute, Hour, Day or Month; `tolerance` cannot be set.
- Registers are followed over resets and glitches; energy of an interval is added up, not averaged.
- `endDate` of a datum is the end of its session, as a time and not in milliseconds.
- Answers are JSON.""",
)

_STREAMS: Final = either("nodeId", "sourceId")
_LOCAL_DATES: Final = ("localStartDate", "localEndDate")
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", re.ASCII)

# SolarNetwork's names and keys of periods, shortest first, and what they are called here.
_AGGREGATIONS: Final[Mapping[str, q.Aggregate | None]] = {
    "None": None,
    "FifteenMinute": "15min",
    "Hour": "hour",
    "Day": "day",
    "Month": "month",
}
_KEYS: Final = {"0": "None", "15m": "FifteenMinute", "h": "Hour", "d": "Day", "M": "Month"}
_LEVELS: Final = tuple(_AGGREGATIONS)
# Spec 10.4: a range that is longer is told in these periods at least.
_RAISED: Final = ((timedelta(days=731), "Month"), (timedelta(days=32), "Day"), (timedelta(days=7), "Hour"))
# Spec 10.4: how far back the newest datum of a stream is looked for.
_MOST_RECENT: Final = timedelta(days=90)

_SORTS: Final = {"created": "created", "time": "created", "node": '"nodeId"', "source": '"sourceId"'}
# When we got something is no property of SolarNetwork's.
_HIDDEN: Final = frozenset({"received"})
_UTC: Final = ZoneInfo("UTC")  # of which there is one
_PAGE: Final = {
    200: ResponseSpec(Answered[Page[dict[str, Any]]], generate_examples=False, description="A part of the rows.")
}


class _Asked(NamedTuple):
    """Which streams, when."""

    nodes: Sequence[int]
    sources: q.Sources | None
    since: q.Moment | None
    until: q.Moment | None


@get("/nodes", opt=LOOKS_AT_STREAMS, summary="Lists the numbers of the nodes")
async def list_nodes(registry: NamedDependency[Registry], caller: NamedDependency[Caller]) -> Answered[list[int]]:
    """Lists the numbers of the nodes."""
    return Answered(data=caller.own_nodes(registry))


@get(
    "/nodes/sources",
    opt=LOOKS_AT_STREAMS,
    summary="Lists the sources",
    operation_class=filtered_by(*_STREAMS, *DATES, *_LOCAL_DATES, "withNodeIds"),
)
async def list_sources(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Answered[list[str | dict[str, Any]]]:
    """Lists the sources that have datums, in the range if one is given; with `withNodeIds` each with its node."""
    criteria = Criteria(request)
    asked = _read(criteria, request, registry, caller)
    found = await store.read(lambda con: q.find_sources(con, asked.nodes, asked.sources, asked.since, asked.until))
    if criteria.flag("withNodeIds"):
        return Answered(data=[{"nodeId": node, "sourceId": source} for node, source in found])
    return Answered(data=list(dict.fromkeys(source for _, source in found)))


@get(
    "/datum/list",
    responses=_PAGE,
    opt=LOOKS_AT_STREAMS,
    summary="Lists datums, or aggregates of them",
    operation_class=filtered_by(
        *_STREAMS,
        *DATES,
        *_LOCAL_DATES,
        "aggregation",
        "mostRecent",
        "withoutTotalResultsCount",
        *PAGE,
        *SORTS,
    ),
)
async def list_datums(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    clock: NamedDependency[Clock],
) -> Response[bytes]:
    """Lists datums by time, rolls them up, or with `mostRecent` gives the newest of each stream (90 days back).

    `aggregation` is None, FifteenMinute, Hour, Day or Month. More than 7 days are told by Hour at least, more than
    32 by Day, more than 731 by Month, and without any date by Day. Without `nodeIds` it is about all nodes.
    """
    criteria = Criteria(request)
    asked = _read(criteria, request, registry, caller)
    level, latest = _level(request), criteria.flag("mostRecent")
    if latest:
        if level != "None":
            raise illegal("mostRecent has no aggregation.")
        since = asked.since or clock() - _MOST_RECENT
        asked = asked._replace(since=since)

        def ask(con: Connection) -> Any:
            return q.latest(con, node=asked.nodes, source=asked.sources, since=asked.since, until=asked.until)
    else:
        level = _raised(level, asked, clock())

        def ask(con: Connection) -> Any:
            return q.datums(
                con,
                node=asked.nodes,
                source=asked.sources,
                since=asked.since,
                until=asked.until,
                aggregate=_AGGREGATIONS[level],
            )

    return await _page(store, registry, caller, criteria, ask, ordered=not latest)


@get(
    "/datum/reading",
    responses=_PAGE,
    opt=LOOKS_AT_STREAMS,
    summary="Reads registers at both ends of a range, or by period",
    operation_class=filtered_by(
        *_STREAMS,
        *DATES,
        *_LOCAL_DATES,
        "readingType",
        "aggregation",
        "withoutTotalResultsCount",
        *PAGE,
        *SORTS,
        required=("readingType",),
    ),
)
async def list_readings(
    request: Request[Any, Any, Any],
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
) -> Response[bytes]:
    """Reads registers: their difference, and where they stood at both ends (`_start`, `_end`).

    `readingType` is CalculatedAt, CalculatedAtDifference, NearestDifference, Difference or DifferenceWithin, or
    the key of one; with an `aggregation` Difference only. How far from an end a reading may be is fixed: a month
    for NearestDifference and what is calculated, a year for Difference.
    """
    criteria = Criteria(request)
    asked = _read(criteria, request, registry, caller)
    kind = request.query_params.get("readingType")
    if not kind:
        raise illegal("The readingType parameter is required.")
    if request.query_params.get("tolerance"):
        raise illegal("tolerance cannot be set.")
    level = _level(request)

    def ask(con: Connection) -> Any:
        return q.readings(
            con,
            type=cast("q.ReadingType", kind),
            node=asked.nodes,
            source=asked.sources,
            since=asked.since,
            until=asked.until,
            aggregate=_AGGREGATIONS[level],
        )

    return await _page(store, registry, caller, criteria, ask)


router = Router(
    "/solarquery/api/v1/sec",
    route_handlers=[list_nodes, list_sources, list_datums, list_readings],
    tags=["SolarQuery"],
)


def _read(criteria: Criteria, request: Request[Any, Any, Any], registry: Registry, caller: Caller) -> _Asked:
    own, nodes = caller.own_nodes(registry), criteria.numbers("nodeId")
    if nodes is not None and not set(nodes) <= set(own):
        raise Refused(403, "ACCESS_DENIED")
    since: q.Moment | None = criteria.date("startDate")
    until: q.Moment | None = criteria.date("endDate")
    local = [_local_date(request.query_params.get(name)) for name in _LOCAL_DATES]
    return _Asked(
        nodes=own if nodes is None else nodes,
        sources=caller.sources(criteria.texts("sourceId")),
        since=since or local[0],
        until=until or local[1],
    )


def _local_date(text: str | None) -> str | None:
    """Reads a time by the clock of each node, which has no zone of its own."""
    if not text:
        return None
    if _LOCAL.fullmatch(text):
        with suppress(ValueError):
            datetime.fromisoformat(text)
            return text
    raise Refused(422, f"Malformed date string: {text[:50]!r} is not like 2026-03-01T12:00.")


def _level(request: Request[Any, Any, Any]) -> str:
    text = request.query_params.get("aggregation") or "None"
    level = _KEYS.get(text) or next((name for name in _LEVELS if name.lower() == text.lower()), None)
    if level is None:
        raise illegal(f"aggregation is one of {', '.join(_LEVELS)}.")
    return level


def _raised(level: str, asked: _Asked, now: datetime) -> str:
    """Finds the shortest period that a range of this length may be told in."""
    if asked.since is None:
        least = "Day" if asked.until is None else "Month"
    else:
        length = _moment(asked.until, now) - _moment(asked.since, now)
        least = next((name for longest, name in _RAISED if length > longest), "None")
    return max(level, least, key=_LEVELS.index)


def _moment(moment: q.Moment | None, now: datetime) -> datetime:
    if isinstance(moment, datetime):
        return moment
    # By which clock matters little for how long a range is.
    return now if moment is None else datetime.fromisoformat(str(moment)).replace(tzinfo=UTC)


async def _page(  # noqa: PLR0913 one argument a thing it heeds
    store: Store,
    registry: Registry,
    caller: Caller,
    criteria: Criteria,
    ask: Callable[[Connection], Any],
    *,
    ordered: bool = False,
) -> Response[bytes]:
    """Answers with a part of what is found, made into JSON where it is fetched; `ordered`: it is in the usual order."""
    (most, offset), order = criteria.page(), criteria.order(tuple(_SORTS))
    counted = not criteria.flag("withoutTotalResultsCount")
    zones = {node.node_id: ZoneInfo(node.time_zone or "UTC") for node in registry.nodes(caller.managed)}

    def fetch(con: Connection) -> bytes:
        found = ask(con)
        usual = [("created", False), ("node", False), ("source", False)]
        by = ", ".join(f"{_SORTS[key]}{' DESC' if down else ''}" for key, down in [*order, *usual])
        page = (found if ordered and not order else found.order(by)).limit(most + 1, offset)
        cells = fetch_cells(page, _HIDDEN)
        total = offset + cells.length
        if counted and (cells.length > most or (offset and not cells.length)):  # else the end of them was seen
            ((total,),) = found.count("*").fetchall()
        results = [_row(row, zones) for row in islice(cells.rows(), most)]
        return msgspec.json.encode(
            Answered(
                data=Page(
                    total_results=total if counted else UNSET,
                    starting_offset=offset,
                    returned_result_count=len(results),
                    results=results,
                )
            )
        )

    return Response(await store.read(fetch), media_type="application/json")


def _row(told: dict[str, Any], zones: Mapping[int, ZoneInfo]) -> dict[str, Any]:
    """Shows a row, as SolarNetwork writes times, and what the clock of the node showed then."""
    created, node = told.pop("created"), told.pop("nodeId")
    zone = zones.get(node, _UTC)
    local_date, local_time = _by_clock(created, zone)
    shown = {
        "created": _written(created),
        "nodeId": node,
        "sourceId": told.pop("sourceId"),
        "localDate": local_date,
        "localTime": local_time,
    }
    end = told.get("endDate")
    if end is not None:
        told["endDate"] = _written(end)
        if "timeZone" in told:  # of a reading; the end of a session is a property
            told["localEndDate"], told["localEndTime"] = _by_clock(end, zone)
    return shown | told


def _written(moment: str) -> str:
    """Writes a time of `Cells` as `views.written` does."""
    return f"{moment.replace('T', ' ').rstrip('0').rstrip('.')}Z"


def _by_clock(moment: str, zone: ZoneInfo) -> tuple[str, str]:
    """Gives date and time of day of a time of `Cells` by the clock of a zone."""
    if zone is not _UTC:
        moment = f"{datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(zone):%Y-%m-%dT%H:%M}"
    return moment[:10], moment[11:16]
