"""Routes of limits, and of what a connector may take by all its profiles.

A profile is accepted or not; whether it is kept to is another question (Q78, Q105). So after a limit the
charger is asked for its composite schedule, which is told from ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from solarocpp.central_system.charging import LONGEST_WINDOW_S, Supply
from solarocpp.central_system.charging.limits import LONGEST, limit_profile_id, limit_profiles, read_limit
from solarocpp.central_system.instructions import Instruction
from solarocpp.ocpp.datatypes import ChargingProfile, ChargingRateUnit
from solarocpp.registry import Charger
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Desk, Patience, said_of, status_of
from solarocpp.web.instructions import Wait
from solarocpp.web.schedules import (
    Asked,
    ChargingOrder,
    Connector,
    DifferenceView,
    Phases,
    StepView,
    Volts,
    ask_for_schedule,
    compared,
    composite,
    install,
    installed_profiles,
    named_profiles,
    schedule_in,
    step_view,
    supply_of,
)

# A day is what chargers plan; some refuse to look further.
_USUAL_WINDOW_S: Final = 86_400


class NewLimit(ChargingOrder, frozen=True, kw_only=True):
    """Limits a charger, or takes its limit away."""

    charger: str
    limit: str | None
    """`16A` (for each phase), `3700W`, `11kW`; null: off."""
    connector: Connector = 0
    """0: the charger as a whole."""
    until: str | None = None
    """`18:00` by the clock of the charger's node, or a time; null: until it is taken away."""
    phases: Phases | None = None
    """Null: those of the charger (`supplyPhases`)."""
    voltage: Volts | None = None
    """Of a phase against neutral: with these A is W, for chargers that take the other unit only."""
    wait: Wait = 30


class LimitReceipt(Answer, frozen=True, kw_only=True):
    """What became of a limit."""

    charger: str
    connector: int
    limit: str | None
    until: datetime | None
    accepted: bool | None
    """None: the charger has not answered yet."""
    said: str
    """Its status, or why there is none."""
    profile: dict[str, Any] | None
    """What it accepted, or was told last."""
    refused: list[str]
    """What was tried before, and what it said to that."""
    instruction_id: int
    """The last instruction of it."""
    differences: list[DifferenceView] | None
    """Where its composite schedule differs from ours; null: it does not tell."""


class ScheduleQuestion(ChargingOrder, frozen=True, kw_only=True):
    """Asks what a connector may take."""

    charger: str
    connector: Connector = 1
    """0: what the charger as a whole may take."""
    seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_WINDOW_S)] = _USUAL_WINDOW_S
    unit: ChargingRateUnit = "A"
    phases: Phases | None = None
    """Null: those of the charger (`supplyPhases`)."""
    voltage: Volts | None = None
    """Of a phase against neutral; null: the charger's (`supplyVoltage`)."""
    wait: Wait = 0
    """How long the charger may take to tell its own; 0: it is not asked."""


class ScheduleView(Answer, frozen=True, kw_only=True):
    """What a connector may take, by us and by the charger."""

    charger: str
    connector: int
    unit: ChargingRateUnit
    steps: list[StepView]
    asked: str | None
    """What the charger said to the question for its own; null: it was not asked."""
    theirs: dict[str, Any] | None
    """Its own, OCPP 1.6 §7.13."""
    differences: list[DifferenceView] | None
    """Null: it does not tell."""


