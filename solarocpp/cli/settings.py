"""`solarocpp settings`: how streams are named and what is published, for the account or one charger."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Format, Where
from solarocpp.cli.output import print_objects, print_warnings
from solarocpp.errors import WrongUsage

app = App("settings", help_format="plaintext", help_epilogue="Example: solarocpp settings show")

OfCharger = Annotated[str | None, Parameter(name="--charger", help="Only this charger; without: the account.")]
Template = Annotated[
    str | None,
    Parameter(
        help="Template of source IDs, with {chargerIdentifier}, {chargePointId}, {evseId}, {connectorId}, {location}."
    ),
]
Publish = Annotated[
    bool | None, Parameter(help="Make datums of readings; sessions, status and the ledger are kept either way.")
]
Reset = Annotated[bool, Parameter(negative="", help="First go back to what the account or the program says.")]


@app.command(help_epilogue="Example: solarocpp settings show --charger CP001")
async def show(*, charger: OfCharger = None, format: Format = "table", where: Where = HERE) -> None:  # noqa: A002 the option is called so
    """Shows what applies, and where it comes from."""
    async with reach_api(where) as api:
        settings = await _settings(api.get, charger)
    print_objects(_lines(settings), format)


@app.command(
    name="set",
    help_epilogue="Example: solarocpp settings set --source-id-template /site/{chargerIdentifier}/{connectorId}",
)
async def set_settings(
    *,
    charger: OfCharger = None,
    source_id_template: Template = None,
    publish: Publish = None,
    reset: Reset = False,
    where: Where = HERE,
) -> None:
    """Changes settings; datums that come from now on follow them."""
    change: dict[str, object] = {"sourceIdTemplate": None, "publish": None} if reset else {}
    if source_id_template is not None:
        change["sourceIdTemplate"] = source_id_template or None
    if publish is not None:
        change["publish"] = publish
    if not change:
        raise WrongUsage("Nothing to set. Add --source-id-template, --publish, --no-publish or --reset.")
    async with reach_api(where, create=charger is None) as api:
        route = ("settings",) if charger is None else ("chargers", charger)
        receipt = await api.patch(*route, body=change)
        settings = await _settings(api.get, charger)
    print_objects(_lines(settings), "table")
    print_warnings(receipt["warnings"])


async def _settings(get: Any, charger: str | None) -> dict[str, Any]:
    found: dict[str, Any] = await (get("settings") if charger is None else get("charger-settings", charger))
    return found


def _lines(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"setting": name, "value": settings[name], "from": settings[f"{name}From"]}
        for name in ("sourceIdTemplate", "publish")
    ]
