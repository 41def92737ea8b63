"""What chargers were told and have accepted: charging profiles, reservations, local lists."""

from __future__ import annotations

from solarocpp.store.schema.columns import Column, Table

_TIME = "TIMESTAMP WITH TIME ZONE"

CHARGING_PROFILE = Table(
    "chargingProfile",
    "Charging profiles that an operator keeps under a name (`solarocpp profile`).",
    (
        Column("profileId", "BIGINT", "", "number, and the chargingProfileId chargers get"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("name", "VARCHAR", "", "name"),
        Column("profile", "JSON", "", "OCPP 1.6 §7.8, without chargingProfileId"),
        Column("created", _TIME, "", "when it was entered"),
    ),
)

INSTALLED_PROFILE = Table(
    "installedProfile",
    "Charging profiles that chargers have: accepted, and not replaced, cleared, or over with their transaction since.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("connectorId", "INTEGER", "", "connector, 0 for the whole charger"),
        Column("chargingProfileId", "BIGINT", "", "`chargingProfile.profileId`, or what a limit or a message gave it"),
        Column("purpose", "VARCHAR", "", "`ChargePointMaxProfile`, `TxDefaultProfile` or `TxProfile`"),
        Column("stackLevel", "INTEGER", "", "the highest prevails"),
        Column("transactionId", "BIGINT", "", "of a `TxProfile`, if it names one"),
        Column("profile", "JSON", "", "OCPP 1.6 §7.8"),
        Column("installed", _TIME, "", "when the charger accepted it"),
    ),
)

RESERVATION = Table(
    "reservation",
    "Connectors that wait, or waited, for an id tag (`solarocpp reserve`). "
    "Rows go 30 days after `expires` (`--keep-instruction`).",
    (
        Column("reservationId", "BIGINT", "", "number, the same that the charger gets"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("identifier", "VARCHAR", "", "charge point identity"),
        Column("connectorId", "INTEGER", "", "connector, 0 for any one of the charger"),
        Column("token", "VARCHAR", "", "id tag it waits for"),
        Column("parent", "VARCHAR", "", "parentIdTag of that id tag: whoever has the same may use it, too"),
        Column("created", _TIME, "", "when it was ordered"),
        Column("expires", _TIME, "", "until when"),
        Column(
            "status",
            "VARCHAR",
            "",
            "`requested`, `active`, `used`, `expired`, `cancelled`, `refused`, or `ended` before its time",
        ),
        Column("statusDate", _TIME, "", "since when"),
        Column("reason", "VARCHAR", "", "why it was refused or has ended"),
        Column("transactionId", "BIGINT", "", "what used it"),
        Column("seen", _TIME, "", "when the connector first said that it is Reserved"),
        Column("requestedBy", "VARCHAR", "", "who ordered it"),
    ),
)

LOCAL_LIST = Table(
    "localList",
    "The local list of each charger that has or should have one (`solarocpp locallist`).",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("wanted", "BOOLEAN", "", "whether it is kept up to date"),
        Column("version", "INTEGER", "", "listVersion the charger has, or had when that was last certain"),
        Column("doubted", "BOOLEAN", "", "whether it may have another one by now: the next is sent whole"),
        Column("sent", _TIME, "", "when it accepted the last update"),
        Column("problem", "VARCHAR", "", "why it does not have the list it should have"),
        Column("leaving", "BOOLEAN", "", "whether it is to be emptied, since it is not wanted any more"),
    ),
)

LOCAL_LIST_ENTRY = Table(
    "localListEntry",
    "What is in those lists, as the chargers accepted it.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("token", "VARCHAR", "", "id tag"),
        Column("status", "VARCHAR", "", "`Accepted`, `Blocked`, `Expired` or `Invalid`"),
        Column("parent", "VARCHAR", "", "parentIdTag"),
        Column("expires", _TIME, "", "expiryDate"),
    ),
)

ACCEPTED_TABLES: tuple[Table, ...] = (
    CHARGING_PROFILE,
    INSTALLED_PROFILE,
    RESERVATION,
    LOCAL_LIST,
    LOCAL_LIST_ENTRY,
)
