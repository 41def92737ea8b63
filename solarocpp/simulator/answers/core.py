"""Answers to the calls of the Core profile (OCPP 1.6 §5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.datatypes import KeyValue
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.answers.smart_charging import is_acceptable
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint
    from solarocpp.simulator.connector import Connector


def _change_availability(charge_point: ChargePoint, request: ocpp.ChangeAvailabilityRequest) -> Reply:
    connectors = charge_point.connectors
    if not 0 <= request.connector_id < len(connectors):
        return Reply(ocpp.ChangeAvailabilityConfirmation(status="Rejected"))
    # Connector 0 speaks for all of them (§5.2).
    concerned = connectors if request.connector_id == 0 else [connectors[request.connector_id]]
    operative = request.type == "Operative"
    busy = [connector for connector in concerned if connector.transaction is not None and not operative]
    for connector in concerned:
        connector.scheduled = operative
    status: Literal["Accepted", "Scheduled"] = "Scheduled" if busy else "Accepted"
    idle = [connector for connector in concerned if connector not in busy]
    return Reply(ocpp.ChangeAvailabilityConfirmation(status=status), partial(_apply, charge_point, idle))


def _apply(charge_point: ChargePoint, connectors: list[Connector]) -> None:
    for connector in connectors:
        charge_point.orders.apply_availability(connector)


def _change_configuration(charge_point: ChargePoint, request: ocpp.ChangeConfigurationRequest) -> Reply:
    before = charge_point.configuration.authorization_key
    status = charge_point.configuration.change(request.key, request.value)
    # Security whitepaper, A01: whoever gets a key to log in with logs in with it.
    anew = charge_point.configuration.authorization_key != before
    return Reply(
        ocpp.ChangeConfigurationConfirmation(status=status),
        partial(charge_point.orders.give, charge_point.dial_again) if anew else None,
    )


def _clear_cache(_: ChargePoint, __: ocpp.ClearCacheRequest) -> Reply:
    return Reply(ocpp.ClearCacheConfirmation(status="Accepted"))


def _data_transfer(_: ChargePoint, __: ocpp.DataTransferRequest) -> Reply:
    return Reply(ocpp.DataTransferConfirmation(status="UnknownVendorId"))


def _get_configuration(charge_point: ChargePoint, request: ocpp.GetConfigurationRequest) -> Reply:
    known, unknown = charge_point.configuration.select(request.key)
    return Reply(
        ocpp.GetConfigurationConfirmation(
            configuration_key=tuple(KeyValue(key=key.name, readonly=key.readonly, value=key.shown) for key in known),
            unknown_key=tuple(unknown),
        )
    )


def _remote_start(charge_point: ChargePoint, request: ocpp.RemoteStartTransactionRequest) -> Reply:
    connector, profile = _free_connector(charge_point, request), request.charging_profile
    # Only a profile for this transaction may come with it (§5.11).
    if connector is None or (
        profile is not None and not is_acceptable(charge_point, connector.connector_id, profile, starting=True)
    ):
        return Reply(ocpp.RemoteStartTransactionConfirmation(status="Rejected"))
    start = partial(charge_point.orders.start_remotely, connector.connector_id, request.id_tag, profile)
    return Reply(ocpp.RemoteStartTransactionConfirmation(status="Accepted"), start)


def _free_connector(charge_point: ChargePoint, request: ocpp.RemoteStartTransactionRequest) -> Connector | None:
    """The connector asked for, or any, if this id tag's car could begin to charge there now."""
    for connector in charge_point.connectors[1:]:
        if request.connector_id in {None, connector.connector_id} and connector.free_for(request.id_tag):
            return connector
    return None


def _remote_stop(charge_point: ChargePoint, request: ocpp.RemoteStopTransactionRequest) -> Reply:
    for connector in charge_point.connectors:
        transaction = connector.transaction
        if transaction is not None and transaction.transaction_id == request.transaction_id:
            confirmation = ocpp.RemoteStopTransactionConfirmation(status="Accepted")
            return Reply(confirmation, partial(transaction.stop, "Remote"))
    return Reply(ocpp.RemoteStopTransactionConfirmation(status="Rejected"))


def _reset(charge_point: ChargePoint, request: ocpp.ResetRequest) -> Reply:
    return Reply(ocpp.ResetConfirmation(status="Accepted"), partial(charge_point.orders.reset, request.type))


def _unlock_connector(charge_point: ChargePoint, request: ocpp.UnlockConnectorRequest) -> Reply:
    if not 1 <= request.connector_id < len(charge_point.connectors):
        return Reply(ocpp.UnlockConnectorConfirmation(status="NotSupported"))
    transaction = charge_point.connectors[request.connector_id].transaction
    stop = None if transaction is None else partial(transaction.stop, "UnlockCommand")
    return Reply(ocpp.UnlockConnectorConfirmation(status="Unlocked"), stop)


CORE: Answers = {
    ocpp.ChangeAvailabilityRequest: _change_availability,
    ocpp.ChangeConfigurationRequest: _change_configuration,
    ocpp.ClearCacheRequest: _clear_cache,
    ocpp.DataTransferRequest: _data_transfer,
    ocpp.GetConfigurationRequest: _get_configuration,
    ocpp.RemoteStartTransactionRequest: _remote_start,
    ocpp.RemoteStopTransactionRequest: _remote_stop,
    ocpp.ResetRequest: _reset,
    ocpp.UnlockConnectorRequest: _unlock_connector,
}
