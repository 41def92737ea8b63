"""`solarocpp node`: sites, what they are called, and by which clock their days begin."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects
from solarocpp.errors import WrongUsage

app = App("node", help_format="plaintext", help_epilogue="Example: solarocpp node list")

_COLUMNS = ("nodeId", "name", "timeZone", "chargers")


@app.command(name="list", help_epilogue="Example: solarocpp node list")
async def list_nodes(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the nodes of an account; without a time zone their days are those of UTC."""
    async with reach_api(where) as api:
        print_objects(await api.get("nodes"), format, columns=_COLUMNS)


@app.command(name="set", help_epilogue="Example: solarocpp node set 1 --time-zone Europe/Berlin")
async def set_node(
    number: Annotated[int, Parameter(name="NUMBER", help="Node number.")],
    /,
    *,
    time_zone: Annotated[
        str | None, Parameter(help="By whose clock its hours, days and months begin, like Europe/Berlin or UTC.")
    ] = None,
    name: Annotated[str | None, Parameter(help="What to call it.")] = None,
    where: Where = HERE,
) -> None:
    """Names a node, or says in which time zone it is; datums stay as they are."""
    change = {"timeZone": time_zone, "name": name}
    change = {field: value for field, value in change.items() if value is not None}
    if not change:
        raise WrongUsage("Nothing to set. Add --time-zone or --name.")
    async with reach_api(where, create=True) as api:
        node = (await api.patch("nodes", str(number), body=change))["node"]
    print_objects([node], "table", columns=_COLUMNS)
