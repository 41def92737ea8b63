"""What SolarNetwork calls the things that are registered here, field for field (spec 2.2): a form in, a view out.

A form is taken as it is sent; fields that are only shown (`created`, `expired`, ...) may be in it and change
nothing, so what was read can be sent back. An entity leaves out what is None. What is within a form or an entity is
one struct for both, and so one list of fields. Times are text, in UTC and with a space between date and time
(spec 2.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from solarocpp.registry import RegistrationStatus
from solarocpp.web.answers import Answer

T = TypeVar("T")


class Answered(Answer, Generic[T], frozen=True, kw_only=True):
    """A success; without `data` where there is nothing to show."""

    success: bool = True
    data: T | UnsetType = UNSET

    def about(self) -> str:
        """Names what was changed, if it says so."""
        return self.data.about() if isinstance(self.data, Answer) else ""


class Done(Answer, frozen=True, kw_only=True):
    """A success that has nothing to show."""

    success: bool = True


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """A part of a longer list."""

    total_results: int | UnsetType = UNSET
    starting_offset: int
    returned_result_count: int
    results: Sequence[T]


class Entity(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """What all answers about one thing have: what is empty in them is left out."""


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is within a form, and within an entity; what is empty is left out."""


class Form(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all forms have: whose the thing is meant to be."""

    user_id: int


class AuthorizationForm(Form, frozen=True, kw_only=True):
    """An id tag to be made, or with an `id` to be changed."""

    id: int | None = None
    token: str | None = None
    enabled: bool | None = None
    """Left out: false."""
    expiry_date: str | None = None
    parent_id: str | None = None


class AuthorizationEntity(Entity, frozen=True, kw_only=True):
    """An id tag."""

    id: int
    created: str
    user_id: int
    token: str
    enabled: bool
    expiry_date: str | None = None
    parent_id: str | None = None
    expired: bool

    def about(self) -> str:
        """Names it."""
        return self.token


class ChargerInfo(Part, frozen=True, kw_only=True):
    """What a charger is; its next BootNotification says it again, all but the `id`."""

    id: str | None = None
    charge_point_vendor: str | None = None
    charge_point_model: str | None = None
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class ChargerForm(Form, frozen=True, kw_only=True):
    """A charger to be registered, or with an `id` to be changed."""

    id: int | None = None
    node_id: int
    enabled: bool | None = None
    """Left out: false."""
    registration_status: str | None = None
    """Left out: Pending."""
    connector_count: int | None = None
    info: ChargerInfo | None = None


class ChargerEntity(Entity, frozen=True, kw_only=True):
    """A charger."""

    id: int
    created: str
    user_id: int
    node_id: int
    enabled: bool
    registration_status: RegistrationStatus
    connector_count: int
    info: ChargerInfo

    def about(self) -> str:
        """Names it."""
        return self.info.id or ""


class SettingsForm(Form, frozen=True, kw_only=True):
    """What an account decides for its chargers."""

    publish_to_solar_in: bool | None = None
    """Left out: true."""
    publish_to_solar_flux: bool | None = None
    """Taken and not kept: there is no SolarFlux here."""
    source_id_template: str | None = None


class ChargerSettingsForm(SettingsForm, frozen=True, kw_only=True):
    """What is decided for one charger."""

    charge_point_id: int


class SettingsEntity(Entity, frozen=True, kw_only=True):
    """What is decided for chargers."""

    user_id: int
    created: str
    """When the charger was registered, or the account made."""
    publish_to_solar_in: bool
    publish_to_solar_flux: bool
    """Always false: there is no SolarFlux here."""
    source_id_template: str


class ChargerSettingsEntity(SettingsEntity, frozen=True, kw_only=True):
    """What is decided for one charger."""

    charge_point_id: int


class AccountSettingsEntity(SettingsEntity, frozen=True, kw_only=True):
    """What an account decides for its chargers."""

    hid: str


class ConnectorInfo(Part, frozen=True, kw_only=True):
    """The status of a connector."""

    evse_id: int | None = None
    connector_id: int | None = None
    timestamp: str | None = None
    status: str | None = None
    error_code: str | None = None
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class ConnectorForm(Form, frozen=True, kw_only=True):
    """The status of a connector, to be put in place of what is known."""

    charge_point_id: int
    connector_id: int
    evse_id: int | None = None
    info: ConnectorInfo | None = None


class ConnectorEntity(Entity, frozen=True, kw_only=True):
    """A connector; 0 is the charger itself."""

    user_id: int
    charge_point_id: int
    evse_id: int
    """Always 0: OCPP 1.6 has none."""
    connector_id: int
    created: str | None = None
    """When it last said something."""
    info: ConnectorInfo

    def about(self) -> str:
        """Names it."""
        return f"{self.charge_point_id}/{self.connector_id}"


class CredentialForm(Form, frozen=True, kw_only=True):
    """A username to be made, or with an `id` to be changed."""

    id: int | None = None
    username: str | None = None
    password: str | None = None
    """Left out: of a new one it is generated, of another it stays."""
    allowed_charge_points: list[str] | None = None

    def __repr__(self) -> str:
        """Shows everything but the password."""
        return f"CredentialForm(id={self.id!r}, username={self.username!r})"


class CredentialEntity(Entity, frozen=True, kw_only=True):
    """A username."""

    id: int
    created: str
    user_id: int
    username: str
    password: str | None = None
    """If it was generated just now: this answer is the only one that ever has it."""
    allowed_charge_points: list[str] | None = None
    """Left out: every enabled charger of the account."""

    def about(self) -> str:
        """Names it."""
        return self.username


class ChargePointStatus(Entity, frozen=True, kw_only=True):
    """A charger that is connected."""

    created: str
    user_id: int
    charge_point_id: int
    connected_to: str
    """Where the charger connects from."""
    session_id: str
    """Of the link, as in events."""
    connected_date: str


class ChargePointActionStatus(Entity, frozen=True, kw_only=True):
    """The last message of a charger about one connector, for each action."""

    created: str
    user_id: int
    charge_point_id: int
    evse_id: int
    connector_id: int
    action: str
    message_id: str
    ts: str


class ChargeSessionEntity(Entity, frozen=True, kw_only=True):
    """A charge session."""

    id: UUID
    created: str
    auth_id: str
    charge_point_id: int
    evse_id: int
    connector_id: int
    transaction_id: str
    ended: str | None = None
    end_reason: str | None = None
    """Left out while it runs."""
    end_auth_id: str | None = None
