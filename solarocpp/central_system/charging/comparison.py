"""Our composite schedule beside the charge point's: where do they differ?

Accepted is not the same as kept (Q78, Q105): a charger may ignore a schedule that begins "now" because
its clock is ahead, or a level above what it knows. GetCompositeSchedule says what it really keeps to.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from solarocpp.central_system.charging.calendar import Window, pieces
from solarocpp.central_system.charging.composite import CompositeSchedule
from solarocpp.central_system.charging.supply import Supply
from solarocpp.ocpp.datatypes import ChargingProfile, ChargingSchedule

# Chargers round to whole amperes, and a watt more or less in 11 kW means nothing.
TOLERANCES: Final = {"A": 1.0, "W": 250.0}

# The charger's window begins when it reads our question, ours when we asked; a CALL may take 30 s.
LEAST_DIFFERENCE_S: Final = 30


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """From when to when the charge point keeps to something else than its profiles say."""

    start: datetime
    end: datetime
    ours: float | None
    """None: no profile limits anything there."""
    theirs: float | None
    """None: it says nothing of that time."""


def differences(
    ours: CompositeSchedule, theirs: ChargingSchedule | None, answered: datetime, supply: Supply
) -> list[Difference]:
    """Compares, over the window of ours, with the schedule in a GetCompositeSchedule.conf.

    Where we have no limit, anything the charge point says is right: it tells what its hardware can.
    `answered` is the scheduleStart of the answer, or when it came if it has none.
    """
    window = Window(ours.start, ours.end)
    laid_out = [] if theirs is None else pieces(_as_profile(theirs, answered), window, anchor=answered)
    edges = {edge for piece in laid_out for edge in (piece.start, piece.end)} | {window.start, window.end}
    moments = sorted(edges | {step.start for step in ours.steps})
    found: list[Difference] = []
    for start, end in pairwise(moments):
        step = ours.at(start)
        period = next((piece.period for piece in laid_out if piece.start <= start < piece.end), None)
        said = None
        if theirs is not None and period is not None:
            phases = supply.phases_used(step.number_phases or period.number_phases)
            said = supply.converted(period.limit, theirs.charging_rate_unit, ours.unit, phases)
        if step.limit is None or (said is not None and abs(step.limit - said) <= TOLERANCES[ours.unit]):
            continue
        if found and found[-1].end == start and (found[-1].ours, found[-1].theirs) == (step.limit, said):
            found[-1] = msgspec.structs.replace(found[-1], end=end)
        else:
            found.append(Difference(start, end, step.limit, said))
    return [row for row in found if row.end - row.start >= timedelta(seconds=LEAST_DIFFERENCE_S)]


def _as_profile(schedule: ChargingSchedule, answered: datetime) -> ChargingProfile:
    start = schedule.start_schedule or answered
    return ChargingProfile(0, 0, "TxProfile", "Absolute", msgspec.structs.replace(schedule, start_schedule=start))
