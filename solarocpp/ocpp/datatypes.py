"""Types that OCPP 1.6 messages share: identity, readings, id tags.

Reception is tolerant by type where the field says it must be (field-reports.md): the enumerations of
a SampledValue are plain text here, and `metering` decides what each sample is worth, so that one odd
unit costs one sample and not the message (W19). Times are aware UTC datetimes, or None where the
charge point sent nothing usable; whoever needs one then takes the time of reception (Q51).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NewType

import msgspec

ChargePointId = NewType("ChargePointId", str)
"""The charge point identity of the connection URL, in the registry's canonical spelling."""

UniqueId = NewType("UniqueId", str)
"""The id of a CALL; at most 36 characters by OCPP-J §4.1.4, longer ones are echoed as they came."""

SourceId = NewType("SourceId", str)
"""SolarNetwork's name of a stream within a node, like `/ocpp/cp/CP001/1/Outlet`."""

Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
"""The charge point's time on the wire; text without a zone takes the repair of `lenience` (Q49)."""


class OcppType(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A data type of OCPP 1.6: camelCase on the wire, absent optional fields are left out."""


AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]


class IdTagInfo(OcppType):
    """What the central system thinks of an id tag (OCPP 1.6 §7.22)."""

    status: AuthorizationStatus
    parent_id_tag: str | None = None
    expiry_date: Timestamp | None = None


class SampledValue(OcppType):
    """One reading as sent (OCPP 1.6 §7.43).

    None means absent; `metering` applies OCPP's defaults. `value` is text by the specification, a
    number from many chargers (Q32). Enumerations are whatever text came.
    """

    value: str | int | float | None = None
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


class MeterValue(OcppType):
    """Readings of one moment (OCPP 1.6 §7.31)."""

    timestamp: Timestamp | None = None
    sampled_value: tuple[SampledValue, ...] = ()
    unreadable: tuple[str, ...] = ()
    """JSON text of samples that are no SampledValue at all; filled by `lenience`, never sent by us."""
