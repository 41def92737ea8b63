"""Copies an open store, in a process of its own: `python -m solarocpp.store.copying STORE FOLDER LEAST`.

A copy is what kill -9 would leave at that moment, and DuckDB recovers it as it does after one: the file as of its
last checkpoint, which nothing overwrites before the next one is complete, and the log as far as it went when the
copy began. Whether a checkpoint came between is seen in the file's header, which counts them; then it is copied
again. So the server does nothing and waits for nothing.

    COPY FROM DATABASE, tried instead on 1.5.5, packs everything anew in the server's own instance: 57 s of CPU for
    2M datums (51 MB), which are copied in 0.03 s; and a full disk would be that instance's trouble.

A process of its own it is because closing any descriptor of a file gives up a process's locks on it (POSIX): the
server's own would no longer keep others out. Also it can be of low priority, and its memory goes with it.

Prints a line of JSON for each step, `{"step", "done", "total"}`; at the end `{"counts": {table: rows}}`, or
`{"error": text}` and exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from solarocpp.errors import StoreError
from solarocpp.store.database import Database
from solarocpp.store.ledger import last_seq
from solarocpp.store.priority import give_way
from solarocpp.store.schema import DATABASE, TABLES

# A checkpoint comes every 256 MB of log, or when all is quiet; a copy that meets one five times is of a store
# that is written faster than it can be read.
TRIES = 5
PAUSE_S = 1.0

# Of DuckDB's file, where the main header and two others that take turns are.
_HEADER_BYTES = 3 * 4096

# The log is taken in memory before it goes into the file, and is 256 MB at most as a rule.
_MEMORY = "1GB"

# What is flushed at once: more would keep the commits of the server waiting at the disk.
_PIECE_BYTES = 4_000_000


def main(arguments: list[str]) -> int:
    """Copies, checks and reports."""
    store, folder, least = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    give_way()
    try:
        copy(store, folder)
        _tell(counts=_inspect(folder, least))
    except (StoreError, OSError) as exc:
        _tell(error=str(exc))
        return 1
    return 0


def copy(store: Path, folder: Path, tell: Callable[..., None] | None = None, pause_s: float = PAUSE_S) -> None:
    """Copies a store that may be written meanwhile; tells each step, `step`, `done` and `total`.

    Raises:
        StoreError: there was no moment for it.
    """
    tell = _tell if tell is None else tell
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause_s)
        if _copied(store, folder, tell):
            return
    raise StoreError(f"{store} was checkpointed during each of {TRIES} copies. Try when less is written.")


def _copied(store: Path, folder: Path, tell: Callable[..., None]) -> bool:
    """Copies log and file; False if a checkpoint came between, so that they may not belong together."""
    log = store.with_name(f"{store.name}.wal")
    before = _header(store)
    logged = log.stat().st_size if log.exists() else 0
    total = store.stat().st_size + logged
    done = 0
    if logged:
        for done in _copy(log, folder / f"{DATABASE}.wal", logged):
            tell(step="copy", done=done, total=total)
    else:
        (folder / f"{DATABASE}.wal").unlink(missing_ok=True)
    # During a checkpoint, what is committed goes here.
    if log.with_name(f"{log.name}.checkpoint").exists():
        return False
    for written in _copy(store, folder / DATABASE, None):
        tell(step="copy", done=done + written, total=max(total, done + written))
    return _header(store) == before


def _header(store: Path) -> bytes:
    with store.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _copy(source: Path, target: Path, size: int | None) -> Iterator[int]:
    """Copies the first `size` bytes, or all, piece by piece; yields how many are on the disk."""
    done = 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while piece := reading.read(_PIECE_BYTES if size is None else min(_PIECE_BYTES, size - done)):
            began = time.monotonic()
            writing.write(piece)
            writing.flush()
            os.fsync(writing.fileno())
            done += len(piece)
            yield done
            # As long as it took, the disk is for those whose chargers wait.
            time.sleep(time.monotonic() - began)


def _inspect(folder: Path, least: int) -> Mapping[str, int]:
    """Opens the copy, takes the log into it, and reads it to the last block.

    Raises:
        StoreError: it cannot be read, or lacks what was acknowledged before it was asked for.
    """
    database = Database(folder / DATABASE, memory_limit=_MEMORY)
    counts = {}
    database.open()
    try:
        with database.writing() as con:
            found = last_seq(con)
            if found < least:
                raise StoreError(f"The copy ends at message {found}, and {least} was acknowledged before it began.")
            for number, table in enumerate(TABLES):
                _tell(step="check", done=number, total=len(TABLES))
                # DuckDB checks each block it reads; counting alone would read none.
                row = con.execute(f'SELECT count(*), bit_xor(hash(t)) FROM "{table.name}" t').fetchone()
                counts[table.name] = int(row[0]) if row else 0
            con.execute("CHECKPOINT")
    finally:
        database.close()
    with (folder / DATABASE).open("rb") as file:
        os.fsync(file.fileno())
    return counts


def _tell(**line: object) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 whoever started this reads it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
