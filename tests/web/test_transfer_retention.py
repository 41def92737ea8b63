"""Transfers go some time after their end; what chargers sent does not go by itself, nor does its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from structlog.testing import capture_logs

from solarocpp.instructions import InstructionQueue
from solarocpp.registry import Charger, NewCharger, Registry
from solarocpp.store import Store, open_store
from solarocpp.store.transfers import select_secrets, select_transfers
from solarocpp.web import make_app, run_transfer_retention
from solarocpp.web.transferring import Firmware, Transferring

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Site(NamedTuple):
    store: Store
    registry: Registry
    charger: Charger
    transferring: Transferring
    queue: InstructionQueue

    async def left(self) -> list[int]:
        """Numbers of the transfers that are still there: in memory, on disk, and with a secret."""
        numbers = [row.transfer_id for row in reversed(self.transferring.transfers())]
        assert [row.transfer_id for row in reversed(await self.store.read(select_transfers))] == numbers
        assert sorted(self.store.secrets.read_now(select_secrets).values()) == numbers
        return numbers


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = open_store(tmp_path / "data", now=NOW)
    registry = Registry.load(store)
    queue = InstructionQueue(store, registry, lambda: NOW)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
        yield Site(store, registry, charger, Transferring(store, lambda: NOW), queue)
        nursery.cancel_scope.cancel()
    store.close()


async def test_transfers_go_after_their_end(site: Site) -> None:
    """One that gave up or was never begun is over when its URL is: until then the charger may try again."""
    moving = site.transferring
    await moving.offer_upload(site.charger, "diagnostics", 2 * DAY)
    await moving.offer_upload(site.charger, "log", 3 * DAY)
    await moving.offer_download(site.charger, Firmware("v2.bin", 11, "00" * 32), 2 * DAY)
    await moving.note_end(moving.transfer(3))
    await moving.cancel(1, "not needed")
    assert await moving.forget_ended(NOW + 2 * DAY) == 0
    assert await moving.forget_ended(NOW + 3 * DAY) == 2
    assert await site.left() == [2]
    assert await moving.forget_ended(NOW + 4 * DAY) == 1
    assert await site.left() == []


async def test_a_file_that_came_is_listed_as_long_as_it_is_there(site: Site) -> None:
    """Without its row nobody could fetch or remove it, but in the file system."""
    row, path = await site.transferring.offer_upload(site.charger, "diagnostics")
    async with site.transferring.arriving(path.removeprefix("/files/"), "/diag.zip", 3) as arrival:
        await arrival.write(b"abc")
        await arrival.finish()
    assert await site.transferring.forget_ended(NOW + 9 * DAY) == 0
    place = site.transferring.path_of(site.transferring.transfer(row.transfer_id))
    assert place.read_bytes() == b"abc"
    place.unlink()
    assert await site.transferring.forget_ended(NOW + 9 * DAY) == 1
    assert await site.left() == []


async def test_a_running_server_forgets_by_itself(site: Site) -> None:
    later = [NOW]
    app = make_app(site.registry, site.store, queue=site.queue, clock=lambda: later[0])
    transferring: Transferring = app.state["transferring"]
    await transferring.offer_upload(site.charger, "diagnostics")
    later[0] = NOW + 32 * DAY
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_transfer_retention, app, 30 * DAY, lambda: later[0])
        with trio.fail_after(10):
            while transferring.transfers():
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def test_retention_ends_no_server_when_the_disk_refuses(site: Site) -> None:
    app = make_app(site.registry, site.store, queue=site.queue, clock=lambda: NOW)
    transferring: Transferring = app.state["transferring"]
    await transferring.offer_upload(site.charger, "diagnostics")
    await site.store.write(lambda con: con.execute('ALTER TABLE "fileTransfer" RENAME TO gone'))
    async with trio.open_nursery() as nursery:
        with capture_logs() as logs, trio.fail_after(10):
            nursery.start_soon(run_transfer_retention, app, DAY, lambda: NOW + 9 * DAY)
            while "retention_failed" not in [line["event"] for line in logs]:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(transferring.transfers()) == 1
