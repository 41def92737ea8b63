"""`solarocpp sessions`, `datums` and `check`: what was measured, and whether all is well."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Limit, Node, Since, Source, Until, Where
from solarocpp.cli.output import print_objects, print_rows, remark

DEFAULT_LIMIT = 1_000

_SESSION_COLUMNS = (
    "started",
    "ended",
    "sourceId",
    "token",
    "energy",
    "duration",
    "averagePower",
    "peakPower",
    "endReason",
    "transactionId",
)


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
    """Lists charge sessions, or adds them up with --by; energy in Wh, power in W, duration in s."""
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
        )
    if by is None and format == "table":
        answer = _only(answer, _SESSION_COLUMNS)
    print_answer(answer, format, limit, nothing="No session matches.")


async def datums(  # noqa: PLR0913 one argument an option
    *,
    node: Node = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    aggregate: Annotated[Literal["hour", "day", "month"] | None, Parameter(help="Roll up to periods (UTC).")] = None,
    latest: Annotated[bool, Parameter(negative="", help="Only the newest datum of each stream.")] = False,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists datums; energy in Wh, power in W, current in A, voltage in V, temperature in C."""
    async with reach_api(where) as api:
        answer = await api.get(
            "datums",
            node=node,
            source=source,
            since=since,
            until=until,
            aggregate=aggregate,
            latest=latest or None,
            limit=limit,
        )
    print_answer(answer, format, limit, nothing="No datum matches.")


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
