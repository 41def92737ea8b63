"""Hiconics: the MAC address of the car at a connector."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from solarocpp.central_system.vendors.reading import VendorReading
from solarocpp.metering.datums import StatusProperties
from solarocpp.ocpp.lenience import read_time


class _Vehicle(msgspec.Struct, rename="camel"):
    vehicle_id: Annotated[str, Meta(min_length=1, max_length=255)]
    connector_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    timestamp: str


def decode_vehicle_id(data: str) -> VendorReading | str:
    """Reads a `vehicleMAC` message."""
    try:
        vehicle = msgspec.json.decode(data, type=_Vehicle)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "data is not what Hiconics sends: vehicleId, connectorId from 1, timestamp"
    created, _ = read_time(vehicle.timestamp)
    if created is None:
        return "its timestamp is no time"
    status = StatusProperties(vid=vehicle.vehicle_id)
    return VendorReading({}, status, created, vehicle.connector_id)
