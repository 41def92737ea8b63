"""How a store came to look as `schema` describes it: numbered steps, append-only.

A released step never changes: a store somewhere has been through it. Add a step, describe the result in
`schema`, and keep a dump of the version before it in tests/store, which must upgrade.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from solarocpp.errors import SchemaTooNew, StoreError
from solarocpp.store.database import Connection, in_transaction
from solarocpp.store.registry import unused_hid

# No index anywhere near the datums: it would have to be kept for every row, and streams are told
# apart by memory (`datums`). Small tables have keys.
_VERSION_1 = """
CREATE TABLE migration (version INTEGER PRIMARY KEY, applied TIMESTAMPTZ NOT NULL);
CREATE TABLE meta (
    "storeId" UUID NOT NULL, created TIMESTAMPTZ NOT NULL,
    watermark BIGINT NOT NULL, "nextTransactionId" BIGINT NOT NULL
);
CREATE TABLE journal ("first" BIGINT NOT NULL, "last" BIGINT NOT NULL, batch VARCHAR NOT NULL);
CREATE TABLE ledger (
    seq BIGINT, received TIMESTAMPTZ, "chargerId" BIGINT, identifier VARCHAR, "accountId" BIGINT,
    "nodeId" BIGINT, "sourceIdTemplate" VARCHAR, publish BOOLEAN, direction VARCHAR, action VARCHAR,
    request VARCHAR, answer VARCHAR
);
CREATE TABLE datum (
    created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, received TIMESTAMPTZ,
    "sessionId" UUID, "transactionId" BIGINT, token VARCHAR, duration BIGINT,
    "endDate" TIMESTAMPTZ, "endReason" VARCHAR, "endToken" VARCHAR,
    status VARCHAR, "errorCode" VARCHAR, info VARCHAR, "vendorErrorCode" VARCHAR, "vendorId" VARCHAR,
    "wattHours" DOUBLE, "wattHoursReverse" DOUBLE, "wattHoursDiff" DOUBLE, "wattHoursDiffReverse" DOUBLE,
    "reactiveEnergy" DOUBLE, "reactiveEnergyReverse" DOUBLE, "reactiveEnergyDiff" DOUBLE,
    "reactiveEnergyDiffReverse" DOUBLE, watts DOUBLE, "wattsReverse" DOUBLE, "reactivePower" DOUBLE,
    "reactivePowerReverse" DOUBLE, "wattsOffered" DOUBLE, "powerFactor" DOUBLE, "current" DOUBLE,
    "currentReverse" DOUBLE, "currentOffered" DOUBLE, voltage DOUBLE, frequency DOUBLE, soc DOUBLE,
    rpm DOUBLE, temp DOUBLE
);
CREATE TABLE "datumContext" (
    created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, property VARCHAR, context TINYINT
);
CREATE TABLE "signedReading" (
    created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, received TIMESTAMPTZ,
    "sessionId" UUID, measurand VARCHAR, context VARCHAR, value VARCHAR
);
CREATE TABLE "chargeSession" (
    "sessionId" UUID, "nodeId" BIGINT, "sourceId" VARCHAR, "chargerId" BIGINT, "connectorId" INTEGER,
    "transactionId" BIGINT, token VARCHAR, started TIMESTAMPTZ, ended TIMESTAMPTZ,
    "endReason" VARCHAR, "endToken" VARCHAR, "meterStart" DOUBLE, "meterStop" DOUBLE
);
CREATE TABLE "sessionTotal" (
    "sessionId" UUID, energy DOUBLE, duration BIGINT, "averagePower" DOUBLE, "peakPower" DOUBLE, readings BIGINT
);
CREATE TABLE event (created TIMESTAMPTZ, name VARCHAR, identifier VARCHAR, message VARCHAR, data JSON);
CREATE TABLE account ("accountId" BIGINT PRIMARY KEY, name VARCHAR, created TIMESTAMPTZ);
CREATE TABLE node ("nodeId" BIGINT PRIMARY KEY, "accountId" BIGINT, name VARCHAR, created TIMESTAMPTZ);
CREATE TABLE charger (
    "chargerId" BIGINT PRIMARY KEY, "accountId" BIGINT, "nodeId" BIGINT, identifier VARCHAR, created TIMESTAMPTZ,
    enabled BOOLEAN, "registrationStatus" VARCHAR DEFAULT 'Accepted', "connectorCount" INTEGER DEFAULT 0,
    vendor VARCHAR, model VARCHAR, "chargePointSerialNumber" VARCHAR, "chargeBoxSerialNumber" VARCHAR,
    "firmwareVersion" VARCHAR, iccid VARCHAR, imsi VARCHAR, "meterType" VARCHAR, "meterSerialNumber" VARCHAR
);
CREATE TABLE connector (
    "chargerId" BIGINT, "connectorId" INTEGER, status VARCHAR, "errorCode" VARCHAR, info VARCHAR,
    "vendorId" VARCHAR, "vendorErrorCode" VARCHAR, "timestamp" TIMESTAMPTZ, received TIMESTAMPTZ,
    PRIMARY KEY ("chargerId", "connectorId")
);
CREATE TABLE "authorization" (
    "authorizationId" BIGINT PRIMARY KEY, "accountId" BIGINT, token VARCHAR, created TIMESTAMPTZ,
    enabled BOOLEAN, expires TIMESTAMPTZ, parent VARCHAR, "maxActive" INTEGER
);
CREATE TABLE "accountSettings" ("accountId" BIGINT PRIMARY KEY, "sourceIdTemplate" VARCHAR, publish BOOLEAN);
CREATE TABLE "chargerSettings" ("chargerId" BIGINT PRIMARY KEY, "sourceIdTemplate" VARCHAR, publish BOOLEAN);
CREATE SEQUENCE "accountNumber";
CREATE SEQUENCE "nodeNumber";
CREATE SEQUENCE "chargerNumber";
CREATE SEQUENCE "authorizationNumber";
"""

# Accounts get their hid in `furnish`, which can draw one. A column that is added with a default would need
# DuckDB to change a setting, which our lock on the configuration forbids.
_VERSION_2 = """
ALTER TABLE event ADD COLUMN "accountId" BIGINT;
ALTER TABLE event ADD COLUMN tags VARCHAR[];
ALTER TABLE account ADD COLUMN hid VARCHAR;
ALTER TABLE "accountSettings" ADD COLUMN "unknownChargers" VARCHAR;
ALTER TABLE charger ADD COLUMN "securityProfile" TINYINT;
ALTER TABLE charger ADD COLUMN adopted BOOLEAN;
ALTER TABLE "authorization" ADD COLUMN chargers VARCHAR[];
UPDATE charger SET "securityProfile" = 1, adopted = true;
ALTER TABLE charger ALTER "securityProfile" SET DEFAULT 1;
ALTER TABLE charger ALTER adopted SET DEFAULT true;
UPDATE event SET "accountId" = charger."accountId" FROM charger WHERE charger.identifier = event.identifier;
UPDATE event SET tags = CASE
    WHEN name IN ('handshake_refused', 'tls_refused', 'bytes_refused') THEN ['ocpp', 'charger', 'forbidden']
    WHEN name = 'handshake_repaired' THEN ['ocpp', 'charger']
    WHEN name = 'call_refused' THEN ['ocpp', 'message', 'sent', 'error']
    ELSE ['ocpp'] END;
