"""What was measured and said: datums, charge sessions, signed readings, events, the ledger, and views of them."""

from __future__ import annotations

from solarocpp.store.schema.columns import PROPERTIES, Column, Table, property_column

DATUM_KEY = (
    Column("created", "TIMESTAMP WITH TIME ZONE", "", "when the charger measured it; our time where its own cannot be"),
    Column("nodeId", "BIGINT", "", "SolarNetwork node the charger belongs to"),
    Column("sourceId", "VARCHAR", "", "stream within the node, like `/ocpp/cp/CP001/1/Outlet`"),
)

SESSION_KEY = Column("sessionId", "UUID", "", "the charge session; the same in `datum`, `chargeSession` and `session`")
_TRANSACTION = Column("transactionId", "BIGINT", "", "the transactionId the charger was given at its start")

DATUM = Table(
    "datum",
    "Readings: one row for each node, source and time; a second message about the same moment merges into its row.",
    (
        *DATUM_KEY,
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we last got something for this row"),
        SESSION_KEY,
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
        Column("mode", "VARCHAR", "", "load balancers (`.../dlb`): what it does, in the vendor's words"),
        Column("vid", "VARCHAR", "", "vehicle at the connector (`.../vid`): the MAC address its charger saw"),
    ),
)
"""Without the phase and vendor properties, whose columns appear when they are first needed."""

_CHARGE_SESSION_COLUMNS = (
    SESSION_KEY,
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

_QUALITY = (
    "`measured`: plain differences of a register; `stitched`: over a reset, a glitch or a `resetRecord`, or "
    "another stream's; `estimated`: from interval values or power; `suspect`: it contradicts itself"
)

TOTAL_COLUMNS = (
    Column("energy", "DOUBLE", "Wh", "energy delivered, over register resets and glitches; see `quality`"),
    Column("duration", "BIGINT", "s", "length; of a running session up to its newest datum"),
    Column("averagePower", "DOUBLE", "W", "energy over duration; empty where the duration is 0"),
    Column("peakPower", "DOUBLE", "W", "highest `watts`, else sum of phases, else steepest rise of the register"),
    Column("readings", "BIGINT", "", "datums of the session"),
    Column("quality", "VARCHAR", "", f"how far `energy` can be believed: {_QUALITY}; empty where `energy` is"),
    Column("doubt", "VARCHAR", "", "what makes it `suspect`, in words"),
    Column("energySource", "VARCHAR", "", "stream whose readings gave `energy`; empty: meterStart and meterStop alone"),
)

SESSION_VIEW = Table(
    "session",
    "Charge sessions with their totals, running ones included, refused ones left out.",
    (*_CHARGE_SESSION_COLUMNS, *TOTAL_COLUMNS),
)

_STREAM = (
    Column("nodeId", "BIGINT", "", "node of the stream"),
    Column("sourceId", "VARCHAR", "", "the stream"),
)

ENERGY_VIEW = Table(
    "energy",
    "One series of energy for each stream, which never falls, whatever its register does: a row for each reading. "
    "Ask for a `sourceId`; all streams of a large store take their time.",
    (
        *DATUM_KEY,
        SESSION_KEY,
        Column("register", "DOUBLE", "Wh", "as sent: unphased, else the sum of the phases"),
        Column("energy", "DOUBLE", "Wh", "since the first reading of the stream"),
        Column("step", "DOUBLE", "Wh", "since the reading before; empty where a reading counts nothing"),
        Column("idleStep", "DOUBLE", "Wh", "the part of `step` that belongs to no session"),
        Column("quality", "VARCHAR", "", "how far `step` can be believed; words as in `session`"),
        Column(
            "note",
            "VARCHAR",
            "",
            "`reset`: counts from zero again; `ignored`: counts nothing; `returned`: ends a glitch; "
            "`recorded`: first after a `resetRecord`",
        ),
    ),
)

POWER_VIEW = Table(
    "power",
    "Power of each stream, also where only current and voltage were sent.",
    (
        *DATUM_KEY,
        SESSION_KEY,
        Column("power", "DOUBLE", "W", "`watts`, else the sum of its phases, else current x voltage x powerFactor"),
        Column("derived", "BOOLEAN", "", "true: nobody measured it, it is current x voltage x powerFactor"),
    ),
)

_ENERGY_SUMS = (
    Column("energy", "DOUBLE", "Wh", "all: `sessionEnergy` and `idleEnergy`"),
    Column("sessionEnergy", "DOUBLE", "Wh", "within sessions"),
    Column("idleEnergy", "DOUBLE", "Wh", "outside of sessions, what flows after a StopTransaction included"),
    Column("estimatedEnergy", "DOUBLE", "Wh", "the part of it that is `estimated`"),
    Column("suspectEnergy", "DOUBLE", "Wh", "the part of it that is `suspect`"),
    Column("resets", "BIGINT", "", "how often the register began at zero again"),
    Column("ignored", "BIGINT", "", "readings that count nothing"),
    Column("quality", "VARCHAR", "", "the worst of its steps; words as in `session`"),
)

CONNECTOR_ENERGY_VIEW = Table(
    "connectorEnergy",
    "What each stream delivered, and where it went: sessions and idle are the whole.",
    (
        *_STREAM,
        Column("since", "TIMESTAMP WITH TIME ZONE", "", "first reading"),
        Column("until", "TIMESTAMP WITH TIME ZONE", "", "last reading"),
        *_ENERGY_SUMS,
        Column("chargerId", "BIGINT", "", "`charger.chargerId`; empty where no session was"),
        Column("connectorId", "INTEGER", "", "connector, from 1; likewise"),
    ),
)

DAILY_ENERGY_VIEW = Table(
    "dailyEnergy",
    "The same by day, in the time zone of the node; a step belongs to the day of its later reading.",
    (Column("day", "DATE", "", "the day"), *_STREAM, *_ENERGY_SUMS),
)

CLOCK_VIEW = Table(
    "clock",
    "How far the clock of each charger is off, estimated from its newest messages; those that came late do not count.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("identifier", "VARCHAR", "", "charge point identity; empty if it was removed"),
        Column("nodeId", "BIGINT", "", "its node"),
        Column("offset", "DOUBLE", "s", "its time less ours: above 0 it is ahead"),
        Column("spread", "DOUBLE", "s", "from the least to the greatest offset that was used"),
        Column("messages", "BIGINT", "", "how many were used"),
        Column("newest", "TIMESTAMP WITH TIME ZONE", "", "when we got the newest of them"),
        Column(
            "verdict",
            "VARCHAR",
            "",
            "`right` within a minute, `local time sent as UTC`, `never set`, `ahead`, `behind`",
        ),
    ),
)

LATEST_VIEW = Table("latest", "The newest datum of each stream; columns as `datum`.", DATUM.columns)

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
        *DATUM_KEY,
        Column("received", "TIMESTAMP WITH TIME ZONE", "", "when we got it"),
        SESSION_KEY,
        Column("measurand", "VARCHAR", "", "OCPP 1.6 §7.31"),
        Column("context", "VARCHAR", "", "OCPP 1.6 §7.28"),
        Column("value", "VARCHAR", "", "as sent"),
    ),
)
