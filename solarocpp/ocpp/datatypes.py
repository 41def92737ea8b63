"""Types that OCPP 1.6 messages share: identity, readings, id tags, charging profiles, certificates.

An annotation is what the specification asks of the wire, lengths and lists of values included: the
strict decoder compares with it, and what fits costs nothing more. What does not fit goes to the
tolerant reader of `decoding`, which knows from the `Meta(extra=...)` of a field how far to give way:

    unlisted   an enumeration: KEEP the unlisted text, or take the named value instead
    note       with `unlisted`: the sibling that gets the replaced text if it is empty
    cap        text: the length that is accepted on reception (otherwise only the frame limits it)
    as_json    text: another JSON type is kept as its JSON text
    round      an integer: a fraction is rounded away
    no_id      an integer that is no id (0, -1, null, 2^63-1) reads as None
    assumed    the value of a required field that is missing
    reported   a time a charge point measured at: implausible ones read as None
    may_be_empty  a list: one without elements is absent where the schema wants at least one
    salvage    a list: an element that cannot be read is kept as JSON text in the named sibling

Times are aware UTC datetimes, or None where the charge point sent nothing usable; whoever needs one
then takes the time of reception (Q51).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, NewType

import msgspec
from msgspec import Meta

ChargePointId = NewType("ChargePointId", str)
"""The charge point identity of the connection URL, in the registry's canonical spelling."""

UniqueId = NewType("UniqueId", str)
"""The id of a CALL; at most 36 characters by OCPP-J §4.1.4, longer ones are echoed as they came."""

SourceId = NewType("SourceId", str)
"""SolarNetwork's name of a stream within a node, like `/ocpp/cp/CP001/1/Outlet`."""

KEEP: Final = "*"
"""As `unlisted` of an enumeration: the text stays what it is."""

Timestamp = Annotated[datetime, Meta(tz=True, extra={"reported": True})]
"""The charge point's time on the wire; text without a zone takes the repair of `lenience` (Q49)."""

DateTime = Annotated[datetime, Meta(tz=True)]
"""A time that somebody set (an expiry, a schedule): any year is plausible."""

Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""Connectors, counts, seconds: 32 bits."""

LongInteger = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Registers and foreign transaction ids: larger than 32 bits in the field (Q80)."""

EnergyRegister = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra={"round": True})]
"""A register in Wh, -1 for unknown included (Q82)."""

# Ids that mean "no transaction" (Q79, Q80) do not fit, so that the tolerant reader sees and counts them.
LinkedTransaction = Annotated[int, Meta(ge=1, le=2**63 - 2, extra={"no_id": True})]
"""The transaction a reading belongs to."""

# Identifier tags of 21 characters and more are real (Q96).
IdToken = Annotated[str, Meta(max_length=20, extra={"cap": 255})]
"""OCPP 1.6 §7.28; compared without case."""

CiString20 = Annotated[str, Meta(max_length=20)]
CiString25 = Annotated[str, Meta(max_length=25)]
CiString40 = Annotated[str, Meta(max_length=40)]
CiString50 = Annotated[str, Meta(max_length=50)]
CiString128 = Annotated[str, Meta(max_length=128)]
CiString255 = Annotated[str, Meta(max_length=255)]
CiString500 = Annotated[str, Meta(max_length=500)]
CiString512 = Annotated[str, Meta(max_length=512)]

Uri = str
"""Where to fetch or put a file; OCPP 1.6 sets no length. Which schemes work, the charge point knows (Q109)."""

Pem = Annotated[str, Meta(max_length=5500)]
"""A certificate or a certificate request as text."""

AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]

if TYPE_CHECKING:
    # What the program sees: text, listed or not. `metering` decides what each sample is worth, so
    # that one odd unit costs one sample and not the message (W19, Q33 to Q36).
    ReadingContext = str
    ValueFormat = str
    Measurand = str
    Phase = str
    Location = str
    UnitOfMeasure = str
else:
    # What the strict decoder sees (OCPP 1.6 §7.32, §7.33, §7.34, §7.35, §7.45, §7.46).
    ReadingContext = Annotated[
        Literal[
            "Interruption.Begin",
            "Interruption.End",
            "Sample.Clock",
            "Sample.Periodic",
            "Transaction.Begin",
            "Transaction.End",
            "Trigger",
            "Other",
        ],
        Meta(extra={"unlisted": KEEP}),
    ]
    ValueFormat = Annotated[Literal["Raw", "SignedData"], Meta(extra={"unlisted": KEEP})]
    Measurand = Annotated[
        Literal[
            "Current.Export",
            "Current.Import",
            "Current.Offered",
            "Energy.Active.Export.Register",
            "Energy.Active.Import.Register",
            "Energy.Reactive.Export.Register",
            "Energy.Reactive.Import.Register",
            "Energy.Active.Export.Interval",
            "Energy.Active.Import.Interval",
            "Energy.Reactive.Export.Interval",
            "Energy.Reactive.Import.Interval",
            "Frequency",
            "Power.Active.Export",
            "Power.Active.Import",
            "Power.Factor",
            "Power.Offered",
            "Power.Reactive.Export",
            "Power.Reactive.Import",
            "RPM",
            "SoC",
            "Temperature",
            "Voltage",
        ],
        Meta(extra={"unlisted": KEEP}),
    ]
    Phase = Annotated[
        Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"],
        Meta(extra={"unlisted": KEEP}),
    ]
    Location = Annotated[Literal["Body", "Cable", "EV", "Inlet", "Outlet"], Meta(extra={"unlisted": KEEP})]
    # Celcius is the typing error of the first schemas, Hertz an addition of the last (Q33, Q34).
    UnitOfMeasure = Annotated[
        Literal[
            "Wh",
            "kWh",
            "varh",
            "kvarh",
            "W",
            "kW",
            "VA",
            "kVA",
            "var",
            "kvar",
            "A",
            "V",
            "K",
            "Celcius",
            "Celsius",
            "Fahrenheit",
            "Percent",
            "Hertz",
        ],
        Meta(extra={"unlisted": KEEP}),
    ]


