"""`solarocpp reserve` and `solarocpp reservations`: connectors that wait for an id tag."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, print_warnings, remark
from solarocpp.errors import RequestRefused

app = App("reservations", help_format="plaintext", help_epilogue="Example: solarocpp reservations list --active")

Wait = Annotated[float, Parameter(help="Seconds the charger may take; 0: do not wait.")]
_COLUMNS = ("reservationId", "charger", "connector", "token", "status", "expires", "transactionId", "reason")


async def reserve(  # noqa: PLR0913 one argument an option
    charger: Annotated[str, Parameter(name="CHARGER", help="Its identifier.")],
    connector: Annotated[int, Parameter(name="CONNECTOR", help="Connector; 0 is any one, where that is supported.")],
    token: Annotated[str, Parameter(name="TOKEN", help="Id tag it waits for.")],
    /,
    *,
    until: Annotated[str, Parameter(help="18:00 by the clock of the charger's node, or a time.")],
    wait: Wait = 30.0,
    where: Where = HERE,
) -> None:
    """Has a connector wait for an id tag."""
    order = {"charger": charger, "connector": connector, "token": token, "until": until, "wait": wait}
    async with reach_api(where) as api:
        said = await api.post("reservations", body=order, timeout_s=wait)
    print_warnings(said["warnings"])
    _tell(said, "active")


@app.command(name="list", help_epilogue="Example: solarocpp reservations list --active")
async def list_reservations(
    *,
    charger: Annotated[str | None, Parameter(help="Only of this charger.")] = None,
    active: Annotated[bool, Parameter(negative="", help="Only those that are not over.")] = False,
    format: Format = "table",  # noqa: A002 the option is called so
    where: Where = HERE,
) -> None:
    """Lists reservations, and what became of them."""
    async with reach_api(where) as api:
        rows = await api.get("reservations", charger=charger, active="true" if active else None)
    print_objects(rows, format, columns=_COLUMNS)
    if format == "table" and not rows:
        remark("No reservation. Make one with: solarocpp reserve CHARGER CONNECTOR TOKEN --until 18:00")


@app.command(help_epilogue="Example: solarocpp reservations cancel 3")
async def cancel(
    number: Annotated[int, Parameter(name="NUMBER", help="Its reservationId.")],
    /,
    *,
    wait: Wait = 30.0,
    where: Where = HERE,
) -> None:
    """Gives the connector back to everybody."""
    async with reach_api(where) as api:
        _tell(await api.delete("reservations", str(number), wait=wait), "cancelled")


def _tell(said: dict[str, Any], wanted: str) -> None:
    reservation = said["reservation"]
    place = f"{reservation['charger']}, connector {reservation['connector']}"
    text = f"Reservation {reservation['reservationId']} of {place} for {reservation['token']}: {reservation['status']}"
    if reservation["status"] in {wanted, "requested"}:
        pending = reservation["status"] == "requested"
        more = f"; the charger has not answered yet ({said['said']})" if pending else ""
        print(f"{text} until {reservation['expires']}{more}." if wanted == "active" else f"{text}{more}.")
    else:
        raise RequestRefused(f"{text} ({reservation['reason'] or said['said']}).", "reservation_refused", 409)
