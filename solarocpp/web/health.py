"""Whether all is well, at length: findings for the operator. A word for load balancers is in `vitals`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

from litestar import Router, get
from litestar.di import NamedDependency

import solarocpp.query as q
from solarocpp.registry import Charger, Credential, Registry
from solarocpp.store import Store, StoreStatistics, health
from solarocpp.store.registry import Connection
from solarocpp.web.access import LOOKS, needs_whole_box
from solarocpp.web.answers import Answer
from solarocpp.web.management import Clock
from solarocpp.web.vitals import LOW_DISK_BYTES

# Cars stand a night and a weekend; after that a StopTransaction was probably lost.
STALE_SESSION: Final = timedelta(days=3)
# What only the server's own user may read.
PRIVATE_FILES: Final = ("secrets.duckdb", "admin.token")
# Of what the store says of itself: a tail is usual while chargers write, and files are looked at here.
ELSEWHERE: Final = frozenset({"ledger_tail", "files", *PRIVATE_FILES})
COUNTED_TABLES: Final = ("datum", "chargeSession", "ledger")

Result = Literal["ok", "warning", "error"]


class Finding(Answer, frozen=True, kw_only=True):
    """One thing that was looked at."""

    check: str
    result: Result
    detail: str


@get("/check", opt=LOOKS, summary="The health of the store and of what is registered", guards=[needs_whole_box])
async def check(
    store: NamedDependency[Store], registry: NamedDependency[Registry], clock: NamedDependency[Clock]
) -> list[Finding]:
    """Looks at files, tables and registry; `error` is for what stops or endangers the storing of readings."""
    before = clock() - STALE_SESSION

    def ask(con: Connection) -> tuple[dict[str, int], int, list[health.Finding]]:
        counts = {name: _count(con.table(name)) for name in COUNTED_TABLES}
        return counts, _count(q.sessions(con, active=True, until=before)), health.inspect_store(con, store.directory)

    counts, stale, inspected = await store.read(ask)
    rows = ", ".join(f"{count} {name}" for name, count in counts.items())
    return [
        Finding(check="tables", result="ok", detail=f"{rows} rows"),
        *(
            Finding(check=found.check, result=found.result, detail=found.detail)
            for found in inspected
            if found.result != "ok" and found.check not in ELSEWHERE
        ),
        _writing(store.statistics()),
        _disk(store.directory),
        *_private_files(store.directory),
        _finding("sessions", f"{stale} run for more than {STALE_SESSION.days} days" if stale else ""),
        *_registered(registry),
    ]


router = Router("/api", route_handlers=[check], tags=["health"])


def _count(found: Any) -> int:
    ((count,),) = found.count("*").fetchall()
    return int(count)


def _finding(name: str, trouble: str, result: Result = "warning") -> Finding:
    return Finding(check=name, result=result if trouble else "ok", detail=trouble)


def _writing(statistics: StoreStatistics) -> Finding:
    return _finding("commits", statistics.failing, "error")


def _disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    text = f"{free / 1e9:.1f} GB are free on the disk of {directory}"
    return Finding(check="disk", result="warning" if free < LOW_DISK_BYTES else "ok", detail=text)


def _private_files(directory: Path) -> Iterator[Finding]:
    for name in PRIVATE_FILES:
        path = directory / name
        if path.exists():
            mode = path.stat().st_mode & 0o777
            trouble = f"others may read it (mode {mode:03o}); run: chmod 600 {path}" if mode & 0o077 else ""
            yield _finding(name, trouble, "error")


def _registered(registry: Registry) -> Iterator[Finding]:
    barred, missing = [], []
    for account in registry.accounts():
        chargers = registry.chargers(account.account_id)
        credentials = registry.credentials(account.account_id)
        barred += [row.identifier for row in chargers if row.enabled and not _may_enter(row, credentials)]
        known = {row.identifier.casefold() for row in chargers}
        for key in credentials:
            unknown = [name for name in key.allowed if name.casefold() not in known]
            if unknown:
                missing.append(f"{key.username} allows {', '.join(unknown)}: no such charger")
    yield _finding("credentials", f"no credential allows {', '.join(barred)}" if barred else "")
    for trouble in missing:
        yield _finding("credentials", trouble)
    unjudged = [row.identifier for row in registry.chargers() if not row.adopted]
    yield _finding(
        "adoption", f"nobody has judged {', '.join(unjudged)} yet; see: solarocpp charger list" if unjudged else ""
    )


def _may_enter(charger: Charger, credentials: list[Credential]) -> bool:
    # 0 needs no credential and 3 may do with a certificate, if the server says so.
    return charger.security_profile in {0, 3} or any(key.allows(charger.identifier) for key in credentials)