class OcppType(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A data type of OCPP 1.6: camelCase on the wire, absent optional fields are left out."""


class OcppMessage(OcppType, frozen=True):
    """A request or a confirmation."""


class IdTagInfo(OcppType, frozen=True):
    """What the central system thinks of an id tag (OCPP 1.6 §7.27)."""

    status: AuthorizationStatus
    parent_id_tag: IdToken | None = None
    expiry_date: DateTime | None = None


class AuthorizationData(OcppType, frozen=True):
    """A row of a local list (OCPP 1.6 §7.1); in a differential update, one without `id_tag_info` goes."""

    id_tag: IdToken
    id_tag_info: IdTagInfo | None = None


class SampledValue(OcppType, frozen=True):
    """One reading as sent (OCPP 1.6 §7.43).

    None means absent; `metering` applies OCPP's defaults. Enumerations are whatever text came, and so
    is the value: a number becomes its text (Q32), "NaN" and the like stay.
    """

    value: str | None
    context: ReadingContext | None = None
    format: ValueFormat | None = None
    measurand: Measurand | None = None
    phase: Phase | None = None
    location: Location | None = None
    unit: UnitOfMeasure | None = None


class MeterValue(OcppType, frozen=True):
    """Readings of one moment (OCPP 1.6 §7.31); without a usable time it keeps its samples (Q49, Q51)."""

    timestamp: Timestamp | None
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1, extra={"salvage": "unreadable"})]
    unreadable: Annotated[tuple[str, ...], Meta(max_length=0)] = ()
    """JSON text of samples that are no SampledValue at all; filled by `decoding`, never on the wire."""


ChargingRateUnit = Literal["A", "W"]
ChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


class ChargingSchedulePeriod(OcppType, frozen=True):
    """A limit from a moment on, until the next period begins (OCPP 1.6 §7.14)."""

    start_period: Integer
    """Seconds from the start of the schedule."""
    limit: float
    """In A or W, as the schedule says; tenths at most."""
    number_phases: Integer | None = None


class ChargingSchedule(OcppType, frozen=True):
    """Limits over time (OCPP 1.6 §7.13)."""

    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: tuple[ChargingSchedulePeriod, ...]
    duration: Integer | None = None
    """Seconds."""
    start_schedule: DateTime | None = None
    min_charging_rate: float | None = None
    """In A or W, as `charging_rate_unit` says; tenths at most."""


class ChargingProfile(OcppType, frozen=True):
    """A schedule, and what it is for (OCPP 1.6 §7.8)."""

    charging_profile_id: Integer
    stack_level: Integer
    charging_profile_purpose: ChargingProfilePurpose
    charging_profile_kind: Literal["Absolute", "Recurring", "Relative"]
    charging_schedule: ChargingSchedule
    transaction_id: LongInteger | None = None
    recurrency_kind: Literal["Daily", "Weekly"] | None = None
    valid_from: DateTime | None = None
    valid_to: DateTime | None = None


class KeyValue(OcppType, frozen=True):
    """A configuration key and its value (OCPP 1.6 §7.29); a key without value exists and has none."""

    key: CiString50
    readonly: Annotated[bool, Meta(extra={"assumed": False})]
    value: CiString500 | None = None


# -- security whitepaper ---------------------------------------------------------------------------------

CertificateUse = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]


class CertificateHashData(OcppType, frozen=True):
    """A certificate by its hashes, in hex, and its serial number, in hex without leading zeros."""

    hash_algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: CiString128
    issuer_key_hash: CiString128
    serial_number: CiString40


class LogParameters(OcppType, frozen=True):
    """Where a log goes, and of which time."""

    remote_location: CiString512
    oldest_timestamp: DateTime | None = None
    latest_timestamp: DateTime | None = None


class Firmware(OcppType, frozen=True):
    """Signed firmware: where it is, when to take it, and what proves whose it is."""

    location: CiString512
    retrieve_date_time: DateTime
    signing_certificate: Pem
    """PEM."""
    signature: Annotated[str, Meta(max_length=800)]
    """Base64."""
    install_date_time: DateTime | None = None
