"""Simulated time, handed to every charge point.

`ScaledClock` runs a number of times faster than the real one. `SteppedClock` does not run at all: it
jumps to the next thing somebody waits for as soon as nobody has anything left to do, so that a month
of a site takes as long as its messages take to be answered.

Both speak of simulated seconds. Network matters (dialling again, deadlines of answers) are real and
use Trio's clock.
"""

from __future__ import annotations

import heapq
import itertools
import math
from datetime import datetime, timedelta
from typing import Protocol

import trio


class Clock(Protocol):
    """A charge point's idea of time."""

    def now(self) -> datetime:
        """The simulated time, aware UTC."""

    async def sleep(self, seconds: float) -> None:
        """Waits so many simulated seconds."""

    def hold(self) -> None:
        """Keeps a stepped clock where it is until `release`: something is to be done at this very time."""

    def release(self) -> None:
        """Takes back one `hold`."""


class ScaledClock:
    """Time that runs `speed` times as fast as the real one, and never overtakes it.

    It begins at `start`. Where that is `lag_s` real seconds in the past, the clock slows to real
    speed when it has caught up: a central system may refuse a time that is still to come.
    """

    def __init__(self, start: datetime, speed: float, *, lag_s: float = math.inf) -> None:
        if not (speed > 0.0 and math.isfinite(speed)):
            raise ValueError(f"speed is {speed}; it must be a number above zero.")
        self._start, self._speed, self._lag_s = start, speed, lag_s
        self._began = trio.current_time()
        # Real seconds until the clock has caught up; a clock no faster than the real one never does.
        self._catches_up_s = lag_s / (speed - 1.0) if speed > 1.0 else math.inf

    def now(self) -> datetime:
        """The simulated time, aware UTC."""
        return self._start + timedelta(seconds=self._simulated_s(trio.current_time() - self._began))

    def _simulated_s(self, real_s: float) -> float:
        if real_s <= self._catches_up_s:
            return real_s * self._speed
        return self._lag_s + real_s

    def _real_s(self, simulated_s: float) -> float:
        if simulated_s <= self._catches_up_s * self._speed:
            return simulated_s / self._speed
        return simulated_s - self._lag_s

    async def sleep(self, seconds: float) -> None:
        """Waits so many simulated seconds."""
        simulated_s = self._simulated_s(trio.current_time() - self._began)
        await trio.sleep_until(self._began + self._real_s(simulated_s + max(0.0, seconds)))

    def hold(self) -> None:
        """Does nothing: this time waits for nobody."""

    def release(self) -> None:
        """Does nothing: this time waits for nobody."""


class SteppedClock:
    """Time that stands still while anybody is busy, then jumps to the earliest wake-up.

    Busy is who holds it: a task that sleeps here holds it from its begin to its end, and gives up
    the hold while it sleeps. Who starts several such tasks holds it until all of them do.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._holds = 0
        self._sleepers: list[tuple[datetime, int, trio.Event]] = []
        self._tickets = itertools.count()

    def now(self) -> datetime:
        """The simulated time, aware UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Waits so many simulated seconds."""
        woken = trio.Event()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=max(0.0, seconds)), next(self._tickets), woken))
        self.release()
        try:
            await woken.wait()
        except trio.Cancelled:
            if not woken.is_set():
                self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[2] is not woken]
                heapq.heapify(self._sleepers)
                self._holds += 1
            raise

    def hold(self) -> None:
        """Keeps the time where it is until `release`."""
        self._holds += 1

    def release(self) -> None:
        """Takes back one `hold`; with the last one, the time jumps to the earliest wake-up."""
        self._holds -= 1
        if self._holds == 0 and self._sleepers:
            self._now, _, woken = heapq.heappop(self._sleepers)
            self._holds += 1  # the hold of the task that wakes up
            woken.set()


class ShiftedClock:
    """Another clock's time as a charge point sees it whose own clock is wrong by so many seconds."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock, self._ahead = clock, timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        """The time it shows."""
        return self._clock.now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Waits so many simulated seconds: it is wrong, but it is not fast."""
        await self._clock.sleep(seconds)

    def hold(self) -> None:
        """Holds the other clock."""
        self._clock.hold()

    def release(self) -> None:
        """Takes back one `hold`."""
        self._clock.release()
