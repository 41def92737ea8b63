"""The Core profile: what every charge point and every central system speaks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from solarocpp.ocpp.datatypes import (
    ChargingProfile,
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    DateTime,
    EnergyRegister,
    IdTagInfo,
    IdToken,
    Integer,
    KeyValue,
    LinkedTransaction,
    LongInteger,
    MeterValue,
    OcppMessage,
    Timestamp,
)

# -- from the charge point -------------------------------------------------------------------------------


class AuthorizeRequest(OcppMessage, frozen=True):
    """May this id tag charge, or stop charging (OCPP 1.6 §6.1)?"""

    id_tag: IdToken


class AuthorizeConfirmation(OcppMessage, frozen=True):
    """What the central system thinks of the id tag."""

    id_tag_info: IdTagInfo


class BootNotificationRequest(OcppMessage, frozen=True):
    """The charge point has started, or says again what it is (OCPP 1.6 §6.3)."""

    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_box_serial_number: CiString25 | None = None
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_type: CiString25 | None = None
    meter_serial_number: CiString25 | None = None


RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]


class BootNotificationConfirmation(OcppMessage, frozen=True):
    """Whether the charge point may take part; `interval` in seconds between heartbeats."""

    status: RegistrationStatus
    current_time: DateTime
    interval: Integer


class HeartbeatRequest(OcppMessage, frozen=True):
    """The charge point is alive and asks for the time (OCPP 1.6 §6.29)."""


class HeartbeatConfirmation(OcppMessage, frozen=True):
    """The central system's time."""

    current_time: DateTime


class MeterValuesRequest(OcppMessage, frozen=True):
    """Readings of a connector, in a transaction or not (OCPP 1.6 §6.31)."""

    connector_id: Integer
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]
    transaction_id: LinkedTransaction | None = None


class MeterValuesConfirmation(OcppMessage, frozen=True):
    """The readings are stored."""


class StartTransactionRequest(OcppMessage, frozen=True):
    """A transaction has begun; `meter_start` in Wh (OCPP 1.6 §6.45)."""

    connector_id: Integer
    id_tag: IdToken
    meter_start: EnergyRegister
    timestamp: Timestamp | None
    reservation_id: Integer | None = None


class StartTransactionConfirmation(OcppMessage, frozen=True):
    """The id of the transaction, and whether it may go on."""

    transaction_id: LongInteger
    id_tag_info: IdTagInfo


StopReason = Literal[
    "DeAuthorized",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
]


class StopTransactionRequest(OcppMessage, frozen=True):
    """A transaction has ended; `meter_stop` in Wh (OCPP 1.6 §6.49).

    The transaction id is -1 where the charge point started offline and never learned it (Q64).
    """

    meter_stop: EnergyRegister
    timestamp: Timestamp | None
    transaction_id: LongInteger
    id_tag: IdToken | None = None
    # An unlisted reason must not keep a session open for ever.
    reason: Annotated[StopReason, Meta(extra={"unlisted": "Other"})] | None = None
    transaction_data: tuple[MeterValue, ...] = ()


class StopTransactionConfirmation(OcppMessage, frozen=True):
    """The end is recorded."""

    id_tag_info: IdTagInfo | None = None


ChargePointStatus = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]
ChargePointErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
]


class StatusNotificationRequest(OcppMessage, frozen=True):
    """The state of a connector, or of the charge point as a whole as connector 0 (OCPP 1.6 §6.47)."""

    connector_id: Integer
    # An unlisted code becomes OtherError, its text goes to `info` (Q36).
    error_code: Annotated[ChargePointErrorCode, Meta(extra={"unlisted": "OtherError", "note": "info"})]
    status: ChargePointStatus
    info: CiString50 | None = None
    timestamp: Timestamp | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None


class StatusNotificationConfirmation(OcppMessage, frozen=True):
    """The status is noted."""


# -- either way ------------------------------------------------------------------------------------------


class DataTransferRequest(OcppMessage, frozen=True):
    """Whatever a vendor wants (OCPP 1.6 §6.15)."""

    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: Annotated[str, Meta(extra={"as_json": True})] | None = None


class DataTransferConfirmation(OcppMessage, frozen=True):
    """What became of it."""

    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: Annotated[str, Meta(extra={"as_json": True})] | None = None


# -- from the central system -----------------------------------------------------------------------------


class ChangeAvailabilityRequest(OcppMessage, frozen=True):
    """Puts a connector, or with 0 all of them, in or out of service (OCPP 1.6 §6.7)."""

    connector_id: Integer
    type: Literal["Inoperative", "Operative"]


class ChangeAvailabilityConfirmation(OcppMessage, frozen=True):
    """`Scheduled`: when the running transaction has ended."""

    status: Literal["Accepted", "Rejected", "Scheduled"]


class ChangeConfigurationRequest(OcppMessage, frozen=True):
    """Sets a configuration key (OCPP 1.6 §6.9)."""

    key: CiString50
    value: CiString500


class ChangeConfigurationConfirmation(OcppMessage, frozen=True):
    """Whether the key has its new value."""

    status: Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class ClearCacheRequest(OcppMessage, frozen=True):
    """Forgets the charge point's cache of authorizations (OCPP 1.6 §6.11)."""


class ClearCacheConfirmation(OcppMessage, frozen=True):
    """Whether the cache is empty."""

    status: Literal["Accepted", "Rejected"]


class GetConfigurationRequest(OcppMessage, frozen=True):
    """Asks for the named keys, without names for all (OCPP 1.6 §6.23)."""

    key: tuple[CiString50, ...] = ()


class GetConfigurationConfirmation(OcppMessage, frozen=True):
    """The keys the charge point knows, and those it does not; both may be missing (Q45)."""

    configuration_key: tuple[KeyValue, ...] = ()
    unknown_key: tuple[CiString50, ...] = ()


class RemoteStartTransactionRequest(OcppMessage, frozen=True):
    """Asks the charge point to start a transaction (OCPP 1.6 §6.33)."""

    id_tag: IdToken
    connector_id: Integer | None = None
    charging_profile: ChargingProfile | None = None


class RemoteStartTransactionConfirmation(OcppMessage, frozen=True):
    """Whether it will try; only a StartTransaction says that it did."""

    status: Literal["Accepted", "Rejected"]


class RemoteStopTransactionRequest(OcppMessage, frozen=True):
    """Asks the charge point to stop a transaction (OCPP 1.6 §6.35)."""

    transaction_id: LongInteger


class RemoteStopTransactionConfirmation(OcppMessage, frozen=True):
    """Whether it will."""

    status: Literal["Accepted", "Rejected"]


class ResetRequest(OcppMessage, frozen=True):
    """Restarts the charge point (OCPP 1.6 §6.39)."""

    type: Literal["Hard", "Soft"]


class ResetConfirmation(OcppMessage, frozen=True):
    """Whether it will."""

    status: Literal["Accepted", "Rejected"]


class UnlockConnectorRequest(OcppMessage, frozen=True):
    """Opens the lock of a connector (OCPP 1.6 §6.53)."""

    connector_id: Integer


class UnlockConnectorConfirmation(OcppMessage, frozen=True):
    """Whether the cable is free."""

    status: Literal["Unlocked", "UnlockFailed", "NotSupported"]
