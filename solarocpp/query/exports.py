"""Parquet files for whoever does not speak to a store: one folder a table, one file for each node and day.

    exports/datum/nodeId=1/date=2026-03-01/datum.parquet
    exports/session/nodeId=1/month=2026-03/session.parquet

A folder is one dataset for every engine: all its files have the same columns (a new column of the table has
them all written again), no other file is in it, ids are text and times UTC. Each file carries in its own
metadata what it was made of, so there is no list beside the files that could contradict them, and a run that
was killed is taken up where it stopped. A file is written elsewhere, flushed and renamed: a reader sees the
old one or the new one.

    plan_export     compares files with rows: what is to be written, dropped, left
    write_file      carries out one step of it
    export          all of it, for scripts

Days are UTC. What retention has removed from the store stays in the files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import msgspec
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from solarocpp.errors import QueryError, StoreError
from solarocpp.query.filters import (
    Moment,
    Nodes,
    TimeRange,
    node_conditions,
    quote,
    read_rows,
    read_time_range,
    source_conditions,
    time_conditions,
)
from solarocpp.query.zones import Zones
from solarocpp.store.schema import DATUM, SESSION_VIEW

# Where files are written before they are renamed: beside the datasets, since some engines take every file below
# a folder for data. One run at a time writes, so one name is enough, and a killed run leaves at most one file.
_PARTIAL = ".partial.parquet"

# Key of the stamp in a file's metadata.
_STAMP = "solarocpp"


class _Dataset(NamedTuple):
    """A table or view as files: its name is the folder's and the files'."""

    name: str
    time: str
    """Column that says to which period a row belongs."""
    period: Literal["day", "month"]
    key: str
    """The folder of a period is called `key=label`."""
    label: str
    """Format of the period's first day."""
    content: str
    """SQL that changes whenever a row of the period does."""
    retained: bool
    """Whether retention may have removed its oldest rows."""


# `received` changes with each merge, and reading it alone is 16 times as fast as hashing whole rows (10M datums:
# 0.6 s of CPU, not 10). Totals of sessions change without it, but sessions are few.
_DATASETS = (
    _Dataset(
        DATUM.name, "created", "day", "date", "%Y-%m-%d", "max(epoch_us(received)), sum(epoch_us(received))", True
    ),
    _Dataset(SESSION_VIEW.name, "started", "month", "month", "%Y-%m", "sum(hash({columns}))", False),
)

DATASET_NAMES = frozenset(dataset.name for dataset in _DATASETS)
"""Folders that an export makes; it can itself be in none of these."""


class _Stamp(msgspec.Struct, frozen=True):
    """What a file was made of; two equal ones make equal files."""

    store: str
    source: str | None
    node: int
    since: datetime
    until: datetime
    columns: str
    rows: str


class _File(msgspec.Struct, frozen=True):
    """One file of a dataset that is to be written."""

    dataset: str
    path: Path
    stamp: _Stamp
    again: bool
    """Made of itself, with the columns of today: its rows are no longer in the store."""


class DatasetPlan(msgspec.Struct, frozen=True):
    """What there is to do for one dataset."""

    name: str
    folder: Path
    write: Sequence[_File]
    remove: Sequence[Path]
    """Files whose rows are gone from the store, and not by retention."""
    unchanged: int


class Exported(msgspec.Struct, frozen=True):
    """What became of one dataset."""

    dataset: str
    folder: str
    written: int
    unchanged: int
    removed: int
    rows: int
    """In the files that were written."""


