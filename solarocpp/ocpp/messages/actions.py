"""The ACTIONS table: every action of OCPP 1.6 and of its security extension, who sends it, and its structs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from solarocpp.ocpp.datatypes import OcppMessage
from solarocpp.ocpp.messages import (
    core,
    firmware,
    local_list,
    remote_trigger,
    reservation,
    security,
    smart_charging,
)

Sender = Literal["charge_point", "central_system"]


class Action(msgspec.Struct, frozen=True):
    """One row of ACTIONS."""

    name: str
    sent_by: Literal["charge_point", "central_system", "either"]
    profile: str
    """As `SupportedFeatureProfiles` spells it; the security extension has no name there."""
    request: type[OcppMessage]
    confirmation: type[OcppMessage]


_CORE = "Core"
_FIRMWARE = "FirmwareManagement"
_LOCAL_LIST = "LocalAuthListManagement"
_RESERVATION = "Reservation"
_SMART = "SmartCharging"
_TRIGGER = "RemoteTrigger"
_SECURITY = "Security"  # "Improved security for OCPP 1.6-J", edition 3

# fmt: off
_ROWS = (
    Action("Authorize", "charge_point", _CORE, core.AuthorizeRequest, core.AuthorizeConfirmation),
    Action("BootNotification", "charge_point", _CORE, core.BootNotificationRequest, core.BootNotificationConfirmation),
    Action("ChangeAvailability", "central_system", _CORE,
           core.ChangeAvailabilityRequest, core.ChangeAvailabilityConfirmation),
    Action("ChangeConfiguration", "central_system", _CORE,
           core.ChangeConfigurationRequest, core.ChangeConfigurationConfirmation),
    Action("ClearCache", "central_system", _CORE, core.ClearCacheRequest, core.ClearCacheConfirmation),
    Action("DataTransfer", "either", _CORE, core.DataTransferRequest, core.DataTransferConfirmation),
    Action("GetConfiguration", "central_system", _CORE,
           core.GetConfigurationRequest, core.GetConfigurationConfirmation),
    Action("Heartbeat", "charge_point", _CORE, core.HeartbeatRequest, core.HeartbeatConfirmation),
    Action("MeterValues", "charge_point", _CORE, core.MeterValuesRequest, core.MeterValuesConfirmation),
    Action("RemoteStartTransaction", "central_system", _CORE,
           core.RemoteStartTransactionRequest, core.RemoteStartTransactionConfirmation),
    Action("RemoteStopTransaction", "central_system", _CORE,
           core.RemoteStopTransactionRequest, core.RemoteStopTransactionConfirmation),
    Action("Reset", "central_system", _CORE, core.ResetRequest, core.ResetConfirmation),
    Action("StartTransaction", "charge_point", _CORE, core.StartTransactionRequest, core.StartTransactionConfirmation),
    Action("StatusNotification", "charge_point", _CORE,
           core.StatusNotificationRequest, core.StatusNotificationConfirmation),
    Action("StopTransaction", "charge_point", _CORE, core.StopTransactionRequest, core.StopTransactionConfirmation),
    Action("UnlockConnector", "central_system", _CORE, core.UnlockConnectorRequest, core.UnlockConnectorConfirmation),
    Action("DiagnosticsStatusNotification", "charge_point", _FIRMWARE,
           firmware.DiagnosticsStatusNotificationRequest, firmware.DiagnosticsStatusNotificationConfirmation),
    Action("FirmwareStatusNotification", "charge_point", _FIRMWARE,
           firmware.FirmwareStatusNotificationRequest, firmware.FirmwareStatusNotificationConfirmation),
    Action("GetDiagnostics", "central_system", _FIRMWARE,
           firmware.GetDiagnosticsRequest, firmware.GetDiagnosticsConfirmation),
    Action("UpdateFirmware", "central_system", _FIRMWARE,
           firmware.UpdateFirmwareRequest, firmware.UpdateFirmwareConfirmation),
    Action("GetLocalListVersion", "central_system", _LOCAL_LIST,
           local_list.GetLocalListVersionRequest, local_list.GetLocalListVersionConfirmation),
    Action("SendLocalList", "central_system", _LOCAL_LIST,
           local_list.SendLocalListRequest, local_list.SendLocalListConfirmation),
    Action("CancelReservation", "central_system", _RESERVATION,
           reservation.CancelReservationRequest, reservation.CancelReservationConfirmation),
    Action("ReserveNow", "central_system", _RESERVATION,
           reservation.ReserveNowRequest, reservation.ReserveNowConfirmation),
    Action("ClearChargingProfile", "central_system", _SMART,
           smart_charging.ClearChargingProfileRequest, smart_charging.ClearChargingProfileConfirmation),
    Action("GetCompositeSchedule", "central_system", _SMART,
           smart_charging.GetCompositeScheduleRequest, smart_charging.GetCompositeScheduleConfirmation),
    Action("SetChargingProfile", "central_system", _SMART,
           smart_charging.SetChargingProfileRequest, smart_charging.SetChargingProfileConfirmation),
    Action("TriggerMessage", "central_system", _TRIGGER,
           remote_trigger.TriggerMessageRequest, remote_trigger.TriggerMessageConfirmation),
    Action("CertificateSigned", "central_system", _SECURITY,
           security.CertificateSignedRequest, security.CertificateSignedConfirmation),
    Action("DeleteCertificate", "central_system", _SECURITY,
           security.DeleteCertificateRequest, security.DeleteCertificateConfirmation),
    Action("ExtendedTriggerMessage", "central_system", _SECURITY,
           security.ExtendedTriggerMessageRequest, security.ExtendedTriggerMessageConfirmation),
    Action("GetInstalledCertificateIds", "central_system", _SECURITY,
           security.GetInstalledCertificateIdsRequest, security.GetInstalledCertificateIdsConfirmation),
    Action("GetLog", "central_system", _SECURITY, security.GetLogRequest, security.GetLogConfirmation),
    Action("InstallCertificate", "central_system", _SECURITY,
           security.InstallCertificateRequest, security.InstallCertificateConfirmation),
    Action("LogStatusNotification", "charge_point", _SECURITY,
           security.LogStatusNotificationRequest, security.LogStatusNotificationConfirmation),
    Action("SecurityEventNotification", "charge_point", _SECURITY,
           security.SecurityEventNotificationRequest, security.SecurityEventNotificationConfirmation),
    Action("SignCertificate", "charge_point", _SECURITY,
           security.SignCertificateRequest, security.SignCertificateConfirmation),
    Action("SignedFirmwareStatusNotification", "charge_point", _SECURITY,
           security.SignedFirmwareStatusNotificationRequest, security.SignedFirmwareStatusNotificationConfirmation),
    Action("SignedUpdateFirmware", "central_system", _SECURITY,
           security.SignedUpdateFirmwareRequest, security.SignedUpdateFirmwareConfirmation),
)
# fmt: on

ACTIONS: Mapping[str, Action] = MappingProxyType({row.name: row for row in _ROWS})
"""Every action of OCPP 1.6 and of its security extension, by name."""
