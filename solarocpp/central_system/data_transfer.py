"""DataTransfer: vendors' own messages; those of VENDORS become datums, all others are refused by OCPP's rules.

An unknown vendor is answered UnknownVendorId and not Rejected, an unknown message of a known vendor
UnknownMessageId (OCPP 1.6 §4.3): the charger then knows that it need not ask again (spec Q24). What
came is in the ledger whatever the answer, so a decoder that is written later reads it from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from solarocpp.central_system.context import Context, Handler, Scene
from solarocpp.central_system.meter_values import time_replaced
from solarocpp.central_system.vendors import VendorMessage, VendorReading, vendor_messages
from solarocpp.metering.datums import Datum, plausible_time
from solarocpp.metering.source_ids import source_id
from solarocpp.ocpp.messages import DataTransferConfirmation, DataTransferRequest
from solarocpp.store.effects import DatumObserved, Effect, EventHappened

# Characters of a vendor's names in an event; OCPP's own limits, which reception does not keep (Q46).
_SHOWN = 255


class _Unread(NamedTuple):
    """Why a message makes no datum, and how it is answered."""

    status: Literal["Rejected", "UnknownMessageId", "UnknownVendorId"]
    reason: str


def _read(request: DataTransferRequest) -> tuple[VendorMessage, VendorReading] | _Unread:
    known = vendor_messages(request.vendor_id)
    if not known:
        return _Unread("UnknownVendorId", "no decoder for this vendor")
    asked = (request.message_id or "").strip().casefold()
    message = next((row for row in known if row.message_id.casefold() == asked), None)
    if message is None:
        return _Unread("UnknownMessageId", "no decoder for this message of the vendor")
    if request.data is None or not request.data.strip():
        return _Unread("Rejected", "no data")
    reading = message.decode(request.data)
    return _Unread("Rejected", reading) if isinstance(reading, str) else (message, reading)


def _decide(request: DataTransferRequest, _context: Context) -> DataTransferConfirmation:
    found = _read(request)
    return DataTransferConfirmation(found.status if isinstance(found, _Unread) else "Accepted")


def _observe(request: DataTransferRequest, _confirmation: DataTransferConfirmation, scene: Scene) -> Sequence[Effect]:
    """Reads the message again, and does not ask how it was answered then: the decoder may be younger."""
    found = _read(request)
    if isinstance(found, _Unread):
        return [_told_of(request, found, scene)]
    message, reading = found
    charger = scene.charger
    created = scene.received if reading.created is None else plausible_time(reading.created, scene.received)
    effects: list[Effect] = []
    if created is None:
        created = scene.received
        effects.append(time_replaced(scene, "DataTransfer", reading.created))
    if charger.publish:
        stream = source_id(
            charger.source_id_template,
            charger.identifier,
            charger.charger_id,
            reading.connector_id,
            None,
            message.suffix,
        )
        datum = Datum(charger.node_id, stream, created, reading.properties, status=reading.status)
        effects.append(DatumObserved(datum, scene.received))
    return effects


def _told_of(request: DataTransferRequest, unread: _Unread, scene: Scene) -> EventHappened:
    message_id = None if request.message_id is None else request.message_id[:_SHOWN]
    return scene.event(
        "data_transfer_unread",
        unread.reason,
        vendor_id=request.vendor_id[:_SHOWN],
        message_id=message_id,
        status=unread.status,
    )


DATA_TRANSFER = Handler(_decide, _observe)
