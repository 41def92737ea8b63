"""The Remote Trigger profile: have a charge point say something now."""

from __future__ import annotations

from typing import Literal

from solarocpp.ocpp.datatypes import Integer, OcppMessage


class TriggerMessageRequest(OcppMessage, frozen=True):
    """Asks for a message; without a connector, for each of them where it matters (OCPP 1.6 §6.51)."""

    requested_message: Literal[
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ]
    connector_id: Integer | None = None


class TriggerMessageConfirmation(OcppMessage, frozen=True):
    """Whether the message will come."""

    status: Literal["Accepted", "Rejected", "NotImplemented"]
