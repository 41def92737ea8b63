"""`solarocpp locallist`: whom chargers let charge by themselves."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import RequestRefused

app = App("locallist", help_format="plaintext", help_epilogue="Example: solarocpp locallist show")

Charger = Annotated[str, Parameter(name="CHARGER", help="Its identifier.")]
Wait = Annotated[float, Parameter(help="Seconds the charger may take; 0: do not wait.")]


@app.command(help_epilogue="Example: solarocpp locallist show CP001")
async def show(
    charger: Annotated[str | None, Parameter(name="CHARGER", help="What is in the list of this charger.")] = None,
    /,
    *,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists the chargers that have or should have a list, or what is in one."""
    async with reach_api(where) as api:
        if charger is None:
            rows = await api.get("local-lists")
        else:
            found = await api.get("local-lists", charger)
            rows = found["entries"]
            remark(_sentence(found))
    print_objects(rows, format)
    if charger is None and format == "table" and not rows:
        remark("No charger has a local list. Have one kept with: solarocpp locallist on CHARGER")


@app.command(help_epilogue="Example: solarocpp locallist on CP001")
async def on(charger: Charger, /, *, wait: Wait = 30.0, where: Where = HERE) -> None:
    """Keeps a list in a charger from now on: it lets those in it charge without asking, and while it cannot ask."""
    await _order(charger, "on", wait, where)


@app.command(help_epilogue="Example: solarocpp locallist off CP001")
async def off(charger: Charger, /, *, wait: Wait = 30.0, where: Where = HERE) -> None:
    """Empties the list of a charger, and keeps none."""
    await _order(charger, "off", wait, where)


@app.command(help_epilogue="Example: solarocpp locallist send CP001")
async def send(charger: Charger, /, *, wait: Wait = 30.0, where: Where = HERE) -> None:
    """Looks now what a charger has, and sends what it should have."""
    await _order(charger, "send", wait, where)


async def _order(charger: str, order: str, wait: float, where: Where) -> None:
    async with reach_api(where) as api:
        found = await api.post("local-lists", body={"charger": charger, "order": order, "wait": wait}, timeout_s=wait)
    if found["problem"]:
        raise RequestRefused(f"{found['charger']}: {found['problem']}.", "local_list_refused", 409)
    print(_sentence(found))


def _sentence(found: dict[str, Any]) -> str:
    state = "up to date" if found["upToDate"] else "not up to date; it gets it when it is connected"
    version = "none yet" if found["version"] is None else f"version {found['version']}"
    kept = "kept" if found["wanted"] else "not kept"
    problem = f" {found['problem']}." if found["problem"] else ""
    return f"{found['charger']}: local list {kept}, {found['rows']} id tags, {version}, {state}.{problem}"
