"""`solarocpp limit`: how much a charger may take, from now on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from solarocpp.cli.client import reach_api
from solarocpp.cli.options import HERE, Where
from solarocpp.cli.output import print_objects, remark
from solarocpp.errors import RequestRefused

OFF = "off"


async def limit(  # noqa: PLR0913 one argument an option
    charger: Annotated[str, Parameter(name="CHARGER", help="Its identifier.")],
    amount: Annotated[str, Parameter(name="AMOUNT", help="16A (for each phase), 3700W, 11kW, or off.")],
    /,
    *,
    connector: Annotated[int, Parameter(help="Connector; 0 is the charger as a whole.")] = 0,
    until: Annotated[
        str | None, Parameter(help="18:00 by the clock of the charger's node, or a time. Default: until off.")
    ] = None,
    phases: Annotated[
        int | None,
        Parameter(help="Phases connected, for chargers that take the other unit only. Default: the charger's."),
    ] = None,
    voltage: Annotated[float | None, Parameter(help="Of a phase against neutral, for the same.")] = None,
    wait: Annotated[float, Parameter(help="Seconds the charger may take; 0: do not wait.")] = 30.0,
    where: Where = HERE,
) -> int:
    """Limits a charger or a connector, and says whether it keeps to that."""
    order = {
        "charger": charger,
        "limit": None if amount.casefold() == OFF else amount,
        "connector": connector,
        "until": until,
        "phases": phases,
        "voltage": voltage,
        "wait": wait,
    }
    async with reach_api(where) as api:
        said = await api.post("limits", body=order, timeout_s=wait)
    for refused in said["refused"]:
        remark(f"Refused: {refused}.")
    if said["accepted"] is False:
        raise RequestRefused(f"{charger} does not take the limit: {said['said']}.", "limit_refused", 409)
    print(_sentence(said))
    return int(_tell_differences(said))


def _sentence(said: Mapping[str, Any]) -> str:
    place = said["charger"] if said["connector"] == 0 else f"{said['charger']}, connector {said['connector']}"
    if said["accepted"] is None:
        return f"{place}: the charger has not answered yet; see: solarocpp instructions show {said['instructionId']}"
    if said["limit"] is None:
        return f"{place}: no limit of ours."
    until = "until it is taken away" if said["until"] is None else f"until {said['until']}"
    purpose = said["profile"]["chargingProfilePurpose"]
    return f"{place}: {said['limit']} {until} ({purpose}, accepted)."


def _tell_differences(said: Mapping[str, Any]) -> bool:
    """Tells whether the charger keeps to the limit; True: it says that it does not."""
    found = said["differences"]
    if not said["accepted"] or said["limit"] is None:
        return False
    if found is None:
        remark("The charger does not tell what it keeps to.")
    elif found:
        remark("The charger says that it keeps to something else (theirs):")
        print_objects(found, "table")
    else:
        remark("The charger says that it keeps to it.")
    return bool(found)
