"""What is in the store, as data: every table, view and column an analyst can meet, with unit and meaning.

`data/README.md` is made from this file, the query module checks names against it, and a test
compares it with a real store, so it cannot drift. How a store comes to look like this is in
`migrations`. Column names are SolarNetwork's spelling of datum properties; DuckDB matches them in
any case. All times are TIMESTAMPTZ, energy Wh, power W, current A, voltage V, temperature Celsius.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from solarocpp.metering.measurands import MEASURANDS


class Column(NamedTuple):
    """One column: its SQL type, its unit (empty where it has none) and what it means."""

    name: str
    type: str
    unit: str
    meaning: str


class Property(NamedTuple):
    """One datum property that OCPP 1.6 defines: a DOUBLE column of `datum`, and its measurand (§7.31)."""

    name: str
    unit: str
    measurand: str


class Table(NamedTuple):
    """One table or view; `internal` ones are the store's own business and may change."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    internal: bool = False


# SI symbols; OCPP spells some units out.
_SYMBOLS = {"Percent": "%", "Celsius": "C", "RPM": "1/min"}

PROPERTIES: tuple[Property, ...] = tuple(
    Property(row.property_name, _SYMBOLS.get(row.unit, row.unit), row.name) for row in MEASURANDS
)
"""The properties of a whole measurand, in the order of their columns in `datum`."""

PHASES: Mapping[str, str] = {
    "_a": "phase L1 or L1-N",
    "_b": "phase L2 or L2-N",
    "_c": "phase L3 or L3-N",
    "_ab": "between L1 and L2",
    "_bc": "between L2 and L3",
    "_ca": "between L3 and L1",
    "_n": "neutral",
}
"""Suffix of a phase property, and what it means; its column exists once a charger has sent it."""

_PROPERTY_BY_NAME = {row.name.lower(): row for row in PROPERTIES}


def property_column(name: str) -> Column:
    """Describes the column of a datum property: a measurand's, one of its phases', or a vendor's own."""
    stem, underscore, phase = name.rpartition("_")
    suffix = underscore + phase.lower() if stem else ""
    row = _PROPERTY_BY_NAME.get(name.lower())
    if row is not None:
        return Column(row.name, "DOUBLE", row.unit, f"`{row.measurand}`")
    row = _PROPERTY_BY_NAME.get(stem.lower())
    if row is not None and suffix in PHASES:
        return Column(row.name + suffix, "DOUBLE", row.unit, f"`{row.measurand}`, {PHASES[suffix]}")
    return Column(name, "DOUBLE", "", "sent by a vendor's own message")


_DATUM_KEY = (
    Column("created", "TIMESTAMP WITH TIME ZONE", "", "when the charger measured it; our time where its own cannot be"),
    Column("nodeId", "BIGINT", "", "SolarNetwork node the charger belongs to"),
    Column("sourceId", "VARCHAR", "", "stream within the node, like `/ocpp/cp/CP001/1/Outlet`"),
)

_SESSION_KEY = Column("sessionId", "UUID", "", "the charge session; the same in `datum`, `chargeSession` and `session`")
_TRANSACTION = Column("transactionId", "BIGINT", "", "the transactionId the charger was given at its start")

DATUM = Table(
    "datum",
    "Readings: one row for each node, source and time; a second message about the same moment merges into its row.",
    (
        *_DATUM_KEY,
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we last got something for this row"),
        _SESSION_KEY,
        _TRANSACTION,
        Column("token", "VARCHAR", "", "id tag that started the session"),
        Column("duration", "BIGINT", "s", "whole seconds from the start of the session to this moment"),
        Column("endDate", "TIMESTAMP WITH TIME ZONE", "", "end of the session; only on its closing datum"),
        Column("endReason", "VARCHAR", "", "why it ended (OCPP 1.6 §7.36); only on the closing datum"),
        Column("endToken", "VARCHAR", "", "id tag that ended it, if any; only on the closing datum"),
        Column("status", "VARCHAR", "", "status streams: `Charging`, `Uploaded`, `Installed`, ..."),
        Column("errorCode", "VARCHAR", "", "status streams: the error, empty for NoError"),
        Column("info", "VARCHAR", "", "status streams: free text of the charger"),
        Column("vendorErrorCode", "VARCHAR", "", "status streams: the vendor's own code"),
        Column("vendorId", "VARCHAR", "", "status streams: the vendor's name"),
        *(property_column(row.name) for row in PROPERTIES),
    ),
)
"""Without the phase and vendor properties, whose columns appear when they are first needed."""

