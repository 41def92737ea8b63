"""What a handler may ask to be recorded, as values.

A handler returns effects; the store applies them. An effect says everything the tables need, so the
projector asks nobody and a replay of the ledger gives the same rows. All times are aware UTC
datetimes; energy Wh, power W, current A, voltage V, temperature Celsius, SoC percent.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from solarocpp.metering.datums import Datum
from solarocpp.ocpp.datatypes import AuthorizationStatus


class _Effect(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Base of all effects, so that they can be written out and read back."""


class DatumObserved(_Effect, frozen=True, gc=False):
    """A datum was made; it merges into the row of the same node, source and time."""

    datum: Datum
    received: datetime


class SessionStarted(_Effect, frozen=True, gc=False):
    """A charge session begins: a row of `chargeSession` with `ended` empty."""

    session_id: UUID
    node_id: int
    source_id: str
    charger_id: int
    connector_id: int
    transaction_id: int
    token: str
    started: datetime
    meter_start_wh: float | None
    received: datetime | None = None
    """When it came, by our clock; `started` is by the charger's. None: at the same time."""


class SessionRefused(_Effect, frozen=True, gc=False):
    """A start we did not accept: recorded, ended at once, without datum (architecture section 8, Q1)."""

    start: SessionStarted
    status: str
    """The authorization status that was answered: Blocked, Expired, Invalid or ConcurrentTx."""


class SessionEnded(_Effect, frozen=True, gc=False):
    """A charge session ends; `meter_stop_wh` is None where the charger sent none that can be right (Q82)."""

    session_id: UUID
    ended: datetime
    end_reason: str
    end_token: str | None
    meter_stop_wh: float | None


class ConnectorStatusChanged(_Effect, frozen=True, gc=False):
    """The newest status of a connector; 0 is the charger itself (Q100)."""

    charger_id: int
    connector_id: int
    timestamp: datetime
    received: datetime
    status: str
    error_code: str
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class ChargerDescribed(_Effect, frozen=True, gc=False):
    """A BootNotification said what the charger is; absent fields become empty (spec 6.3)."""

    charger_id: int
    vendor: str
    model: str
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class ConnectorsCounted(_Effect, frozen=True, gc=False):
    """The charger said how many connectors it has: rows 1..n exist afterwards, others above n go."""

    charger_id: int
    connector_count: int


class ConfigurationKeyTold(msgspec.Struct, frozen=True, gc=False):
    """One configuration key of a charger, as it was told; the value of a secret is blanked."""

    key: str
    value: str | None
    """None: the key exists and has no value."""
    readonly: bool | None = None
    """None: the message does not say."""
    reboot_required: bool = False
    """Whether the charger uses the value only after a reboot."""


class ConfigurationTold(_Effect, frozen=True, gc=False):
    """A charger said what values some of its configuration keys have, or that it has no such keys."""

    charger_id: int
    account_id: int
    identifier: str
    received: datetime
    told: tuple[ConfigurationKeyTold, ...]
    unknown: tuple[str, ...] = ()


class SignedReadingKept(_Effect, frozen=True, gc=False):
    """A sample with format SignedData, whole (Q10, Q71): table `signedReading`."""

    node_id: int
    source_id: str
    created: datetime
    received: datetime
    session_id: UUID | None
    measurand: str
    context: str
    value: str


class EventHappened(_Effect, frozen=True, gc=False):
    """Something an operator may want to look up: table `event`. Never carries a secret."""

    created: datetime
    name: str
    """From the catalogue in `logs`: `sample_unreadable`, `handshake_refused`, ..."""
    identifier: str | None
    message: str
    data: dict[str, str | int | float | bool | None]
    account_id: int | None = None
    """Whose event it is; None: nobody's that we know of, shown to whoever runs the box."""


class ProfileInstalled(_Effect, frozen=True, gc=False):
    """A charge point accepted a charging profile; what it had there of that purpose and level is replaced."""

    charger_id: int
    connector_id: int
    charging_profile_id: int
    purpose: str
    stack_level: int
    transaction_id: int | None
    profile: str
    """The ChargingProfile as OCPP has it, JSON text."""
    installed: datetime


class ProfilesCleared(_Effect, frozen=True, gc=False):
    """A charge point took charging profiles away: those that match everything that is not None."""

    charger_id: int
    charging_profile_id: int | None = None
    connector_id: int | None = None
    purpose: str | None = None
    stack_level: int | None = None


class ReservationAnswered(_Effect, frozen=True, gc=False):
    """A charge point said whether it reserves; `status` is its own word."""

    charger_id: int
    reservation_id: int
    status: str
    received: datetime


class ReservationCancelled(_Effect, frozen=True, gc=False):
    """A charge point gave a reserved connector back to everybody."""

    charger_id: int
    reservation_id: int
    received: datetime


class ReservationUsed(_Effect, frozen=True, gc=False):
    """A transaction began on a reservation."""

    charger_id: int
    reservation_id: int
    transaction_id: int
    received: datetime


class ListRow(msgspec.Struct, frozen=True, gc=False):
    """What a local list says of an id tag; without status it says nothing of it any more."""

    token: str
    status: AuthorizationStatus | None
    parent: str | None = None
    expires: datetime | None = None


class LocalListAccepted(_Effect, frozen=True, gc=False):
    """A charge point took a local list over, or with `full` False the changes to the one it has."""

    charger_id: int
    version: int
    full: bool
    rows: tuple[ListRow, ...]
    received: datetime


class LocalListDoubted(_Effect, frozen=True, gc=False):
    """A charge point has another local list than we thought, or failed to take one: the next is sent whole."""

    charger_id: int
    problem: str
    version: int = 0
    """The highest that it may have by now."""


Effect = (
    DatumObserved
    | SessionStarted
    | SessionRefused
    | SessionEnded
    | ConnectorStatusChanged
    | ChargerDescribed
    | ConnectorsCounted
    | ConfigurationTold
    | SignedReadingKept
    | EventHappened
    | ProfileInstalled
    | ProfilesCleared
    | ReservationAnswered
    | ReservationCancelled
    | ReservationUsed
    | LocalListAccepted
    | LocalListDoubted
)
