"""Answers to the calls of the Smart Charging profile (OCPP 1.6 §5.5, §5.7, §5.16)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.datatypes import ChargingProfile
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.limits import LATEST
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

# Of a schedule; what is longer is no schedule of charging.
_LONGEST_S = 10 * 366 * 86_400
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), LATEST


def is_acceptable(
    charge_point: ChargePoint, connector_id: int, profile: ChargingProfile, *, starting: bool = False
) -> bool:
    """Whether a profile may be kept for a connector; with `starting`, for a transaction that is about to begin."""
    if not 0 <= connector_id < len(charge_point.connectors) or not _is_sound(charge_point, profile):
        return False
    match profile.charging_profile_purpose:
        case "ChargePointMaxProfile":  # for the whole charge point only, and for no transaction (§3.13.1)
            return connector_id == 0 and profile.charging_profile_kind != "Relative" and not starting
        case "TxDefaultProfile":
            return not starting
        case "TxProfile":
            transaction = charge_point.connectors[connector_id].transaction
            asked = profile.transaction_id
            running = transaction is not None and asked in {None, transaction.transaction_id}
            return connector_id > 0 and (starting or running)


def _is_sound(charge_point: ChargePoint, profile: ChargingProfile) -> bool:
    schedule, configuration = profile.charging_schedule, charge_point.configuration
    starts = [period.start_period for period in schedule.charging_schedule_period]
    times = [at for at in (schedule.start_schedule, profile.valid_from, profile.valid_to) if at is not None]
    return (
        0 <= profile.stack_level <= configuration.integer("ChargeProfileMaxStackLevel")
        and 1 <= len(starts) <= configuration.integer("ChargingScheduleMaxPeriods")
        and starts[0] == 0
        and all(earlier < later for earlier, later in pairwise(starts))
        and max(starts[-1], schedule.duration or 0) <= _LONGEST_S
        and all(period.limit >= 0 for period in schedule.charging_schedule_period)
        and all(_EARLIEST <= at < _LATEST for at in times)
        and (profile.charging_profile_kind == "Recurring") == (profile.recurrency_kind is not None)
    )


def _set(charge_point: ChargePoint, request: ocpp.SetChargingProfileRequest) -> Reply:
    profile = request.cs_charging_profiles
    room = len(charge_point.limits) < charge_point.configuration.integer("MaxChargingProfilesInstalled")
    if not room or not is_acceptable(charge_point, request.connector_id, profile):
        return Reply(ocpp.SetChargingProfileConfirmation(status="Rejected"))
    charge_point.limits.keep(request.connector_id, profile)
    return Reply(ocpp.SetChargingProfileConfirmation(status="Accepted"), charge_point.wake_sessions)


def _clear(charge_point: ChargePoint, request: ocpp.ClearChargingProfileRequest) -> Reply:
    cleared = charge_point.limits.clear(request)
    status = ocpp.ClearChargingProfileConfirmation(status="Accepted" if cleared else "Unknown")
    return Reply(status, charge_point.wake_sessions)


def _composite(charge_point: ChargePoint, request: ocpp.GetCompositeScheduleRequest) -> Reply:
    if not 0 <= request.connector_id < len(charge_point.connectors) or request.duration < 1:
        return Reply(ocpp.GetCompositeScheduleConfirmation(status="Rejected"))
    schedule = charge_point.limits.composite(request.connector_id, request.duration, request.charging_rate_unit)
    return Reply(
        ocpp.GetCompositeScheduleConfirmation(
            status="Accepted",
            connector_id=request.connector_id,
            schedule_start=schedule.start_schedule,
            charging_schedule=schedule,
        )
    )


SMART_CHARGING: Answers = {
    ocpp.ClearChargingProfileRequest: _clear,
    ocpp.GetCompositeScheduleRequest: _composite,
    ocpp.SetChargingProfileRequest: _set,
}
