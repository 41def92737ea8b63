"""What a SampledValue may say, as tables: measurands, phases, units, locations, contexts.

A row a line, so that a person can compare them with OCPP 1.6 §7.31 and SolarNetwork's property names
(spec 4.6). `scaling_for` puts a measurand, a phase and a unit together; what it finds is kept by the
caller, since a charger sends the same few triples for years.

Names are compared without case (Q38), and an absent or empty one is OCPP's default (spec Q4).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

Kind = Literal["instantaneous", "accumulating"]


class Measurand(NamedTuple):
    """A measurand of OCPP 1.6 §7.31, the datum property it becomes, and the unit that is stored.

    Accumulating ones are registers that only grow: their differences mean something, their sums
    nothing. `unit` is also what an absent unit means (Q88): OCPP says Wh for energy only.
    """

    name: str
    property_name: str
    kind: Kind
    unit: str


# Order: the columns of table `datum`. Spec Q8: reactive power is no register, whatever SolarNetwork stores.
MEASURANDS: tuple[Measurand, ...] = (
    Measurand("Energy.Active.Import.Register", "wattHours", "accumulating", "Wh"),
    Measurand("Energy.Active.Export.Register", "wattHoursReverse", "accumulating", "Wh"),
    Measurand("Energy.Active.Import.Interval", "wattHoursDiff", "instantaneous", "Wh"),
    Measurand("Energy.Active.Export.Interval", "wattHoursDiffReverse", "instantaneous", "Wh"),
    Measurand("Energy.Reactive.Import.Register", "reactiveEnergy", "accumulating", "varh"),
    Measurand("Energy.Reactive.Export.Register", "reactiveEnergyReverse", "accumulating", "varh"),
    Measurand("Energy.Reactive.Import.Interval", "reactiveEnergyDiff", "instantaneous", "varh"),
    Measurand("Energy.Reactive.Export.Interval", "reactiveEnergyDiffReverse", "instantaneous", "varh"),
    Measurand("Power.Active.Import", "watts", "instantaneous", "W"),
    Measurand("Power.Active.Export", "wattsReverse", "instantaneous", "W"),
    Measurand("Power.Reactive.Import", "reactivePower", "instantaneous", "var"),
    Measurand("Power.Reactive.Export", "reactivePowerReverse", "instantaneous", "var"),
    Measurand("Power.Offered", "wattsOffered", "instantaneous", "W"),
    Measurand("Power.Factor", "powerFactor", "instantaneous", ""),
    Measurand("Current.Import", "current", "instantaneous", "A"),
    Measurand("Current.Export", "currentReverse", "instantaneous", "A"),
    Measurand("Current.Offered", "currentOffered", "instantaneous", "A"),
    Measurand("Voltage", "voltage", "instantaneous", "V"),
    Measurand("Frequency", "frequency", "instantaneous", "Hz"),
    Measurand("SoC", "soc", "instantaneous", "Percent"),
    Measurand("RPM", "rpm", "instantaneous", "RPM"),
    Measurand("Temperature", "temp", "instantaneous", "Celsius"),
)

# OCPP 1.6 §7.31: what a sample without measurand measures.
DEFAULT_MEASURAND = MEASURANDS[0]

# OCPP 1.6 §7.33. L1 and L1-N are one property, as at SolarNetwork. Chargers also leave the hyphen out (spec S3).
PHASES: Mapping[str, str] = {
    "L1": "_a",
    "L2": "_b",
    "L3": "_c",
    "N": "_n",
    "L1-N": "_a",
    "L2-N": "_b",
    "L3-N": "_c",
    "L1-L2": "_ab",
    "L2-L3": "_bc",
    "L3-L1": "_ca",
}
"""Suffix of the property, by phase on the wire."""


def _celsius_from_fahrenheit(value: Decimal) -> Decimal:
    exact = (value - 32) * 5 / 9
    return exact.quantize(Decimal("0.000001"), ROUND_HALF_UP).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _celsius_from_kelvin(value: Decimal) -> Decimal:
    return (value - Decimal("273.15")).quantize(Decimal("0.1"), ROUND_HALF_UP)


class Unit(NamedTuple):
    """A unit on the wire (OCPP 1.6 §7.45, and those that chargers add), and the way to the stored one.

    A value is multiplied by ten to the power of `shift`, or taken through `convert`; both are exact
    on decimals, and the result is rounded once, to the nearest double.
    """

    name: str
    stored: str
    shift: int = 0
    convert: Literal["", "fahrenheit", "kelvin"] = ""


UNITS: tuple[Unit, ...] = (
    Unit("Wh", "Wh"),
    Unit("kWh", "Wh", 3),
    Unit("varh", "varh"),
    Unit("kvarh", "varh", 3),
    Unit("W", "W"),
    Unit("kW", "W", 3),
    Unit("VA", "VA"),
    Unit("kVA", "VA", 3),
    Unit("var", "var"),
    Unit("kvar", "var", 3),
    Unit("A", "A"),
    Unit("Amp", "A"),
    Unit("V", "V"),
    Unit("Volt", "V"),
    Unit("Celsius", "Celsius"),
    Unit("Celcius", "Celsius"),  # the spelling of the first OCPP 1.6 schemas (Q34)
    Unit("C", "Celsius"),  # Q34
    Unit("Fahrenheit", "Celsius", convert="fahrenheit"),
    Unit("F", "Celsius", convert="fahrenheit"),
    Unit("K", "Celsius", convert="kelvin"),
    Unit("Kelvin", "Celsius", convert="kelvin"),
    Unit("Percent", "Percent"),
    Unit("%", "Percent"),
    Unit("Hz", "Hz"),  # OCPP 1.6 forgot a unit for frequency (Q33)
    Unit("Hertz", "Hz"),
    Unit("RPM", "RPM"),
)

CONVERSIONS = {"fahrenheit": _celsius_from_fahrenheit, "kelvin": _celsius_from_kelvin}
"""Conversions that are more than a shift of the decimal point (spec 4.6): one decimal, halves away from zero."""

LOCATIONS: tuple[str, ...] = ("Outlet", "Body", "Cable", "EV", "Inlet")
"""OCPP 1.6 §7.23, in the order that datums of one time are made (spec 2.3, vector M11)."""

DEFAULT_LOCATION = "Outlet"

CONTEXTS: Mapping[str, int] = {
    "Interruption.Begin": 1,
    "Interruption.End": 2,
    "Sample.Clock": 3,
    "Sample.Periodic": 4,
    "Transaction.Begin": 5,
    "Transaction.End": 6,
    "Other": 7,
    "Trigger": 8,
}
"""OCPP 1.6 §7.34, with SolarNetwork's codes (spec 2.3): of two readings the one with the higher code is kept."""

