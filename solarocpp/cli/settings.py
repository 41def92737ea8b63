"""`solarocpp settings`: how streams are named, what is published, and who may come unregistered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
UnknownChargers = Annotated[
    Literal["refuse", "pending", "accept"] | None,
    Parameter(
        help="What becomes of a charger with a right password that nobody registered: refused; let in and answered "
        "Pending until `charger adopt`; or accepted."
    ),
]
Reset = Annotated[bool, Parameter(negative="", help="First go back to what the account or the program says.")]


_SETTINGS_OF_CHARGER = ("sourceIdTemplate", "publish")
_SETTINGS = (*_SETTINGS_OF_CHARGER, "unknownChargers")


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
async def set_settings(  # noqa: PLR0913 one argument an option
    *,
    charger: OfCharger = None,
    source_id_template: Template = None,
    publish: Publish = None,
    unknown_chargers: UnknownChargers = None,
    reset: Reset = False,
    where: Where = HERE,
) -> None:
    """Changes settings; datums that come from now on follow them."""
    if charger is not None and unknown_chargers is not None:
        raise WrongUsage("--unknown-chargers is for the whole account. Leave out --charger.")
    names = _SETTINGS if charger is None else _SETTINGS_OF_CHARGER
    change: dict[str, object] = dict.fromkeys(names) if reset else {}
    if source_id_template is not None:
        change["sourceIdTemplate"] = source_id_template or None
    if publish is not None:
        change["publish"] = publish
    if unknown_chargers is not None:
        change["unknownChargers"] = unknown_chargers
    if not change:
        options = "--source-id-template, --publish, --no-publish, --unknown-chargers or --reset"
        raise WrongUsage(f"Nothing to set. Add {options}.")
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
    lines = [
        {"setting": name, "value": settings[name], "from": settings[f"{name}From"]}
        for name in _SETTINGS
        if name in settings
    ]
    # The hid is no setting, but where else would somebody look who types a URL.
    return [*lines, {"setting": "hid", "value": settings["hid"], "from": "account"}] if "hid" in settings else lines
