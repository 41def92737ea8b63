"""BootNotification and Heartbeat, and what a charger tells about itself (spec 6.3).

Both are answered from memory, within a millisecond whatever the disk does (Q61); what a boot said is
recorded with the next commit, and said again at the next boot if that one fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from solarocpp.central_system.context import Context, Handler, Scene, nothing_observed
from solarocpp.ocpp.messages import (
    BootNotificationConfirmation,
    BootNotificationRequest,
    GetConfigurationConfirmation,
    HeartbeatConfirmation,
    HeartbeatRequest,
)
from solarocpp.registry.entities import Charger
from solarocpp.store.effects import ChargerDescribed, ConnectorsCounted, Effect

CONNECTOR_COUNT_KEY = "NumberOfConnectors"
"""The configuration key that says how many connectors there are (OCPP 1.6 §9.1.20)."""

# Numbers that no charger has; a garbled answer must not make a million rows.
_MOST_CONNECTORS = 1000


def _decide_boot(_request: BootNotificationRequest, context: Context) -> BootNotificationConfirmation:
    """Answers as the operator registered the charger; nothing a charger sends changes that."""
    charger = context.registry.charger(context.charger.charger_id)
    return BootNotificationConfirmation(charger.registration_status, context.received, context.boot_interval_s)


def _observe_boot(
    request: BootNotificationRequest, _confirmation: BootNotificationConfirmation, scene: Scene
) -> Sequence[Effect]:
    described = ChargerDescribed(
        charger_id=scene.charger.charger_id,
        vendor=request.charge_point_vendor,
        model=request.charge_point_model,
        charge_point_serial_number=request.charge_point_serial_number,
        charge_box_serial_number=request.charge_box_serial_number,
        firmware_version=request.firmware_version,
        iccid=request.iccid,
        imsi=request.imsi,
        meter_type=request.meter_type,
        meter_serial_number=request.meter_serial_number,
    )
    # After a power cut sessions end late or never (Q60). Many firmwares say this too when asked to, or
    # at each reconnect (Q57), so it is a suspicion and no more.
    suspects = [
        scene.event(
            "session_suspect",
            "its charger started again",
            transaction_id=session.transaction_id,
            connector_id=session.connector_id,
        )
        for session in scene.transactions.open_sessions(scene.charger.charger_id)
    ]
    return [described, *suspects]


def description_of(charger: Charger) -> ChargerDescribed:
    """Gives what the registry holds of a charger's last boot, for comparison."""
    return ChargerDescribed(
        charger_id=charger.charger_id,
        vendor=charger.vendor,
        model=charger.model,
        charge_point_serial_number=charger.charge_point_serial_number,
        charge_box_serial_number=charger.charge_box_serial_number,
        firmware_version=charger.firmware_version,
        iccid=charger.iccid,
        imsi=charger.imsi,
        meter_type=charger.meter_type,
        meter_serial_number=charger.meter_serial_number,
    )


def _decide_heartbeat(_request: HeartbeatRequest, context: Context) -> HeartbeatConfirmation:
    return HeartbeatConfirmation(context.received)


def count_connectors(confirmation: GetConfigurationConfirmation, scene: Scene) -> Sequence[Effect]:
    """Learns the number of connectors from a charger's answer, if it says one (spec 6.3, Q45, Q104)."""
    for key in confirmation.configuration_key:
        if key.key.strip().casefold() == CONNECTOR_COUNT_KEY.casefold():
            text = (key.value or "").strip().strip('"')
            # Longer numbers are garbled; those of thousands of digits int() refuses to read.
            if text.isdecimal() and len(text) <= 9 and 0 < int(text) <= _MOST_CONNECTORS:
                return (ConnectorsCounted(scene.charger.charger_id, int(text)),)
    return ()


BOOT_NOTIFICATION = Handler(_decide_boot, _observe_boot, from_memory=True)
HEARTBEAT = Handler(_decide_heartbeat, nothing_observed, from_memory=True)
