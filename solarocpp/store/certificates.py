"""Certificates our authority signed: rows of `certificate`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.rows import insert_rows, quoted
from solarocpp.store.schema import CERTIFICATE

_COLUMNS: Final = quoted(column.name for column in CERTIFICATE.columns)


class IssuedCertificate(msgspec.Struct, frozen=True):
    """One row of `certificate`; its fields are the columns, in their order."""

    serial: str
    charger_id: int
    account_id: int
    identifier: str
    organization: str
    key: str
    issued: datetime
    not_after: datetime
    fingerprint: str


def insert_certificate(con: Connection, certificate: IssuedCertificate) -> None:
    """Notes that a certificate was signed."""
    names = (column.name for column in CERTIFICATE.columns)
    insert_rows(con, CERTIFICATE.name, [dict(zip(names, msgspec.structs.astuple(certificate), strict=True))])


def select_certificates(con: Connection, account_id: int | None = None) -> list[IssuedCertificate]:
    """Lists the certificates of one account or of all, the one that ends first first."""
    rows = con.execute(
        f'SELECT {_COLUMNS} FROM certificate WHERE "accountId" = coalesce(?, "accountId") ORDER BY "notAfter", serial',
        [account_id],
    ).fetchall()
    return [_certificate(row) for row in rows]


def ending_certificates(certificates: list[IssuedCertificate], before: datetime) -> list[IssuedCertificate]:
    """Picks those that end before a time and have no successor: the newest of each charger counts."""
    newest: dict[int, IssuedCertificate] = {}
    for certificate in certificates:
        known = newest.get(certificate.charger_id)
        if known is None or known.not_after < certificate.not_after:
            newest[certificate.charger_id] = certificate
    return [certificate for certificate in newest.values() if certificate.not_after < before]


def _certificate(row: Sequence[object]) -> IssuedCertificate:
    values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
    fields = zip(IssuedCertificate.__struct_fields__, values, strict=True)
    return msgspec.convert(dict(fields), IssuedCertificate)
