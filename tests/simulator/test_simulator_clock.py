"""Simulated time: scaled against Trio's clock, stepped against nothing but its sleepers."""

from datetime import UTC, datetime, timedelta

import pytest
import trio
import trio.testing

from solarocpp.simulator.clock import ScaledClock, SteppedClock

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


async def test_a_minute_a_second(autojump_clock: trio.testing.MockClock) -> None:
    clock = ScaledClock(START, 60.0)
    began = trio.current_time()
    await clock.sleep(3_600.0)
    assert trio.current_time() - began == pytest.approx(60.0)
    assert clock.now() == START + timedelta(hours=1)


async def test_a_fast_clock_slows_down_when_it_has_caught_up(autojump_clock: trio.testing.MockClock) -> None:
    """From an hour in the past at speed 61: caught up after a minute, when 61 minutes have been simulated."""
    clock = ScaledClock(START, 61.0, lag_s=3_600.0)
    began = trio.current_time()
    await clock.sleep(3_660.0)
    assert trio.current_time() - began == pytest.approx(60.0)
    await clock.sleep(100.0)
    assert trio.current_time() - began == pytest.approx(160.0)
    assert clock.now() == START + timedelta(seconds=3_760)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
async def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(START, speed)


async def test_stepped_time_stands_still_while_somebody_is_busy() -> None:
    clock = SteppedClock(START)
    seen: list[tuple[str, int]] = []
    answered = trio.Event()

    async def driver(name: str, *pauses: float) -> None:
        clock.hold()
        for pause in pauses:
            await clock.sleep(pause)
            seen.append((name, int((clock.now() - START).total_seconds())))
        clock.release()

    async def busy() -> None:
        clock.hold()
        await clock.sleep(15.0)
        await answered.wait()  # an answer that takes long in real time takes none in simulated time
        seen.append(("answered", int((clock.now() - START).total_seconds())))
        clock.release()

    clock.hold()  # until all are there
    async with trio.open_nursery() as nursery:
        nursery.start_soon(busy)
        nursery.start_soon(driver, "a", 10.0, 10.0)
        nursery.start_soon(driver, "b", 25.0)
        await trio.testing.wait_all_tasks_blocked()
        assert seen == []
        clock.release()
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [("a", 10)]
        answered.set()
    assert seen == [("a", 10), ("answered", 15), ("a", 20), ("b", 25)]


async def test_a_cancelled_sleeper_does_not_stop_stepped_time() -> None:
    clock = SteppedClock(START)

    async def sleeper(scope: trio.CancelScope) -> None:
        clock.hold()
        with scope:
            await clock.sleep(50.0)
        clock.release()

    scope = trio.CancelScope()
    clock.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, scope)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        await clock.sleep(60.0)
        clock.release()
    assert clock.now() == START + timedelta(seconds=60)