def plan_export(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    to: str | os.PathLike[str],
    *,
    node: Nodes | None = None,
    source: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> list[DatasetPlan]:
    """Compares what is below the folder `to` with the store.

    `node`, `since` and `until` choose files; a file is whole whatever they say. `source` chooses rows, so it
    is part of what a folder is.

    Raises:
        BadTimeRange, BadSourcePattern: as `datums`.
        QueryError: the folder holds something else.
    """
    nodes = None if node is None else {node} if isinstance(node, int) else set(node)
    choice = _Choice(nodes, read_time_range(since, until).at("UTC"))
    conditions = source_conditions(source)
    (store_id, kept_from, rebuilt), *_ = con.execute(
        'SELECT "storeId"::VARCHAR, "datumsFrom", (SELECT coalesce(max(epoch_us(created)), 0) FROM event '
        "WHERE name IN ('tables_rebuilt', 'rebuild_undone')) FROM meta"
    ).fetchall()
    plans = []
    for dataset in _DATASETS:
        rows = read_rows(con, dataset.name, conditions)
        kind = _Kind(store_id, source, _digest(rows), rebuilt)
        there = _stamps(con, Path(to) / dataset.name, kind)
        wanted = _wanted(rows, dataset, Path(to) / dataset.name, kind)
        archive = kept_from if dataset.retained else None
        verdicts = {
            path: _judge(there.get(path), wanted.get(path), kind, archive, choice)
            for path in sorted(there.keys() | wanted.keys())
        }
        plans.append(
            DatasetPlan(
                dataset.name,
                Path(to) / dataset.name,
                write=[
                    _File(dataset.name, path, msgspec.structs.replace(there[path], columns=kind.columns), again=True)
                    if verdict == "again"
                    else _File(dataset.name, path, wanted[path], again=False)
                    for path, verdict in verdicts.items()
                    if verdict in {"write", "again"}
                ],
                remove=[path for path, verdict in verdicts.items() if verdict == "remove"],
                unchanged=sum(verdict == "leave" for verdict in verdicts.values()),
            )
        )
    return plans


def write_file(con: DuckDBPyConnection, file: _File) -> int:
    """Writes one file of a plan, whole or not at all; returns its rows.

    Raises:
        StoreError: the folder cannot be written.
    """
    dataset = next(row for row in _DATASETS if row.name == file.dataset)
    stamp = file.stamp
    if file.again:
        rows = con.from_parquet(str(file.path), hive_partitioning=False)
    else:
        rows = read_rows(con, file.dataset, [*node_conditions(stamp.node), *source_conditions(stamp.source)])
        for condition in time_conditions(dataset.time, TimeRange(stamp.since, stamp.until)):
            rows = rows.filter(condition)
    chosen = _portable(con.table(file.dataset), rows.columns)
    sorted_rows = rows.project(chosen).order(f'"sourceId", {quote(dataset.time)}')
    partial = file.path.parents[3] / _PARTIAL
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        counted = con.execute(
            f"COPY ({sorted_rows.sql_query()}) TO {_text(str(partial))} (FORMAT parquet, COMPRESSION zstd, "
            f"USE_TMP_FILE false, KV_METADATA {{{_STAMP}: {_text(msgspec.json.encode(stamp).decode())}}})"
        ).fetchone()
        _flush(partial)
        partial.replace(file.path)
        for folder in file.path.parents[:4]:
            _flush(folder)
    except OSError as exc:
        raise StoreError(f"{file.path} cannot be written: {exc.strerror}. What is there is whole.") from exc
    finally:
        partial.unlink(missing_ok=True)
    return int(counted[0]) if counted else 0


def remove_files(plan: DatasetPlan) -> None:
    """Removes the files of a plan that are to go, and folders that are empty then."""
    for path in plan.remove:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: others need it
            path.parent.rmdir()
            path.parent.parent.rmdir()


def exported(plan: DatasetPlan, rows: int) -> Exported:
    """Sums up a plan that was carried out."""
    return Exported(plan.name, str(plan.folder), len(plan.write), plan.unchanged, len(plan.remove), rows)


def export(  # noqa: PLR0913 -- one argument a filter
    con: DuckDBPyConnection,
    to: str | os.PathLike[str],
    *,
    node: Nodes | None = None,
    source: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> list[Exported]:
    """Writes what is new or changed as Parquet below the folder `to`, and says what became of each dataset.

    Raises:
        BadTimeRange, BadSourcePattern, QueryError, StoreError: as `plan_export` and `write_file`.
    """
    done = []
    for plan in plan_export(con, to, node=node, source=source, since=since, until=until):
        rows = sum(write_file(con, file) for file in plan.write)
        remove_files(plan)
        done.append(exported(plan, rows))
    return done


class _Kind(NamedTuple):
    """What all files of a dataset have in common."""

    store: str
    source: str | None
    columns: str
    rebuilt: int
    """When rows were last derived again, which changes what they say and not when it was received."""


class _Choice(NamedTuple):
    """Which files an export is about."""

    nodes: set[int] | None
    span: TimeRange

    def takes(self, stamp: _Stamp) -> bool:
        since, until = self.span
        wanted = self.nodes is None or stamp.node in self.nodes
        return wanted and (until is None or stamp.since < until) and (since is None or stamp.until > since)


_Verdict = Literal["write", "again", "remove", "leave", "ignore"]


def _judge(
    old: _Stamp | None, new: _Stamp | None, kind: _Kind, kept_from: datetime | None, choice: _Choice
) -> _Verdict:
    """Says what is to be done about one file: `old` is what is there, `new` what the store has for it."""
    same_columns = old is None or old.columns == kind.columns
    known = old or new
    if known is None:
        raise AssertionError("a file is there, or rows are")
    if kept_from is not None and known.since < kept_from:
        # Retention removed (some of) its rows: the file is all there is.
        return "ignore" if old is None else "leave" if same_columns else "again"
    if old is not None and (old == new or (same_columns and not choice.takes(known))):
        return "leave"
    if new is None:
        return "remove"
    return "write" if choice.takes(known) or not same_columns else "ignore"


def _stamps(con: DuckDBPyConnection, folder: Path, kind: _Kind) -> dict[Path, _Stamp]:
    """Reads what the files of a dataset were made of.

    Raises:
        QueryError: they are not ours, or of another kind.
    """
    files = sorted(folder.glob("*/*/*.parquet"))
    if not files:
        return {}
    try:
        rows = con.execute(
            "SELECT file_name, decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = ?",
            [list(map(str, files)), _STAMP],
        ).fetchall()
    except duckdb.Error as exc:
        raise QueryError(f"{folder} has a file that cannot be read ({exc}). Remove it: it is written again.") from exc
    found = {Path(name): msgspec.json.decode(text, type=_Stamp) for name, text in rows}
    for file in files:
        stamp = found.get(file)
        trouble = (
            "is not an export of solarocpp"
            if stamp is None
            else "was exported from another store"
            if stamp.store != kind.store
            else f"was exported with --source {stamp.source}"
            if stamp.source not in (kind.source, None)
            else "was exported without --source"
            if stamp.source != kind.source
            else ""
        )
        if trouble:
            raise QueryError(f"{file} {trouble}. A folder is one dataset: name another with --to.")
    return found


def _wanted(rows: DuckDBPyRelation, dataset: _Dataset, folder: Path, kind: _Kind) -> dict[Path, _Stamp]:
    """Says which files there should be, and what their rows are."""
    # Days and months of the files are UTC's, whatever the nodes go by: a folder is one dataset.
    start = f"make_timestamptz({Zones({}).period_start(dataset.period, f'epoch_us({quote(dataset.time)})')})"
    columns = ", ".join(map(quote, rows.columns))
    groups = rows.aggregate(
        f'"nodeId", {start} AS start, count(*), {dataset.content.format(columns=columns)}', f'"nodeId", {start}'
    ).fetchall()
    wanted = {}
    for node, local, *content in groups:
        since = local.astimezone(UTC)
        month = dataset.period == "month"
        until = (since + timedelta(days=31)).replace(day=1) if month else since + timedelta(days=1)
        path = folder / f"nodeId={node}" / f"{dataset.key}={since:{dataset.label}}" / f"{dataset.name}.parquet"
        wanted[path] = _Stamp(
            kind.store, kind.source, node, since, until, kind.columns, " ".join(map(str, (kind.rebuilt, *content)))
        )
    return wanted


def _portable(rows: DuckDBPyRelation, there: Sequence[str]) -> str:
    """Writes the columns of a file: what every engine reads, and NULL for what an older file does not have."""
    chosen = []
    for name, kind in zip(rows.columns, map(str, rows.types), strict=True):
        if name == "nodeId":
            continue  # the folder says it; twice would be a conflict of types
        # Spark refuses UUIDs, pandas shows them as 16 bytes.
        written = "VARCHAR" if kind in {"UUID", "JSON"} else kind
        chosen.append(f"{quote(name) if name in there else 'NULL'}::{written} AS {quote(name)}")
    return ", ".join(chosen)


def _digest(rows: DuckDBPyRelation) -> str:
    """Stands for the columns of a dataset: another one, another order, and all files are written again."""
    spelled = " ".join(f"{name} {kind}" for name, kind in zip(rows.columns, rows.types, strict=True))
    return hashlib.blake2b(spelled.encode(), digest_size=8).hexdigest()


def _text(content: str) -> str:
    return "'" + content.replace("'", "''") + "'"


def _flush(path: Path) -> None:
    """Makes a file, or the names in a folder, survive a power cut."""
    if os.name == "nt" and path.is_dir():  # Windows cannot, and does not need to
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
