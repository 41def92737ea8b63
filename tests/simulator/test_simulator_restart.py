"""A charge point through the restart of a real server: what happened meanwhile is told afterwards."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

import solarocpp.query as q
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import Car, ChargingCurve
from solarocpp.simulator.clock import ScaledClock
from solarocpp.simulator.link import dial_url

if TYPE_CHECKING:
    from conftest import Cli, RunningServer, Serve

pytestmark = pytest.mark.slow  # two servers, one after the other

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
CURVE = ChargingCurve(Car("test car", 69_000.0, 3, 10.0), 20.0)


@asynccontextmanager
async def in_thread(server: AbstractContextManager[RunningServer]) -> AsyncGenerator[RunningServer]:
    """Waits for a server in a thread, while the charge point goes on in this one."""
    running = await trio.to_thread.run_sync(server.__enter__)
    try:
        yield running
    finally:
        await trio.to_thread.run_sync(server.__exit__, *sys.exc_info())


async def test_a_session_over_a_restart_has_every_reading(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve, nursery: trio.Nursery
) -> None:
    """The server goes and comes back while the car charges; a minute is a tenth of a second, or more on a busy machine.

    What is asked for holds however late the charge point wakes up, which makes its readings fewer, not the time between
    two of them as long as the server was away.
    """
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "authorization", "add", "CARD")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    async with in_thread(running_server(data)) as server:
        address = server.ocpp
        dial = dial_url(server.url(), "CP001", username="depot", password="a person's password")
        charge_point = ChargePoint("CP001", dial, clock=ScaledClock(START, 600.0))
        await nursery.start(charge_point.run)
        session = trio.Event()

        async def charge() -> None:
            await charge_point.charge(1, "CARD", CURVE, stays_s=4_200.0)
            session.set()

        nursery.start_soon(charge)
        await charge_point.clock.sleep(600.0)
        gone = charge_point.clock.now()
    assert len(charge_point.backlog) > 0
    async with in_thread(running_server(data, ocpp=address)):
        back = charge_point.clock.now()
        await session.wait()
        await charge_point.backlog.wait_empty()
    statistics = charge_point.statistics()
    assert (statistics.links, statistics.dropped, statistics.sessions_ended) == (2, 0, 1)
    with q.open(data) as con:
        moments = con.sql("SELECT created FROM datum WHERE watts IS NOT NULL ORDER BY created").fetchall()
        (stored,) = con.sql("SELECT energy, epoch(ended - started), endReason FROM session").fetchall()
    gaps = [later - earlier for (earlier,), (later,) in itertools.pairwise(moments)]
    assert max(gaps) < (back - gone) / 2
    assert any(gone < moment < back for (moment,) in moments)
    assert stored[0] == pytest.approx(statistics.energy_wh, abs=1)  # of its register, in whole Wh
    assert stored[1] >= 4_200
    assert stored[2] == "Local"
