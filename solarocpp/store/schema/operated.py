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
        Column("state", "VARCHAR", "", "`waiting`, `moving`, `done`, `cancelled` or `expired`"),
        Column("created", "TIMESTAMP WITH TIME ZONE", "", "when it was ordered"),
        Column("expires", "TIMESTAMP WITH TIME ZONE", "", "until when its URL is good"),
        Column("file", "VARCHAR", "", "below the data directory; empty: nothing has come yet"),
        Column("bytes", "BIGINT", "B", "how many have moved"),
        Column("size", "BIGINT", "B", "how many there are, once that is known"),
        Column("sha256", "VARCHAR", "", "of the whole file, in hex"),
        Column("finished", "TIMESTAMP WITH TIME ZONE", "", "when it came to its end"),
        Column("remark", "VARCHAR", "", "why it was cancelled"),
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
