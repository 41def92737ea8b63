"""Routes that make files of the store: Parquet exports, and snapshots.

The files are the server's, below `exports` and `snapshots` of its data directory: no token should be able to
write elsewhere.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import JSONBody
from litestar.types import ASGIApp

from solarocpp.query.exports import DATASET_NAMES, Exported, exported, plan_export, remove_files, write_file
from solarocpp.registry import Registry
from solarocpp.store import Store
from solarocpp.store.snapshots import NAME, Snapshot, list_snapshots, take_snapshot
from solarocpp.web.access import LOOKS, Caller, needs_whole_box
from solarocpp.web.lines import Report, Turn, answer_in_lines
from solarocpp.web.management import Clock

# A day of one node with ten million datums takes a minute; past this, something hangs.
FILE_LIMIT_S: Final = 600.0

# Names in the tree that begin with a dot or an underscore are not data to those who read it.
_FOLDER: Final = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,63}(?:/(?!$)|$)){0,4}", re.ASCII)


class ExportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which files are to be brought up to date."""

    since: str | None = None
    until: str | None = None
    node: int | None = None
    source: str | None = None
    to: str = ""
    """Folder below `exports`; empty: `exports` itself."""


@post("/exports", summary="Parquet files of what is new or changed", status_code=200, guards=[needs_whole_box])
async def export_files(  # noqa: PLR0913 one argument a dependency
    request: Request[Any, Any, Any],
    data: JSONBody[ExportOrder],
    store: NamedDependency[Store],
    *,
    registry: NamedDependency[Registry],
    caller: NamedDependency[Caller],
    exporting: NamedDependency[Turn],
) -> ASGIApp:
    """Writes what is new or changed below `exports` of the data directory; answers with lines of progress."""
    if not _FOLDER.fullmatch(data.to) or DATASET_NAMES.intersection(data.to.split("/")):
        raise ValidationException(f"to: {data.to!r} is no folder below exports, like harbour or harbour/2026.")
    nodes = caller.nodes(registry, data.node)
    folder = (store.directory / "exports").resolve() / data.to
    return answer_in_lines(request, exporting, partial(_export, store, folder, nodes, data))


async def _export(
    store: Store, folder: Path, nodes: int | list[int] | None, order: ExportOrder, report: Report
) -> list[Exported]:
    plans = await store.read(
        lambda con: plan_export(con, folder, node=nodes, source=order.source, since=order.since, until=order.until),
        limit_s=FILE_LIMIT_S,
    )
    done = []
    for plan in plans:
        rows = 0
        for number, file in enumerate(plan.write):
            await report(plan.name, number, len(plan.write))
            rows += await store.read(partial(write_file, file=file), limit_s=FILE_LIMIT_S, settle=False)
        await report(plan.name, len(plan.write), len(plan.write))
        remove_files(plan)
        done.append(exported(plan, rows))
    return done


class SnapshotOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a copy of the store is to be called."""

    name: str | None = None


@get("/snapshots", opt=LOOKS, summary="Copies of the store", guards=[needs_whole_box])
async def list_copies(store: NamedDependency[Store]) -> list[Snapshot]:
    """Lists complete snapshots, oldest first."""
    return list_snapshots(store.directory)


@post("/snapshots", summary="Copy the store as it is now", status_code=200, guards=[needs_whole_box])
async def make_copy(
    request: Request[Any, Any, Any],
    data: JSONBody[SnapshotOrder],
    store: NamedDependency[Store],
    clock: NamedDependency[Clock],
    snapshotting: NamedDependency[Turn],
) -> ASGIApp:
    """Copies the store into `snapshots` of the data directory, and checks the copy; answers with lines of progress."""
    if data.name is not None and not NAME.fullmatch(data.name):
        raise ValidationException(f"name: {data.name!r} is no name of a snapshot, like before-update.")

    async def work(report: Report) -> Snapshot:
        return await take_snapshot(store, data.name, report, now=clock())

    return answer_in_lines(request, snapshotting, work)


router = Router("/api", route_handlers=[export_files, list_copies, make_copy], tags=["files"])
