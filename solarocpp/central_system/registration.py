"""BootNotification and Heartbeat, and what a charger tells about itself (spec 6.3).

Both are answered from memory, within a millisecond whatever the disk does (Q61); what a boot said is
recorded with the next commit, and said again at the next boot if that one fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solarocpp.central_system.context import Context, Handler, Scene, nothing_observed
from solarocpp.ocpp.messages import (
    BootNotificationConfirmation,
    BootNotificationRequest,
    GetConfigurationConfirmation,
    HeartbeatConfirmation,
    HeartbeatRequest,
)
from solarocpp.registry.entities import CHARGER_DETAILS, Charger
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
        scene.charger.charger_id, request.charge_point_vendor, request.charge_point_model, **_details(request)
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
    return ChargerDescribed(charger.charger_id, charger.vendor, charger.model, **_details(charger))


def _details(said: BootNotificationRequest | Charger) -> Mapping[str, str | None]:
    return {name: getattr(said, name) for name in CHARGER_DETAILS}


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
