"""Charging profiles as one writes them down, for the tests of smart charging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from solarocpp.central_system.charging import CompositeSchedule, InstalledProfile, RunningTransaction
from solarocpp.ocpp.datatypes import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""


def at(clock: str, *, days: int = 0) -> datetime:
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return MIDNIGHT + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def profile(
    number: int,
    periods: dict[int, float] | float,
    *,
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    stack: int = 0,
    unit: str = "A",
    start: datetime | None = MIDNIGHT,
    duration: int | None = None,
    phases: int | None = None,
    least: float | None = None,
    **rest: Any,
) -> ChargingProfile:
    """Makes a profile; `periods` are limits by hours from its start, or one limit."""
    limits = periods if isinstance(periods, dict) else {0: periods}
    rows = tuple(ChargingSchedulePeriod(int(hour * 3600), limit, phases) for hour, limit in limits.items())
    schedule = ChargingSchedule(unit, rows, duration, None if kind == "Relative" else start, least)  # type: ignore[arg-type]
    return ChargingProfile(number, stack, purpose, kind, schedule, **rest)  # type: ignore[arg-type]


def installed(made: ChargingProfile, connector: int = 0, when: datetime = MIDNIGHT) -> InstalledProfile:
    return InstalledProfile(connector, made, when)


def running(clock: str = "10:00", number: int = 7) -> RunningTransaction:
    return RunningTransaction(number, at(clock))


def shown(composite: CompositeSchedule) -> list[tuple[str, str, float | None]]:
    """Shows each step as from when, until when, how much; days after the first as 1+."""
    return [(_clock(step.start), _clock(step.end), step.limit) for step in composite.steps]


def _clock(moment: datetime) -> str:
    days = (moment - MIDNIGHT).days
    return (f"{days}+" if days else "") + moment.strftime("%H:%M" if not moment.second else "%H:%M:%S")