@post("/limits", summary="Limits a charger, or takes its limit away", status_code=200)
async def set_limit(data: JSONBody[NewLimit], desk: NamedDependency[Desk]) -> LimitReceipt:
    """Offers the charger profiles that mean the limit until it accepts one, then asks what it keeps to."""
    charger = desk.charger(data.charger)
    until = None if data.until is None else desk.until(data.until, charger, LONGEST)
    patience = Patience(data.wait)
    if data.limit is None:
        cleared = await desk.tell(
            charger, "ClearChargingProfile", {"id": limit_profile_id(data.connector)}, wait_s=patience.left_s
        )
        return _limit_receipt(data, until, cleared, accepted=True if status_of(cleared) else None)
    supply = supply_of(charger, data.phases, data.voltage)
    offers = limit_profiles(
        read_limit(data.limit),
        data.connector,
        now=desk.now,
        until=until,
        installed=await installed_profiles(desk, charger),
        supply=supply,
    )
    refused: list[str] = []
    for number, offer in enumerate(offers, start=1):
        told = await install(desk, charger, data.connector, offer, patience=patience, expires=until)
        if status_of(told) == "Accepted" or not told.final or number == len(offers):
            break
        refused.append(f"{_brief(offer)}: {said_of(told)}")
    accepted = status_of(told) == "Accepted" if told.final else None
    found = await _check(desk, charger, data.connector, offer, supply, patience) if accepted else None
    return _limit_receipt(data, until, told, accepted=accepted, offer=offer, refused=refused, found=found)


@post("/composite-schedules", summary="Tells what a connector may take, by us and by the charger", status_code=200)
async def show_schedule(data: JSONBody[ScheduleQuestion], desk: NamedDependency[Desk]) -> ScheduleView:
    """Computes the composite schedule of OCPP 1.6 §3.13, and with `wait` asks the charger for its own."""
    charger = desk.charger(data.charger)
    supply = supply_of(charger, data.phases, data.voltage)
    asked = Asked(charger, data.connector, data.seconds, data.unit, supply)
    ours = await composite(desk, asked)
    said, theirs, found = None, None, None
    if data.wait:
        told = await ask_for_schedule(desk, asked, Patience(data.wait))
        said = said_of(told)
        theirs = schedule_in(told)
        found = compared(ours, told, supply)
    named = {row.profile_id: row.name for row in await named_profiles(desk)}
    return ScheduleView(
        charger=charger.identifier,
        connector=data.connector,
        unit=data.unit,
        steps=[step_view(step, named) for step in ours.steps],
        asked=said,
        theirs=None if theirs is None else msgspec.to_builtins(theirs),
        differences=found,
    )


router = Router("/api", route_handlers=[set_limit, show_schedule], tags=["smart charging"])


async def _check(  # noqa: PLR0913, PLR0917 what is checked, and how
    desk: Desk, charger: Charger, connector_id: int, offer: ChargingProfile, supply: Supply, patience: Patience
) -> list[DifferenceView] | None:
    """Compares what a charger keeps to with what it should, for as long as the limit holds, or a day."""
    # A limit of each transaction shows at a connector only.
    asked_about = connector_id or int(offer.charging_profile_purpose != "ChargePointMaxProfile")
    schedule = offer.charging_schedule
    seconds = _USUAL_WINDOW_S
    if schedule.duration is not None and schedule.start_schedule is not None:
        past = int((desk.now - schedule.start_schedule).total_seconds())
        seconds = max(1, min(seconds, schedule.duration - past))
    asked = Asked(charger, asked_about, seconds, schedule.charging_rate_unit, supply)
    return compared(await composite(desk, asked), await ask_for_schedule(desk, asked, patience), supply)


def _brief(offer: ChargingProfile) -> str:
    return f"{offer.charging_profile_purpose} in {offer.charging_schedule.charging_rate_unit}"


def _limit_receipt(  # noqa: PLR0913 what there is to tell
    data: NewLimit,
    until: datetime | None,
    told: Instruction,
    *,
    accepted: bool | None,
    offer: ChargingProfile | None = None,
    refused: list[str] | None = None,
    found: list[DifferenceView] | None = None,
) -> LimitReceipt:
    return LimitReceipt(
        charger=told.identifier,
        connector=data.connector,
        limit=data.limit,
        until=until,
        accepted=accepted,
        said=said_of(told),
        profile=None if offer is None else msgspec.to_builtins(offer),
        refused=refused or [],
        instruction_id=told.instruction_id,
        differences=found,
    )
