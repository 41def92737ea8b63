"""`/healthz`: whether the server can do its work now, for load balancers and watchers; a word for each part.

    store      ok | failing   a commit was refused, or the disk takes no writes
    projector  ok | behind    the tables do not follow, or the store's threads do not answer
    disk       ok | low       little is free; nothing is wrong yet

200 while chargers can be served, with status ok or degraded; 503 and status failing where not. It needs no token,
so it tells no number and no reason: `solarocpp check` and `/metrics` do.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, Literal

import trio
from litestar import Response, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency

from solarocpp.errors import StoreError
from solarocpp.store import Store
from solarocpp.web.access import LOOKS_AT_STREAMS
from solarocpp.web.answers import Answer

# A checkpoint may write as much as the log holds (256 MB) twice over.
LOW_DISK_BYTES: Final = 1_000_000_000
# Tables are a second late at most, a large checkpoint holds them up for two; what is later than this does not follow.
MOST_LAG_S: Final = 10.0
# Load balancers mostly give up after 5 s; a busy box takes one or two to write what waits, and is well.
LOOK_DEADLINE_S: Final = 3.0
# Anybody may ask, and each look has the tables written at once: so one look serves all who ask within a second.
LOOK_EVERY_S: Final = 1.0


class Health(Answer, frozen=True, kw_only=True):
    """How the server is, in words."""

    status: Literal["ok", "degraded", "failing"]
    store: Literal["ok", "failing"]
    projector: Literal["ok", "behind"]
    disk: Literal["ok", "low"]


class Vitals:
    """Looks at a store, not more often than is good for it; less than `low_disk_bytes` free is little."""

    def __init__(self, store: Store, low_disk_bytes: int = LOW_DISK_BYTES) -> None:
        self._store = store
        self._low_disk_bytes = low_disk_bytes
        self._turn = trio.Lock()
        self._looked_at = float("-inf")
        self._health: Health | None = None

    async def look(self) -> Health:
        """Says how it is now, or was within the last second."""
        async with self._turn:
            if self._health is None or trio.current_time() - self._looked_at >= LOOK_EVERY_S:
                self._health = await self._examine()
                self._looked_at = trio.current_time()
            return self._health

    async def _examine(self) -> Health:
        answers = await self._answers()
        statistics = self._store.statistics()
        directory = self._store.directory
        writable = not statistics.failing and not is_read_only(directory)
        follows = answers and statistics.lag_s < MOST_LAG_S
        roomy = shutil.disk_usage(directory).free >= self._low_disk_bytes
        return Health(
            status="failing" if not (writable and follows) else "ok" if roomy else "degraded",
            store="ok" if writable else "failing",
            projector="ok" if follows else "behind",
            disk="ok" if roomy else "low",
        )

    async def _answers(self) -> bool:
        """Goes once through both threads of the store."""
        with trio.move_on_after(LOOK_DEADLINE_S):
            try:
                await self._store.settle()
            except StoreError:
                return False
            return True
        return False


def is_read_only(directory: Path) -> bool:
    """Tells whether the file system has been mounted read-only, as Linux does after an error of the disk."""
    if not hasattr(os, "statvfs"):  # Windows
        return False
    return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)


@get(
    "/healthz",
    opt=LOOKS_AT_STREAMS,
    summary="Whether the server can do its work",
    cache_control=CacheControlHeader(no_store=True),
    tags=["health"],
)
async def show_health(vitals: NamedDependency[Vitals]) -> Response[Health]:
    """Answers 200 while chargers can be served, else 503; needs no token and tells nothing but a word for each part."""
    health = await vitals.look()
    return Response(health, status_code=503 if health.status == "failing" else 200)
