"""The secrets database: credential hashes, in a DuckDB instance of its own, mode 0600.

It is another instance and another file, so that no SQL an analyst writes can name what is in it. It
changes rarely, so it has no writer thread: a lock and a worker thread do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import trio

from solarocpp.store.database import Connection, Database, in_transaction
from solarocpp.store.migrations import SECRET_MIGRATIONS, migrate

T = TypeVar("T")


class SecretsDatabase:
    """Credentials, told apart from everything analysts may see."""

    def __init__(self, path: Path, now: datetime) -> None:
        """Opens the file, making or upgrading it as needed.

        Raises:
            StoreLocked, SchemaTooNew, StoreError: as `open_store`.
        """
        self._database = Database(path, directories=(), private=True)
        self._database.open()
        self._lock = threading.Lock()
        try:
            with self._database.writing() as con:
                migrate(con, path, now, SECRET_MIGRATIONS)
        except BaseException:
            self._database.close()
            raise

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Runs `change` in one transaction in a worker thread; durable when it returns."""
        return await trio.to_thread.run_sync(self.write_now, change)

    def write_now(self, change: Callable[[Connection], T]) -> T:
        """Runs `change` in one transaction right here.

        Raises:
            StoreFull: the disk refused; nothing was kept.
        """
        with self._lock, self._database.writing() as con:
            return in_transaction(con, change)

    def read_now(self, question: Callable[[Connection], T]) -> T:
        """Runs `question` right here; it is small."""
        with self._lock, self._database.reading() as con:
            return question(con)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
