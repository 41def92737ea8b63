"""The Smart Charging profile: how much power, and when."""

from __future__ import annotations

from typing import Literal

from solarocpp.ocpp.datatypes import (
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    DateTime,
    Integer,
    OcppMessage,
)


class SetChargingProfileRequest(OcppMessage, frozen=True):
    """Limits a connector, or with 0 all of them (OCPP 1.6 §6.43)."""

    connector_id: Integer
    cs_charging_profiles: ChargingProfile


class SetChargingProfileConfirmation(OcppMessage, frozen=True):
    """Whether the charge point keeps the profile; that it heeds it, only readings tell (Q105)."""

    status: Literal["Accepted", "Rejected", "NotSupported"]


class ClearChargingProfileRequest(OcppMessage, frozen=True):
    """Takes away the profiles that match all that is given; nothing given: all of them (OCPP 1.6 §6.13)."""

    id: Integer | None = None
    connector_id: Integer | None = None
    charging_profile_purpose: ChargingProfilePurpose | None = None
    stack_level: Integer | None = None


class ClearChargingProfileConfirmation(OcppMessage, frozen=True):
    """Whether any matched."""

    status: Literal["Accepted", "Unknown"]


class GetCompositeScheduleRequest(OcppMessage, frozen=True):
    """Asks what all profiles together allow for the next `duration` seconds (OCPP 1.6 §6.21)."""

    connector_id: Integer
    duration: Integer
    charging_rate_unit: ChargingRateUnit | None = None


class GetCompositeScheduleConfirmation(OcppMessage, frozen=True):
    """The limits that are in force; for connector 0 what the charge point may draw from the grid."""

    status: Literal["Accepted", "Rejected"]
    connector_id: Integer | None = None
    schedule_start: DateTime | None = None
    charging_schedule: ChargingSchedule | None = None
