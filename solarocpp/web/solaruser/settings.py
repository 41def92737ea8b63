"""What an account decides for its chargers: `/settings`."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from solarocpp.registry import Registry, SettingsChange
from solarocpp.web.access import LOOKS, Caller, require_account
from solarocpp.web.solaruser.chargers import MAX_TEMPLATE
from solarocpp.web.solaruser.entities import AccountSettingsEntity, Answered, Done, SettingsForm
from solarocpp.web.solaruser.faults import Faults, check_owner, trimmed
from solarocpp.web.solaruser.views import account_settings_entity


@get("/settings", opt=LOOKS, summary="Shows what the account decides")
async def show_settings(
    registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[AccountSettingsEntity]:
    """Shows what applies to chargers that have no settings of their own; what was never decided is SolarNetwork's."""
    account = require_account(registry, caller.managed)
    return Answered(data=account_settings_entity(account, registry.settings(caller.managed)))


@post("/settings", summary="Decides for the account", status_code=200)
async def save_settings(
    data: JSONBody[SettingsForm], registry: NamedDependency[Registry], caller: NamedDependency[Caller]
) -> Answered[AccountSettingsEntity]:
    """Decides whether and under which source IDs datums are stored; a `hid` that is sent changes nothing."""
    check_owner(caller, data.user_id)
    faults = Faults()
    faults.text("sourceIdTemplate", data.source_id_template, MAX_TEMPLATE, required=True)
    faults.refuse()
    change = SettingsChange(
        source_id_template=trimmed(data.source_id_template), publish=data.publish_to_solar_in is not False
    )
    settings = await registry.set_settings(change, account_id=caller.managed)
    return Answered(data=account_settings_entity(require_account(registry, caller.managed), settings))


@delete("/settings", summary="Goes back to SolarNetwork's settings", status_code=200)
async def remove_settings(registry: NamedDependency[Registry], caller: NamedDependency[Caller]) -> Done:
    """Removes what the account decided; `unknownChargers`, which SolarNetwork does not know, stays."""
    change = SettingsChange(source_id_template=None, publish=None)
    await registry.set_settings(change, account_id=caller.managed)
    return Done()


ROUTES: Final[list[Any]] = [show_settings, save_settings, remove_settings]