_CHARGE_SESSION_COLUMNS = (
    _SESSION_KEY,
    Column("nodeId", "BIGINT", "", "node of the charger when the session started"),
    Column("sourceId", "VARCHAR", "", "stream of its start and stop readings"),
    Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
    Column("connectorId", "INTEGER", "", "connector, from 1"),
    _TRANSACTION,
    Column("token", "VARCHAR", "", "id tag it was started with"),
    Column("started", "TIMESTAMP WITH TIME ZONE", "", "start, by the charger's clock"),
    Column("ended", "TIMESTAMP WITH TIME ZONE", "", "end, by the charger's clock; empty while it runs"),
    Column("endReason", "VARCHAR", "", "why it ended (OCPP 1.6 §7.36); `Refused`: we never allowed it"),
    Column("endToken", "VARCHAR", "", "id tag it was stopped with, if any"),
    Column("meterStart", "DOUBLE", "Wh", "register at the start, as sent"),
    Column("meterStop", "DOUBLE", "Wh", "register at the end, as sent; empty if it cannot be right"),
)

CHARGE_SESSION = Table(
    "chargeSession",
    "Every start we were told of, refused ones included (`endReason` `Refused`, `ended` = `started`, no datum).",
    _CHARGE_SESSION_COLUMNS,
)

TOTAL_COLUMNS = (
    Column("energy", "DOUBLE", "Wh", "energy delivered, over register resets and glitches"),
    Column("duration", "BIGINT", "s", "length; of a running session up to its newest datum"),
    Column("averagePower", "DOUBLE", "W", "energy over duration; empty where the duration is 0"),
    Column("peakPower", "DOUBLE", "W", "highest `watts`, else sum of phases, else steepest rise of the register"),
    Column("readings", "BIGINT", "", "datums of the session"),
)

SESSION_VIEW = Table(
    "session",
    "Charge sessions with their totals, running ones included, refused ones left out.",
    (*_CHARGE_SESSION_COLUMNS, *TOTAL_COLUMNS),
)

LATEST_VIEW = Table("latest", "The newest datum of each stream; columns as `datum`.", DATUM.columns)

CONNECTOR = Table(
    "connector",
    "The last status of each connector; connector 0 is the charger itself.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("connectorId", "INTEGER", "", "connector, 0 for the charger"),
        Column("status", "VARCHAR", "", "OCPP 1.6 §7.7; empty: it has not said anything"),
        Column("errorCode", "VARCHAR", "", "OCPP 1.6 §7.6"),
        Column("info", "VARCHAR", "", "free text of the charger"),
        Column("vendorId", "VARCHAR", "", "the vendor's name"),
        Column("vendorErrorCode", "VARCHAR", "", "the vendor's own code"),
        Column("timestamp", "TIMESTAMP WITH TIME ZONE", "", "when, by the charger's clock"),
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we were told"),
    ),
)

