"""What the routes of smart charging share: composite schedules, ours and the charger's, and setting a profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from solarocpp.central_system.charging import (
    CompositeSchedule,
    InstalledProfile,
    RunningTransaction,
    Step,
    Supply,
    composite_schedule,
)
from solarocpp.central_system.charging.comparison import differences
from solarocpp.central_system.instructions import Instruction
from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import ChargingProfile, ChargingRateUnit, ChargingSchedule
from solarocpp.registry import Charger
from solarocpp.store.profiles import (
    NamedProfile,
    select_installed_profiles,
    select_named_profiles,
    select_open_transaction,
)
from solarocpp.web.answers import Answer
from solarocpp.web.desk import Desk, Patience

Connector = Annotated[int, msgspec.Meta(ge=0, le=998)]
Phases = Annotated[int, msgspec.Meta(ge=1, le=3)]
Volts = Annotated[float, msgspec.Meta(gt=0, le=1000)]


class ChargingOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of what is asked for: a misspelt field is refused instead of ignored."""


class DifferenceView(Answer, frozen=True, kw_only=True):
    """Where a charger keeps to something else than its profiles say."""

    start: datetime
    end: datetime
    ours: float | None
    theirs: float | None
    """None: it says nothing of that time."""


class StepView(Answer, frozen=True, kw_only=True):
    """One limit, and how long it holds."""

    start: datetime
    end: datetime
    limit: float | None
    """Null: nothing limits."""
    number_phases: int | None
    profiles: list[str]
    """What decides: names, or numbers of what has none."""
    below_minimum: bool


class Asked(NamedTuple):
    """Of what a composite schedule is asked for."""

    charger: Charger
    connector_id: int
    seconds: int
    unit: ChargingRateUnit
    supply: Supply


def supply_of(charger: Charger, phases: int | None, voltage_v: float | None) -> Supply:
    """Tells what a charger is connected to: by whoever asks, else as it is registered, else three phases of 230 V."""
    usual = Supply()
    return Supply(
        phases or charger.supply_phases or usual.phases, voltage_v or charger.supply_voltage or usual.voltage_v
    )


async def named_profiles(desk: Desk) -> list[NamedProfile]:
    """Lists the named profiles of whoever asks."""
    return await desk.store.read(lambda con: select_named_profiles(con, desk.caller.managed))


async def require_named(desk: Desk, name: str) -> NamedProfile:
    """Gives a named profile.

    Raises:
        RegistryError: there is none of this name.
    """
    found = next((row for row in await named_profiles(desk) if row.name.casefold() == name.casefold()), None)
    if found is None:
        text = f"There is no charging profile {name!r}. See: solarocpp profile list"
        raise RegistryError("charging_profile", name, text, status=404)
    return found


async def installed_profiles(desk: Desk, charger: Charger) -> list[InstalledProfile]:
    """Lists what a charger has accepted and not lost since."""
    rows = await desk.store.read(lambda con: select_installed_profiles(con, [charger.charger_id]))
    return [
        InstalledProfile(row.connector_id, msgspec.json.decode(row.profile, type=ChargingProfile), row.installed)
        for row in rows
    ]


async def install(  # noqa: PLR0913 a profile, where, and for how long
    desk: Desk,
    charger: Charger,
    connector_id: int,
    profile: ChargingProfile,
    *,
    patience: Patience,
    expires: datetime | None = None,
) -> Instruction:
    """Sends SetChargingProfile, and gives what has become of it."""
    payload = {"connectorId": connector_id, "csChargingProfiles": profile}
    return await desk.tell(charger, "SetChargingProfile", payload, wait_s=patience.left_s, expires=expires)


async def composite(desk: Desk, asked: Asked) -> CompositeSchedule:
    """Computes what a connector may take from now on, by all that was accepted."""
    charger_id, connector_id = asked.charger.charger_id, asked.connector_id
    running = await desk.store.read(lambda con: select_open_transaction(con, charger_id, connector_id))
    return composite_schedule(
        await installed_profiles(desk, asked.charger),
        connector_id=connector_id,
        transaction=None if running is None else RunningTransaction(running.transaction_id, running.started),
        start=desk.now,
        duration_s=asked.seconds,
        unit=asked.unit,
        supply=asked.supply,
    )


async def ask_for_schedule(desk: Desk, asked: Asked, patience: Patience) -> Instruction:
    """Sends GetCompositeSchedule, and gives what has become of it."""
    payload = {"connectorId": asked.connector_id, "duration": asked.seconds, "chargingRateUnit": asked.unit}
    return await desk.tell(asked.charger, "GetCompositeSchedule", payload, wait_s=patience.left_s)


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    """What of a GetCompositeSchedule.conf is looked at; status is not: some say Accepted and give nothing."""

    schedule_start: datetime | None = None
    charging_schedule: ChargingSchedule | None = None


def schedule_in(told: Instruction) -> ChargingSchedule | None:
    """Reads the schedule that a charger told; None: it told none."""
    return None if told.result is None else msgspec.json.decode(told.result, type=_Told).charging_schedule


def compared(ours: CompositeSchedule, told: Instruction, supply: Supply) -> list[DifferenceView] | None:
    """Compares our schedule with the charger's; None: it tells none."""
    theirs = schedule_in(told)
    if told.result is None or theirs is None:
        return None
    start = msgspec.json.decode(told.result, type=_Told).schedule_start or told.status_date
    return [
        DifferenceView(start=row.start, end=row.end, ours=row.ours, theirs=row.theirs)
        for row in differences(ours, theirs, start.astimezone(UTC), supply)
    ]


def step_view(step: Step, names: Mapping[int, str]) -> StepView:
    """Shows a step; profiles by name where they have one."""
    return StepView(
        start=step.start,
        end=step.end,
        limit=step.limit,
        number_phases=step.number_phases,
        profiles=[names.get(number, str(number)) for number in step.profile_ids],
        below_minimum=step.below_minimum,
    )
