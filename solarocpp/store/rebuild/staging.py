"""Tables in a file of their own, which the rows of the ledger make again, as they made the live ones.

Two files in `rebuild/`: `staged.duckdb` for what is derived, `before.new.duckdb` for what it replaces,
which is kept as `before.duckdb` once it is replaced. The first two belong to one attempt: whoever opens
the store after a kill removes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from solarocpp.errors import StoreError
from solarocpp.store.database import Connection, in_transaction
from solarocpp.store.datums import DatumTable, Stream, insert_signed_readings
from solarocpp.store.effects import (
    DatumObserved,
    Effect,
    SessionEnded,
    SessionRefused,
    SessionStarted,
    SignedReadingKept,
)
from solarocpp.store.rebuild.span import Span
from solarocpp.store.sessions import SessionRecord, apply_session_effects, insert_sessions

STAGED, BEFORE = "staged", "before"
"""Names under which the two files are attached."""

_DERIVED = ("datum", "datumContext", "chargeSession", "signedReading", "meta")
# Disk, memory, or somebody who lost patience: nothing of it says that an effect cannot be written.
_NOT_THE_EFFECTS = (
    duckdb.FatalException,
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.OutOfMemoryException,
    duckdb.InterruptException,
)
_SESSIONS = (SessionStarted, SessionRefused, SessionEnded)


def staging_folder(directory: Path) -> Path:
    """Names the folder, within a data directory, where rebuilds work."""
    return directory / "rebuild"


def kept_file(directory: Path) -> Path:
    """Names the file that holds what the last rebuild replaced."""
    return staging_folder(directory) / "before.duckdb"


def clean_up(directory: Path) -> None:
    """Removes what a rebuild that was killed left behind; for whoever holds the store."""
    for name in (f"{STAGED}.duckdb", f"{BEFORE}.new.duckdb"):
        for suffix in ("", ".wal"):
            (staging_folder(directory) / (name + suffix)).unlink(missing_ok=True)


class Attempt:
    """The two files of one rebuild; `keep_before` once what they say was replaced is replaced for good."""

    def __init__(self) -> None:
        self.keep_before = False


@contextlib.contextmanager
def attempt(con: Connection, directory: Path) -> Iterator[Attempt]:
    """Has fresh files attached as `staged` and `before`; both are gone afterwards, or `before` is kept."""
    folder, made = staging_folder(directory), Attempt()
    folder.mkdir(exist_ok=True)
    before = folder / f"{BEFORE}.new.duckdb"
    try:
        with attached(con, folder / f"{STAGED}.duckdb", STAGED), attached(con, before, BEFORE):
            yield made
    finally:
        if made.keep_before:
            before.replace(kept_file(directory))
        clean_up(directory)


@contextlib.contextmanager
def attached(con: Connection, file: Path, name: str, *, read_only: bool = False) -> Iterator[None]:
    """Has a file attached under a name, made if it is not there.

    Raises:
        StoreError: it cannot be opened.
    """
    path = str(file.resolve()).replace("'", "''")
    try:
        con.execute(f"ATTACH '{path}' AS {name}{' (READ_ONLY)' if read_only else ''}")
    except duckdb.Error as exc:
        raise StoreError(f"{file} cannot be opened: {exc}") from exc
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):  # the instance may have died, which closes it too
            con.execute(f"DETACH {name}")


class Staging:
    """The tables that are derived again; `begin` empties them.

    Args:
        con: a connection to the store, with `staged` attached.
        span: what is run again.
    """

    def __init__(self, con: Connection, span: Span) -> None:
        self._span = span
        self._main = con.execute("SELECT current_database()").fetchall()[0][0]
        self._con = con.cursor()
        self._con.execute(f"USE {STAGED}")
        self.left_out = 0
        """Effects that DuckDB cannot take; the live tables have left them out as well."""

    def begin(self, oldest: datetime) -> None:
        """Makes empty tables with the columns of the live ones, for datums from `oldest` on.

        Datums that the ledger may no longer derive whole are copied from the live table: what is derived merges
        into them, so none of them is lost.
        """
        con, span = self._con, self._span
        for table in _DERIVED:
            con.execute(f'CREATE OR REPLACE TABLE "{table}" AS FROM {self._main}."{table}" LIMIT 0')
        con.execute(f"INSERT INTO meta FROM {self._main}.meta")
        for table in ("datum", "datumContext"):
            con.execute(
                f'INSERT INTO "{table}" FROM {self._main}."{table}" WHERE created >= ? AND created < ?',
                [oldest, span.derivable],
            )
        self._datums = DatumTable(con)
        self.left_out = 0

    def project(self, effects: Sequence[Effect]) -> None:
        """Writes effects in their order; those that cannot be written are found by halves and counted."""
        if not effects:
            return
        try:
            self._add_columns(effects)
            newest = in_transaction(self._con, lambda con: self._apply(con, effects))
        except _NOT_THE_EFFECTS:
            raise
        except (duckdb.Error, ValueError):
            if len(effects) == 1:
                self.left_out += 1
                return
            half = len(effects) // 2
            self.project(effects[:half])
            self.project(effects[half:])
        else:
            self._datums.accept(newest)

    def insert_sessions(self, sessions: Sequence[SessionRecord]) -> None:
        """Takes over the sessions that run at the cut: the rows since then may end them."""
        insert_sessions(self._con, sessions)

    def oldest_replaced(self, expected: datetime) -> datetime:
        """Finds the oldest live datum that something received since the cut made or merged into."""
        row = self._con.execute(
            f"SELECT min(created) FROM {self._main}.datum WHERE received >= ?", [self._span.cut]
        ).fetchone()
        return min(expected, row[0].astimezone(UTC)) if row and row[0] else expected

    def oldest_touched(self) -> datetime | None:
        """Finds the oldest datum that rows since the cut made or merged into."""
        row = self._con.execute("SELECT min(created) FROM datum WHERE received >= ?", [self._span.cut]).fetchone()
        return row[0].astimezone(UTC) if row and row[0] else None

    def close(self) -> None:
        """Lets go of the file."""
        self._con.close()

    def _apply(self, con: Connection, effects: Sequence[Effect]) -> Mapping[Stream, datetime]:
        applied = self._datums.apply(con, [effect for effect in effects if isinstance(effect, DatumObserved)])
        apply_session_effects(con, [effect for effect in effects if isinstance(effect, _SESSIONS)])
        insert_signed_readings(con, [effect for effect in effects if isinstance(effect, SignedReadingKept)])
        return applied.newest

    def _add_columns(self, effects: Sequence[Effect]) -> None:
        missing = self._datums.missing(effect for effect in effects if isinstance(effect, DatumObserved))
        if missing:
            self._datums.accept_columns(in_transaction(self._con, lambda con: self._datums.add_columns(con, missing)))
