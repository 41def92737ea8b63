"""All charging profiles of a charger become one schedule: the composite schedule (OCPP 1.6 §3.13.3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from solarocpp.central_system.charging.calendar import Piece, Window, pieces
from solarocpp.central_system.charging.supply import Supply, rounded_down
from solarocpp.ocpp.datatypes import ChargingProfile, ChargingRateUnit, ChargingSchedulePeriod

# A month of a Recurring profile with a period for every quarter of an hour has 3,000 steps and takes 20 ms; no
# charger answers GetCompositeSchedule for more than some days.
LONGEST_WINDOW_S: Final = 31 * 86_400

_MAX: Final = "ChargePointMaxProfile"
_DEFAULT: Final = "TxDefaultProfile"
_TRANSACTION: Final = "TxProfile"


class InstalledProfile(msgspec.Struct, frozen=True):
    """A charging profile that a charge point accepted, and where."""

    connector_id: int
    profile: ChargingProfile
    installed: datetime
    """When it was accepted."""


class RunningTransaction(msgspec.Struct, frozen=True):
    """The transaction of the connector that is asked about."""

    transaction_id: int
    started: datetime


class Step(msgspec.Struct, frozen=True):
    """One limit, and how long it holds."""

    start: datetime
    end: datetime
    limit: float | None
    """In the unit of the schedule; for each phase if that is A. None: no profile limits anything."""
    number_phases: int | None
    """As the profiles name it; None where none does, which §7.14 reads as 3."""
    profile_ids: tuple[int, ...] = ()
    """chargingProfileId of the profiles that prevail, one for each purpose."""
    below_minimum: bool = False
    """The limit is less than the minChargingRate of a profile that prevails: the car may not charge at all."""


class CompositeSchedule(msgspec.Struct, frozen=True):
    """What a connector may take, step by step, without a gap from the start to the end of the window."""

    unit: ChargingRateUnit
    steps: tuple[Step, ...]

    @property
    def start(self) -> datetime:
        """The first moment it speaks of."""
        return self.steps[0].start

    @property
    def end(self) -> datetime:
        """The first moment it does not speak of any more."""
        return self.steps[-1].end

    def at(self, moment: datetime) -> Step:
        """Finds the step of a moment that the schedule speaks of."""
        return self.steps[max(0, bisect_right(self.steps, moment, key=lambda step: step.start) - 1)]


class _Layer(NamedTuple):
    """A profile, laid out; layers are compared by rank, the highest that says something prevails."""

    rank: tuple[int, int, int, datetime]
    profile: ChargingProfile
    pieces: Sequence[Piece]

    def at(self, moment: datetime) -> ChargingSchedulePeriod | None:
        index = bisect_right(self.pieces, moment, key=lambda piece: piece.start) - 1
        if index < 0 or self.pieces[index].end <= moment:
            return None
        return self.pieces[index].period


class _Limit(NamedTuple):
    """What one prevailing profile says of one moment."""

    profile: ChargingProfile
    period: ChargingSchedulePeriod


def composite_schedule(  # noqa: PLR0913 a schedule is asked for by all of these
    installed: Iterable[InstalledProfile],
    *,
    connector_id: int,
    transaction: RunningTransaction | None,
    start: datetime,
    duration_s: int,
    unit: ChargingRateUnit,
    supply: Supply,
) -> CompositeSchedule:
    """Computes what a connector may take in the `duration_s` seconds from `start`.

    At each moment, of each purpose the profile with the highest stackLevel prevails among those that say
    something (§3.13.2): where a schedule has ended the next lower level takes over. A TxProfile of the
    running transaction overrules the TxDefaultProfile (§3.13.1), one of the connector itself that of
    connector 0 on the same level. The least of what is left holds (§3.13.3); what the charger as
    a whole may take is for all its connectors together, here it is only a ceiling for each.

    For connector 0 it is what the grid connection may be asked for, so ChargePointMaxProfile alone:
    what cars will really take of it nobody knows (§5.7).
    """
    window = Window(start, start + timedelta(seconds=min(duration_s, LONGEST_WINDOW_S)))
    caps, of_transaction = _layers(installed, connector_id, transaction, window)
    edges = {window.start, window.end}
    for layer in (*caps, *of_transaction):
        edges.update(edge for piece in layer.pieces for edge in (piece.start, piece.end))
    moments = sorted(edges)
    steps: list[Step] = []
    for begin, end in pairwise(moments):
        prevailing = [found for layers in (caps, of_transaction) if (found := _prevailing(layers, begin))]
        step = _step(prevailing, begin, end, unit, supply)
        if steps and msgspec.structs.replace(steps[-1], end=end) == msgspec.structs.replace(
            step, start=steps[-1].start
        ):
            steps[-1] = msgspec.structs.replace(steps[-1], end=end)
        else:
            steps.append(step)
    return CompositeSchedule(unit, tuple(steps))


def _layers(
    installed: Iterable[InstalledProfile],
    connector_id: int,
    transaction: RunningTransaction | None,
    window: Window,
) -> tuple[list[_Layer], list[_Layer]]:
    """Picks the profiles that concern a connector: those of the charger, and those of its transactions."""
    caps: list[_Layer] = []
    of_transaction: list[_Layer] = []
    for row in installed:
        profile = row.profile
        purpose = profile.charging_profile_purpose
        # A connector that nobody charges at is asked what a car would get that came at the start of the window.
        begun = transaction.started if transaction else window.start
        anchor = row.installed if purpose == _MAX else begun
        rank = (int(purpose == _TRANSACTION), profile.stack_level, min(row.connector_id, 1), row.installed)
        layer = _Layer(rank, profile, pieces(profile, window, anchor=anchor))
        if purpose == _MAX and row.connector_id == 0:
            caps.append(layer)
        elif connector_id > 0 and (
            (purpose == _DEFAULT and row.connector_id in {0, connector_id})
            or (purpose == _TRANSACTION and row.connector_id == connector_id and _concerns(profile, transaction))
        ):
            of_transaction.append(layer)
    return _highest_first(caps), _highest_first(of_transaction)


def _highest_first(layers: list[_Layer]) -> list[_Layer]:
    return sorted(layers, key=lambda layer: layer.rank, reverse=True)


def _concerns(profile: ChargingProfile, transaction: RunningTransaction | None) -> bool:
    """Whether a TxProfile is for this transaction; one that names none is for any, as chargers that take it do."""
    if transaction is None:
        return False
    return profile.transaction_id in {None, 0, transaction.transaction_id}


def _prevailing(layers: Sequence[_Layer], moment: datetime) -> _Limit | None:
    for layer in layers:
        period = layer.at(moment)
        if period is not None:
            return _Limit(layer.profile, period)
    return None


def _step(limits: Sequence[_Limit], start: datetime, end: datetime, unit: ChargingRateUnit, supply: Supply) -> Step:
    if not limits:
        return Step(start, end, None, None)
    named = [row.period.number_phases for row in limits if row.period.number_phases is not None]
    number_phases = min(named) if named else None
    # Phases first, for all of them: 11 kW on the one phase that another profile leaves is 48 A there, not 16.
    phases = supply.phases_used(number_phases)

    def in_unit(limit: float, row: _Limit) -> float:
        return supply.converted(limit, row.profile.charging_schedule.charging_rate_unit, unit, phases)

    limit = rounded_down(min(in_unit(row.period.limit, row) for row in limits))
    least = max(in_unit(row.profile.charging_schedule.min_charging_rate or 0.0, row) for row in limits)
    return Step(
        start,
        end,
        limit,
        number_phases,
        tuple(row.profile.charging_profile_id for row in limits),
        below_minimum=0 < limit < rounded_down(least),
    )
