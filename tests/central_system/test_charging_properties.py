"""What holds of every composite schedule, whatever profiles a charger has."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from schedules import MIDNIGHT, installed, profile, running

from solarocpp.central_system.charging import CompositeSchedule, InstalledProfile, Supply, composite_schedule
from solarocpp.ocpp.datatypes import ChargingProfile

WATTS_PER_AMPERE = 230 * 3
DAY_S = 86_400

quarters = st.integers(0, 4 * 48)
limits = st.integers(0, 320).map(lambda tenths: tenths / 10)


@st.composite
def profiles(draw: st.DrawFn) -> InstalledProfile:
    purpose = draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]))
    unit = draw(st.sampled_from(["A", "W"]))
    scale = 1 if unit == "A" else WATTS_PER_AMPERE
    kinds = ["Absolute", "Recurring", "Relative"]  # relative to a transaction, which a charger as a whole has not
    kind = draw(st.sampled_from(kinds[:2] if purpose == "ChargePointMaxProfile" else kinds))
    bounds = sorted(draw(st.lists(quarters, min_size=2, max_size=2)))
    made = profile(
        draw(st.integers(1, 99)),
        {quarter / 4: limit * scale for quarter, limit in draw(st.dictionaries(quarters, limits, min_size=1)).items()},
        purpose=purpose,
        unit=unit,
        kind=kind,
        stack=draw(st.integers(0, 3)),
        start=MIDNIGHT + timedelta(minutes=15 * draw(st.integers(-100, 100))),
        duration=draw(st.none() | st.integers(900, 2 * DAY_S)),
        recurrency_kind=draw(st.sampled_from(["Daily", "Weekly"])) if kind == "Recurring" else None,
        valid_from=draw(st.none() | st.just(MIDNIGHT + timedelta(minutes=15 * bounds[0]))),
        valid_to=draw(st.none() | st.just(MIDNIGHT + timedelta(minutes=15 * bounds[1]))),
    )
    return installed(made, connector={"ChargePointMaxProfile": 0, "TxProfile": 1}.get(purpose, draw(st.integers(0, 2))))


# One place, purpose and level holds one profile: a charge point replaces it by the next (§3.13.2).
installations = st.lists(
    profiles(),
    max_size=6,
    unique_by=lambda row: (row.connector_id, row.profile.charging_profile_purpose, row.profile.stack_level),
)


def composite(rows: list[InstalledProfile], unit: str = "A") -> CompositeSchedule:
    return composite_schedule(
        rows,
        connector_id=1,
        transaction=running("6:00"),
        start=MIDNIGHT + timedelta(hours=6),
        duration_s=DAY_S,
        unit=unit,  # type: ignore[arg-type]
        supply=Supply(),
    )


def alone(row: InstalledProfile) -> CompositeSchedule:
    return composite([row])


@given(installations)
def test_steps_leave_no_gap_and_do_not_repeat(rows: list[InstalledProfile]) -> None:
    made = composite(rows)
    assert (made.start, made.end) == (MIDNIGHT + timedelta(hours=6), MIDNIGHT + timedelta(hours=30))
    for before, after in pairwise(made.steps):
        assert before.end == after.start
        assert before.start < before.end
        assert (before.limit, before.profile_ids) != (after.limit, after.profile_ids) or (
            before.below_minimum != after.below_minimum
        )


@given(installations)
def test_never_more_than_what_the_charger_as_a_whole_may(rows: list[InstalledProfile]) -> None:
    caps = [row for row in rows if row.profile.charging_profile_purpose == "ChargePointMaxProfile"]
    together = composite(rows)
    for step in composite(caps).steps:
        for moment in (step.start, step.end - timedelta(seconds=1)):
            limit = together.at(moment).limit
            assert step.limit is None or (limit is not None and limit <= step.limit)


@given(installations)
def test_a_limit_is_always_one_that_somebody_set(rows: list[InstalledProfile]) -> None:
    """The profiles that a step names say that limit, or more, at that moment; one of them says exactly it."""
    single = {id(row): alone(row) for row in rows}
    for step in composite(rows).steps:
        said = {single[id(row)].at(step.start).limit for row in rows} - {None}
        assert step.limit is None or step.limit in said
        assert (step.limit is None) == (not step.profile_ids)
        assert (step.limit is None) == (not said)


@given(installations)
def test_watts_are_amperes_times_the_supply(rows: list[InstalledProfile]) -> None:
    amperes, watts = composite(rows), composite(rows, "W")
    for step in watts.steps:
        other = amperes.at(step.start).limit
        assert (step.limit is None) == (other is None)
        if step.limit is not None and other is not None:
            assert other <= step.limit / WATTS_PER_AMPERE + 1e-6
            assert other > step.limit / WATTS_PER_AMPERE - 0.11  # rounded down to tenths, in both


@given(installations, st.integers(0, DAY_S - 1))
def test_every_moment_agrees_with_the_rules_read_one_by_one(rows: list[InstalledProfile], second: int) -> None:
    """The same rules without edges and layers: of one moment, in the order the specification has them."""
    moment = MIDNIGHT + timedelta(hours=6, seconds=second)
    prevailing = []
    for purposes in (("ChargePointMaxProfile",), ("TxProfile", "TxDefaultProfile")):
        for purpose in purposes:
            speaking = [
                ((row.profile.stack_level, row.connector_id), limit)
                for row in rows
                if row.profile.charging_profile_purpose == purpose
                and row.connector_id in {0, 1}
                and (limit := said_at(row.profile, second + 6 * 3600)) is not None
            ]
            if speaking:
                prevailing.append(max(speaking)[1])
                break
    expected = min(prevailing, default=None)
    actual = composite(rows).at(moment).limit
    assert (actual is None) == (expected is None)
    assert actual is None or expected is None or abs(actual - expected) < 0.1001


def said_at(made: ChargingProfile, second: int) -> float | None:
    """Limit in A at so many seconds after MIDNIGHT, or None."""
    schedule = made.charging_schedule
    for bound, outside in ((made.valid_from, -1), (made.valid_to, 1)):
        if bound is not None:
            distance = second - (bound - MIDNIGHT).total_seconds()
            if (distance < 0 and outside == -1) or (distance >= 0 and outside == 1):
                return None
    start = 6 * 3600 if schedule.start_schedule is None else (schedule.start_schedule - MIDNIGHT).total_seconds()
    into = second - start
    if made.charging_profile_kind == "Recurring" and into >= 0:
        into %= DAY_S * (1 if made.recurrency_kind == "Daily" else 7)
    if schedule.duration is not None and into >= schedule.duration:
        return None
    begun = [period for period in schedule.charging_schedule_period if period.start_period <= into and into >= 0]
    if not begun:
        return None
    last = max(begun, key=lambda period: period.start_period)
    return last.limit if schedule.charging_rate_unit == "A" else last.limit / WATTS_PER_AMPERE
