"""/healthz: what a load balancer is told while all is well, and while not; a full disk is in tests/crash."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from served import NOW, Served, serving

from solarocpp.store import Store, open_store
from solarocpp.web.vitals import Health, Vitals, is_read_only

WELL = {"status": "ok", "store": "ok", "projector": "ok", "disk": "ok"}


def low_below(limit: int) -> Callable[[Store], dict[str, Vitals]]:
    return lambda store: {"looks": Vitals(store, low_disk_bytes=limit)}


async def test_all_is_well(tmp_path: Path) -> None:
    async with serving(tmp_path, low_below(0)) as api, api.as_caller("of nobody") as stranger:
        del stranger.headers["Authorization"]
        answer = await stranger.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, WELL)
    assert answer.headers["cache-control"] == "no-store"


async def test_little_disk_is_told_and_no_reason_to_send_chargers_away(tmp_path: Path) -> None:
    async with serving(tmp_path, low_below(1 << 60)) as api:
        answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {**WELL, "status": "degraded", "disk": "low"})


@pytest.mark.slow(reason="a look gives up after 3 s")
async def test_a_store_that_hangs_is_no_store(api: Served) -> None:
    """As on a network disk that does not answer: nothing fails, and nothing happens."""
    hang, hanging = threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def change(_con: object) -> None:
        token.run_sync_soon(hanging.set)
        hang.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(api.store.write, change)
        await hanging.wait()
        try:
            answer = await api.http.get("/healthz")
        finally:
            hang.set()
    said = answer.json()
    assert (answer.status_code, said["status"], said["projector"]) == (503, "failing", "behind")


async def test_a_store_that_does_not_run_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", now=NOW)
    health = await Vitals(store).look()
    assert (health.status, health.projector) == ("failing", "behind")
    store.close()


async def test_one_look_serves_everybody_for_a_second(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Anybody may ask; a thousand who do must not make a thousand writes."""
    store = open_store(tmp_path / "data", now=NOW)
    looking = Vitals(store)
    found: list[Health] = []

    async def look() -> None:
        found.append(await looking.look())

    async with trio.open_nursery() as crowd:
        for _ in range(100):
            crowd.start_soon(look)
    # What one look found is one object, and so is told apart from what another found that says the same.
    assert len({id(health) for health in found}) == 1
    await trio.sleep(1.0)
    assert await looking.look() is not found[0]
    store.close()


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="Windows tells otherwise")
def test_a_disk_that_takes_no_writes_is_known() -> None:
    assert is_read_only(Path("/proc/self")) is False
    read_only = [path for path in ("/sys", "/proc/sys") if os.statvfs(path).f_flag & os.ST_RDONLY]
    for path in read_only:
        assert is_read_only(Path(path))
