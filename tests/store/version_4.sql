-- A store of schema version 4: version 3 upgraded, and what it has since. Never change it.
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
ALTER TABLE datum ADD COLUMN current_a DOUBLE;
INSERT INTO "account" VALUES (1, 'account 1', '2026-03-01T10:00:00+00:00', 'aB3dE5fG');
INSERT INTO "account" VALUES (2, 'Depot North', '2026-03-03T10:00:00+00:00', 'Hj4kL6mN');
INSERT INTO "accountSettings" VALUES (2, NULL, NULL, 'pending');
INSERT INTO "authorization" VALUES (1, 2, 'vid:*', '2026-03-03T10:00:00+00:00', true, NULL, NULL, 1, ['CP002']);
INSERT INTO "chargeSession" VALUES ('00000000-0000-8000-8000-000000000040', 1, '/ocpp/cp/CP001/1/Outlet', 1, 1, 1, 'TAG', '2026-03-01T10:00:00+00:00', '2026-03-01T10:02:00+00:00', 'Local', NULL, 1000.0, 1200.0);
INSERT INTO "charger" VALUES (1, NULL, NULL, 'CP001', NULL, NULL, 'Accepted', 2, 'ACME', 'Super Duper', NULL, NULL, '1.2.3', NULL, NULL, NULL, NULL, 1, true);
INSERT INTO "charger" VALUES (2, 2, 2, 'CP002', '2026-03-03T10:00:00+00:00', true, 'Pending', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, false);
INSERT INTO "connector" VALUES (1, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "connector" VALUES (1, 1, 'Preparing', 'NoError', NULL, NULL, NULL, '2026-03-01T10:00:00+00:00', '2026-03-02T00:00:00+00:00');
INSERT INTO "datum" VALUES ('2026-03-01T10:00:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', '2026-03-02T00:00:00+00:00', '00000000-0000-8000-8000-000000000040', 1, 'TAG', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1000.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "datum" VALUES ('2026-03-01T10:01:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', '2026-03-02T00:00:00+00:00', '00000000-0000-8000-8000-000000000040', 1, 'TAG', 60, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1100.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 16.0);
INSERT INTO "datum" VALUES ('2026-03-01T10:02:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', '2026-03-02T00:00:00+00:00', '00000000-0000-8000-8000-000000000040', 1, 'TAG', 120, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1200.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "datumContext" VALUES ('2026-03-01T10:00:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', 'wattHours', 5);
INSERT INTO "datumContext" VALUES ('2026-03-01T10:02:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', 'wattHours', 6);
INSERT INTO "event" VALUES ('2026-03-02T00:00:00+00:00', 'sample_unreadable', 'CP001', 'abc', '{"value":"abc"}', NULL, ['ocpp']);
INSERT INTO "event" VALUES ('2026-03-03T10:00:00+00:00', 'link_opened', 'CP002', 'from 192.0.2.7', '{"cp":"CP002"}', 2, ['ocpp', 'charger', 'connected']);
INSERT INTO "ledger" VALUES (1, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"1","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"1",{}]');
INSERT INTO "ledger" VALUES (2, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"2","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"2",{}]');
INSERT INTO "ledger" VALUES (3, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"3","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"3",{}]');
INSERT INTO "ledger" VALUES (4, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"4","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"4",{}]');
INSERT INTO "ledger" VALUES (5, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"5","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"5",{}]');
INSERT INTO "ledger" VALUES (6, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"6","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"6",{}]');
INSERT INTO "ledger" VALUES (7, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"7","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"7",{}]');
INSERT INTO "ledger" VALUES (8, '2026-03-02T00:00:00+00:00', 1, 'CP001', 1, 1, '/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}', true, 'in', 'MeterValues', '[2,"8","MeterValues",{"connectorId":1,"meterValue":[]}]', '[3,"8",{}]');
INSERT INTO "meta" VALUES ('0f0e0d0c-0b0a-4908-8706-050403020100', '2026-03-01T10:00:00+00:00', 8, 2, NULL);
INSERT INTO "migration" VALUES (1, '2026-03-01T10:00:00+00:00');
INSERT INTO "migration" VALUES (2, '2026-03-03T10:00:00+00:00');
INSERT INTO "migration" VALUES (3, '2026-03-05T10:00:00+00:00');
INSERT INTO "node" VALUES (1, 1, 'node 1', '2026-03-01T10:00:00+00:00', 'Europe/Berlin');
INSERT INTO "node" VALUES (2, 2, 'node 2', '2026-03-03T10:00:00+00:00', NULL);
INSERT INTO "resetRecord" VALUES (1, '2026-03-04T10:00:00+00:00', 1, '/ocpp/cp/CP001/1/Outlet', 'wattHours', 1200.0, 5.0, 'new meter', '2026-03-04T11:00:00+00:00');
INSERT INTO "sessionTotal" VALUES ('00000000-0000-8000-8000-000000000040', 200.0, 120, 6000.0, 1.0, 3, 'measured', NULL, '/ocpp/cp/CP001/1/Outlet');
INSERT INTO "signedReading" VALUES ('2026-03-01T10:00:00+00:00', 1, '/s', '2026-03-02T00:00:00+00:00', NULL, 'Voltage', 'Sample.Clock', 'blob');
SELECT nextval('accountNumber');
SELECT nextval('accountNumber');
SELECT nextval('authorizationNumber');
SELECT nextval('chargerNumber');
SELECT nextval('chargerNumber');
SELECT nextval('nodeNumber');
SELECT nextval('nodeNumber');
SELECT nextval('resetNumber');
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
INSERT INTO "migration" VALUES (4, '2026-03-06T09:00:00+00:00');
INSERT INTO "fileTransfer" VALUES (1, 1, 1, 'CP001', 'diagnostics', 'done', '2026-03-06T10:00:00+00:00', '2026-03-07T10:00:00+00:00', 'uploads/CP001/20260306T100000Z-1-diag.zip', 7, 7, '239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5', '2026-03-06T10:01:00+00:00', NULL);
SELECT nextval('fileTransferNumber');
INSERT INTO instruction VALUES (1, 1, 1, 1, 'CP001', 'Reset', '{"type":"Soft"}', 'completed', '2026-03-06T10:00:00+00:00', '2026-03-07T10:00:00+00:00', '2026-03-06T10:00:01+00:00', '{"status":"Accepted"}', NULL, 'command line', 'seen');
SELECT nextval('instructionNumber');
INSERT INTO certificate VALUES ('0A', 1, 1, 'CP001', 'solarocpp', 'EC P-256', '2026-03-06T10:00:00+00:00', '2027-03-06T10:00:00+00:00', 'AB:CD');
