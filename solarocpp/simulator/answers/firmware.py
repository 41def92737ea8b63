"""Answers to the calls of the Firmware Management profile (OCPP 1.6 §5.9, §5.19)."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from solarocpp.ocpp import messages as ocpp
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


def file_name(charge_point: ChargePoint, kind: str) -> str:
    """Names a file after what made it and when; without what an identity may have and a path may not."""
    identity = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in charge_point.identity[:100])
    return f"{identity}-{kind}-{charge_point.clock.now():%Y%m%dT%H%M%SZ}.json"


def is_empty(charge_point: ChargePoint, oldest: datetime | None, latest: datetime | None) -> bool:
    """Whether there is nothing of a span of time: it is still to come, or ends before it begins."""
    return oldest is not None and (oldest > charge_point.clock.now() or (latest is not None and latest < oldest))


def _get_diagnostics(charge_point: ChargePoint, request: ocpp.GetDiagnosticsRequest) -> Reply:
    if is_empty(charge_point, request.start_time, request.stop_time):
        return Reply(ocpp.GetDiagnosticsConfirmation())
    name = file_name(charge_point, "diagnostics")
    upload = partial(charge_point.files.upload_diagnostics, request, name)
    return Reply(ocpp.GetDiagnosticsConfirmation(file_name=name), partial(charge_point.orders.give, upload))


def _update_firmware(charge_point: ChargePoint, request: ocpp.UpdateFirmwareRequest) -> Reply:
    update = partial(charge_point.files.update, request)
    return Reply(ocpp.UpdateFirmwareConfirmation(), partial(charge_point.orders.give, update))


FIRMWARE: Answers = {
    ocpp.GetDiagnosticsRequest: _get_diagnostics,
    ocpp.UpdateFirmwareRequest: _update_firmware,
}
