"""Answers to TriggerMessage (OCPP 1.6 §5.17), and to ExtendedTriggerMessage, which has a few messages more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from solarocpp.ocpp import messages as ocpp
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.link import Reply
from solarocpp.simulator.session import meter_value

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

Said = Callable[["ChargePoint", int | None], Awaitable[object]]
"""Says one message; for one connector, or for None all of them where it matters."""


async def _boot(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(charge_point.introduction())


async def _heartbeat(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(ocpp.HeartbeatRequest())


async def _status(charge_point: ChargePoint, connector_id: int | None) -> None:
    for connector in charge_point.connectors:
        if connector_id in {None, connector.connector_id}:
            await charge_point.tell_status(connector)


async def _meter_values(charge_point: ChargePoint, connector_id: int | None) -> None:
    for connector in charge_point.connectors[1:]:
        if connector_id in {None, connector.connector_id}:
            transaction = connector.transaction
            request = ocpp.MeterValuesRequest(
                connector_id=connector.connector_id,
                # Offline or not started yet, it has no id; then none is sent.
                transaction_id=None if transaction is None else transaction.transaction_id,
                meter_value=(meter_value(charge_point, connector, "MeterValuesSampledData", "Trigger"),),
            )
            await charge_point.tell(request)


async def _diagnostics(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(charge_point.files.diagnostics_status())


async def _firmware(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(charge_point.files.firmware_status())


async def _signed_firmware(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(charge_point.files.signed_firmware_status())


async def _log(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(charge_point.files.log_status())


async def _sign(charge_point: ChargePoint, _: int | None) -> None:
    await charge_point.tell(ocpp.SignCertificateRequest(csr=charge_point.keyring.new_request()))


_COMMON: Mapping[str, Said] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "MeterValues": _meter_values,
    "StatusNotification": _status,
}
_PLAIN: Mapping[str, Said] = {
    **_COMMON,
    "DiagnosticsStatusNotification": _diagnostics,
    "FirmwareStatusNotification": _firmware,
}
_EXTENDED: Mapping[str, Said] = {
    **_COMMON,
    "FirmwareStatusNotification": _signed_firmware,  # security whitepaper: the extended one asks for the signed kind
    "LogStatusNotification": _log,
    "SignChargePointCertificate": _sign,
}
# Which messages are about a connector; others do not look at the number.
_OF_A_CONNECTOR = {"MeterValues": 1, "StatusNotification": 0}
"""By message: the lowest connector it can be about."""


def _saying(charge_point: ChargePoint, asked: str, connector_id: int | None, said: Said) -> Callable[[], None] | None:
    lowest = _OF_A_CONNECTOR.get(asked)
    if lowest is not None and connector_id is not None and not lowest <= connector_id < len(charge_point.connectors):
        return None
    return partial(charge_point.orders.give, partial(said, charge_point, connector_id))


def _trigger(charge_point: ChargePoint, request: ocpp.TriggerMessageRequest) -> Reply:
    asked = request.requested_message
    then = _saying(charge_point, asked, request.connector_id, _PLAIN[asked])
    return Reply(ocpp.TriggerMessageConfirmation(status="Accepted" if then else "Rejected"), then)


def _trigger_extended(charge_point: ChargePoint, request: ocpp.ExtendedTriggerMessageRequest) -> Reply:
    asked = request.requested_message
    then = _saying(charge_point, asked, request.connector_id, _EXTENDED[asked])
    return Reply(ocpp.ExtendedTriggerMessageConfirmation(status="Accepted" if then else "Rejected"), then)


REMOTE_TRIGGER: Answers = {
    ocpp.ExtendedTriggerMessageRequest: _trigger_extended,
    ocpp.TriggerMessageRequest: _trigger,
}
