"""Who may connect and charge, where, and as whom."""

from __future__ import annotations

from solarocpp.store.schema.columns import Column, Table

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
        Column("supplyPhases", "TINYINT", "", "phases it is connected to, by an operator's word; empty: 3"),
        Column("supplyVoltage", "DOUBLE", "V", "of a phase against neutral, likewise; empty: 230"),
    ),
)

RESET_RECORD = Table(
    "resetRecord",
    "Meter changes that an operator entered (`solarocpp reset`), as SolarNetwork's Reset records: "
    "nothing raw changes, `session` and `energy` count on from `start` as if it were `final`.",
    (
        Column("resetId", "BIGINT", "", "number"),
        Column(
            "created",
            "TIMESTAMP WITH TIME ZONE",
            "",
            "when the meter was changed; a reading of that moment is the old one's",
        ),
        Column("nodeId", "BIGINT", "", "node of the stream"),
        Column("sourceId", "VARCHAR", "", "the stream"),
        Column("property", "VARCHAR", "", "the register, like `wattHours`"),
        Column("final", "DOUBLE", "Wh", "what the old meter ended with"),
        Column("start", "DOUBLE", "Wh", "what the new one began with"),
        Column("note", "VARCHAR", "", "why, in the operator's words"),
        Column("entered", "TIMESTAMP WITH TIME ZONE", "", "when it was entered"),
    ),
)

INSTRUCTION = Table(
    "instruction",
    "What chargers were told to do (`solarocpp send`), and what came of it. "
    "Secrets in it are blanked. Rows go 30 days after their end (`--keep-instruction`).",
    (
        Column("instructionId", "BIGINT", "", "number"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("nodeId", "BIGINT", "", "`node.nodeId` of the charger, when it was ordered"),
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("identifier", "VARCHAR", "", "charge point identity"),
        Column("action", "VARCHAR", "", "OCPP action, like `Reset`"),
        Column("payload", "JSON", "", "the request"),
        Column("state", "VARCHAR", "", "`accepted`, `waiting`, `executing`, `completed`, `declined` or `expired`"),
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was ordered"),
        Column("expires", "TIMESTAMP WITH TIME ZONE", "", "until when it may be sent"),
        Column("statusDate", "TIMESTAMP WITH TIME ZONE", "", "when it came into its state"),
        Column("result", "JSON", "", "what the charger answered, be it `Rejected`; empty: no answer"),
        Column("error", "VARCHAR", "", "why it was declined or has expired"),
        Column("requestedBy", "VARCHAR", "", "who ordered it"),
        Column("effect", "VARCHAR", "", "`seen`, or how long nothing was; empty: nobody looked, or not yet"),
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
            Column("timeZone", "VARCHAR", "", "zone of its days and months, like `Europe/Berlin`; empty: UTC"),
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
    RESET_RECORD,
)
