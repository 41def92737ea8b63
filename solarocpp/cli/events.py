"""`solarocpp events`: what happened, above all who was not let in, why, and what to change about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any, NoReturn

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.messages import json_of, line_of, require_server
from solarocpp.cli.options import HERE, Format, Limit, Since, Until, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import WrongUsage

# A charger that is refused comes again every few seconds: more is a flag away.
DEFAULT_LIMIT = 100
# One line each; whoever has more different troubles begins with these.
HINTS_SHOWN = 8

Row = Mapping[str, Any]


async def events(  # noqa: PLR0913 one argument an option
    *,
    tags: Annotated[
        str | None, Parameter(help="Comma list of tags an event must have, like ocpp,charger,forbidden.")
    ] = None,
    charger: Annotated[str | None, Parameter(help="Charge point identity.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    follow: Annotated[bool, Parameter(negative="", help="Go on with what happens from now on, until Ctrl-C.")] = False,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Shows what happened, the newest last; a table for people tells each advice once."""
    asked = {"tags": tags, "charger": charger, "since": since, "until": until, "limit": limit}
    if follow:
        await _follow(asked, format, where)
    async with reach_api(where) as api:
        answer = await api.get("events", **asked)
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    print_objects(_lines(rows) if format == "table" else rows, format)
    if answer["cut"]:
        remark(f"There are more than {limit} events; see them with --limit, or narrow the question.")
    if format == "table":
        _remark_hints(rows)
        if not rows:
            narrowed = any((tags, charger, since, until))
            remark("No event matches." if narrowed else "Nothing has happened yet. Who is connected: solarocpp links")


async def _follow(asked: Mapping[str, Any], output_format: Format, where: Where) -> NoReturn:
    """Shows the events there are and then each that comes, a line for each.

    Raises:
        WrongUsage: a line cannot have that form, or the end is known.
    """
    if output_format == "csv" or asked["until"] is not None:
        raise WrongUsage("--follow goes with --format table or json, and without --until.")
    written = line_of if output_format == "table" else json_of
    wanted = {tag.strip().lower() for tag in (asked["tags"] or "").split(",")} - {""}
    # What is committed while the list is made is in both.
    listed: set[tuple[object, ...]] = set()

    def show(happening: Mapping[str, Any]) -> None:
        again = happening["kind"] != "lost" and _identity(happening, happening.get("charger")) in listed
        if not again and wanted <= set(happening.get("tags", wanted)):
            print(written(happening), flush=True)

    async with reach_api(where) as api:
        await require_server(api, instead="solarocpp events")

        async def show_listed() -> None:
            answer = await api.get("events", **asked)
            for row in (dict(zip(answer["columns"], cells, strict=True)) for cells in answer["rows"]):
                told = {"kind": "event", "charger": row.pop("identifier"), **row, "created": _utc(row["created"])}
                print(written(told), flush=True)
                listed.add(_identity(told, told["charger"]))

        kinds = "link,event,instruction"
        await api.listen("events", "stream", show=show, once_open=show_listed, kinds=kinds, charger=asked["charger"])


def _identity(event: Mapping[str, Any], charger: object) -> tuple[object, ...]:
    return _utc(event["created"]), event["name"], charger, event["message"]


def _utc(time: str) -> str:
    """Writes a time as the stream does; the tables' may end otherwise."""
    return datetime.fromisoformat(time).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Picks what a person looks for first; the same again and again is one line, at its last time."""
    several_accounts = _several_accounts(rows)
    lines = []
    for said, again in groupby(rows, key=_said):
        times = list(again)
        account, event, charger, peer, what = said
        lines.append(
            {
                "created": f"{times[-1]['created'][:19]}Z",
                "times": len(times) if len(times) > 1 else None,
                "account": account if several_accounts else None,
                "event": event,
                "charger": charger,
                "from": peer,
                "what": what,
            }
        )
    return lines


def _several_accounts(rows: Sequence[Row]) -> bool:
    return len({row["accountId"] for row in rows} - {None}) > 1


def _said(row: Row) -> tuple[object, ...]:
    return row["accountId"], row["name"], row["identifier"], _host(row), row["message"]


def _host(row: Row) -> str:
    """Where it came from; the port is another one each time and says nothing."""
    peer = str((row["data"] or {}).get("peer") or "")
    # A port comes behind an IPv4 address or brackets; in a bare IPv6 address the colons are its own.
    has_port = peer.startswith("[") or peer.count(":") == 1
    return peer.rpartition(":")[0] if has_port else peer


def _remark_hints(rows: Sequence[Row]) -> None:
    """Says each advice once, newest trouble first, and whom it is for."""
    several_accounts = _several_accounts(rows)
    chargers: dict[str, list[str]] = {}
    for row in reversed(rows):
        hint = (row["data"] or {}).get("hint")
        if hint:
            who = chargers.setdefault(hint, [])
            name = row["identifier"] or _host(row)
            if several_accounts and row["accountId"]:
                name += f" (--account {row['accountId']})"
            if name and name not in who:
                who.append(name)
    for hint, who in list(chargers.items())[:HINTS_SHOWN]:
        remark(f"{_few(who)}: {hint}" if who else hint)


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