"""

_VERSION_3 = """
ALTER TABLE node ADD COLUMN "timeZone" VARCHAR;
ALTER TABLE meta ADD COLUMN "datumsFrom" TIMESTAMPTZ;
CREATE TABLE "resetRecord" (
    "resetId" BIGINT PRIMARY KEY, created TIMESTAMPTZ, "nodeId" BIGINT, "sourceId" VARCHAR, property VARCHAR,
    "final" DOUBLE, "start" DOUBLE, note VARCHAR, entered TIMESTAMPTZ
);
CREATE SEQUENCE "resetNumber";
ALTER TABLE "sessionTotal" ADD COLUMN quality VARCHAR;
ALTER TABLE "sessionTotal" ADD COLUMN doubt VARCHAR;
ALTER TABLE "sessionTotal" ADD COLUMN "energySource" VARCHAR;
-- They are computed again at the first start (store_missing_totals).
DELETE FROM "sessionTotal";
"""

_VERSION_4 = """
-- Texts that vendors send in DataTransfer.
ALTER TABLE datum ADD COLUMN mode VARCHAR;
ALTER TABLE datum ADD COLUMN vid VARCHAR;

-- Files that chargers send and fetch.
CREATE TABLE "fileTransfer" (
    "transferId" BIGINT PRIMARY KEY, "accountId" BIGINT, "chargerId" BIGINT, identifier VARCHAR, purpose VARCHAR,
    state VARCHAR, created TIMESTAMPTZ, expires TIMESTAMPTZ, file VARCHAR, bytes BIGINT, size BIGINT,
    sha256 VARCHAR, finished TIMESTAMPTZ, remark VARCHAR
);
CREATE SEQUENCE "fileTransferNumber";
-- What our authority signed for chargers.
CREATE TABLE certificate (
    serial VARCHAR PRIMARY KEY, "chargerId" BIGINT, "accountId" BIGINT, identifier VARCHAR, organization VARCHAR,
    "key" VARCHAR, issued TIMESTAMPTZ, "notAfter" TIMESTAMPTZ, fingerprint VARCHAR
);

