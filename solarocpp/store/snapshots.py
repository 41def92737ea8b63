"""Snapshots: copies of the whole store that can be opened, and put in its place.

    snapshots/auto-20260301T100000Z.duckdb      made every so often; the oldest go
    snapshots/NAME.duckdb                       made because somebody asked; they stay

The copy is made and checked by a process of its own (`copying`), in a folder that no listing shows, and renamed
when it is complete; one that fails leaves nothing but an event. What a killed server leaves goes at the next one.

Credentials are not in it: they are in secrets.duckdb, and `snapshots` is open to the SQL of analysts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
import trio

from solarocpp.errors import StoreError
from solarocpp.store.effects import EventHappened
from solarocpp.store.schema import DATABASE

if TYPE_CHECKING:
    from solarocpp.store import Store

FOLDER: Final = "snapshots"

# Free space that a snapshot must leave: twice the log of a checkpoint. Chargers need the disk more.
ROOM_BYTES: Final = 512_000_000

# After a failure: soon enough that a day still has its snapshot.
RETRY: Final = timedelta(hours=1)

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
"""What a snapshot may be called; no path, and nothing hidden."""

_AUTOMATIC: Final = "auto-%Y%m%dT%H%M%SZ"
_ASKED_FOR: Final = "snapshot-%Y%m%dT%H%M%SZ"
_PARTIAL: Final = ".partial-"

Report = Callable[[str, int, int], Awaitable[None]]
"""Tells which step the work is at, how much of it is done, and of how much."""

log = structlog.get_logger()


class Snapshot(msgspec.Struct, frozen=True):
    """A copy of the store."""

    name: str
    file: str
    created: datetime
    bytes: int


def list_snapshots(directory: Path) -> list[Snapshot]:
    """Lists the complete snapshots of a data directory, oldest first."""
    return sorted(map(_snapshot, (directory / FOLDER).glob("*.duckdb")), key=lambda snapshot: snapshot.created)


def _snapshot(path: Path) -> Snapshot:
    facts = path.stat()
    return Snapshot(path.stem, str(path), datetime.fromtimestamp(facts.st_mtime, UTC), facts.st_size)


async def take_snapshot(store: Store, name: str | None, report: Report, *, now: datetime) -> Snapshot:
    """Copies the store, with everything that was acknowledged so far; without `name` it is called by the time.

    Raises:
        StoreError: there is no room, or the copy is not good; nothing of it is left.
    """
    name = name or now.strftime(_ASKED_FOR)
    try:
        target = store.directory / FOLDER / f"{name}.duckdb"
        async with store.snapshot_turn:
            await store.settle_soon()
            counts = await _copy(store, target, report)
    except (StoreError, OSError) as exc:
        log.warning("snapshot_failed", name=name, reason=str(exc))
        event = EventHappened(now, "snapshot_failed", None, f"Snapshot {name}: {exc}", {"name": name})
        store.record(None, [event])
        raise exc if isinstance(exc, StoreError) else StoreError(f"Snapshot {name}: {exc}") from exc
    made = _snapshot(target)
    log.info("snapshot_made", file=made.file, bytes=made.bytes, datums=counts["datum"])
    return made


async def run_snapshots(store: Store, every: timedelta, keep: int, clock: Callable[[], datetime]) -> None:
    """Takes a snapshot every so often, for as long as the server runs, and lets the oldest of its own go."""
    while True:
        times = _automatic(store.directory)
        due = max(times) + every if times else clock()
        await trio.sleep(max(0.0, (due - clock()).total_seconds()))
        now = clock()
        try:
            await take_snapshot(store, now.strftime(_AUTOMATIC), _unheard, now=now)
        except StoreError:  # told already
            await trio.sleep(min(every, RETRY).total_seconds())
            continue
        for old in sorted(_automatic(store.directory))[:-keep]:
            (store.directory / FOLDER / f"{old.strftime(_AUTOMATIC)}.duckdb").unlink(missing_ok=True)


def _automatic(directory: Path) -> list[datetime]:
    """When the automatic snapshots that are there were taken."""
    times = []
    for path in (directory / FOLDER).glob("auto-*.duckdb"):
        try:
            times.append(datetime.strptime(path.stem, _AUTOMATIC).replace(tzinfo=UTC))
        except ValueError:  # somebody's own name
            continue
    return times


async def _unheard(_step: str, _done: int, _total: int) -> None:
    """Is the report of a snapshot that nobody waits for."""


async def _copy(store: Store, target: Path, report: Report) -> Mapping[str, int]:
    """Has the copy made in a folder of its own, and renames it; returns how many rows its tables have.

    Raises:
        StoreError, OSError: it was not made.
    """
    source = store.directory / DATABASE
    for left in target.parent.glob(f"{_PARTIAL}*"):  # by a server that was killed; we are the only one
        shutil.rmtree(left)
    size = sum(path.stat().st_size for path in source.parent.glob(f"{source.name}*") if path.is_file())
    free = shutil.disk_usage(target.parent).free
    if free < size + ROOM_BYTES:
        needed = f"{(size + ROOM_BYTES) / 1e9:.1f} GB must be free and {free / 1e9:.1f} GB are"
        raise StoreError(f"There is no room for a snapshot in {target.parent}: {needed}.")
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=target.parent) as folder:
        last = await _follow(source, folder, store.acknowledged, report)
        if "counts" not in last:
            raise StoreError(str(last.get("error", last)))
        (Path(folder) / DATABASE).replace(target)
    if os.name != "nt":  # where a folder cannot be flushed
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    counts: Mapping[str, int] = last["counts"]
    return counts


async def _follow(source: Path, folder: str, least: int, report: Report) -> Mapping[str, Any]:
    """Runs the process that copies, passes on how far it is, and returns the last it said."""
    command = [sys.executable, "-m", "solarocpp.store.copying", str(source), folder, str(least)]
    said: Mapping[str, Any] = {"error": "The process that copies did not begin."}
    waiting = b""
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None  # noqa: S101 asked for just now
        async for piece in process.stdout:
            *lines, waiting = (waiting + piece).split(b"\n")
            for line in lines:
                # Anything else is a traceback, and its last line the reason.
                said = json.loads(line) if line.startswith(b"{") else {"error": line.decode(errors="replace")}
                if "step" in said:
                    await report(said["step"], said["done"], said["total"])
    return said
