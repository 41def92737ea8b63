"""`solarocpp reset`: meters that were changed, where no rule can know it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, remark
from solarocpp.cli.times import moment

app = App("reset", help_format="plaintext", help_epilogue="Example: solarocpp reset list")

_COLUMNS = ("resetId", "created", "nodeId", "sourceId", "property", "final", "start", "note")


@app.command(
    help_epilogue="Example: solarocpp reset add /ocpp/cp/CP001/1/Outlet --at 2026-03-01T10:00Z --final 520 --start 0"
)
async def add(  # noqa: PLR0913 one argument an option
    source: Annotated[str, Parameter(name="SOURCE", help="The stream, like /ocpp/cp/CP001/1/Outlet.")],
    /,
    *,
    at: Annotated[str, Parameter(help="When the meter was changed; without zone it is UTC.")],
    final: Annotated[float, Parameter(help="What the old meter ended with, in Wh.")],
    start: Annotated[float, Parameter(help="What the new one began with, in Wh.")],
    property: Annotated[str, Parameter(help="The register.")] = "wattHours",  # noqa: A002 the option is called so
    node: Annotated[int | None, Parameter(help="Node, if several have the source.")] = None,
    note: Annotated[str, Parameter(help="Why, for whoever asks later.")] = "",
    where: Where = HERE,
) -> None:
    """Enters a meter change; sessions around it get their energy again."""
    order = {
        "sourceId": source,
        "at": moment(at),
        "final": final,
        "start": start,
        "property": property,
        "nodeId": node,
        "note": note,
    }
    async with reach_api(where) as api:
        print_objects([await api.post("resets", body=order)], "table", columns=_COLUMNS)


@app.command(name="list", help_epilogue="Example: solarocpp reset list --format csv")
async def list_resets(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the meter changes that were entered."""
    async with reach_api(where) as api:
        records = await api.get("resets")
    print_objects(records, format, columns=_COLUMNS)
    if format == "table" and not records:
        remark("No meter change was entered.")


@app.command(help_epilogue="Example: solarocpp reset remove 3")
async def remove(
    number: Annotated[int, Parameter(name="NUMBER", help="Its resetId.")],
    /,
    *,
    yes: Yes = False,
    where: Where = HERE,
) -> None:
    """Takes a meter change back, and what it changed in energies."""
    async with reach_api(where) as api:
        if confirm_removal(f"meter change {number}", "Energies are computed again without it.", yes=yes):
            await api.delete("resets", str(number))
            print(f"Meter change {number} is removed.")
