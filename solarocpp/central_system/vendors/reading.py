"""What a vendor's decoder gives, and how the numbers in its texts are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import NamedTuple

import msgspec

from solarocpp.metering.datums import StatusProperties


class VendorReading(msgspec.Struct, frozen=True):
    """What a message said, without the stream it belongs to."""

    properties: Mapping[str, float]
    """By property name; W, A, V."""
    status: StatusProperties | None = None
    created: datetime | None = None
    """The charger's time; None: the message has none, so it is the time of reception."""
    connector_id: int | None = None
    """None: it is about the whole charger."""


class VendorMessage(NamedTuple):
    """One row of VENDORS."""

    vendor_id: str
    message_id: str
    suffix: str
    """What the source id ends with (spec 3.2)."""
    decode: Callable[[str], VendorReading | str]
    """Reads `data`; a text instead of a reading says why there is none."""


# Characters of a number in a vendor's text; what is longer is none.
_LONGEST_NUMBER = 40


def scaled_number(text: str, shift: int) -> float | None:
    """Reads a number and shifts it by so many decimal places, exactly; None: it is no number."""
    try:
        number = float(Decimal(text.strip()).scaleb(shift)) if len(text) <= _LONGEST_NUMBER else float("nan")
    except (InvalidOperation, OverflowError):
        return None
    return number if isfinite(number) else None
