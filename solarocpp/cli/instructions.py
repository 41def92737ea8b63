"""`solarocpp instructions`: what chargers were told, what waits to be sent, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Limit, Where
from solarocpp.cli.output import print_objects, remark

_MOST_RESULT = 60

app = App("instructions", help_format="plaintext", help_epilogue="Example: solarocpp instructions list")

_COLUMNS = ("instructionId", "created", "charger", "action", "state", "result", "effect", "error", "requestedBy")

# As the API lists without being asked for more.
DEFAULT_LIMIT = 100

State = Literal["accepted", "waiting", "executing", "completed", "declined", "expired"]
Number = Annotated[int, Parameter(name="NUMBER", help="Its instructionId.")]


@app.command(name="list", help_epilogue="Example: solarocpp instructions list --charger CP001 --state waiting")
async def list_instructions(  # noqa: PLR0913 one argument an option
    *,
    charger: Annotated[str | None, Parameter(help="Charge point identity.")] = None,
    state: Annotated[State | None, Parameter(help="Only those in this state.")] = None,
    since: Annotated[str | None, Parameter(help="Ordered from this time on, like 2026-01-31T18:00; UTC.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists instructions, the newest last."""
    async with reach_api(where) as api:
        found = await api.get("instructions", charger=charger, state=state, since=since, limit=limit)
    shown = [_line(row) for row in found] if format == "table" else found
    print_objects(shown, format, columns=_COLUMNS)
    if format == "table" and not found:
        remark("There is none. Tell a charger something with: solarocpp send CP001 GetConfiguration")


@app.command(help_epilogue="Example: solarocpp instructions show 12")
async def show(number: Number, /, *, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 see above
    """Shows one, a line a field."""
    async with reach_api(where) as api:
        found = await api.get("instructions", str(number))
    if format != "table":
        print_objects([found], format)
        return
    fields = [{"field": name, "is": _text(value)} for name, value in found.items() if value is not None]
    print_objects(fields, "table")


@app.command(help_epilogue="Example: solarocpp instructions cancel 12")
async def cancel(number: Number, /, *, where: Where = HERE) -> None:
    """Takes one back that was not sent yet."""
    async with reach_api(where) as api:
        taken = await api.delete("instructions", str(number))
    print(f"Instruction {number} is taken back: {taken['action']} is not sent to {taken['charger']}.")


def _line(row: dict[str, object]) -> dict[str, object]:
    """Picks what fits beside others; `show` tells the rest of a long answer, like a whole configuration."""
    result = _text(row["result"]) if row["result"] else None
    if result is not None and len(result) > _MOST_RESULT:
        result = f"{result[: _MOST_RESULT - 3]}..."
    return {**row, "created": f"{str(row['created'])[:19]}Z", "result": result}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else str(value)
