"""A limit as somebody says it, `16A` until six, as the charging profiles that make a charger keep to it.

Chargers refuse profiles for reasons they do not give: the purpose, the unit, the level (Q103, Q104). So a limit is
a list of profiles that mean the same, the best one first, to be offered until one is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from solarocpp.central_system.charging.composite import InstalledProfile
from solarocpp.central_system.charging.supply import Supply, rounded_down
from solarocpp.errors import RegistryError
from solarocpp.ocpp.datatypes import (
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
)

# A schedule that begins "now" has not begun for a charger whose clock is behind ours, and then is not
# begun at all by some (Q105). Clocks that are further off than this are worth a look themselves.
BEGUN_BEFORE: Final = timedelta(minutes=10)

# Further away, `until` is a slip of the pen; and durations are 32 bits of seconds, 68 years.
LONGEST: Final = timedelta(days=366)

# A thousand megawatts: what is more is a slip of the pen.
MOST: Final = 1e9

# By connector: named profiles begin at 1001, and no charger has a thousand connectors.
_FIRST_ID: Final = 1

_TEXT: Final = re.compile(r"(\d{1,7}(?:[.,]\d{1,6})?)\s*(A|W|kW)", re.IGNORECASE)
_UNITS: Final[dict[str, tuple[ChargingRateUnit, int]]] = {"a": ("A", 1), "w": ("W", 1), "kw": ("W", 1000)}


class Limit(NamedTuple):
    """How much, in A for each phase or in W."""

    amount: float
    unit: ChargingRateUnit


def read_limit(text: str) -> Limit:
    """Reads `16A`, `3700 W`, `11kW`; what is finer than tenths is rounded down.

    Raises:
        RegistryError: it is no such text.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise RegistryError("limit", text, f"{text[:50]!r} is no limit; write it like 16A, 3700W or 11kW.")
    unit, factor = _UNITS[found[2].lower()]
    return Limit(rounded_down(float(found[1].replace(",", ".")) * factor), unit)


def limit_profile_id(connector_id: int) -> int:
    """Gives the chargingProfileId of the limit of a connector; a new limit replaces the one before."""
    return _FIRST_ID + connector_id


def limit_profiles(  # noqa: PLR0913 what a limit is made of
    limit: Limit,
    connector_id: int,
    *,
    now: datetime,
    until: datetime | None,
    installed: Iterable[InstalledProfile],
    supply: Supply,
) -> list[ChargingProfile]:
    """Makes profiles that mean `limit`, the best first.

    For connector 0 the whole charger is limited (ChargePointMaxProfile), or else each transaction of it; for a
    connector its transactions (TxDefaultProfile), running ones included (OCPP 1.6 §3.13.1). In the unit that
    was asked for, or else in the other. One level above what is there, since chargers refuse levels that
    they say they have (Q103).
    """
    others = [row for row in installed if row.profile.charging_profile_id != limit_profile_id(connector_id)]
    units: list[ChargingRateUnit] = [limit.unit, "W" if limit.unit == "A" else "A"]
    purposes: Sequence[ChargingProfilePurpose] = (
        ("ChargePointMaxProfile", "TxDefaultProfile") if connector_id == 0 else ("TxDefaultProfile",)
    )
    start = (now - BEGUN_BEFORE).replace(microsecond=0)
    duration = None if until is None else max(1, round((until - start).total_seconds()))
    made = []
    for unit in units:
        amount = rounded_down(supply.converted(limit.amount, limit.unit, unit, supply.phases))
        # Which phases a limit in W is meant for, a charger need not know.
        phases = supply.phases if unit == "A" and supply.phases != 3 else None
        schedule = ChargingSchedule(unit, (ChargingSchedulePeriod(0, amount, phases),), duration, start)
        for purpose in purposes:
            levels = [
                row.profile.stack_level
                for row in others
                if row.profile.charging_profile_purpose == purpose and row.connector_id in {0, connector_id}
            ]
            level = max(levels, default=-1) + 1
            made.append(ChargingProfile(limit_profile_id(connector_id), level, purpose, "Absolute", schedule))
    return made


def check_profile(profile: ChargingProfile, connector_id: int | None = None) -> None:
    """Checks what OCPP 1.6 asks of a profile beyond its form, and, with a connector, whether it may go there.

    Raises:
        RegistryError: says what is wrong with it.
    """
    faults = [*_faults_of_schedule(profile.charging_schedule), *_faults_of_profile(profile)]
    if connector_id is not None:
        faults += _faults_of_place(profile, connector_id)
    if faults:
        raise RegistryError("charging_profile", profile.charging_profile_id, "; ".join(faults) + ".")


def _faults_of_schedule(schedule: ChargingSchedule) -> Iterable[str]:
    periods = schedule.charging_schedule_period
    if not periods:
        yield "chargingSchedulePeriod is empty"
    elif periods[0].start_period != 0:
        yield "the first startPeriod is not 0"  # §7.13: a schedule says something from its start on
    starts = [period.start_period for period in periods]
    if sorted(set(starts)) != starts:
        yield "startPeriod does not rise from period to period"
    for period in periods:
        if not 0 <= period.limit <= MOST or rounded_down(period.limit) != period.limit:
            yield f"limit {period.limit:g} is no number of tenths from 0 to {MOST:g}"  # §7.14
        if period.number_phases is not None and not 1 <= period.number_phases <= 3:
            yield f"numberPhases {period.number_phases} is not 1, 2 or 3"
    if schedule.duration is not None and schedule.duration <= 0:
        yield f"duration {schedule.duration} is no time"


def _faults_of_profile(profile: ChargingProfile) -> Iterable[str]:
    kind, start = profile.charging_profile_kind, profile.charging_schedule.start_schedule
    if profile.stack_level < 0:
        yield "stackLevel is below 0"  # §7.8
    if (kind == "Recurring") != (profile.recurrency_kind is not None):
        yield "recurrencyKind is for Recurring profiles, and they need it"
    if kind == "Recurring" and start is None:
        yield "a Recurring profile needs startSchedule, to count days from"
    if kind == "Relative" and start is not None:
        yield "a Relative profile begins with the transaction and has no startSchedule"  # §7.10
    if profile.charging_profile_purpose == "ChargePointMaxProfile" and kind == "Relative":
        yield "a ChargePointMaxProfile is of no transaction, so it cannot be Relative to one"
    if profile.transaction_id is not None and profile.charging_profile_purpose != "TxProfile":
        yield "only a TxProfile has a transactionId"  # §7.8
    if profile.valid_from and profile.valid_to and profile.valid_from >= profile.valid_to:
        yield "validTo is not after validFrom"


def _faults_of_place(profile: ChargingProfile, connector_id: int) -> list[str]:
    purpose = profile.charging_profile_purpose
    if purpose == "ChargePointMaxProfile" and connector_id != 0:
        return ["a ChargePointMaxProfile is for the whole charger, connector 0"]  # §7.9
    if purpose == "TxProfile" and connector_id == 0:
        return ["a TxProfile is for a transaction, so name its connector"]
    return []
