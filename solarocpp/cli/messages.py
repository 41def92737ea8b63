"""`solarocpp tail` and `ledger`: the messages of chargers, as they pass and as they were said."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from solarocpp.cli.client import Api, reach_api
from solarocpp.cli.options import HERE, Format, Limit, Since, Until, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import Unreachable, WrongUsage

DEFAULT_LIMIT = 100
# What a charger says is mostly shorter; MeterValues of three phases take ten times that. json and csv have all of it.
SHOWN = 100
# A server numbers what happens to everybody, and only while it runs. How many of them this reader would have seen, once
# they are gone, nobody has counted.
MISSED = (
    "some may be missing here, uncounted: the server started again or no longer has them; "
    "see solarocpp ledger and events"
)

Line = Annotated[Literal["table", "json"], Parameter(help="table (lines for people) or json (an object a line).")]
Identity = Annotated[str, Parameter(help="Charge point identity.")]


async def tail(
    ident: Annotated[str | None, Parameter(help="Charge point identity. Default: all.")] = None,
    /,
    *,
    kinds: Annotated[
        str, Parameter(help="Comma list of message, datum, status, session, link, event, instruction.")
    ] = ("message,link,event"),
    format: Line = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Shows messages as they pass, until Ctrl-C; a server that ends is waited for."""
    async with reach_api(where) as api:
        await require_server(api, instead=f"solarocpp ledger {ident or 'CP001'}")
        written = line_of if format == "table" else json_of
        await api.listen(
            "events",
            "stream",
            show=lambda happening: print(written(happening), flush=True),
            kinds=kinds,
            charger=ident,
        )


async def require_server(api: Api, *, instead: str) -> None:
    """Makes sure that something happens where we look.

    Raises:
        Unreachable: the store is at rest.
    """
    if await api.get("links") is None:
        raise Unreachable(
            f"No server runs on {str(api.where.data)!r}, so nothing passes. Start it with: solarocpp serve. "
            f"What was said before: {instead}"
        )


def line_of(happening: Mapping[str, Any]) -> str:
    """Says in a line what happened: when, at which charger, and what."""
    time = next(
        (happening[key] for key in ("received", "created", "timestamp", "started", "ended") if key in happening), ""
    )
    at = f"{time[11:19]}Z" if time else " " * 9
    return f"{at}  {happening.get('charger') or '-'}  {_what(happening)}"


def _what(happening: Mapping[str, Any]) -> str:
    match happening["kind"]:
        case "message":
            said, answered = payload_of(happening["request"]), payload_of(happening["answer"])
            arrow = "->" if happening["direction"] == "in" else "<-"
            return f"{arrow} {happening['action']} {shortened(said)}  answer {shortened(answered)}"
        case "lost":
            known = happening["lost"] is not None
            return f"{happening['lost']} were lost: they came too fast" if known else MISSED
        case "link" | "event" | "instruction":
            return f"* {happening['name']}: {happening['message']}"
        case kind:
            rest = {key: told for key, told in happening.items() if key not in {"kind", "charger", "received"}}
            return f"* {kind} {shortened(json.dumps(rest, separators=(',', ':')))}"


def json_of(happening: Mapping[str, Any]) -> str:
    """Writes it for a program, on a line of its own."""
    return msgspec.json.encode(happening).decode()


def payload_of(frame: str) -> str:
    """Takes the payload out of a frame; what is no frame stays as it is."""
    try:
        match msgspec.json.decode(frame):
            case [2, _, _, payload] | [3, _, payload]:
                return msgspec.json.encode(payload).decode()
            case [4, _, code, description, *_]:
                return f"{code} {description}".rstrip()
            case _:
                return frame
    except msgspec.DecodeError:
        return frame  # a lenience read it; here it is shown as it came


def shortened(text: str) -> str:
    """Cuts what would fill the screen."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


async def ledger(  # noqa: PLR0913 one argument an option
    ident: Identity,
    /,
    *,
    action: Annotated[str | None, Parameter(help="OCPP action, like MeterValues.")] = None,
    direction: Annotated[
        Literal["in", "out"] | None, Parameter(help="in: what the charger asked; out: what we did.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Shows what a charger and we said to each other, the newest last."""
    action = None if action is None else _known_action(action)
    asked = {"action": action, "direction": direction, "since": since, "until": until}
    async with reach_api(where) as api:
        answer = await api.get("ledger", charger=ident, **asked, limit=limit)
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    print_objects([_row(row) for row in rows] if format == "table" else rows, format)
    if answer["cut"]:
        remark(f"There are more than {limit} messages; see them with --limit, or narrow the question.")
    if not rows and format == "table":
        narrowed = any(asked.values())
        what = "nothing like that" if narrowed else "nothing"
        remark(f"There is {what} of {ident} in the ledger. Is that its name? See: solarocpp charger list")


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "received": f"{row['received'][:19]}Z",
        "direction": row["direction"],
        "action": row["action"],
        "said": shortened(payload_of(row["request"])),
        "answered": shortened(payload_of(row["answer"])),
    }


def _known_action(name: str) -> str:
    from solarocpp.ocpp.messages import ACTIONS

    by_lower = {known.lower(): known for known in ACTIONS}
    found = by_lower.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), by_lower, n=1)
        hint = f" Did you mean {by_lower[near[0]]}?" if near else ""
        raise WrongUsage(f"OCPP 1.6 has no action {name!r}.{hint}")
    return found
