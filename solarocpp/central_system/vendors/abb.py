"""ABB: an energy meter beside the charger, as scaled integers with the phase inside the name (Q92)."""

from __future__ import annotations

import msgspec

from solarocpp.central_system.vendors.reading import VendorReading, scaled_number
from solarocpp.ocpp.lenience import read_time

_MEASURANDS = {"Voltage": "voltage", "Current": "current", "Active.Power": "watts"}
_PHASES = {"L1": "_a", "L2": "_b", "L3": "_c", "ALL": ""}

# Decimal places a meter can have; more is a garbled message.
_MOST_DECIMALS = 12


class _Sample(msgspec.Struct, rename="camel"):
    measurand: str = ""
    accuracy: str | int = 0
    """Decimal places of `value`."""
    unit: str = ""
    value: str | int | float | None = None


class _MeterTransfer(msgspec.Struct, rename="camel"):
    type: str
    timestamp: str
    sampled_value: list[_Sample]


def decode_meter(data: str) -> VendorReading | str:
    """Reads a `MeterTransfer` message; V, A and W."""
    try:
        message = msgspec.json.decode(data, type=_MeterTransfer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "data is not what ABB sends: type, timestamp, sampledValue"
    if message.type != "MeterTransfer":
        return "its type is not MeterTransfer"
    created, _ = read_time(message.timestamp)
    if created is None:
        return "its timestamp is no time"
    properties: dict[str, float] = {}
    for sample in message.sampled_value:
        name, _, phase = sample.measurand.rpartition(".")
        number = _number(sample)
        if name in _MEASURANDS and phase in _PHASES and number is not None:
            properties[_MEASURANDS[name] + _PHASES[phase]] = number
    return VendorReading(properties, created=created) if properties else "no known value"


def _number(sample: _Sample) -> float | None:
    decimals = str(sample.accuracy).strip()
    if sample.value is None or not (decimals.isdecimal() and len(decimals) <= 2 and int(decimals) <= _MOST_DECIMALS):
        return None
    kilo = 3 if len(sample.unit) > 1 and sample.unit[0] in "kK" else 0
    return scaled_number(str(sample.value), kilo - int(decimals))
