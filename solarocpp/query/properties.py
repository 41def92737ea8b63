"""Properties of datums: their names, as an analyst may write them, and how each is rolled up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from solarocpp.query.filters import find_name
from solarocpp.store.schema import DATUM, PHASES, PROPERTIES

KEYS: Final = ("created", "nodeId", "sourceId")
"""Columns of a datum that are no properties."""

PropertyClass = Literal["instantaneous", "accumulating", "interval", "status"]
"""How a roll-up treats a property."""

_STATUS = frozenset(row.name for row in DATUM.columns if row.type != "DOUBLE")
_MEASURANDS: Mapping[str, str] = {row.name + phase: row.measurand for row in PROPERTIES for phase in ("", *PHASES)}

OCPP_PROPERTIES: Final = frozenset({*_STATUS, *_MEASURANDS}) - set(KEYS)
"""Those that every store knows, sent or not; the others are vendors'."""

# By the last word of the measurand (OCPP 1.6 §7.31); all others are instantaneous, so reactive power is, too.
_CLASSES: Mapping[str, PropertyClass] = {"Register": "accumulating", "Interval": "interval"}


def property_class(name: str) -> PropertyClass:
    """Says how a roll-up treats a column of `datum`; unknown ones are a vendor's, and instantaneous."""
    if name in _STATUS:
        return "status"
    *_, kind = _MEASURANDS.get(name, "").split(".")
    return _CLASSES.get(kind, "instantaneous")


def choose_properties(there: Iterable[str], properties: Iterable[str] | None) -> list[str]:
    """Finds the properties that are asked for, once each, in their proper spelling; None: all that are there.

    Raises:
        UnknownProperty: a property does not exist; the error has the nearest.
    """
    known = list(there)
    if properties is None:
        chosen = known
    else:
        asked = [properties] if isinstance(properties, str) else properties
        chosen = [find_name(name, [*_MEASURANDS, *known]) for name in asked]
    return [name for name in dict.fromkeys(chosen) if name not in KEYS]