-- Instructions: what chargers are told to do.
CREATE TABLE instruction (
    "instructionId" BIGINT PRIMARY KEY, "accountId" BIGINT, "nodeId" BIGINT, "chargerId" BIGINT, identifier VARCHAR,
    action VARCHAR, payload JSON, state VARCHAR, created TIMESTAMPTZ, expires TIMESTAMPTZ, "statusDate" TIMESTAMPTZ,
    result JSON, error VARCHAR, "requestedBy" VARCHAR, effect VARCHAR
);
CREATE SEQUENCE "instructionNumber";
-- smart charging, reservations, local lists
CREATE TABLE "chargingProfile" (
    "profileId" BIGINT PRIMARY KEY, "accountId" BIGINT, name VARCHAR, profile JSON, created TIMESTAMPTZ
);
CREATE SEQUENCE "chargingProfileNumber" START 1001;
CREATE TABLE "installedProfile" (
    "chargerId" BIGINT, "connectorId" INTEGER, "chargingProfileId" BIGINT, purpose VARCHAR, "stackLevel" INTEGER,
    "transactionId" BIGINT, profile JSON, installed TIMESTAMPTZ
);
CREATE TABLE reservation (
    "reservationId" BIGINT PRIMARY KEY, "accountId" BIGINT, "chargerId" BIGINT, identifier VARCHAR,
    "connectorId" INTEGER, token VARCHAR, parent VARCHAR, created TIMESTAMPTZ, expires TIMESTAMPTZ, status VARCHAR,
    "statusDate" TIMESTAMPTZ, reason VARCHAR, "transactionId" BIGINT, seen TIMESTAMPTZ, "requestedBy" VARCHAR
);
CREATE SEQUENCE "reservationNumber";
CREATE TABLE "localList" (
    "chargerId" BIGINT PRIMARY KEY, wanted BOOLEAN, version INTEGER, doubted BOOLEAN, sent TIMESTAMPTZ, problem VARCHAR
);
CREATE TABLE "localListEntry" (
    "chargerId" BIGINT, token VARCHAR, status VARCHAR, parent VARCHAR, expires TIMESTAMPTZ
);

-- Configuration keys of chargers: what they say, and what somebody wants.
CREATE TABLE configuration (
    "chargerId" BIGINT, "accountId" BIGINT, identifier VARCHAR, "key" VARCHAR, value VARCHAR, readonly BOOLEAN,
    "rebootRequired" BOOLEAN, since TIMESTAMPTZ, seen TIMESTAMPTZ, until TIMESTAMPTZ
);
CREATE TABLE "configurationReading" (
    "chargerId" BIGINT PRIMARY KEY, read TIMESTAMPTZ, "firmwareVersion" VARCHAR, "maxKeys" INTEGER, "byKey" BOOLEAN
);
CREATE TABLE "desiredConfiguration" (
    "chargerId" BIGINT, "accountId" BIGINT, identifier VARCHAR, "key" VARCHAR, value VARCHAR,
    "requestedBy" VARCHAR, created TIMESTAMPTZ
);
"""

_VERSION_5 = """
-- What a charger is connected to, which no message of OCPP 1.6 tells.
ALTER TABLE charger ADD COLUMN "supplyPhases" TINYINT;
ALTER TABLE charger ADD COLUMN "supplyVoltage" DOUBLE;

-- Who is away when its list is taken from it has it emptied when it is back, be it to another process.
ALTER TABLE "localList" ADD COLUMN leaving BOOLEAN;
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
"""SQL of each version of `solarocpp.duckdb`, version 1 first; views are not here, they are made at each start."""

