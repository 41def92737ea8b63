"""What a table is described with: columns with type, unit and meaning, and the properties of OCPP 1.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from solarocpp.metering.measurands import MEASURANDS


class Column(NamedTuple):
    """One column: its SQL type, its unit (empty where it has none) and what it means."""

    name: str
    type: str
    unit: str
    meaning: str


class Property(NamedTuple):
    """One datum property that OCPP 1.6 defines: a DOUBLE column of `datum`, and its measurand (§7.31)."""

    name: str
    unit: str
    measurand: str


class Table(NamedTuple):
    """One table or view; `internal` ones are the store's own business and may change."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    internal: bool = False


# SI symbols; OCPP spells some units out.
_SYMBOLS = {"Percent": "%", "Celsius": "C", "RPM": "1/min"}

PROPERTIES: tuple[Property, ...] = tuple(
    Property(row.property_name, _SYMBOLS.get(row.unit, row.unit), row.name) for row in MEASURANDS
)
"""The properties of a whole measurand, in the order of their columns in `datum`."""

PHASES: Mapping[str, str] = {
    "_a": "phase L1 or L1-N",
    "_b": "phase L2 or L2-N",
    "_c": "phase L3 or L3-N",
    "_ab": "between L1 and L2",
    "_bc": "between L2 and L3",
    "_ca": "between L3 and L1",
    "_n": "neutral",
}
"""Suffix of a phase property, and what it means; its column exists once a charger has sent it."""

_PROPERTY_BY_NAME = {row.name.lower(): row for row in PROPERTIES}


def property_column(name: str) -> Column:
    """Describes the column of a datum property: a measurand's, one of its phases', or a vendor's own."""
    stem, underscore, phase = name.rpartition("_")
    suffix = underscore + phase.lower() if stem else ""
    row = _PROPERTY_BY_NAME.get(name.lower())
    if row is not None:
        return Column(row.name, "DOUBLE", row.unit, f"`{row.measurand}`")
    row = _PROPERTY_BY_NAME.get(stem.lower())
    if row is not None and suffix in PHASES:
        return Column(row.name + suffix, "DOUBLE", row.unit, f"`{row.measurand}`, {PHASES[suffix]}")
    return Column(name, "DOUBLE", "", "sent by a vendor's own message")
