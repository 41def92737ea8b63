"""A small site: many charge points, a shared clock, and people who come and go."""

from __future__ import annotations

import math
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
import trio

from solarocpp.errors import DialFailed
from solarocpp.simulator.charge_point import ChargePoint, ChargePointStatistics
from solarocpp.simulator.charging import ChargingCurve
from solarocpp.simulator.clock import Clock, ScaledClock, SteppedClock
from solarocpp.simulator.connector import Connector
from solarocpp.simulator.link import Dial, dial_url
from solarocpp.simulator.people import Diary, Visit, drivers_for
from solarocpp.simulator.quirks import SANE, Quirk, mishaps, quirk_of

# Handshakes at a time when a site comes up: a password costs the central system 20 ms and more.
HANDSHAKES_AT_ONCE = 20

# Each connector finds its first car a little after its neighbour, all of them within a quarter of an hour.
STAGGER_S = 60.0
STAGGER_ALL_S = 900.0

# The site's power is noted so often, for so long: two days for the picture at the end.
POWER_EVERY_S = 300.0
POWER_NOTES = 576

# Real seconds a site that is told to end takes to say goodbye.
FAREWELL_S = 5.0


class SitePlan(msgspec.Struct, frozen=True):
    """What a site is; the same values give the same site."""

    chargers: int = 6
    connectors: int = 1
    prefix: str = "CP"
    id_tags: tuple[str, ...] = ()
    """Who charges here; nobody named: as many as there are drivers, from SIM0001."""
    seed: int = 0
    sample_interval_s: int = 60
    """Between two MeterValues of a transaction, in simulated seconds."""
    time_zone: str = "UTC"
    """Whose hours people keep."""
    at_once: bool = True
    """Whether each connector has a car when the site begins: something to see at once."""
    quirks: bool = False
    """Whether some chargers are faulty, and all of them break down or lose their link now and then (see quirks)."""

    def identities(self) -> list[str]:
        """The charge points' names: the prefix and a number of three digits, from 001."""
        return [f"{self.prefix}{number:03d}" for number in range(1, self.chargers + 1)]

    def tags(self) -> tuple[str, ...]:
        """Who charges here."""
        drivers = drivers_for(self.chargers * self.connectors)
        return self.id_tags or tuple(f"SIM{number:04d}" for number in range(1, drivers + 1))


