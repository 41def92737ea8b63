"""`solarocpp charger`: who may connect, and to which node its datums go."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from solarocpp.cli.charger_key import rotate_key
from solarocpp.cli.client import Api, reach_api, running_server
from solarocpp.cli.confirm import confirm_removal
from solarocpp.cli.options import HERE, Format, Where, Yes
from solarocpp.cli.output import print_objects, print_warnings, remark

app = App("charger", help_format="plaintext", help_epilogue="Example: solarocpp charger list")
app.command(rotate_key, name="rotate-key", help_epilogue="Example: solarocpp charger rotate-key CP001")

Identifier = Annotated[str, Parameter(name="IDENT", help="Charge point identity: the last part of its URL.")]
RegistrationStatus = Annotated[
    Literal["Accepted", "Pending", "Rejected"] | None, Parameter(help="What its BootNotification is answered.")
]
Vendor = Annotated[str | None, Parameter(help="Vendor; the charger's own word replaces it at its first boot.")]
Model = Annotated[str | None, Parameter(help="Model; likewise.")]
CreateNode = Annotated[bool, Parameter(negative="", help="Make the node if there is none of that number.")]
NodeNumber = Annotated[
    int | None, Parameter(help="Node its datums go to; of a new one by default the account's first.")
]
SecurityProfile = Annotated[
    Literal[0, 1, 2, 3] | None,
    Parameter(help="Least it must prove: 0 nothing, 1 a password (default), 2 that under TLS, 3 a client certificate."),
]
Enabled = Annotated[bool | None, Parameter(negative="--disabled", help="Whether it may connect.")]

_COLUMNS = (
    "identifier",
    "nodeId",
    "enabled",
    "connected",
    "registrationStatus",
    "adopted",
    "securityProfile",
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
    node: NodeNumber = None,
    create_node: CreateNode = False,
    vendor: Vendor = None,
    model: Model = None,
    enabled: Enabled = True,
    registration_status: RegistrationStatus = None,
    security_profile: SecurityProfile = None,
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
        securityProfile=security_profile,
    )
    async with reach_api(where, create=True) as api:
        receipt = await api.post("chargers", body=order)
        credentials = await api.get("credentials")
    charger = receipt["charger"]
    name = shlex.quote(charger["identifier"])
    print(f"Charger {charger['identifier']} is registered on node {charger['nodeId']}.")
    print(f"URL to type into it: {charger_url(where, charger['identifier'])}")
    print_warnings(receipt["warnings"])
    if charger["securityProfile"] == 3:
        remark(f"It needs a certificate of its own: {_command(where, f'tls init --charger {name}')}")
    elif not credentials and charger["securityProfile"]:
        remark(f"It needs a user name and password: {_command(where, 'credential add depot')}")


@app.command(name="list", help_epilogue="Example: solarocpp charger list --format csv")
async def list_chargers(*, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Lists the chargers."""
    async with reach_api(where) as api:
        chargers = await api.get("chargers")
    if format != "table":
        print_objects(chargers, format)
        return
    _print_chargers(chargers)
    waiting = [charger["identifier"] for charger in chargers if not charger["adopted"]]
    if waiting:
        remark(
            f"{len(waiting)} came without being registered. Accept one with: "
            f"{_command(where, f'charger adopt {shlex.quote(waiting[0])}')}"
        )
    if not chargers:
        remark_first_steps(where)


@app.command(help_epilogue="Example: solarocpp charger show CP001")
async def show(identifier: Identifier, /, *, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Shows everything about a charger."""
    async with reach_api(where) as api:
        charger = await api.get("chargers", identifier)
        settings = await api.get("charger-settings", identifier)
        hid = (await api.get("settings"))["hid"]
        key = await api.get("charger-keys", identifier)
    charger |= settings | {"key": None if key["state"] == "none" else key["effect"] or key["state"]}
    if format == "table":
        urls = _charger_urls(where, charger["identifier"], hid)
        shown = charger | {f"url{name.capitalize()}": url for name, url in urls.items()}
        print_objects(
            [{"field": name, "value": value} for name, value in shown.items() if value not in (None, "")], format
        )
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
    security_profile: SecurityProfile = None,
    where: Where = HERE,
) -> None:
    """Changes a charger; acts at once."""
    change = _given(
        nodeId=node,
        vendor=vendor,
        model=model,
        enabled=enabled,
        registrationStatus=registration_status,
        securityProfile=security_profile,
    )
    if create_node:
        change["createNode"] = True
    async with reach_api(where) as api:
        receipt = await api.patch("chargers", identifier, body=change)
    _print_chargers([receipt["charger"]])
    print_warnings(receipt["warnings"])


@app.command(help_epilogue="Example: solarocpp charger adopt CP001")
async def adopt(
    identifier: Identifier, /, *, node: NodeNumber = None, create_node: CreateNode = False, where: Where = HERE
) -> None:
    """Accepts a charger that came without being registered (settings set --unknown-chargers pending)."""
    change = {"registrationStatus": "Accepted", **_given(nodeId=node, createNode=create_node or None)}
    async with reach_api(where) as api:
        charger = (await api.patch("chargers", identifier, body=change))["charger"]
    print(
        f"Charger {charger['identifier']} is adopted, on node {charger['nodeId']}: its next boot is answered Accepted."
    )


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
    return _charger_urls(where, identifier)["v16"]


def _charger_urls(where: Where, identifier: str, hid: str = "HID") -> dict[str, str]:
    """Gives the URL in each of its forms, by name: some chargers can send no password but in the path."""
    from solarocpp.gateway.url_profiles import URL_PROFILES  # loads the gateway, for which no listing should wait

    server = (None if where.url else running_server(where.data)) or {}
    scheme = "wss" if server.get("tls") else "ws"
    port = str(server.get("ocpp", ":9000")).rpartition(":")[2]
    parts = {"hid": hid, "username": "USERNAME", "password": "PASSWORD"}
    return {
        profile.name: f"{scheme}://THIS-MACHINE:{port}{profile.path(identifier, **parts)}"
        for profile in URL_PROFILES.values()
    }


def remark_first_steps(where: Where) -> None:
    """Says what to do where no charger is registered yet: two commands and a URL."""
    remark("No charger is registered yet. Add one, and a user name it connects with:")
    remark(f"  {_command(where, 'charger add CP001')}")
    remark(f"  {_command(where, 'credential add depot')}")
    remark(f"Then type into the charger: {charger_url(where, 'CP001')}")


def _print_chargers(chargers: Sequence[Mapping[str, Any]]) -> None:
    """Prints a table; what is as usual for all of them needs no column."""
    unusual = [
        {
            **charger,
            "adopted": None if charger["adopted"] else "not yet",
            "securityProfile": None if charger["securityProfile"] == 1 else charger["securityProfile"],
        }
        for charger in chargers
    ]
    print_objects(unusual, "table", columns=_COLUMNS)


def _command(where: Where, command: str) -> str:
    at = f" --url {where.url}" if where.url else ("" if where.data == Path("data") else f" --data {where.data}")
    account = "" if where.account is None else f" --account {where.account}"
    return f"solarocpp {command}{at}{account}"


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


__all__ = ["Api", "app", "charger_url", "remark_first_steps"]
