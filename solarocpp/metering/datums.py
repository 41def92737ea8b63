"""Sampled values become readings, readings become datums.

STUB HEADER: types are settled, functions to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from solarocpp.ocpp.datatypes import SourceId


class SessionProperties(msgspec.Struct, frozen=True, gc=False):
    """Status properties that a datum of a charge session carries (spec 4.5)."""

    session_id: UUID
    transaction_id: int
    token: str
    duration_s: int
    end_date: datetime | None = None
    end_reason: str | None = None
    end_token: str | None = None


class StatusProperties(msgspec.Struct, frozen=True, gc=False):
    """Status properties of a status datum (spec 5.1)."""

    status: str
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None
    vendor_id: str | None = None
    session_id: UUID | None = None
    transaction_id: int | None = None


class Datum(msgspec.Struct, frozen=True, gc=False):
    """One row of one stream: what a source reported for one moment."""

    node_id: int
    source_id: SourceId
    created: datetime
    properties: Mapping[str, float]
    """By property name, `wattHours` or `current_a`; Wh, W, A, V, Celsius, percent."""
    contexts: Mapping[str, int] | None = None
    """Merge order of each property, by reading context (spec 2.3 codes); None: all Sample.Periodic."""
    session: SessionProperties | None = None
    status: StatusProperties | None = None
