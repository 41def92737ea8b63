"""When one charging profile says what: its schedule, laid out over a window of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from solarocpp.ocpp.datatypes import ChargingProfile, ChargingSchedulePeriod

# OCPP 1.6 §7.41. A day is 24 hours: the specification gives schedules no time zone, so what recurs does not
# follow daylight saving time, and chargers that do so will differ for an hour's worth of limits.
RECURRENCES: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Window(NamedTuple):
    """A stretch of time, its end left out."""

    start: datetime
    end: datetime

    def clipped(self, start: datetime | None, end: datetime | None) -> Window:
        """Gives what of this is between two moments, None for no bound; empty if its end is not after its start."""
        return Window(max(self.start, start or self.start), min(self.end, end or self.end))

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.end <= self.start


class Piece(NamedTuple):
    """A period of a schedule, where it holds."""

    start: datetime
    end: datetime
    period: ChargingSchedulePeriod


def pieces(profile: ChargingProfile, window: Window, *, anchor: datetime) -> list[Piece]:
    """Lays a profile's schedule out over `window`: disjoint, in order; where it says nothing there is a gap.

    A schedule says nothing before its first period, after its `duration`, and outside validFrom and
    validTo (§7.8); the last period goes on until the duration, or the next recurrence, or for ever.

    `anchor` is where a schedule without time of its own begins: the start of the transaction for one that is
    Relative (§7.10), and for one that has no startSchedule though its kind asks for it.
    """
    valid = window.clipped(profile.valid_from, profile.valid_to)
    return [piece for run in _runs(profile, valid, anchor) for piece in _periods_of(profile, run, valid)]


def _runs(profile: ChargingProfile, window: Window, anchor: datetime) -> Iterator[Window]:
    """Tells from when to when the schedule runs, once, or again with each recurrence."""
    schedule = profile.charging_schedule
    relative = profile.charging_profile_kind == "Relative" or schedule.start_schedule is None
    start = anchor if relative else (schedule.start_schedule or anchor)
    every = RECURRENCES.get(profile.recurrency_kind or "") if profile.charging_profile_kind == "Recurring" else None
    if every is None:
        yield Window(start, _after(start, schedule.duration))
        return
    run = start + every * max(0, (window.start - start) // every)  # not from the beginning: it may be years ago
    while run < window.end:
        yield Window(run, min(_after(run, schedule.duration), run + every))
        run += every


def _after(start: datetime, seconds: int | None) -> datetime:
    # A charger may be told "until the year 9999", and 68 years after that there is no date.
    if seconds is None or seconds >= (_NEVER - start).total_seconds():
        return _NEVER
    return start + timedelta(seconds=seconds)


def _periods_of(profile: ChargingProfile, run: Window, valid: Window) -> Iterator[Piece]:
    # Chargers take them in any order, though §7.13 means them in that of time.
    periods: Sequence[ChargingSchedulePeriod] = sorted(
        profile.charging_schedule.charging_schedule_period, key=lambda period: period.start_period
    )
    starts = [_after(run.start, max(0, period.start_period)) for period in periods]
    for period, start, end in zip(periods, starts, [*starts[1:], run.end], strict=True):
        held = valid.clipped(start, min(end, run.end))
        if not held.empty:
            yield Piece(held.start, held.end, period)
