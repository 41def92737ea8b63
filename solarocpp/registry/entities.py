"""What an operator registers, as values: chargers, credentials, id tags, settings.

Frozen: a change makes a new value and puts it into the registry once the store has it, so whoever
holds one (a link, a handler) sees a consistent charger and never half a change. Times are aware UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from solarocpp.ocpp.datatypes import ChargePointId

RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]
"""What BootNotification is answered (OCPP 1.6 §7.40); only an operator changes it (spec 6.3)."""

SecurityProfile = Literal[0, 1, 2, 3]
"""What a link must prove, as the OCPP 1.6 security whitepaper counts: 1 a password, 2 TLS too, 3 a certificate."""

UnknownChargers = Literal["refuse", "pending", "accept"]
"""What becomes of a charger that nobody registered, once its credential is right."""

# Spec 3.1. Ours and SolarNetwork's, so that data moves between the two without renaming a stream.
DEFAULT_SOURCE_ID_TEMPLATE = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"


DEFAULT_ACCOUNT = 1
"""The account of a fresh store, and of the command line."""


class Account(msgspec.Struct, frozen=True):
    """An owner of nodes, chargers, credentials and tokens; a fresh store has account 1."""

    account_id: int
    name: str
    created: datetime
    hid: str
    """Names the account in the URLs of its chargers (spec 1.5): so a refusal finds its owner. It proves nothing."""


class Node(msgspec.Struct, frozen=True):
    """A site, SolarNetwork's node: datums belong to one; a fresh store has node 1."""

    node_id: int
    account_id: int
    name: str
    created: datetime
    time_zone: str | None = None
    """IANA name; its days and months begin by this clock (spec 10.1). None: UTC."""


class Settings(msgspec.Struct, frozen=True):
    """What an account or one charger decides; None: the next wider level decides."""

    source_id_template: str | None = None
    publish: bool | None = None
    """Whether datums are made; sessions, status and the ledger are kept either way (spec 4.7, M9)."""
    unknown_chargers: UnknownChargers | None = None
    """An account's only, since it is about chargers that are not there yet; None: refuse."""


CHARGER_DETAILS: Final = (
    "charge_point_serial_number",
    "charge_box_serial_number",
    "firmware_version",
    "iccid",
    "imsi",
    "meter_type",
    "meter_serial_number",
)
"""What a charger says of itself beside vendor and model: called the same in OCPP, here, and in SolarNetwork's API."""


class Charger(msgspec.Struct, frozen=True):
    """A charge point that may connect, and what it last said it is (spec 2.2)."""

    charger_id: int
    account_id: int
    node_id: int
    identifier: ChargePointId
    created: datetime
    enabled: bool = True
    registration_status: RegistrationStatus = "Accepted"
    connector_count: int = 0
    """As the charger said; a hint, connectors appear when they speak (Q100). 0: not asked yet."""
    vendor: str = ""
    model: str = ""
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None
    security_profile: SecurityProfile = 1
    """The least its links must prove; 0, nothing at all, only where somebody chose so: no password, no entry (Q112)."""
    adopted: bool = True
    """False: `unknownChargers` let it in, and no operator has given it a registration status since."""
    supply_phases: int | None = None
    """Phases it is connected to; no message of OCPP 1.6 says it. None: nobody has said, and 3 is meant."""
    supply_voltage: float | None = None
    """V, of a phase against neutral; None: nobody has said, and 230 is meant."""
    settings: Settings = Settings()


class Credential(msgspec.Struct, frozen=True):
    """A username that chargers connect with; several may share one (Q111)."""

    credential_id: int
    account_id: int
    username: str
    allowed: tuple[str, ...]
    """Identifiers it may connect as; empty: any enabled charger of the account."""
    kind: Literal["generated", "password"]
    hash: str
    created: datetime

    def allows(self, identifier: str) -> bool:
        """Tells whether a charger may connect with this username; case does not matter (Q10)."""
        return _lists(self.allowed, identifier)

    def __repr__(self) -> str:
        """Shows everything but the hash: a repr ends up in log lines and tracebacks."""
        return f"Credential(credential_id={self.credential_id}, username={self.username!r}, kind={self.kind!r})"


