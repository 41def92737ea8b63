"""Turns for handshakes, and an end to silence."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from solarocpp.gateway.pace import Pace


async def test_turns_go_in_the_order_in_which_they_were_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(2)
    had: list[int] = []

    async def come(number: int) -> None:
        await pace.take_turn(number)
        had.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(come, number)
            await trio.testing.wait_all_tasks_blocked()
        assert had == [0, 1]
        pace.give_back(1)
        await trio.testing.wait_all_tasks_blocked()
        assert had == [0, 1, 2]
        pace.give_back(0)
        pace.give_back(2)
        await trio.testing.wait_all_tasks_blocked()
        assert had == [0, 1, 2, 3, 4]
        pace.give_back(3)
    assert had == [0, 1, 2, 3, 4, 5]
    assert trio.current_time() < 0.5


async def test_a_turn_is_over_after_a_second(autojump_clock: trio.testing.MockClock) -> None:
    """A thousand half-open handshakes are in nobody's way for long."""
    pace = Pace(2)
    started = trio.current_time()
    for number in range(5):
        await pace.take_turn(number)
    assert trio.current_time() - started == pytest.approx(2.0)
    pace.give_back(0)  # too late; it makes no room for two
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pace.take_turn, 5)
        nursery.start_soon(pace.take_turn, 6)
        nursery.start_soon(pace.take_turn, 7)
    assert trio.current_time() - started == pytest.approx(3.0)


async def test_who_gives_up_waiting_holds_nobody_up(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(1)
    await pace.take_turn("first")
    with trio.move_on_after(0.2) as patience:
        await pace.take_turn("second")
    assert patience.cancelled_caught
    pace.give_back("first")
    await pace.take_turn("third")
    assert trio.current_time() < 0.5


async def test_five_hundred_of_an_address_may_be_silent(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(1)
    gone: list[int] = []

    async def be_silent(number: int, line: str) -> None:
        with pace.silent(line) as scope, scope:
            await trio.sleep_forever()
        gone.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(502):
            nursery.start_soon(be_silent, number, "203.0.113.5")
            await trio.lowlevel.checkpoint()
        nursery.start_soon(be_silent, -1, "203.0.113.6")
        await trio.testing.wait_all_tasks_blocked()
        assert gone == [0, 1]
        nursery.cancel_scope.cancel()
    assert not pace._silent
