"""Firmware, diagnostics and logs: what a charger says of work that takes a while.

Each is a status stream of the whole charger, and an event. The status is OCPP's spelling, `Uploaded`
and not `UPLOADED` (architecture section 8, Q25); the messages have no time of their own, so it is the
time of reception (spec 5.2). Signed and unsigned firmware share a stream: a charger does one of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.metering.datums import Datum, StatusProperties
from solarocpp.metering.source_ids import DIAGNOSTICS_STATUS, FIRMWARE_STATUS, LOG_STATUS, source_id
from solarocpp.ocpp.messages import (
    DiagnosticsStatusNotificationConfirmation,
    DiagnosticsStatusNotificationRequest,
    FirmwareStatusNotificationConfirmation,
    FirmwareStatusNotificationRequest,
    LogStatusNotificationConfirmation,
    LogStatusNotificationRequest,
    SignedFirmwareStatusNotificationConfirmation,
    SignedFirmwareStatusNotificationRequest,
)
from solarocpp.store.effects import DatumObserved, Effect


def _status_datum(status: str, suffix: str, scene: Scene) -> Sequence[Effect]:
    charger = scene.charger
    if not charger.publish:
        return ()
    stream = source_id(charger.source_id_template, charger.identifier, charger.charger_id, None, None, suffix)
    datum = Datum(charger.node_id, stream, scene.received, {}, status=StatusProperties(status))
    return (DatumObserved(datum, scene.received),)


def _decide_diagnostics(
    _request: DiagnosticsStatusNotificationRequest, _context: Context
) -> DiagnosticsStatusNotificationConfirmation:
    return DiagnosticsStatusNotificationConfirmation()


def _observe_diagnostics(
    request: DiagnosticsStatusNotificationRequest,
    _confirmation: DiagnosticsStatusNotificationConfirmation,
    scene: Scene,
) -> Sequence[Effect]:
    told = scene.event("diagnostics_status_told", f"diagnostics: {request.status}", status=request.status)
    return (*_status_datum(request.status, DIAGNOSTICS_STATUS, scene), told)


def _decide_log(_request: LogStatusNotificationRequest, _context: Context) -> LogStatusNotificationConfirmation:
    return LogStatusNotificationConfirmation()


def _observe_log(
    request: LogStatusNotificationRequest, _confirmation: LogStatusNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    told = scene.event(
        "log_status_told", f"log: {request.status}", status=request.status, request_id=request.request_id
    )
    return (*_status_datum(request.status, LOG_STATUS, scene), told)


def _decide_firmware(
    _request: FirmwareStatusNotificationRequest, _context: Context
) -> FirmwareStatusNotificationConfirmation:
    return FirmwareStatusNotificationConfirmation()


def _observe_firmware(
    request: FirmwareStatusNotificationRequest, _confirmation: FirmwareStatusNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    told = scene.event("firmware_status_told", f"firmware: {request.status}", status=request.status)
    return (*_status_datum(request.status, FIRMWARE_STATUS, scene), told)


def _decide_signed_firmware(
    _request: SignedFirmwareStatusNotificationRequest, _context: Context
) -> SignedFirmwareStatusNotificationConfirmation:
    return SignedFirmwareStatusNotificationConfirmation()


def _observe_signed_firmware(
    request: SignedFirmwareStatusNotificationRequest,
    _confirmation: SignedFirmwareStatusNotificationConfirmation,
    scene: Scene,
) -> Sequence[Effect]:
    told = scene.event(
        "firmware_status_told",
        f"signed firmware: {request.status}",
        status=request.status,
        request_id=request.request_id,
    )
    return (*_status_datum(request.status, FIRMWARE_STATUS, scene), told)


DIAGNOSTICS_STATUS_NOTIFICATION = Handler(_decide_diagnostics, _observe_diagnostics)
FIRMWARE_STATUS_NOTIFICATION = Handler(_decide_firmware, _observe_firmware)
LOG_STATUS_NOTIFICATION = Handler(_decide_log, _observe_log)
SIGNED_FIRMWARE_STATUS_NOTIFICATION = Handler(_decide_signed_firmware, _observe_signed_firmware)
