"""Sampled values become readings, readings become datums.

    MeterValue, MeterValue, ...  -> read_meter_values ->  Readings
        moments      one for each (time, location), properties scaled and merged
        unreadable   samples that mean nothing to us, kept raw, with the reason (W19)
        signed       samples with format SignedData, whole (spec Q10)
        odd          words we do not know, in samples that count all the same (Q35)
    Moment + stream + session -> Datum

One bad sample costs itself and nothing else. Which stream and which session a moment belongs to is
`central_system`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from uuid import UUID

import msgspec

from solarocpp.metering.measurands import (
    CONTEXTS,
    CONVERSIONS,
    DEFAULT_LOCATION,
    LOCATIONS,
    SAMPLE_PERIODIC,
    UNKNOWN_CONTEXT,
    Scaling,
    context_code_for,
    location_for,
    scaling_for,
)
from solarocpp.ocpp.datatypes import MeterValue, SampledValue, SourceId


class SessionProperties(msgspec.Struct, frozen=True, gc=False):
    """Status properties that a datum of a charge session carries (spec 4.5).

    `duration_s` is whole seconds from the start of the session to the datum; the `end_` ones are on
    the closing datum only (architecture section 8, Q9).
    """

    session_id: UUID
    transaction_id: int
    token: str
    duration_s: int
    end_date: datetime | None = None
    end_reason: str | None = None
    end_token: str | None = None


class StatusProperties(msgspec.Struct, frozen=True, gc=False):
    """Status properties: those of a status datum (spec 5.1), and the texts that vendors send (spec 6.4)."""

    status: str | None = None
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None
    vendor_id: str | None = None
    session_id: UUID | None = None
    transaction_id: int | None = None
    mode: str | None = None
    """What a load balancer does, in its own words."""
    vid: str | None = None
    """The vehicle at the connector, as its charger names it: a MAC address."""


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


class Moment:
    """What was measured at one time and location: properties, the later of equal context kept."""

    __slots__ = ("_code", "_codes", "created", "location", "properties")

    def __init__(self, created: datetime, location: str) -> None:
        self.created = created
        self.location = location
        self.properties: dict[str, float] = {}
        # Nearly always all samples of a moment share one context: then its code is enough, and a
        # code for each property is only kept from the first one that differs.
        self._code = SAMPLE_PERIODIC
        self._codes: dict[str, int] | None = None

    def put(self, name: str, value: float, code: int) -> None:
        """Adds a property; if it is there already the higher context code wins, then the later one (spec 4.3)."""
        codes = self._codes
        if codes is None:
            if code == self._code or not self.properties:
                self._code = code
                self.properties[name] = value
                return
            codes = self._codes = dict.fromkeys(self.properties, self._code)
        if code >= codes.get(name, code):
            codes[name] = code
            self.properties[name] = value

    @property
    def contexts(self) -> Mapping[str, int] | None:
        """Context code of each property; None if all are Sample.Periodic."""
        if self._codes is not None:
            return self._codes
        return None if self._code == SAMPLE_PERIODIC else dict.fromkeys(self.properties, self._code)

    def datum(self, node_id: int, source_id: SourceId, session: SessionProperties | None = None) -> Datum:
        """Makes the datum of this moment in a stream."""
        return Datum(node_id, source_id, self.created, self.properties, self.contexts, session)


class Unreadable(msgspec.Struct, frozen=True):
    """A sample that cannot become a property: its JSON text as far as we have it, and why."""

    created: datetime
    sample: str
    reason: str


class SignedSample(msgspec.Struct, frozen=True):
    """A sample with format SignedData: proof for a third party, not a number for us."""

    created: datetime
    location: str
    measurand: str
    context: str
    value: str


class Readings(msgspec.Struct):
    """What one message measured."""

    moments: list[Moment] = []
    """By time, then location."""
    unreadable: list[Unreadable] = []
    signed: list[SignedSample] = []
    odd: list[str] = []
    """Contexts and locations that are in no table, each once; their samples count."""
    replaced_times: list[datetime | None] = []
    """Timestamps that cannot be, None for a missing one; the time of reception stands in for each."""


# OCPP was first drafted in 2009, so an earlier time is a clock that was never set: year 1, 1970,
# 1980 (GPS), 2000 (many real-time clocks) are all seen in the field (Q51).
EARLIEST_TIME = datetime(2009, 1, 1, tzinfo=UTC)

# Local time sent as UTC is up to 14 h ahead (UTC+14; Q50) and still tells durations right, so it is
# taken as it is. More than a day ahead no mistake of zone or date line explains, and one such datum
# would be `latest` of its stream for years.
FUTURE_TOLERANCE = timedelta(hours=24)


def plausible_time(timestamp: datetime | None, received: datetime) -> datetime | None:
    """Gives the charge point's time if it can be right, else None; the caller then takes `received` (Q51)."""
    if timestamp is None or timestamp < EARLIEST_TIME or timestamp - received > FUTURE_TOLERANCE:
        return None
    return timestamp


def may_stand_for(kept: datetime, timestamp: datetime | None, received: datetime) -> bool:
    """Tells whether `kept` can be what we wrote down when this timestamp came for the first time.

    It is either the timestamp itself or, where that could not be, our time then; one in the future may
    have become plausible since.
    """
    plausible = plausible_time(timestamp, received)
    if plausible is None or plausible == kept:
        return True
    return plausible > received and plausible_time(plausible, kept) is None