SAMPLE_PERIODIC = CONTEXTS["Sample.Periodic"]
TRANSACTION_BEGIN = CONTEXTS["Transaction.Begin"]
TRANSACTION_END = CONTEXTS["Transaction.End"]

UNKNOWN_CONTEXT = 0
"""Code of a context that is in no table (Q35): its reading counts, but gives way to one we understand."""


class Scaling(NamedTuple):
    """What samples of one (measurand, phase, unit) become: a property and the way to its unit."""

    property_name: str
    shift: int = 0
    convert: Literal["", "fahrenheit", "kelvin"] = ""
    refusal: str = ""
    """Why such samples cannot become a property; empty if they can."""


def _by_folded_name(names: tuple[str, ...]) -> dict[str, int]:
    return {name.casefold(): index for index, name in enumerate(names)}


_MEASURAND_INDEX = _by_folded_name(tuple(row.name for row in MEASURANDS))
_UNIT_INDEX = _by_folded_name(tuple(row.name for row in UNITS))
_PHASE_SUFFIXES = {name.casefold().replace("-", ""): suffix for name, suffix in PHASES.items()}
_LOCATION_NAMES = {name.casefold(): name for name in LOCATIONS}
_CONTEXT_CODES = {name.casefold(): code for name, code in CONTEXTS.items()}


def _folded(name: str | None) -> str:
    return "" if name is None else name.strip().casefold()


def _phase_suffix(phase: str) -> str | None:
    return _PHASE_SUFFIXES.get(phase.replace("-", ""))


def scaling_for(measurand: str | None, phase: str | None, unit: str | None) -> Scaling:
    """Finds what a sample with these three fields becomes; None or empty is OCPP's default.

    A phase may also stand at the end of the measurand, as in `Voltage.L1` (Q92). A phase in no table
    makes the sample unreadable: stored without suffix it would pass for the total of all phases.
    """
    measurand_name, phase_name, unit_name = _folded(measurand), _folded(phase), _folded(unit)
    if measurand_name and measurand_name not in _MEASURAND_INDEX:
        stem, _, tail = measurand_name.rpartition(".")
        if stem not in _MEASURAND_INDEX or _phase_suffix(tail) is None:
            return Scaling("", refusal=f"measurand {measurand!r} is not in OCPP 1.6")
        measurand_name, phase_name = stem, phase_name or tail
    row = MEASURANDS[_MEASURAND_INDEX[measurand_name]] if measurand_name else DEFAULT_MEASURAND
    suffix = _phase_suffix(phase_name) if phase_name else ""
    if suffix is None:
        return Scaling("", refusal=f"phase {phase!r} is not in OCPP 1.6")
    if not unit_name:
        return Scaling(row.property_name + suffix)
    if unit_name not in _UNIT_INDEX:
        return Scaling("", refusal=f"unit {unit!r} is not in OCPP 1.6")
    scale = UNITS[_UNIT_INDEX[unit_name]]
    return Scaling(row.property_name + suffix, scale.shift, scale.convert)


def location_for(location: str | None) -> str | None:
    """Gives the location as OCPP spells it, Outlet where none is said, None where it is not in the table."""
    name = _folded(location)
    return _LOCATION_NAMES.get(name) if name else DEFAULT_LOCATION


def context_code_for(context: str | None) -> int:
    """Gives the code of a context; Sample.Periodic where none is said, UNKNOWN_CONTEXT where it is in no table."""
    name = _folded(context)
    return _CONTEXT_CODES.get(name, UNKNOWN_CONTEXT) if name else SAMPLE_PERIODIC