CHARGER = Table(
    "charger",
    "Charge points that may connect, and what they said they are at their last boot.",
    (
        Column("chargerId", "BIGINT", "", "our number for it; never given again"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("nodeId", "BIGINT", "", "`node.nodeId` its datums go to"),
        Column("identifier", "VARCHAR", "", "charge point identity, the last part of its URL"),
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was registered"),
        Column("enabled", "BOOLEAN", "", "whether it may connect"),
        Column("registrationStatus", "VARCHAR", "", "what BootNotification is answered"),
        Column("connectorCount", "INTEGER", "", "as it said; 0: not known yet"),
        Column("vendor", "VARCHAR", "", "chargePointVendor"),
        Column("model", "VARCHAR", "", "chargePointModel"),
        Column("chargePointSerialNumber", "VARCHAR", "", "as sent"),
        Column("chargeBoxSerialNumber", "VARCHAR", "", "as sent"),
        Column("firmwareVersion", "VARCHAR", "", "as sent"),
        Column("iccid", "VARCHAR", "", "its SIM card"),
        Column("imsi", "VARCHAR", "", "its SIM card's subscriber"),
        Column("meterType", "VARCHAR", "", "as sent"),
        Column("meterSerialNumber", "VARCHAR", "", "as sent"),
        Column(
            "securityProfile", "TINYINT", "", "least it must prove: 0 nothing, 1 password, 2 TLS too, 3 certificate"
        ),
        Column("adopted", "BOOLEAN", "", "false: made by `unknownChargers`, and no operator has judged it yet"),
    ),
)

EVENT = Table(
    "event",
    "What happened that somebody may want to look up: refused handshakes, repaired messages, bad samples.",
    (
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "when, by our clock"),
        Column("name", "VARCHAR", "", "event name, from the catalogue"),
        Column("identifier", "VARCHAR", "", "charge point identity, if one is concerned"),
        Column("message", "VARCHAR", "", "in words"),
        Column("data", "JSON", "", "details as a JSON object"),
        Column("accountId", "BIGINT", "", "`account.accountId` it concerns; empty: not known"),
        Column(
            "tags", "VARCHAR[]", "", "what it is about, as SolarNetwork tags user events: `[ocpp, charger, forbidden]`"
        ),
    ),
)

LEDGER = Table(
    "ledger",
    "What was said and what was answered, word for word; secrets are blanked before they get here.",
    (
        Column("seq", "BIGINT", "", "order of arrival, without gaps between acknowledged messages"),
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we got it (or, outgoing, its answer)"),
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("identifier", "VARCHAR", "", "charge point identity at that time"),
        Column("accountId", "BIGINT", "", "account at that time"),
        Column("nodeId", "BIGINT", "", "node at that time"),
        Column("sourceIdTemplate", "VARCHAR", "", "template at that time"),
        Column("publish", "BOOLEAN", "", "publish setting at that time"),
        Column("direction", "VARCHAR", "", "`in`: from the charger; `out`: from us"),
        Column("action", "VARCHAR", "", "OCPP action"),
        Column("request", "VARCHAR", "", "the CALL frame"),
        Column("answer", "VARCHAR", "", "the frame that answered it"),
    ),
)

SIGNED_READING = Table(
    "signedReading",
    "Samples with format SignedData, whole, for who can check the signature.",
    (
        *_DATUM_KEY,
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we got it"),
        _SESSION_KEY,
        Column("measurand", "VARCHAR", "", "OCPP 1.6 §7.31"),
        Column("context", "VARCHAR", "", "OCPP 1.6 §7.28"),
        Column("value", "VARCHAR", "", "as sent"),
    ),
)

