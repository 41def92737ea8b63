"""Local lists as rows: which charger should have one, and what it has (`accepted` writes what it accepted)."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from solarocpp.store.database import Connection
from solarocpp.store.effects import ListRow


class LocalList(msgspec.Struct, frozen=True):
    """The list of one charger, as far as we were told."""

    charger_id: int
    wanted: bool = False
    version: int | None = None
    doubted: bool = False
    sent: datetime | None = None
    problem: str | None = None
    rows: tuple[ListRow, ...] = ()


def select_local_lists(con: Connection, charger_id: int | None = None) -> list[LocalList]:
    """Reads the lists of all chargers, or of one, with what is in them."""
    found = con.execute(
        'SELECT "chargerId", wanted, version, doubted, sent, problem FROM "localList" '
        'WHERE "chargerId" = $charger OR $charger IS NULL ORDER BY "chargerId"',
        {"charger": charger_id},
    ).fetchall()
    entries: dict[int, list[ListRow]] = {}
    for number, token, status, parent, expires in con.execute(
        'SELECT "chargerId", token, status, parent, expires FROM "localListEntry" '
        'WHERE "chargerId" = $charger OR $charger IS NULL ORDER BY "chargerId", lower(token)',
        {"charger": charger_id},
    ).fetchall():
        row = ListRow(token, status, parent, None if expires is None else expires.astimezone(UTC))
        entries.setdefault(number, []).append(row)
    return [
        LocalList(
            number,
            bool(wanted),
            version,
            bool(doubted),
            None if sent is None else sent.astimezone(UTC),
            problem,
            tuple(entries.get(number, ())),
        )
        for number, wanted, version, doubted, sent, problem in found
    ]


def want_local_list(con: Connection, charger_id: int, *, wanted: bool) -> None:
    """Writes down whether a charger is to have a list."""
    con.execute(
        'INSERT INTO "localList" ("chargerId", wanted) VALUES (?, ?) '
        "ON CONFLICT DO UPDATE SET wanted = excluded.wanted",
        [charger_id, wanted],
    )


def note_list_problem(con: Connection, charger_id: int, problem: str | None) -> None:
    """Writes down why a charger does not have the list it should have; None: it has."""
    con.execute('UPDATE "localList" SET problem = ? WHERE "chargerId" = ?', [problem, charger_id])