KeyStatus = Literal["accepted", "rebootRequired", "unknown"]
"""What a charger has said to its new key; unknown: it may have it, and may not."""


class ChargerKey(msgspec.Struct, frozen=True, kw_only=True):
    """An AuthorizationKey that one charger shows in place of its user name's password.

    `coming`: it was told the key, or will be; the one before is right as well. `own`: it has come with it, and nothing
    else is right for it, whichever user name it shows.
    """

    charger_id: int
    state: Literal["coming", "own"]
    kind: Literal["generated", "password"]
    hash: str
    instruction_id: int
    """What it is told the key by."""
    requested_by: str
    created: datetime
    status: KeyStatus | None = None
    """Of a coming one; None: the instruction has not ended."""
    status_date: datetime | None = None
    """When it came into its status; of an own one, when the charger first came with it."""

    def __repr__(self) -> str:
        """Shows everything but the hash."""
        return f"ChargerKey(charger_id={self.charger_id}, state={self.state!r}, status={self.status!r})"


class Authorization(msgspec.Struct, frozen=True):
    """An id tag that may charge (spec 2.2, 4.1)."""

    authorization_id: int
    account_id: int
    token: str
    """As it is read from the card; compared without case (Q95). `vid:*` stands for every `vid:...` (Q97)."""
    created: datetime
    enabled: bool = True
    expires: datetime | None = None
    parent: str | None = None
    max_active: int | None = None
    """Most open sessions of one id tag at once, more are answered ConcurrentTx (spec Q3); None: no limit."""
    chargers: tuple[str, ...] = ()
    """Identifiers where it may charge, elsewhere it is Blocked (Q98); empty: anywhere in the account."""

    def allows(self, identifier: str) -> bool:
        """Tells whether it may charge at this charger; case does not matter (Q10)."""
        return _lists(self.chargers, identifier)


Limit = Literal["readOnly", "nodes", "sources"]
"""What a token may be limited by; a route says which of them it heeds, and is closed to tokens with others."""


class ApiToken(msgspec.Struct, frozen=True):
    """What a program shows to use the API; only its hash is kept, unless it signs requests."""

    token_id: int
    name: str
    hash: str
    created: datetime
    account_id: int | None = None
    """The account it sees and changes; None: the whole box."""
    read_only: bool = False
    nodes: tuple[int, ...] = ()
    """The nodes whose datums it sees; empty: all of the account."""
    sources: tuple[str, ...] = ()
    """Source patterns, of which one must fit what it sees; empty: every source."""
    expires: datetime | None = None
    """It is refused from then on; None: never."""
    signing_secret: str | None = None
    """The secret itself, where requests are signed with it (SNWS2): keys derived from it change by the day."""

    @property
    def whole_box(self) -> bool:
        """Whether it may do what the operator of the box may."""
        return self.account_id is None

    @property
    def limits(self) -> frozenset[Limit]:
        """What limits it beyond its account."""
        given: dict[Limit, object] = {"readOnly": self.read_only, "nodes": self.nodes, "sources": self.sources}
        return frozenset(limit for limit, value in given.items() if value)

    def has_expired(self, now: datetime) -> bool:
        """Tells whether it is refused at `now`."""
        return self.expires is not None and self.expires <= now

    def __repr__(self) -> str:
        """Shows everything but what is secret."""
        return f"ApiToken(token_id={self.token_id}, account_id={self.account_id}, name={self.name!r})"


class ChargerChanged(msgspec.Struct, frozen=True):
    """A charger or its settings are different now, or it is gone: its link must look again."""

    charger_id: int


class CredentialChanged(msgspec.Struct, frozen=True):
    """A credential is different now, or gone: links that came in with it must come again."""

    credential_id: int


def _lists(identifiers: tuple[str, ...], identifier: str) -> bool:
    return not identifiers or identifier.casefold() in {name.casefold() for name in identifiers}
