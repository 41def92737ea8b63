"""The charging profiles of a charge point, and what they allow (OCPP 1.6 §3.13): the limit of a moment, and a schedule.

    ChargePointMaxProfile    what the charge point may draw: shared by the connectors that charge
    TxDefaultProfile         a connector's, or with 0 any connector's
    TxProfile                the running transaction's; goes before TxDefaultProfile

Of the profiles of one purpose, the one of the highest stack level that has a limit for the moment counts.
Limits are amperes a phase here; in W they are told apart by three phases of 230 V.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from solarocpp.ocpp.datatypes import (
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
)
from solarocpp.ocpp.messages import ClearChargingProfileRequest
from solarocpp.simulator.charging import NOMINAL_VOLTAGE_V

# What the cable takes.
MOST_CURRENT_A = 32.0

# No profile is about a later time; adding a few years to it still gives a time.
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

# A composite schedule is told for a week at most: more is asked for by mistake.
LONGEST_SCHEDULE_S = 7 * 86_400

_PHASES = 3
_RECURS = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


class _Kept(NamedTuple):
    connector_id: int
    profile: ChargingProfile
    since: datetime


class Limits:
    """The profiles of one charge point.

    `began` tells when the transaction of a connector began, None without one; `sharing` how many
    connectors charge.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        began: Callable[[int], datetime | None],
        sharing: Callable[[], int],
    ) -> None:
        self._now, self._began, self._sharing = now, began, sharing
        self._kept: list[_Kept] = []

    def keep(self, connector_id: int, profile: ChargingProfile) -> None:
        """Keeps a profile in place of one of the same id, or of the same purpose and level (§3.13.2)."""

        def replaced(kept: _Kept) -> bool:
            other = kept.profile
            same_place = (kept.connector_id, other.charging_profile_purpose, other.stack_level) == (
                connector_id,
                profile.charging_profile_purpose,
                profile.stack_level,
            )
            return same_place or other.charging_profile_id == profile.charging_profile_id

        self._kept = [kept for kept in self._kept if not replaced(kept)]
        self._kept.append(_Kept(connector_id, profile, self._now()))

    def clear(self, request: ClearChargingProfileRequest) -> int:
        """Takes profiles away: the one of an id, or those that match all that is given; returns how many."""

        def matches(kept: _Kept) -> bool:
            profile = kept.profile
            if request.id is not None:
                return profile.charging_profile_id == request.id
            return (
                request.connector_id in {None, kept.connector_id}
                and request.charging_profile_purpose in {None, profile.charging_profile_purpose}
                and request.stack_level in {None, profile.stack_level}
            )

        before = len(self._kept)
        self._kept = [kept for kept in self._kept if not matches(kept)]
        return before - len(self._kept)

    def end_transaction(self, connector_id: int) -> None:
        """Forgets what was meant for the transaction that ended."""
        self._kept = [
            kept
            for kept in self._kept
            if kept.connector_id != connector_id or kept.profile.charging_profile_purpose != "TxProfile"
        ]

    def __len__(self) -> int:
        """How many profiles there are."""
        return len(self._kept)

    def current_a(self, connector_id: int, when: datetime, phases: int) -> float:
        """The amperes a phase that a car with so many phases may draw; for 0, what all of them may."""
        if not self._kept:
            return MOST_CURRENT_A
        whole = self._limit(0, "ChargePointMaxProfile", when, phases)
        found = [MOST_CURRENT_A]
        if connector_id == 0:
            return whole if whole is not None else MOST_CURRENT_A
        if whole is not None:
            found.append(whole / max(1, self._sharing()))
        own = self._limit(connector_id, "TxProfile", when, phases)
        if own is None:
            own = self._limit(connector_id, "TxDefaultProfile", when, phases)
        return min(found if own is None else [*found, own])

    def next_change(self, connector_id: int, after: datetime, until: datetime) -> datetime:
        """When the limit may be another one; `until` if not before."""
        return min((at for at in self._boundaries(connector_id, after, until) if at > after), default=until)

    def composite(self, connector_id: int, seconds: int, unit: ChargingRateUnit | None) -> ChargingSchedule:
        """The schedule that results for the next so many seconds (§5.7.1)."""
        now = self._now()
        seconds = min(seconds, LONGEST_SCHEDULE_S)
        until = now + timedelta(seconds=seconds)
        factor = NOMINAL_VOLTAGE_V * _PHASES if unit == "W" else 1.0
        periods: list[ChargingSchedulePeriod] = []
        for at in sorted({now, *self._boundaries(connector_id, now, until)}):
            limit = round(self.current_a(connector_id, at, _PHASES) * factor, 1)
            if at < until and (not periods or periods[-1].limit != limit):
                periods.append(ChargingSchedulePeriod(int((at - now).total_seconds()), limit))
        return ChargingSchedule(unit or "A", tuple(periods), duration=seconds, start_schedule=now)

    # -- one profile ---------------------------------------------------------------------------------

    def _limit(self, connector_id: int, purpose: ChargingProfilePurpose, when: datetime, phases: int) -> float | None:
        those = [kept for kept in self._of(connector_id) if kept.profile.charging_profile_purpose == purpose]
        for kept in sorted(those, key=_rank, reverse=True):
            period = self._period(kept, connector_id, when)
            if period is not None:
                in_watts = kept.profile.charging_schedule.charging_rate_unit == "W"
                over = NOMINAL_VOLTAGE_V * (period.number_phases or phases) if in_watts else 1.0
                return period.limit / over
        return None

    def _of(self, connector_id: int) -> list[_Kept]:
        return [kept for kept in self._kept if kept.connector_id in {0, connector_id}]

    def _period(self, kept: _Kept, connector_id: int, when: datetime) -> ChargingSchedulePeriod | None:
        begin, schedule = self._begin(kept, connector_id, when), kept.profile.charging_schedule
        if begin is None or not _is_valid(kept.profile, when):
            return None
        elapsed_s = (when - begin).total_seconds()
        if elapsed_s < 0 or (schedule.duration is not None and elapsed_s >= schedule.duration):
            return None
        past = [period for period in schedule.charging_schedule_period if period.start_period <= elapsed_s]
        return max(past, key=lambda period: period.start_period, default=None)

    def _begin(self, kept: _Kept, connector_id: int, when: datetime) -> datetime | None:
        """When the schedule began that covers a moment: for a recurring one, the last time."""
        profile = kept.profile
        start = profile.charging_schedule.start_schedule
        if profile.charging_profile_kind == "Relative":
            return self._began(connector_id)
        if start is None:  # absolute to nothing: from when it was set
            start = kept.since
        recurs = _RECURS.get(profile.recurrency_kind or "") if profile.charging_profile_kind == "Recurring" else None
        return start if recurs is None else when - (when - start) % recurs

    def _boundaries(self, connector_id: int, after: datetime, until: datetime) -> set[datetime]:
        """Every moment at which any profile may begin to say something else."""
        found: set[datetime] = set()
        for kept in self._of(connector_id):
            found.update(self._boundaries_of(kept, connector_id, after, until))
        return {at for at in found if after < at < until}

    def _boundaries_of(self, kept: _Kept, connector_id: int, after: datetime, until: datetime) -> Iterator[datetime]:
        profile, schedule = kept.profile, kept.profile.charging_schedule
        yield from (at for at in (profile.valid_from, profile.valid_to) if at is not None)
        begin = self._begin(kept, connector_id, after)
        recurs = _RECURS.get(profile.recurrency_kind or "") if profile.charging_profile_kind == "Recurring" else None
        while begin is not None and begin < until:
            seconds = [period.start_period for period in schedule.charging_schedule_period]
            yield from (begin + timedelta(seconds=at) for at in (*seconds, schedule.duration or 0))
            begin = None if recurs is None else begin + recurs


def _rank(kept: _Kept) -> tuple[int, int]:
    """The higher level first; of equal ones the connector's own."""
    return kept.profile.stack_level, kept.connector_id


def _is_valid(profile: ChargingProfile, when: datetime) -> bool:
    return (profile.valid_from is None or profile.valid_from <= when) and (
        profile.valid_to is None or when < profile.valid_to
    )