REGISTRY_TABLES: tuple[Table, ...] = (
    Table(
        "account",
        "Owners of chargers and tokens; a fresh store has account 1.",
        (
            Column("accountId", "BIGINT", "", "number"),
            Column("name", "VARCHAR", "", "name"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
            Column("hid", "VARCHAR", "", "names the account in the URLs of its chargers; no secret, and no proof"),
        ),
    ),
    Table(
        "node",
        "Sites: what SolarNetwork calls a node; a fresh store has node 1.",
        (
            Column("nodeId", "BIGINT", "", "number"),
            Column("accountId", "BIGINT", "", "`account.accountId`"),
            Column("name", "VARCHAR", "", "name"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
        ),
    ),
    Table(
        "authorization",
        'Id tags that may charge. SQL wants its name quoted: `FROM "authorization"`.',
        (
            Column("authorizationId", "BIGINT", "", "number"),
            Column("accountId", "BIGINT", "", "`account.accountId`"),
            Column("token", "VARCHAR", "", "id tag; compared without case"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
            Column("enabled", "BOOLEAN", "", "false: answered Blocked"),
            Column("expires", "TIMESTAMP WITH TIME ZONE", "", "from then on answered Expired"),
            Column("parent", "VARCHAR", "", "parentIdTag"),
            Column("maxActive", "INTEGER", "", "most sessions at once; empty: any number"),
            Column("chargers", "VARCHAR[]", "", "identifiers where it may charge; empty: anywhere in the account"),
        ),
    ),
    Table(
        "accountSettings",
        "Settings of an account.",
        (
            Column("accountId", "BIGINT", "", "`account.accountId`"),
            Column("sourceIdTemplate", "VARCHAR", "", "template of source ids; empty: the built-in one"),
            Column("publish", "BOOLEAN", "", "make datums of readings; empty: yes"),
            Column("unknownChargers", "VARCHAR", "", "`refuse`, `pending` or `accept`; empty: `refuse`"),
        ),
    ),
    Table(
        "chargerSettings",
        "Settings of one charger; an empty field leaves it to the account.",
        (
            Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
            Column("sourceIdTemplate", "VARCHAR", "", "template of source ids"),
            Column("publish", "BOOLEAN", "", "make datums of readings"),
        ),
    ),
)

_INTERNAL: tuple[Table, ...] = (
    Table(
        "journal",
        "What is acknowledged and not yet in the tables: one row a commit, empty a second after the last message.",
        (
            Column("first", "BIGINT", "", "`ledger.seq` of its first exchange"),
            Column("last", "BIGINT", "", "`ledger.seq` of its last exchange"),
            Column("batch", "VARCHAR", "", "the exchanges, as a JSON array"),
        ),
        internal=True,
    ),
    Table(
        "sessionTotal",
        "Totals of ended sessions, so that nobody adds them up twice; read them through `session`.",
        (_SESSION_KEY, *TOTAL_COLUMNS),
        internal=True,
    ),
    Table(
        "datumContext",
        "Reading contexts above Sample.Periodic, which decide who wins when messages merge.",
        (
            *_DATUM_KEY,
            Column("property", "VARCHAR", "", "datum property"),
            Column("context", "TINYINT", "", "spec 2.3 code, 5 to 8"),
        ),
        internal=True,
    ),
    Table(
        "meta",
        "One row about the store itself.",
        (
            Column("storeId", "UUID", "", "made once; part of every sessionId"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when the store was made"),
            Column("watermark", "BIGINT", "", "last `ledger.seq` the tables show"),
            Column("nextTransactionId", "BIGINT", "", "lowest transactionId never given"),
        ),
        internal=True,
    ),
    Table(
        "migration",
        "Schema versions this store went through.",
        (
            Column("version", "INTEGER", "", "number"),
            Column("applied", "TIMESTAMP WITH TIME ZONE", "", "when"),
        ),
        internal=True,
    ),
)

TABLES: tuple[Table, ...] = (
    DATUM,
    CHARGE_SESSION,
    CHARGER,
    CONNECTOR,
    EVENT,
    LEDGER,
    SIGNED_READING,
    *REGISTRY_TABLES,
    *_INTERNAL,
)
"""Every table of `solarocpp.duckdb`, those for analysts first."""

SECRET_TABLES: tuple[Table, ...] = (
    Table(
        "credential",
        "Usernames that chargers connect with, and hashes of their passwords.",
        (
            Column("credentialId", "BIGINT", "", "number"),
            Column("accountId", "BIGINT", "", "`account.accountId` of the main database"),
            Column("username", "VARCHAR", "", "unique"),
            Column(
                "allowed", "VARCHAR[]", "", "identifiers it may connect as; empty: any enabled charger of the account"
            ),
            Column("kind", "VARCHAR", "", "`generated` or `password`: which hash"),
            Column("hash", "VARCHAR", "", "the hash, with its parameters"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
        ),
        internal=True,
    ),
    Table(
        "apiToken",
        "Tokens that programs use the API with, as hashes.",
        (
            Column("tokenId", "BIGINT", "", "number, the part of the token before the dot"),
            Column("accountId", "BIGINT", "", "`account.accountId` it sees; empty: the whole box"),
            Column("name", "VARCHAR", "", "who or what uses it"),
            Column("hash", "VARCHAR", "", "the hash, with its key"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
        ),
        internal=True,
    ),
)
"""Tables of `secrets.duckdb`, which no analyst can reach."""

VIEWS: tuple[Table, ...] = (SESSION_VIEW, LATEST_VIEW)
"""Every view of `solarocpp.duckdb`."""

DATABASE = "solarocpp.duckdb"
"""File name of the main database within the data directory."""

SECRETS = "secrets.duckdb"
"""File name of the secrets database: another instance, so that no SQL of an analyst can reach it."""