class Site:
    """A running site; the charge points may be looked at while it runs."""

    def __init__(
        self, dial: Callable[[str], Dial], plan: SitePlan, *, start: datetime, now: datetime, speed: float
    ) -> None:
        """Lays out the site; `dial` tells how a charge point of that identity reaches its central system.

        `start` is the simulated begin and `now` the real time, both aware UTC. With a speed of infinity
        time passes as fast as the messages are answered.
        """
        self.plan, self.start = plan, start
        stepped = math.isinf(speed)
        lag_s = max(0.0, (now - start).total_seconds())
        self.clock: Clock = SteppedClock(start) if stepped else ScaledClock(start, speed, lag_s=lag_s)
        self.charge_points = [
            ChargePoint(
                identity,
                dial(identity),
                clock=self.clock,
                connectors=plan.connectors,
                seed=plan.seed,
                configuration={"MeterValueSampleInterval": str(plan.sample_interval_s)},
                # Where days pass in seconds, signs of life would be most of the traffic.
                heartbeats=not stepped,
                quirk=self._quirk(index),
            )
            for index, identity in enumerate(plan.identities())
        ]
        self.power: deque[tuple[datetime, float]] = deque(maxlen=POWER_NOTES)
        """The site's power in W over simulated time."""
        connectors = plan.chargers * plan.connectors
        stagger = timedelta(seconds=min(STAGGER_S, STAGGER_ALL_S / connectors)) if plan.at_once else None
        self._diary = Diary(plan.seed, connectors, begins=start, zone=ZoneInfo(plan.time_zone), stagger=stagger)
        self._closed = trio.Event()
        self._waiting: set[trio.CancelScope] = set()

    def statistics(self) -> dict[str, ChargePointStatistics]:
        """What each charge point has done so far."""
        return {charge_point.identity: charge_point.statistics() for charge_point in self.charge_points}

    def _quirk(self, index: int) -> Quirk:
        return quirk_of(index, self.plan.chargers) if self.plan.quirks else SANE

    async def run(
        self,
        *,
        seconds: float | None = None,
        until: datetime | None = None,
        task_status: trio.TaskStatus[Site] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Runs for so many real seconds, until the simulated time `until`, or until `close`.

        Has started when all are let in. When it returns all sessions have ended, and the central
        system knows of them unless it no longer answers.

        Raises:
            DialFailed: the central system cannot be reached, or refuses one of the charge points.
        """
        try:
            async with trio.open_nursery() as nursery:
                await self._connect(nursery)
                task_status.started(self)
                nursery.start_soon(self._note_power, until)
                if seconds is not None:
                    nursery.start_soon(self._close_after, seconds)
                await self._receive_all(until)
                with trio.move_on_after(FAREWELL_S):
                    for charge_point in self.charge_points:
                        await charge_point.backlog.wait_empty()
                    async with trio.open_nursery() as goodbyes:
                        for charge_point in self.charge_points:
                            goodbyes.start_soon(charge_point.aclose)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            failure = _dial_failure(group)
            if failure is None:
                raise
            raise failure from None

    async def _close_after(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.close()

    def close(self) -> None:
        """Asks the site to end: no car comes any more, and those that charge leave now."""
        self._closed.set()
        for connector in self._connectors():
            connector.operative = False
            if connector.transaction is not None:
                connector.transaction.stop("Local")
        for scope in self._waiting:
            scope.cancel()

    def _connectors(self) -> list[Connector]:
        return [connector for charge_point in self.charge_points for connector in charge_point.connectors[1:]]

    async def _connect(self, nursery: trio.Nursery) -> None:
        at_once = trio.CapacityLimiter(HANDSHAKES_AT_ONCE)

        async def connect(charge_point: ChargePoint) -> None:
            async with at_once:
                await nursery.start(charge_point.run)

        async with trio.open_nursery() as connecting:
            for charge_point in self.charge_points:
                connecting.start_soon(connect, charge_point)

    async def _receive_all(self, until: datetime | None) -> None:
        async with trio.open_nursery() as nursery:
            with self._busy():
                number = 0
                for index, charge_point in enumerate(self.charge_points):
                    if self.plan.quirks and until is not None:
                        await nursery.start(self._suffer, index, charge_point, until)
                    for connector in charge_point.connectors[1:]:
                        await nursery.start(self._receive, number, charge_point, connector.connector_id, until)
                        number += 1

    async def _receive(
        self,
        number: int,
        charge_point: ChargePoint,
        connector_id: int,
        until: datetime | None,
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        """Lets one connector have its cars, one after the other."""
        tags = self.plan.tags()
        with self._busy():
            task_status.started()
            for visit in self._visits(number):
                if self._closed.is_set():
                    return
                await self._sleep_until(visit.arrives if until is None else min(visit.arrives, until))
                if self._closed.is_set() or (until is not None and visit.arrives >= until):
                    return
                leaves = visit.leaves if until is None else min(visit.leaves, until)
                curve = ChargingCurve(visit.car, visit.soc_start)
                stays_s = (leaves - self.clock.now()).total_seconds()
                await charge_point.charge(connector_id, tags[visit.driver % len(tags)], curve, stays_s=stays_s)

    def _visits(self, connector: int) -> Iterator[Visit]:
        while True:
            yield self._diary.next_visit(connector)

    async def _suffer(
        self, index: int, charge_point: ChargePoint, until: datetime, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Lets happen to one charge point what happens to all of them now and then."""
        with self._busy():
            task_status.started()
            for mishap in mishaps(self.plan.seed, index, self._quirk(index), self.start, until):
                if self._closed.is_set():
                    return
                await self._sleep_until(mishap.at)
                if self._closed.is_set():
                    return
                if mishap.kind == "offline":
                    await charge_point.stay_away(mishap.seconds)
                else:
                    await charge_point.break_down(1, mishap.error_code, mishap.seconds)

    async def _sleep_until(self, when: datetime) -> None:
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                await self.clock.sleep((when - self.clock.now()).total_seconds())
            finally:
                self._waiting.discard(scope)

    async def _note_power(self, until: datetime | None) -> None:
        with self._busy():
            if until is not None:  # what would be forgotten by the end is not noted: of a year, nearly all
                await self._sleep_until(until - timedelta(seconds=POWER_EVERY_S * POWER_NOTES))
            while until is None or self.clock.now() < until:
                await self.clock.sleep(POWER_EVERY_S)
                self.power.append((self.clock.now(), sum(charge_point.power_w for charge_point in self.charge_points)))

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self.clock.hold()
        try:
            yield
        finally:
            self.clock.release()


def _dial_failure(group: BaseExceptionGroup[BaseException]) -> DialFailed | None:
    for exc in group.exceptions:
        if isinstance(exc, DialFailed):
            return exc
        if isinstance(exc, BaseExceptionGroup) and (found := _dial_failure(exc)) is not None:
            return found
    return None


async def run_site(  # noqa: PLR0913 -- the options of `solarocpp simulate`
    url: str,
    *,
    chargers: int,
    prefix: str = "CP",
    username: str | None = None,
    password: str | None = None,
    speed: float = 1.0,
    seconds: float | None = None,
    seed: int = 0,
    start: datetime,
    now: datetime,
    until: datetime | None = None,
    id_tags: Sequence[str] = (),
    ssl_context: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[Site] = trio.TASK_STATUS_IGNORED,
) -> Site:
    """Runs a site for so many real seconds, or until the simulated time `until`; without both, until cancelled.

    Raises:
        DialFailed: the central system cannot be reached, or refuses one of the charge points.
    """
    plan = SitePlan(chargers=chargers, prefix=prefix, seed=seed, id_tags=tuple(id_tags))
    dial = partial(dial_url, url, username=username, password=password, ssl_context=ssl_context)
    site = Site(dial, plan, start=start, now=now, speed=speed)
    await site.run(seconds=seconds, until=until, task_status=task_status)
    return site