# What chargers write for "I have no value" (Q32). Not a reading, so nothing is lost and nothing is noted.
_NO_VALUE = frozenset({"", "null", "nan", "none"})


def read_number(value: str | float | None, scaling: Scaling) -> float | str | None:
    """Scales a value exactly and gives the nearest double; None if there is no value, text says why not.

    Takes numbers as they come, text with spaces around, and one decimal comma (Q32).
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    shift = scaling.shift
    try:
        if not (scaling.convert or scaling.refusal or "_" in text):
            # Reading "12.345e3" is the exact product rounded once: 12345.0, and no Decimal is needed.
            number = float(f"{text}e{shift}") if shift else float(text)
            if isfinite(number):
                return number
    except ValueError:
        pass
    return _read_odd_number(text, scaling)


def _read_odd_number(text: str, scaling: Scaling) -> float | str | None:
    tidy = text.strip()
    if tidy.casefold() in _NO_VALUE:
        return None
    if scaling.refusal:
        return scaling.refusal
    if tidy.count(",") == 1 and "." not in tidy:
        tidy = tidy.replace(",", ".")
    try:
        if "_" in tidy:  # Python's own digit grouping is no charger's
            return f"value {text!r} is not a number"
        exact = Decimal(tidy)
        exact = CONVERSIONS[scaling.convert](exact) if scaling.convert else exact.scaleb(scaling.shift)
    except InvalidOperation:
        return f"value {text!r} is not a number"
    number = float(exact)
    return number if isfinite(number) else f"value {text!r} is not finite"


# By the three fields as they came. Firmware sends few triples, but the text is a stranger's: past
# this many spellings nothing more is kept and each look-up costs some microseconds.
_KEPT_SCALINGS = 4096
_scalings: dict[tuple[str | None, str | None, str | None], Scaling] = {}
_codes: dict[str | None, int] = dict([(None, SAMPLE_PERIODIC), *CONTEXTS.items()])
_locations: dict[str | None, str] = {None: DEFAULT_LOCATION, **{name: name for name in LOCATIONS}}


def _scaling_of(sample: SampledValue) -> Scaling:
    found = scaling_for(sample.measurand, sample.phase, sample.unit)
    if not found.refusal and len(_scalings) < _KEPT_SCALINGS:
        _scalings[sample.measurand, sample.phase, sample.unit] = found
    return found


def read_meter_values(meter_values: Sequence[MeterValue], received: datetime) -> Readings:
    """Reads the samples of one message; never fails, whatever they say."""
    readings = Readings()
    moments: dict[tuple[datetime, str], Moment] = {}
    for meter_value in meter_values:
        created = plausible_time(meter_value.timestamp, received)
        if created is None:
            readings.replaced_times.append(meter_value.timestamp)
            created = received
        if meter_value.unreadable:
            readings.unreadable += [Unreadable(created, raw, "not a SampledValue") for raw in meter_value.unreadable]
        _read_samples(meter_value.sampled_value, created, moments, readings)
    readings.moments = list(moments.values())
    if len(moments) > 1:
        readings.moments.sort(key=_order)
    return readings


def _read_samples(
    samples: Sequence[SampledValue],
    created: datetime,
    moments: dict[tuple[datetime, str], Moment],
    readings: Readings,
) -> None:
    moment: Moment | None = None
    for sample in samples:
        location = _locations.get(sample.location) or _location_of(sample, readings)
        if sample.format is not None and _is_signed(sample.format):
            _keep_signed(sample, created, location, readings)
            continue
        scaling = _scalings.get((sample.measurand, sample.phase, sample.unit)) or _scaling_of(sample)
        number = read_number(sample.value, scaling)
        if not isinstance(number, float):
            if number is not None:
                readings.unreadable.append(Unreadable(created, _json_text(sample), number))
            continue
        code = _codes.get(sample.context)
        if code is None:
            code = _code_of(sample, readings)
        if moment is None or moment.location != location:
            moment = moments.get((created, location))
            if moment is None:
                moment = moments[created, location] = Moment(created, location)
        moment.put(scaling.property_name, number, code)


def _order(moment: Moment) -> tuple[datetime, int]:
    return moment.created, LOCATIONS.index(moment.location)


def _location_of(sample: SampledValue, readings: Readings) -> str:
    """Reads a location that is not spelt as in the table; one in no table counts as Outlet, and is noted."""
    location = location_for(sample.location)
    if location is None:
        _note(readings, f"location {sample.location!r}")
        return DEFAULT_LOCATION
    return location


def _code_of(sample: SampledValue, readings: Readings) -> int:
    code = context_code_for(sample.context)
    if code == UNKNOWN_CONTEXT:
        _note(readings, f"context {sample.context!r}")
    return code


def _note(readings: Readings, oddity: str) -> None:
    if oddity not in readings.odd:
        readings.odd.append(oddity)


def _is_signed(format_: str) -> bool:
    return format_.strip().casefold() == "signeddata"


def _keep_signed(sample: SampledValue, created: datetime, location: str, readings: Readings) -> None:
    if sample.value is not None and sample.value != "":
        measurand, context = sample.measurand or "Energy.Active.Import.Register", sample.context or "Sample.Periodic"
        readings.signed.append(SignedSample(created, location, measurand, context, str(sample.value)))


def _json_text(sample: SampledValue) -> str:
    return msgspec.json.encode(sample).decode()
