"""What we learn from a charger's answer to a call of ours: a row of OBSERVERS for each that tells something.

Most are an event for whoever looks later at what was set, and whether the charger took it; the ledger
has the whole messages. Nothing here may look at what is redacted before it is recorded (a password in
a URL, an AuthorizationKey): a replay of the ledger sees the redacted message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from solarocpp.central_system.configuration import observe_change, observe_reading
from solarocpp.central_system.context import Scene
from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.messages import OcppMessage
from solarocpp.store.effects import Effect

Told = dict[str, str | float | bool | None]


class _Answered(NamedTuple):
    """The event that an answer becomes."""

    name: str
    tell: Callable[[Any, Any], Told]
    """Takes request and confirmation, gives the event's data."""


# fmt: off
_EVENTS: Mapping[type[OcppMessage], _Answered] = {
    ocpp.ChangeAvailabilityRequest: _Answered("availability_answered", lambda asked, said: {
        "connector_id": asked.connector_id, "type": asked.type, "status": said.status}),
    ocpp.ResetRequest: _Answered("reset_answered", lambda asked, said: {"type": asked.type, "status": said.status}),
    ocpp.ReserveNowRequest: _Answered("reservation_answered", lambda asked, said: {
        "reservation_id": asked.reservation_id, "connector_id": asked.connector_id,
        "expiry_date": asked.expiry_date.isoformat(), "status": said.status}),
    ocpp.CancelReservationRequest: _Answered("reservation_answered", lambda asked, said: {
        "reservation_id": asked.reservation_id, "status": said.status}),
    ocpp.SendLocalListRequest: _Answered("local_list_answered", lambda asked, said: {
        "list_version": asked.list_version, "update_type": asked.update_type,
        "rows": len(asked.local_authorization_list), "status": said.status}),
    ocpp.GetLocalListVersionRequest: _Answered("local_list_answered", lambda _, said: {
        "list_version": said.list_version}),
    ocpp.SetChargingProfileRequest: _Answered("charging_profile_answered", lambda asked, said: {
        "connector_id": asked.connector_id, "charging_profile_id": asked.cs_charging_profiles.charging_profile_id,
        "purpose": asked.cs_charging_profiles.charging_profile_purpose,
        "stack_level": asked.cs_charging_profiles.stack_level, "status": said.status}),
    ocpp.ClearChargingProfileRequest: _Answered("charging_profile_answered", lambda asked, said: {
        "connector_id": asked.connector_id, "charging_profile_id": asked.id,
        "purpose": asked.charging_profile_purpose, "stack_level": asked.stack_level, "status": said.status}),
    ocpp.UpdateFirmwareRequest: _Answered("firmware_answered", lambda asked, _: {
        "retrieve_date": asked.retrieve_date.isoformat()}),
    ocpp.SignedUpdateFirmwareRequest: _Answered("firmware_answered", lambda asked, said: {
        "retrieve_date": asked.firmware.retrieve_date_time.isoformat(), "request_id": asked.request_id,
        "status": said.status}),
    ocpp.GetDiagnosticsRequest: _Answered("upload_answered", lambda _, said: {"file_name": said.file_name}),
    ocpp.GetLogRequest: _Answered("upload_answered", lambda asked, said: {
        "log_type": asked.log_type, "request_id": asked.request_id, "file_name": said.filename,
        "status": said.status}),
    ocpp.CertificateSignedRequest: _Answered("certificate_answered", lambda _, said: {"status": said.status}),
    ocpp.InstallCertificateRequest: _Answered("certificate_answered", lambda asked, said: {
        "certificate_type": asked.certificate_type, "status": said.status}),
    ocpp.DeleteCertificateRequest: _Answered("certificate_answered", lambda asked, said: {
        "serial_number": asked.certificate_hash_data.serial_number, "status": said.status}),
}
# fmt: on


def _observe(answered: _Answered, action: str, request: Any, confirmation: Any, scene: Scene) -> Sequence[Effect]:
    told = answered.tell(request, confirmation)
    outcome = told.get("status")
    message = f"the charger answered {action}" if outcome is None else f"the charger answered {action}: {outcome}"
    return [scene.event(answered.name, message, action=action, **told)]


OBSERVERS: Mapping[type[OcppMessage], Callable[[Any, Any, Scene], Sequence[Effect]]] = {
    **{
        request: partial(_observe, answered, request.__name__.removesuffix("Request"))
        for request, answered in _EVENTS.items()
    },
    ocpp.GetConfigurationRequest: observe_reading,
    ocpp.ChangeConfigurationRequest: observe_change,
}
"""By the request we sent: what its answer changes."""
