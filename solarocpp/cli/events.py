"""`solarocpp events`: what happened, above all who was not let in, why, and what to change about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Limit, Since, Until, Where
from solarocpp.cli.output import print_objects, remark

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
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Shows what happened, the newest last; a table for people tells each advice once."""
    async with reach_api(where) as api:
        answer = await api.get("events", tags=tags, charger=charger, since=since, until=until, limit=limit)
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    print_objects(_lines(rows) if format == "table" else rows, format)
    if answer["cut"]:
        remark(f"There are more than {limit} events; see them with --limit, or narrow the question.")
    if format == "table":
        _remark_hints(rows)
        if not rows:
            asked = any((tags, charger, since, until))
            remark("No event matches." if asked else "Nothing has happened yet. Who is connected: solarocpp links")


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
