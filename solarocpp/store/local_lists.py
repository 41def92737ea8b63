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
    leaving: bool = False
    """Whether it is to be emptied, since it is not wanted any more."""
    version: int | None = None
    doubted: bool = False
    sent: datetime | None = None
    problem: str | None = None
    rows: tuple[ListRow, ...] = ()


def select_local_lists(con: Connection, charger_id: int | None = None) -> list[LocalList]:
    """Reads the lists of all chargers, or of one, with what is in them."""
    found = con.execute(
        'SELECT "chargerId", wanted, leaving, version, doubted, sent, problem FROM "localList" '
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
            bool(leaving),
            version,
            bool(doubted),
            None if sent is None else sent.astimezone(UTC),
            problem,
            tuple(entries.get(number, ())),
        )
        for number, wanted, leaving, version, doubted, sent, problem in found
    ]


def want_local_list(con: Connection, charger_id: int, *, wanted: bool) -> None:
    """Writes down whether a charger is to have a list; if not, the one it has is to be emptied."""
    con.execute(
        'INSERT INTO "localList" ("chargerId", wanted, leaving) VALUES (?, ?, ?) '
        "ON CONFLICT DO UPDATE SET wanted = excluded.wanted, leaving = excluded.leaving",
        [charger_id, wanted, not wanted],
    )


def note_list_look(con: Connection, charger_id: int, problem: str | None, *, leaving: bool) -> None:
    """Writes down why a charger does not have the list it should have (None: it has), and whether one is to go."""
    con.execute('UPDATE "localList" SET problem = ?, leaving = ? WHERE "chargerId" = ?', [problem, leaving, charger_id])