SECRET_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE migration (version INTEGER PRIMARY KEY, applied TIMESTAMPTZ NOT NULL);
    CREATE TABLE credential (
        "credentialId" BIGINT PRIMARY KEY, "accountId" BIGINT, username VARCHAR UNIQUE,
        allowed VARCHAR[], kind VARCHAR, "hash" VARCHAR, created TIMESTAMPTZ
    );
    CREATE SEQUENCE "credentialNumber";
    """,
    """
    CREATE TABLE "apiToken" (
        "tokenId" BIGINT PRIMARY KEY, "accountId" BIGINT, name VARCHAR, "hash" VARCHAR, created TIMESTAMPTZ
    );
    CREATE SEQUENCE "apiTokenNumber";
    """,
    """
    CREATE TABLE "fileTransferSecret" ("transferId" BIGINT PRIMARY KEY, "hash" VARCHAR);
    CREATE TABLE "instructionSecret" ("instructionId" BIGINT PRIMARY KEY, payload VARCHAR);

    -- Values of desired configuration keys that are secret.
    CREATE TABLE "desiredConfigurationSecret" ("chargerId" BIGINT, "key" VARCHAR, value VARCHAR);
    """,
    # Policies of tokens, and the secret of those that sign requests.
    """
    ALTER TABLE "apiToken" ADD COLUMN "readOnly" BOOLEAN;
    ALTER TABLE "apiToken" ADD COLUMN nodes BIGINT[];
    ALTER TABLE "apiToken" ADD COLUMN sources VARCHAR[];
    ALTER TABLE "apiToken" ADD COLUMN expires TIMESTAMPTZ;
    ALTER TABLE "apiToken" ADD COLUMN "signingSecret" VARCHAR;
    """,
    # Keys of single chargers. Without a primary key: DuckDB refuses to insert what was deleted in the same transaction.
    """
    CREATE TABLE "chargerKey" (
        "chargerId" BIGINT, state VARCHAR, kind VARCHAR, "hash" VARCHAR, "instructionId" BIGINT,
        "requestedBy" VARCHAR, created TIMESTAMPTZ, status VARCHAR, "statusDate" TIMESTAMPTZ
    );
    """,
)
"""SQL of each version of `secrets.duckdb`."""


def migrate(con: Connection, path: Path, now: datetime, migrations: Sequence[str] = MIGRATIONS) -> int:
    """Brings a store to the newest version, each step in a transaction; returns the version it had, 0 for none.

    Raises:
        SchemaTooNew: a later version wrote it; nothing was changed.
    """
    found = schema_version(con)
    if found > len(migrations):
        raise SchemaTooNew(str(path), found, len(migrations))
    for version, sql in enumerate(migrations[found:], start=found + 1):

        def step(con: Connection, sql: str = sql, version: int = version) -> None:
            con.execute(sql)
            con.execute("INSERT INTO migration VALUES (?, ?)", [version, now])

        in_transaction(con, step)
    return found


def schema_version(con: Connection) -> int:
    """Reads the version of a store; 0 for an empty file."""
    exists = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'migration'").fetchone()
    if exists is None or not exists[0]:
        return 0
    row = con.execute("SELECT coalesce(max(version), 0) FROM migration").fetchone()
    return int(row[0]) if row else 0


def store_id(con: Connection) -> UUID:
    """Reads the identity of a furnished store."""
    row: tuple[UUID] | None = con.execute('SELECT "storeId" FROM meta').fetchone()
    if row is None:
        raise StoreError("The store has no identity: table meta is empty.")
    return row[0]


def furnish(con: Connection, identity: UUID, now: datetime) -> None:
    """Gives a store what no migration can: identity, account 1 and node 1 if it is fresh, a hid to each account."""

    def missing_rows(con: Connection) -> None:
        if not con.execute("SELECT 1 FROM meta").fetchone():
            con.execute(
                'INSERT INTO meta ("storeId", created, watermark, "nextTransactionId") VALUES (?, ?, 0, 1)',
                [identity, now],
            )
            con.execute("INSERT INTO account VALUES (nextval('accountNumber'), 'account 1', ?, NULL)", [now])
            con.execute("INSERT INTO node VALUES (nextval('nodeNumber'), 1, 'node 1', ?, NULL)", [now])
        for (account_id,) in con.execute('SELECT "accountId" FROM account WHERE hid IS NULL').fetchall():
            con.execute('UPDATE account SET hid = ? WHERE "accountId" = ?', [unused_hid(con), account_id])

    in_transaction(con, missing_rows)
