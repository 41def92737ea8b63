"""`solarocpp sessions`, `datums`, `readings` and `check`: what was measured, and whether all is well."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Limit, Node, Since, Source, Until, Where
from solarocpp.cli.output import print_objects, print_rows, remark
from solarocpp.cli.sparklines import filled, sparkline

DEFAULT_LIMIT = 1_000

Aggregate = Annotated[
    Literal["15min", "hour", "day", "month"] | None, Parameter(help="Roll up to periods, by the clock of the node.")
]
Properties = Annotated[str | None, Parameter(help="Comma list, like wattHours,watts. Default: all there are.")]
ReadingType = Literal["Difference", "NearestDifference", "DifferenceWithin", "CalculatedAtDifference", "CalculatedAt"]

# A narrow screen shows the first of them.
_SESSION_COLUMNS = (
    "started",
    "sourceId",
    "energy",
    "curve",
    "duration",
    "token",
    "peakPower",
    "averagePower",
    "ended",
    "endReason",
    "transactionId",
)

# Of datums a screen shows these first, if they are there; a program gets the order of the table.
_DATUM_COLUMNS = ("created", "sourceId", "watts", "wattHours", "soc", "status")

# As wide as a screen has room for beside the other columns.
CURVE_POINTS = 16

# What a line of blocks is drawn of: the first that a stream has.
_DRAWN = (("watts", "W"), ("wattHours", "Wh"), ("soc", "%"), ("temp", "C"))


async def sessions(  # noqa: PLR0913 one argument an option
    *,
    by: Annotated[str | None, Parameter(help="Comma list of node, source, charger, token, hour, day, month.")] = None,
    node: Node = None,
    source: Source = None,
    charger: Annotated[str | None, Parameter(help="Charge point identity.")] = None,
    token: Annotated[str | None, Parameter(help="Id tag.")] = None,
    since: Since = None,
    until: Until = None,
    active: Annotated[bool | None, Parameter(negative="--ended", help="Only running (or only ended) sessions.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists charge sessions, or adds them up with --by; energy in Wh, power in W, duration in s.

    On a terminal a line of blocks shows the power over each session, up to its own highest.
    """
    drawn = format == "table" and sys.stdout.isatty()
    async with reach_api(where) as api:
        answer = await api.get(
            "sessions",
            by=by,
            node=node,
            source=source,
            charger=charger,
            token=token,
            since=since,
            until=until,
            active=active,
            limit=limit,
            curve=CURVE_POINTS if drawn and by is None else None,
        )
    if by is None and format == "table":
        answer = _only(answer, _SESSION_COLUMNS)
        if drawn:
            answer = _with_sparklines(answer)
    print_answer(answer, format, limit, nothing="No session matches.")


async def datums(  # noqa: PLR0913 one argument an option
    *,
    node: Node = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    aggregate: Aggregate = None,
    properties: Properties = None,
    latest: Annotated[bool, Parameter(negative="", help="Only the newest datum of each stream.")] = False,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists datums; energy in Wh, power in W, current in A, voltage in V, temperature in C.

    On a terminal a roll-up ends with a line of blocks for each stream: its power, or else its energy, over the periods.
    """
    async with reach_api(where) as api:
        answer = await api.get(
            "datums",
            node=node,
            source=source,
            since=since,
            until=until,
            aggregate=aggregate,
            properties=properties,
            latest=latest or None,
            limit=limit,
        )
    drawn = format == "table" and sys.stdout.isatty()
    if drawn and properties is None:
        others = [name for name in answer["columns"] if name not in _DATUM_COLUMNS]
        answer = _only(answer, (*_DATUM_COLUMNS, *others))
    print_answer(answer, format, limit, nothing="No datum matches.")
    if aggregate is not None and drawn:
        for line in stream_lines(answer["columns"], answer["rows"]):
            print(line)


async def readings(  # noqa: PLR0913 one argument an option
    *,
    type: Annotated[ReadingType, Parameter(help="How to read at the ends of the range.")] = "Difference",  # noqa: A002 SolarNetwork's word
    node: Node = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    aggregate: Aggregate = None,
    properties: Properties = None,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Tells how far registers went, and where they stood; energy in Wh."""
    async with reach_api(where) as api:
        answer = await api.get(
            "readings",
            type=type,
            node=node,
            source=source,
            since=since,
            until=until,
            aggregate=aggregate,
            properties=properties,
            limit=limit,
        )
    print_answer(answer, format, limit, nothing="No reading matches.")


async def check(*, format: Format = "table", where: Where = HERE) -> int:  # noqa: A002 the option is called so
    """Looks after the health of a store; exit code 1 if something is wrong."""
    async with reach_api(where) as api:
        findings = await api.get("check")
    print_objects(findings, format)
    return 1 if any(finding["result"] == "error" for finding in findings) else 0


def _only(answer: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    at = [answer["columns"].index(name) for name in columns if name in answer["columns"]]
    return {
        "columns": [answer["columns"][index] for index in at],
        "rows": [[row[index] for index in at] for row in answer["rows"]],
        "cut": answer["cut"],
    }


def print_answer(answer: dict[str, Any], output_format: Format, limit: int, *, nothing: str) -> None:
    """Prints rows of the API, and a remark if there are more of them, or none."""
    print_rows(answer["columns"], answer["rows"], output_format)
    if answer["cut"]:
        remark(f"There are more than {limit} rows; see them with --limit, or narrow the question.")
    elif not answer["rows"] and output_format == "table":
        remark(nothing)


def _with_sparklines(answer: dict[str, Any]) -> dict[str, Any]:
    at = answer["columns"].index("curve")
    columns = ["power" if name == "curve" else name for name in answer["columns"]]
    rows = [[*row[:at], sparkline(filled(row[at] or [])), *row[at + 1 :]] for row in answer["rows"]]
    return {**answer, "columns": columns, "rows": rows}


def stream_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Draws each stream of a roll-up as a line of blocks; streams with less than three periods show nothing."""
    at = {name: place for place, name in enumerate(columns)}
    streams: dict[tuple[Any, Any], list[Sequence[Any]]] = {}
    for row in rows:
        streams.setdefault((row[at["nodeId"]], row[at["sourceId"]]), []).append(row)
    lines = []
    for (_, source), periods in streams.items():
        for name, unit in _DRAWN:
            values = [period[at[name]] for period in periods] if name in at else []
            if sum(value is not None for value in values) >= 3:
                highest = max(value for value in values if value is not None)
                lines.append(
                    f"{source}  {sparkline([value or 0.0 for value in values])}  {name} to {highest:,.0f} {unit}"
                )
                break
    return lines
