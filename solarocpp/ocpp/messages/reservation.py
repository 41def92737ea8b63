"""The Reservation profile: a connector that waits for one id tag."""

from __future__ import annotations

from typing import Literal

from solarocpp.ocpp.datatypes import DateTime, IdToken, Integer, OcppMessage


class ReserveNowRequest(OcppMessage, frozen=True):
    """Keeps a connector, or with 0 any one of them, for an id tag (OCPP 1.6 §6.37)."""

    connector_id: Integer
    expiry_date: DateTime
    id_tag: IdToken
    reservation_id: Integer
    parent_id_tag: IdToken | None = None


class ReserveNowConfirmation(OcppMessage, frozen=True):
    """Whether the connector waits."""

    status: Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


class CancelReservationRequest(OcppMessage, frozen=True):
    """Gives a reserved connector back to everybody (OCPP 1.6 §6.5)."""

    reservation_id: Integer


class CancelReservationConfirmation(OcppMessage, frozen=True):
    """Whether there was such a reservation."""

    status: Literal["Accepted", "Rejected"]
