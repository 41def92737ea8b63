"""The store's own business, and what no analyst can reach: these tables may change with any version."""

from __future__ import annotations

from solarocpp.store.schema.columns import Column, Table
from solarocpp.store.schema.measured import DATUM_KEY, SESSION_KEY, TOTAL_COLUMNS

INTERNAL: tuple[Table, ...] = (
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
        (SESSION_KEY, *TOTAL_COLUMNS),
        internal=True,
    ),
    Table(
        "datumContext",
        "Reading contexts above Sample.Periodic, which decide who wins when messages merge.",
        (
            *DATUM_KEY,
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
            Column("datumsFrom", "TIMESTAMP WITH TIME ZONE", "", "datums before were removed by retention"),
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

FILE_TRANSFER_SECRET = Table(
    "fileTransferSecret",
    "Hashes of the one-time URLs that chargers send and fetch files with.",
    (
        Column("transferId", "BIGINT", "", "`fileTransfer.transferId` of the main database"),
        Column("hash", "VARCHAR", "", "SHA-256 of the secret part of the URL, which is 256 random bits"),
    ),
    internal=True,
)

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
            Column("readOnly", "BOOLEAN", "", "whether it may only look"),
            Column("nodes", "BIGINT[]", "", "nodes it sees; empty: all of the account"),
            Column("sources", "VARCHAR[]", "", "source patterns it sees; empty: every source"),
            Column("expires", "TIMESTAMP WITH TIME ZONE", "", "refused from then on; empty: never"),
            Column("signingSecret", "VARCHAR", "", "the secret itself, only of a token that signs requests"),
        ),
        internal=True,
    ),
    Table(
        "chargerKey",
        "Keys of single chargers, as hashes: the one that a charger has come with, and the one that it is told.",
        (
            Column("chargerId", "BIGINT", "", "`charger.chargerId` of the main database"),
            Column("state", "VARCHAR", "", "`own` or `coming`"),
            Column("kind", "VARCHAR", "", "`generated` or `password`: which hash"),
            Column("hash", "VARCHAR", "", "the hash, with its parameters"),
            Column("instructionId", "BIGINT", "", "`instruction.instructionId` of the main database: what tells it"),
            Column("requestedBy", "VARCHAR", "", "who wanted it"),
            Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was made"),
            Column("status", "VARCHAR", "", "what the charger said to a coming one; empty: not told yet"),
            Column("statusDate", "TIMESTAMP WITH TIME ZONE", "", "since when"),
        ),
        internal=True,
    ),
    FILE_TRANSFER_SECRET,
    Table(
        "instructionSecret",
        "Requests that hold a secret, from the order until they have ended.",
        (
            Column("instructionId", "BIGINT", "", "`instruction.instructionId` of the main database"),
            Column("payload", "VARCHAR", "", "the whole request"),
        ),
        internal=True,
    ),
    Table(
        "desiredConfigurationSecret",
        "Desired values of configuration keys that are secrets.",
        (
            Column("chargerId", "BIGINT", "", "`charger.chargerId` of the main database"),
            Column("key", "VARCHAR", "", "configuration key, as in `desiredConfiguration`"),
            Column("value", "VARCHAR", "", "the value"),
        ),
        internal=True,
    ),
)
