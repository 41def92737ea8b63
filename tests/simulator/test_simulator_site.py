"""Many charge points and a clock they share, against a central system played by the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from solarocpp.errors import DialFailed
from solarocpp.simulator.site import Site, SitePlan

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def numbered_starts(central: PlayedCentralSystem) -> None:
    numbers = count(1)
    central.answers["StartTransaction"] = lambda _: {
        "transactionId": next(numbers),
        "idTagInfo": {"status": "Accepted"},
    }


async def run_day(central: PlayedCentralSystem, seed: int) -> list[tuple[str, dict[str, Any]]]:
    central.calls.clear()
    numbered_starts(central)
    plan = SitePlan(chargers=2, seed=seed, sample_interval_s=600)
    site = Site(lambda _: central.dial, plan, start=START, now=NOW, speed=float("inf"))
    await site.run(until=START + timedelta(days=1))
    return list(central.calls)


async def test_a_day_as_fast_as_the_answers_come(central: PlayedCentralSystem) -> None:
    """Every session has its start, a reading every ten minutes and its stop; times never run backwards."""
    calls = await run_day(central, seed=1)
    actions = [action for action, _ in calls]
    assert actions.count("StartTransaction") == actions.count("StopTransaction") >= 4
    assert "Heartbeat" not in actions
    starts = {payload["timestamp"]: payload for action, payload in calls if action == "StartTransaction"}
    assert min(starts) == "2026-03-01T06:30:00.000Z"
    times = [payload["meterValue"][0]["timestamp"] for action, payload in calls if action == "MeterValues"]
    assert times == sorted(times)
    assert max(times) <= "2026-03-02T06:30:00.000Z"
    seconds = 0.0
    numbers = {}
    for number, payload in enumerate((payload for action, payload in calls if action == "StartTransaction"), 1):
        numbers[number] = datetime.fromisoformat(payload["timestamp"])
    for action, payload in calls:
        if action == "StopTransaction":
            length = datetime.fromisoformat(payload["timestamp"]) - numbers[payload["transactionId"]]
            seconds += length.total_seconds()
    assert len(times) == pytest.approx(seconds / 600, abs=actions.count("StartTransaction"))


async def test_a_seed_gives_the_same_day_again(central: PlayedCentralSystem) -> None:
    first = await run_day(central, seed=5)
    assert sorted(map(str, await run_day(central, seed=5))) == sorted(map(str, first))
    assert sorted(map(str, await run_day(central, seed=6))) != sorted(map(str, first))


async def test_every_charger_has_a_car_soon_and_says_goodbye_in_time(
    central: PlayedCentralSystem, autojump_clock: trio.testing.MockClock
) -> None:
    """At 60 times real time: three sessions within seconds, ended when the time is over."""
    numbered_starts(central)
    site = Site(lambda _: central.dial, SitePlan(chargers=3), start=START, now=NOW, speed=60.0)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        # Not 10.0: there the second note of the power and the end would fall together.
        await nursery.start(lambda task_status: site.run(seconds=10.5, task_status=task_status))
        await trio.sleep(3.0)
        assert central.actions().count("StartTransaction") == 3
    assert trio.current_time() - began == pytest.approx(10.5, abs=0.5)
    assert [stop["reason"] for stop in central.payloads("StopTransaction")] == ["Local"] * 3
    assert [each.sessions_ended for each in site.statistics().values()] == [1, 1, 1]
    assert len(site.power) == 2  # 630 simulated seconds, noted every 300
    assert all(watts > 3_000 for _, watts in site.power)


async def test_a_central_system_that_is_not_there_is_one_plain_error(
    central: PlayedCentralSystem, autojump_clock: trio.testing.MockClock
) -> None:
    central.reachable = False
    site = Site(lambda _: central.dial, SitePlan(chargers=3), start=START, now=NOW, speed=60.0)
    with pytest.raises(DialFailed):
        await site.run(seconds=1.0)
