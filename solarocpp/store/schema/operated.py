"""What operators have chargers do, and what chargers were given."""

from __future__ import annotations

from solarocpp.store.schema.columns import Column, Table

FILE_TRANSFER = Table(
    "fileTransfer",
    "Files that chargers send (diagnostics, logs) and fetch (firmware): what is expected, and how far it is.",
    (
        Column("transferId", "BIGINT", "", "number"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("identifier", "VARCHAR", "", "charge point identity"),
        Column("purpose", "VARCHAR", "", "`diagnostics`, `log`, `securityLog` or `firmware`"),
        Column("state", "VARCHAR", "", "`waiting`, `moving`, `done`, `failed`, `cancelled` or `expired`"),
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was ordered"),
        Column("expires", "TIMESTAMP WITH TIME ZONE", "", "until when its URL is good"),
        Column("file", "VARCHAR", "", "below the data directory; empty: nothing has come yet"),
        Column("bytes", "BIGINT", "B", "how many have moved"),
        Column("size", "BIGINT", "B", "how many there are, once that is known"),
        Column("sha256", "VARCHAR", "", "of the whole file, in hex"),
        Column("finished", "TIMESTAMP WITH TIME ZONE", "", "when it came to its end"),
        Column("remark", "VARCHAR", "", "why it was cancelled, or what the charger says went wrong"),
    ),
)

CERTIFICATE = Table(
    "certificate",
    "Client certificates that the authority of this box signed because a charger asked for one (SignCertificate).",
    (
        Column("serial", "VARCHAR", "", "its serial number, in hex"),
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("identifier", "VARCHAR", "", "charge point identity, its common name"),
        Column("organization", "VARCHAR", "", "`O=` of its subject: the hid of the account it is good for"),
        Column("key", "VARCHAR", "", "kind of its key, like `EC P-256`"),
        Column("issued", "TIMESTAMP WITH TIME ZONE", "", "when it was signed"),
        Column("notAfter", "TIMESTAMP WITH TIME ZONE", "", "until when it is good"),
        Column("fingerprint", "VARCHAR", "", "SHA-256 of it, in hex with colons"),
    ),
)

CONFIGURATION = Table(
    "configuration",
    "Configuration keys as chargers told them: a row a value, past ones too. What is now: `until IS NULL`.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("identifier", "VARCHAR", "", "charge point identity"),
        Column("key", "VARCHAR", "", "as the charger spelt it first; keys are the same in any case"),
        Column("value", "VARCHAR", "", "as it came; `[redacted]` for a secret, empty if the key has none"),
        Column("readonly", "BOOLEAN", "", "whether it cannot be set; empty: not told yet"),
        Column("rebootRequired", "BOOLEAN", "", "it wanted a reboot to use this value, and was not read since"),
        Column("since", "TIMESTAMP WITH TIME ZONE", "", "when it was first told with this value"),
        Column("seen", "TIMESTAMP WITH TIME ZONE", "", "when it was last told with this value"),
        Column("until", "TIMESTAMP WITH TIME ZONE", "", "when another value was told, or that there is no such key"),
    ),
)

CONFIGURATION_READING = Table(
    "configurationReading",
    "When the whole configuration of a charger was last read, and how.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("read", "TIMESTAMP WITH TIME ZONE", "", "when it was complete"),
        Column("firmwareVersion", "VARCHAR", "", "of the charger then; another one has it read again"),
        Column("maxKeys", "INTEGER", "", "how many keys may be asked for at once; empty: it did not say"),
        Column("byKey", "BOOLEAN", "", "it does not answer a question for all keys, so they are asked for by name"),
    ),
)

DESIRED_CONFIGURATION = Table(
    "desiredConfiguration",
    "Values that configuration keys of chargers are to have; set again after a boot where they differ.",
    (
        Column("chargerId", "BIGINT", "", "`charger.chargerId`"),
        Column("accountId", "BIGINT", "", "`account.accountId`"),
        Column("identifier", "VARCHAR", "", "charge point identity"),
        Column("key", "VARCHAR", "", "configuration key; the same in any case"),
        Column("value", "VARCHAR", "", "value it is to have; `[redacted]` for a secret"),
        Column("requestedBy", "VARCHAR", "", "who wants it"),
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "since when"),
    ),
)
