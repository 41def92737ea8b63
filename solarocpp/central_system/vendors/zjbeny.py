"""ZJ Beny: what its box for dynamic load balancing measures, every few seconds.

`data` is `DLBMode:Solar,Current.HomeLoad:1A,...` or the same as a JSON object with texts as values. What
is unknown, and what has no unit, is passed over.
"""

from __future__ import annotations

import re

import msgspec

from solarocpp.central_system.vendors.reading import VendorReading, scaled_number
from solarocpp.metering.datums import StatusProperties

_PLACES = {"HomeLoad": "load", "Solar": "solar", "EVSE": "evse", "Grid": "grid"}
_PHASES = {None: "", "L1": "_a", "L2": "_b", "L3": "_c"}

# Current and power of one place share a property, as SolarNetwork has it: a box sends one of the two.
_NAME = re.compile(r"(?:Current|Power)\.(HomeLoad|Solar|EVSE|Grid)(?:\.(L[123]))?")
_VALUE = re.compile(r"([-+.\d]+)\s*(A|kW)", re.IGNORECASE | re.ASCII)
_SHIFTS = {"a": 0, "kw": 3}


def decode_load_balancing(data: str) -> VendorReading | str:
    """Reads a `dlbMeter` message: mode and state of the box as texts, the rest in A or W."""
    values = _pairs(data)
    if values is None:
        return "data is no JSON object"
    properties: dict[str, float] = {}
    for name, value in values.items():
        where, number = _NAME.fullmatch(name), _number(value)
        if where and number is not None:
            properties[_PLACES[where[1]] + _PHASES[where[2]]] = number
    mode, state = _text(values.get("DLBMode")), _text(values.get("DLBStatus"))
    if not properties and mode is None and state is None:
        return "no known value"
    status = StatusProperties(state, mode=mode) if mode is not None or state is not None else None
    return VendorReading(properties, status)


def _pairs(data: str) -> dict[str, object] | None:
    if data.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(data, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    parts = (part.partition(":") for part in data.split(","))
    return {name.strip(): value.strip() for name, colon, value in parts if colon}


def _number(value: object) -> float | None:
    match = _VALUE.fullmatch(value.strip()) if isinstance(value, str) else None
    return scaled_number(match[1], _SHIFTS[match[2].lower()]) if match else None


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
