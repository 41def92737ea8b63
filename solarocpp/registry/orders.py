"""What an operator may ask of the registry, as values; the web API reads them straight from JSON.

A `New` order makes an entity, a `Change` names only what is to be different: a field left out
(UNSET) stays as it is, None empties it. Lengths and forms that need words are checked in `rules`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from solarocpp.registry.entities import RegistrationStatus, SecurityProfile, UnknownChargers

# JavaScript and DuckDB both hold such numbers exactly.
Number = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
# OCPP 1.6 §6.7: chargePointVendor and chargePointModel are CiString20; chargers send longer ones and
# they are kept, so the bound only keeps the table readable.
Label = Annotated[str, msgspec.Meta(max_length=100)]
When = Annotated[datetime, msgspec.Meta(tz=True)]
Sessions = Annotated[int, msgspec.Meta(ge=0, le=1000)]
# A policy is looked at with every request; whoever needs more gives an account of their own.
MOST_NODES: Final = 1_000
MOST_PATTERNS: Final = 100
# Far beyond any charger; a connector is a row.
Connectors = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Phases = Annotated[int, msgspec.Meta(ge=1, le=3)]
Volts = Annotated[float, msgspec.Meta(gt=0, le=1000)]
"""Of a phase against neutral."""
# argon2 takes any length; beyond this it is a mistake or an attack.
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An order: camelCase in JSON, and a misspelt field is refused instead of ignored."""


class NewAccount(Order, frozen=True, kw_only=True):
    """Makes an account, with a first node of its own."""

    name: Label


class NewToken(Order, frozen=True, kw_only=True):
    """Makes a token for the API, limited by a policy if one is given."""

    name: Label
    whole_box: bool = False
    """Whether it may see and change every account; otherwise its own only."""
    read_only: bool = False
    """Whether it may only look."""
    nodes: Annotated[list[Number], msgspec.Meta(max_length=MOST_NODES)] = []
    """The nodes whose datums it may see; empty: all of the account."""
    sources: Annotated[list[str], msgspec.Meta(max_length=MOST_PATTERNS)] = []
    """Source patterns it may see, like `/ocpp/cp/CP001/**`; empty: every source."""
    expires: When | None = None
    """It is refused from then on."""
    snws2: bool = False
    """Whether requests may be signed with its secret, as SolarNetwork's clients do; the secret is kept then."""


class NodeChange(Order, frozen=True, kw_only=True):
    """Changes a node."""

    name: Label | UnsetType = UNSET
    time_zone: str | UnsetType | None = UNSET
    """IANA name, in any case; None: UTC."""


class NewCharger(Order, frozen=True, kw_only=True):
    """Registers a charger."""

    identifier: str
    node_id: Number | None = None
    """None: the first node of the account."""
    create_node: bool = False
    """Make the node if there is none: a mistyped number must not scatter a site's datums."""
    vendor: Label = ""
    model: Label = ""
    enabled: bool = True
    registration_status: RegistrationStatus = "Accepted"
    security_profile: SecurityProfile = 1
    # What its BootNotification will say; for whoever knows it before.
    connector_count: Connectors = 0
    charge_point_serial_number: Label | None = None
    charge_box_serial_number: Label | None = None
    firmware_version: Label | None = None
    iccid: Label | None = None
    imsi: Label | None = None
    meter_type: Label | None = None
    meter_serial_number: Label | None = None
    # What no message says.
    supply_phases: Phases | None = None
    supply_voltage: Volts | None = None


class DatumSettingsChange(Order, frozen=True, kw_only=True):
    """Changes what becomes of readings, for a whole account or for one charger."""

    source_id_template: str | UnsetType | None = UNSET
    publish: bool | UnsetType | None = UNSET


class SettingsChange(DatumSettingsChange, frozen=True, kw_only=True):
    """Changes the settings of an account."""

    unknown_chargers: UnknownChargers | UnsetType | None = UNSET


class ChargerChange(DatumSettingsChange, frozen=True, kw_only=True):
    """Changes a charger or its settings; any `registration_status` adopts one that `unknownChargers` let in."""

    node_id: Number | UnsetType = UNSET
    create_node: bool = False
    vendor: Label | UnsetType = UNSET
    model: Label | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    registration_status: RegistrationStatus | UnsetType = UNSET
    security_profile: SecurityProfile | UnsetType = UNSET
    connector_count: Connectors | UnsetType = UNSET
    charge_point_serial_number: Label | UnsetType | None = UNSET
    charge_box_serial_number: Label | UnsetType | None = UNSET
    firmware_version: Label | UnsetType | None = UNSET
    iccid: Label | UnsetType | None = UNSET
    imsi: Label | UnsetType | None = UNSET
    meter_type: Label | UnsetType | None = UNSET
    meter_serial_number: Label | UnsetType | None = UNSET
    supply_phases: Phases | UnsetType | None = UNSET
    supply_voltage: Volts | UnsetType | None = UNSET


class NewCredential(Order, frozen=True, kw_only=True):
    """Makes a username; without `password` one is generated."""

    username: str
    password: Password | None = None
    allowed: list[str] = []

    def __repr__(self) -> str:
        """Shows everything but the password."""
        return f"NewCredential(username={self.username!r}, allowed={self.allowed!r})"


class CredentialChange(Order, frozen=True, kw_only=True):
    """Changes a password (None: generates one) or what the username may connect as."""

    password: Password | UnsetType | None = UNSET
    allowed: list[str] | UnsetType = UNSET

    def __repr__(self) -> str:
        """Shows everything but the password."""
        return f"CredentialChange(allowed={self.allowed!r})"


class NewAuthorization(Order, frozen=True, kw_only=True):
    """Lets an id tag charge."""

    token: str
    enabled: bool = True
    expires: When | None = None
    parent: str | None = None
    max_active: Sessions | None = None
    chargers: list[str] = []
    """Identifiers where it may charge; empty: anywhere in the account."""


class AuthorizationChange(Order, frozen=True, kw_only=True):
    """Changes what an id tag may do."""

    enabled: bool | UnsetType = UNSET
    expires: When | UnsetType | None = UNSET
    parent: str | UnsetType | None = UNSET
    max_active: Sessions | UnsetType | None = UNSET
    chargers: list[str] | UnsetType = UNSET
