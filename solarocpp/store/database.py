"""One DuckDB instance on one file: opened with our settings, shared by threads, brought back when it dies.

DuckDB gives up an instance for good after some write errors ("database has been invalidated"): a disk
that fills up during a checkpoint is enough. What was committed is safe in the file, so the remedy is
to close and open again, which is done here, at the next use, for whoever comes first. Every use
therefore goes through `using`, which knows who is inside; two instances on one file would corrupt it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import duckdb
import msgspec

from solarocpp.errors import StoreError, StoreFull, StoreLocked, StoreStarved
from solarocpp.store.priority import giving_way

Connection = duckdb.DuckDBPyConnection
"""A connection or cursor of DuckDB; one thread at a time may use it."""

# The default of 16 MB stalls commits for up to 1.9 s on a table of 10M rows; at 256 MB no stall was
# seen, and a log of 150 MB is read back in 0.6 s.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "checkpoint_threshold": "256MB",
    # What a checkpoint frees goes back to the system, not to DuckDB's allocator alone: after 100,000 reconnects
    # (200,000 events) 150 MB are held instead of 215 MB.
    "allocator_bulk_deallocation_flush_threshold": "1MB",
    # A page of 1,000 datums is chosen by its order and read then, not carried through the sort with 40 columns: of
    # 35,000 rows, in half the CPU. DuckDB's own 50 is for queries that ask for a handful.
    "late_materialization_max_rows": 2_000,
    # Each attempt waits for a server on the internet.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

# Of the machine's memory, for the whole instance. DuckDB's own 80 % leaves a small box nothing for the chargers'
# links; what does not fit goes to the temporary directory, and what does not fit there is an error of that question.
_MEMORY_SHARE = 0.5

# How long a commit waits for the memory of questions that were stopped for it: they end within milliseconds.
_STARVED_PAUSES_S = (0.01, 0.03, 0.1, 0.3)

_STOPPED = (
    "The question was stopped: it left no memory for the chargers' messages. Ask for less at once, or give the server "
    "more with --memory-limit."
)

# Of the free space, for questions that need more than memory. DuckDB's own 90 % would leave none for the ledger.
_DISK_SHARE = 0.25

# A thread that DuckDB does not let go: the process ends with the file open, which loses nothing.
_CLOSE_DEADLINE_S = 10.0

# Columns are packed by the row group, into blocks of 256 KB: four times the usual rows leave less of them
# empty (10M datums: 24.1 bytes each instead of 26.1). Such files need DuckDB 1.2 or newer to be read. The
# size is not kept in the file, so every opening says it.
_LAYOUT = "ROW_GROUP_SIZE 491520, STORAGE_VERSION 'v1.2.0'"

T = TypeVar("T")

# A commit that finds no memory is a TransactionException, as one that finds no disk; only the text tells them apart.
_NO_MEMORY = re.compile("failed to pin block|could not allocate block")

_HOLDER = re.compile(r"\(PID (\d+)\)")


def single_threaded(con: Connection) -> None:
    """Leaves DuckDB one thread: with many small statements and no reader, others cost a sixth of the CPU and save none.

    For `prepare`.
    """
    con.execute("SET GLOBAL threads = 1")


class Database:
    """A DuckDB file that this process alone writes.

    Args:
        path: the file; made if it is not there.
        directories: the only folders SQL may read or write files in; None leaves DuckDB's own rule,
            for a database that runs no SQL but ours.
        private: whether the file and its log are for our user only.
        prepare: is called with each instance that is opened, before its configuration is locked.
        memory_limit: what the instance may take, like `2GB`; empty: half of the machine's memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        directories: tuple[Path, ...] | None = None,
        private: bool = False,
        prepare: Callable[[Connection], None] | None = None,
        memory_limit: str = "",
    ) -> None:
        self.path = path
        self._memory_limit = memory_limit
        self._prepare = prepare
        self._directories = directories
        self._private = private
        self._root: Connection | None = None
        self._kept: dict[str, Connection] = {}
        self._borrowed: set[Connection] = set()
        self._stopped: set[Connection] = set()
        self._inside = 0
        self._broken = False
        self._closed = False
        self._idle = threading.Condition()

    def open(self) -> Connection:
        """Opens the file; whoever uses it later does so through `using`.

        Raises:
            StoreLocked: another process has it; says which.
            StoreError: it cannot be opened.
        """
        try:
            with self._umask():
                con = giving_way(self._open)
        except duckdb.IOException as exc:
            if "lock" not in str(exc):
                raise StoreError(f"{self.path} cannot be opened: {exc}") from exc
            raise _locked(self.path, str(exc)) from exc
        except duckdb.Error as exc:
            raise StoreError(f"{self.path} cannot be opened: {exc}") from exc
        self._root = con
        self._broken = False
        return con

    def _open(self) -> Connection:
        """Makes an instance, sets it up, and locks its settings."""
        con = duckdb.connect(
            config={**_CONFIG, **_limits(self.path.parent, self._memory_limit), "temp_directory": f"{self.path}.tmp"}
        )
        try:
            # Attached, and not opened: only so can the file have larger row groups.
            con.execute(f"ATTACH '{_literal(self.path)}' AS {self.path.stem} ({_LAYOUT})")
            con.execute(f"USE {self.path.stem}")
            con.execute("SET GLOBAL TimeZone = 'UTC'")
            if self._prepare is not None:
                self._prepare(con)
            if self._directories is not None:
                folders = ", ".join(f"'{_literal(folder)}'" for folder in self._directories)
                con.execute(f"SET GLOBAL allowed_directories = [{folders}]")
                con.execute("SET GLOBAL enable_external_access = false")
            con.execute("SET GLOBAL lock_configuration = true")
        except BaseException:
            con.close()
            raise
        return con

    @contextlib.contextmanager
    def using(self, keep: str = "") -> Iterator[Connection]:
        """Lends a cursor to the calling thread; opens the file again first if the instance died.

        With `keep`, the same cursor is lent to the same name each time, which saves making one. Not to
        be nested.

        Raises:
            StoreError: the file cannot be opened.
            StoreFull: the instance died inside the block; it is brought back at the next use.
        """
        cursor = self._enter(keep)
        try:
            with self._umask():
                yield cursor
        except duckdb.Error as exc:
            if not _died(exc):
                raise
            self._broken = True
            raise StoreFull(str(self.path), _first_line(exc)) from exc
        finally:
            self._leave(cursor, keep)

    def write(self, change: Callable[[Connection], T], keep: str = "") -> T:
        """Runs `change` as `writing` does; where questions have taken all memory, they are stopped, and it runs again.

        Raises:
            StoreFull, StoreError: as `writing`.
        """
        for pause_s in _STARVED_PAUSES_S:
            try:
                with self.writing(keep) as con:
                    return change(con)
            except StoreStarved:
                self._stop_questions()
                time.sleep(pause_s)
        with self.writing(keep) as con:
            return change(con)

    def _stop_questions(self) -> None:
        """Interrupts everybody but those who write: chargers come first."""
        with self._idle:
            self._stopped = self._borrowed - set(self._kept.values())
            for cursor in self._stopped:
                cursor.interrupt()

    @contextlib.contextmanager
    def writing(self, keep: str = "") -> Iterator[Connection]:
        """Lends a cursor as `using` does, to somebody who writes.

        Raises:
            StoreFull: the disk refused; nothing of the transaction was kept and the next one may try.
            StoreStarved: there was no memory for it; nothing was kept either.
            StoreError: DuckDB refused for another reason, or the file cannot be opened.
        """
        with self.using(keep) as cursor:
            try:
                yield cursor
            except duckdb.Error as exc:
                if _died(exc):
                    raise
                if isinstance(exc, duckdb.OutOfMemoryException) or _NO_MEMORY.search(str(exc)):
                    raise StoreStarved(str(self.path), _first_line(exc)) from exc
                if isinstance(exc, duckdb.IOException | duckdb.TransactionException):
                    # "Failed to commit: Could not write file": DuckDB has rolled back and works on.
                    raise StoreFull(str(self.path), _first_line(exc)) from exc
                raise StoreError(f"{self.path.name}: {exc}") from exc

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lends a cursor as `using` does, to somebody who only asks.

        Raises:
            StoreError: DuckDB could not answer.
        """
        with self.using() as cursor:
            try:
                yield cursor
            except duckdb.Error as exc:
                if _died(exc):
                    raise
                if isinstance(exc, duckdb.InterruptException) and cursor in self._stopped:
                    raise StoreError(_STOPPED) from exc
                raise StoreError(f"{self.path.name}: {exc}") from exc

    def interrupts(self, cursor: Connection) -> bool:
        """Says whether whoever uses this cursor has been stopped by us, or is about to be."""
        return self._closed or self._broken or cursor in self._stopped

    def close(self) -> None:
        """Closes the file for good; interrupts whoever is still inside `using`, and waits for them a little."""
        with self._idle:
            self._closed = True
            for cursor in self._borrowed:
                cursor.interrupt()
            if self._idle.wait_for(lambda: not self._inside, _CLOSE_DEADLINE_S):
                self._shut()

    @property
    def log_size(self) -> int:
        """Bytes in the write-ahead log."""
        with contextlib.suppress(FileNotFoundError):
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        return 0

    def _enter(self, keep: str) -> Connection:
        with self._idle:
            if self._closed:
                raise StoreError(f"{self.path} is closed.")
            if self._broken:
                for other in self._borrowed:
                    other.interrupt()
                self._idle.wait_for(lambda: not self._inside)
                # Whoever waited beside us may have done it already.
                if self._broken:
                    self._shut()
            root = self._root or self.open()
            cursor = self._kept.get(keep) if keep else None
            if cursor is None:
                cursor = self._cursor(root)
                if keep:
                    self._kept[keep] = cursor
            self._inside += 1
            self._borrowed.add(cursor)
            return cursor

    def _cursor(self, root: Connection) -> Connection:
        cursor = root.cursor()
        try:
            cursor.execute(f"USE {self.path.stem}")
        except duckdb.Error as exc:
            cursor.close()
            self._broken = _died(exc)
            raise StoreFull(str(self.path), _first_line(exc)) from exc
        return cursor

    def _leave(self, cursor: Connection, keep: str) -> None:
        with self._idle:
            self._borrowed.discard(cursor)
            self._inside -= 1
            if not keep:
                cursor.close()
            self._idle.notify_all()

    def _shut(self) -> None:
        """Closes every cursor, then the instance; with one left open DuckDB would keep the file."""
        for cursor in self._kept.values():
            cursor.close()
        self._kept.clear()
        if self._root is not None:
            with self._umask():
                self._root.close()
        self._root = None

    @contextlib.contextmanager
    def _umask(self) -> Iterator[None]:
        """While files may be made: DuckDB has no word about permissions, the process mask has."""
        if not self._private:
            yield
            return
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


def _limits(directory: Path, memory_limit: str) -> dict[str, str]:
    """What the instance may take of this machine."""
    limits = {"max_temp_directory_size": f"{int(shutil.disk_usage(directory).free * _DISK_SHARE)}B"}
    if memory_limit:
        return {**limits, "memory_limit": memory_limit}
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows does not tell; DuckDB's own share then
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limits["memory_limit"] = f"{int(memory * _MEMORY_SHARE)}B"
    return limits


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")


def in_transaction(con: Connection, change: Callable[[Connection], T]) -> T:
    """Runs `change` in one transaction: all of it is kept, or nothing."""
    con.begin()
    try:
        result = change(con)
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # a fatal error has ended the transaction already
            con.rollback()
        raise
    con.commit()
    return result


def _died(exc: duckdb.Error) -> bool:
    """Whether DuckDB has given up the file, by either of its two ways to say so."""
    return isinstance(exc, duckdb.FatalException) or "has been invalidated" in str(exc)


def _first_line(exc: BaseException) -> str:
    return str(exc).partition("\n")[0]


def _locked(path: Path, text: str) -> StoreLocked:
    """Says who holds the file: the process DuckDB names, and where it answers if it wrote that down."""
    found = _HOLDER.search(text)
    url = ""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        server = msgspec.json.decode(path.with_name("server.json").read_bytes())
        web = server.get("web") if isinstance(server, Mapping) else None
        url = (web if "://" in web else f"http://{web}") if isinstance(web, str) else ""
    return StoreLocked(str(path), int(found[1]) if found else None, url)
