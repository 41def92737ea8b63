"""Answers to the calls of the Reservation profile (OCPP 1.6 §5.2, §5.13)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from solarocpp.ocpp import messages as ocpp
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.connector import Connector, Reservation
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


def _reserve(charge_point: ChargePoint, request: ocpp.ReserveNowRequest) -> Reply:
    # Connector 0 would be any of them; ReserveConnectorZeroSupported says no.
    if not 1 <= request.connector_id < len(charge_point.connectors):
        return Reply(ocpp.ReserveNowConfirmation(status="Rejected"))
    connector = charge_point.connectors[request.connector_id]
    status = _state_of(connector, request.reservation_id)
    if status == "Accepted" and request.expiry_date <= charge_point.clock.now():
        status = "Rejected"
    if status != "Accepted":
        return Reply(ocpp.ReserveNowConfirmation(status=status))
    _forget_elsewhere(charge_point, request)
    reservation = Reservation(request.reservation_id, request.id_tag, request.parent_id_tag, request.expiry_date)
    # At once: another ReserveNow may be on its way.
    connector.reservation, connector.status = reservation, "Reserved"
    then = partial(charge_point.orders.await_expiry, connector, reservation)
    return Reply(ocpp.ReserveNowConfirmation(status="Accepted"), then)


def _state_of(
    connector: Connector, reservation_id: int
) -> Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]:
    if connector.status == "Faulted":
        return "Faulted"
    if connector.status == "Unavailable" or not connector.operative:
        return "Unavailable"
    ours = connector.reservation is not None and connector.reservation.reservation_id == reservation_id
    return "Accepted" if connector.free or (connector.status == "Reserved" and ours) else "Occupied"


def _forget_elsewhere(charge_point: ChargePoint, request: ocpp.ReserveNowRequest) -> None:
    """A reservation of the same id moves: it is replaced (§5.13)."""
    for connector in charge_point.connectors:
        reservation = connector.reservation
        elsewhere = connector.connector_id != request.connector_id
        if elsewhere and reservation is not None and reservation.reservation_id == request.reservation_id:
            charge_point.orders.release(connector)


def _cancel(charge_point: ChargePoint, request: ocpp.CancelReservationRequest) -> Reply:
    for connector in charge_point.connectors:
        if connector.reservation is not None and connector.reservation.reservation_id == request.reservation_id:
            release = partial(charge_point.orders.release, connector)
            return Reply(ocpp.CancelReservationConfirmation(status="Accepted"), release)
    return Reply(ocpp.CancelReservationConfirmation(status="Rejected"))


RESERVATION: Answers = {
    ocpp.CancelReservationRequest: _cancel,
    ocpp.ReserveNowRequest: _reserve,
}
