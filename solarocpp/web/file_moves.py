"""One file that moves: piece by piece into its place, or out of it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import trio

from solarocpp.errors import FileRefused
from solarocpp.store.transfers import FileTransfer

UPLOADS: Final = "uploads"
"""The folder of the data directory with everything chargers sent, and `firmware` for what they fetch."""

MOST_UPLOAD_BYTES: Final = 200_000_000
"""Of one file. Diagnostics of real chargers are some MB, with packet captures 100; a card in a Pi has 16 GB."""

# How often the row says how many bytes there are: what a person looks at, not what is counted.
_TELL_EVERY_S: Final = 1.0
_END_S: Final = 5.0


class Book(Protocol):
    """Where it is noted how far files are: `Transferring`."""

    @property
    def most_bytes(self) -> int:
        """How large a file may be that comes."""

    @property
    def folder(self) -> Path:
        """The data directory."""

    def now(self) -> datetime:
        """Asks the clock."""

    def turn(self) -> AbstractContextManager[None]:
        """Counts a file that moves."""

    async def note_progress(self, row: FileTransfer, count: int) -> None:
        """Shows how many bytes there are."""

    async def note_end(self, row: FileTransfer, **known: object) -> None:
        """The file is through."""


class Arrival:
    """One file that comes, piece by piece."""

    def __init__(self, book: Book, row: FileTransfer, name: str) -> None:
        self._book = book
        self._row = row
        self._name = name
        self._count = 0
        self._hash = hashlib.sha256()
        self._tell_at = 0.0
        self._folder = book.folder / UPLOADS / _plain(row.identifier)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._part = self._folder / f".{row.transfer_id}-{secrets.token_hex(4)}.part"
        self._file: BinaryIO = self._part.open("xb")

    def rename(self, name: str) -> None:
        """Takes a better name than that of the URL."""
        self._name = name

    async def write(self, piece: bytes) -> None:
        """Writes what came.

        Raises:
            FileRefused: it is more than is allowed, or the disk is full.
        """
        self._count += len(piece)
        if self._count > self._book.most_bytes:
            raise too_large(self._book.most_bytes)
        self._hash.update(piece)
        await trio.to_thread.run_sync(_unless_full, partial(self._file.write, piece))
        if trio.current_time() >= self._tell_at and self._row.state != "done":
            self._tell_at = trio.current_time() + _TELL_EVERY_S
            await self._book.note_progress(self._row, self._count)

    async def finish(self) -> None:
        """The file is whole: it is kept under a name that tells when and for what it came.

        Raises:
            FileRefused: another file has come by this URL already.
        """
        if not self._count:
            raise FileRefused(400, "The file is empty.")
        await trio.to_thread.run_sync(_unless_full, self._flush)
        digest, row = self._hash.hexdigest(), self._row
        if row.state == "done":
            if digest != row.sha256:
                raise FileRefused(410, "Another file has come by this URL; it is good for one.")
            return
        stamp = self._book.now().strftime("%Y%m%dT%H%M%SZ")
        place = self._folder / f"{stamp}-{row.transfer_id}-{_plain(self._name)}"
        self._part.replace(place)
        file = place.relative_to(self._book.folder).as_posix()
        await self._book.note_end(row, file=file, bytes=self._count, size=self._count, sha256=digest)

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets a file that is not whole go."""
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


class Departure:
    """One file that goes."""

    def __init__(self, book: Book, row: FileTransfer, path: Path) -> None:
        self._book = book
        self._row = row
        self._path = path
        self.size = path.stat().st_size
        self.sha256 = row.sha256 or ""

    async def read(self, first: int, last: int, piece: int) -> AsyncIterator[bytes]:
        """Yields the bytes from `first` to `last`, both included."""
        at, tell_at = first, 0.0
        try:
            with self._book.turn():
                async with await trio.open_file(self._path, "rb") as file:
                    await file.seek(first)
                    while at <= last and (data := await file.read(min(piece, last + 1 - at))):
                        at += len(data)
                        yield data
                        if trio.current_time() >= tell_at:
                            tell_at = trio.current_time() + _TELL_EVERY_S
                            await self._book.note_progress(self._row, at)
        finally:
            # Here: a charger that has the last byte closes the connection, and this generator ends at its `yield`.
            if at == self.size:
                with trio.move_on_after(_END_S, shield=True):
                    await self._book.note_end(self._row, bytes=self.size)


def too_large(most: int) -> FileRefused:
    """Says how much is allowed."""
    return FileRefused(413, f"A file may have {most // 1_000_000} MB.")


def _unless_full(write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as exc:
        if exc.errno != ENOSPC:
            raise
        raise FileRefused(507, "The disk of the server is full. Send the file again later.") from exc


def _plain(name: str) -> str:
    """Makes a file name of what a stranger calls something: no folder, no leading dot, not long."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name.rsplit("/", 1)[-1]).lstrip(".")[-80:] or "file"
