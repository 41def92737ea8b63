"""`solarocpp charger`: who may connect, and to which node its datums go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from cyclopts import App, Parameter

from solarocpp.cli.client import Api, reach_api, running_server
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, print_warnings, remark

app = App("charger", help_format="plaintext", help_epilogue="Example: solarocpp charger list")

Identifier = Annotated[str, Parameter(name="IDENT", help="Charge point identity: the last part of its URL.")]
RegistrationStatus = Annotated[
    Literal["Accepted", "Pending", "Rejected"] | None, Parameter(help="What its BootNotification is answered.")
]
Vendor = Annotated[str | None, Parameter(help="Vendor; the charger's own word replaces it at its first boot.")]
Model = Annotated[str | None, Parameter(help="Model; likewise.")]
CreateNode = Annotated[bool, Parameter(negative="", help="Make the node if there is none of that number.")]
NodeNumber = Annotated[int | None, Parameter(help="Node its datums go to.")]
Enabled = Annotated[bool | None, Parameter(negative="--disabled", help="Whether it may connect.")]

_COLUMNS = (
    "identifier",
    "nodeId",
    "enabled",
    "connected",
    "registrationStatus",
    "connectorCount",
    "vendor",
    "model",
    "firmwareVersion",
)


@app.command(help_epilogue="Example: solarocpp charger add CP001 --node 1")
async def add(  # noqa: PLR0913 one argument an option
    identifier: Identifier,
    /,
    *,
    node: NodeNumber = 1,
    create_node: CreateNode = False,
    vendor: Vendor = None,
    model: Model = None,
    enabled: Enabled = True,
    registration_status: RegistrationStatus = None,
    where: Where = HERE,
) -> None:
    """Registers a charger."""
    order = _given(
        identifier=identifier,
        nodeId=node,
        createNode=create_node,
        vendor=vendor,
        model=model,
        enabled=enabled,
        registrationStatus=registration_status,
    )
    async with reach_api(where, create=True) as api:
        receipt = await api.post("chargers", body=order)
        credentials = await api.get("credentials")
    charger = receipt["charger"]
    print(f"Charger {charger['identifier']} is registered on node {charger['nodeId']}.")
    print(f"URL to type into it: {charger_url(where, charger['identifier'])}")
    print_warnings(receipt["warnings"])
    if not credentials:
        remark(f"It needs a user name and password: {_command(where, 'credential add depot')}")


@app.command(name="list", help_epilogue="Example: solarocpp charger list --format csv")
async def list_chargers(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the chargers."""
    async with reach_api(where) as api:
        chargers = await api.get("chargers")
    print_objects(chargers, format, columns=_COLUMNS)
    if not chargers and format == "table":
        remark_first_steps(where)


@app.command(help_epilogue="Example: solarocpp charger show CP001")
async def show(identifier: Identifier, /, *, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Shows everything about a charger."""
    async with reach_api(where) as api:
        charger = await api.get("chargers", identifier)
        settings = await api.get("charger-settings", identifier)
    charger |= settings
    if format == "table":
        rows = [{"field": name, "value": value} for name, value in charger.items() if value not in (None, "")]
        print_objects([*rows, {"field": "url", "value": charger_url(where, charger["identifier"])}], format)
    else:
        print_objects([charger], format)


@app.command(name="set", help_epilogue="Example: solarocpp charger set CP001 --disabled")
async def set_charger(  # noqa: PLR0913 one argument an option
    identifier: Identifier,
    /,
    *,
    node: NodeNumber = None,
    create_node: CreateNode = False,
    vendor: Vendor = None,
    model: Model = None,
    enabled: Enabled = None,
    registration_status: RegistrationStatus = None,
    where: Where = HERE,
) -> None:
    """Changes a charger; acts at once."""
    change = _given(nodeId=node, vendor=vendor, model=model, enabled=enabled, registrationStatus=registration_status)
    if create_node:
        change["createNode"] = True
    async with reach_api(where) as api:
        receipt = await api.patch("chargers", identifier, body=change)
    print_objects([receipt["charger"]], "table", columns=_COLUMNS)
    print_warnings(receipt["warnings"])


@app.command(help_epilogue="Example: solarocpp charger remove CP001")
async def remove(identifier: Identifier, /, *, yes: Yes = False, where: Where = HERE) -> None:
    """Removes a charger; its sessions and datums stay."""
    async with reach_api(where) as api:
        charger = await api.get("chargers", identifier)
        name = charger["identifier"]
        if confirm_removal(f"charger {name}", "Its sessions, datums and ledger stay.", yes=yes):
            await api.delete("chargers", name)
            print(f"Charger {name} is removed. Its sessions, datums and ledger stay.")


def charger_url(where: Where, identifier: str) -> str:
    """Gives the URL a charger is told, as far as this machine can know it."""
    server = None if where.url else running_server(where.data)
    port = str((server or {}).get("ocpp", ":9000")).rpartition(":")[2]
    return f"ws://THIS-MACHINE:{port}/ocpp/j/v16/{quote(identifier, safe='')}"


def remark_first_steps(where: Where) -> None:
    """Says what to do where no charger is registered yet: two commands and a URL."""
    remark("No charger is registered yet. Add one, and a user name it connects with:")
    remark(f"  {_command(where, 'charger add CP001')}")
    remark(f"  {_command(where, 'credential add depot')}")
    remark(f"Then type into the charger: {charger_url(where, 'CP001')}")


def _command(where: Where, command: str) -> str:
    at = f" --url {where.url}" if where.url else ("" if where.data == Path("data") else f" --data {where.data}")
    return f"solarocpp {command}{at}"


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


__all__ = ["Api", "app", "charger_url", "remark_first_steps"]
