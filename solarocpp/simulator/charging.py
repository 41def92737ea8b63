"""What happens in the cable, as pure functions of seconds: a car, its charging curve, a day's visits.

Nothing here waits, draws from a shared random generator or keeps state: the same seed gives the same
site, whoever asks, in whatever order and how often. Power is W and positive towards the car, energy
Wh as a meter at the charger counts it, current A and voltage V by phase, state of charge percent.

A session is four stretches whose energy has a closed form, so the register is the exact integral of
the power that is reported, at any moment and for any period between readings:

    ramp      the contactor closes and the car comes up, RAMP_S long, a straight line
    constant  whatever is least: the car's charger, the cable, the offer
    taper     from TAPER_FROM_SOC the battery takes less: exponential, to CUT_OFF of the full power
    full      nothing flows; the cable stays in until the driver comes back
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import msgspec

DAY_S = 86_400

NOMINAL_VOLTAGE_V = 230.0
RAMP_S = 10.0

# Where the constant-current part of a lithium battery's charge usually ends.
TAPER_FROM_SOC = 80.0

# A car ends its charge when the current has fallen to about a twentieth.
CUT_OFF = 0.05

# Share of what the meter at the charger counts that reaches the battery: on-board charger and cable.
EFFICIENCY = 0.9

# Mains voltage wanders by about this much from second to second, and sags with load on the feeder.
VOLTAGE_NOISE_V = 0.7
FEEDER_OHM = 0.05


class Car(msgspec.Struct, frozen=True):
    """What stands at the connector: usable battery, phases of its charger, and the most it draws on each."""

    name: str
    battery_wh: float
    phases: Literal[1, 2, 3]
    max_current_a: float


# A small site's car park. Sizes are of the classes sold in Europe, not of one model.
CARS = (
    Car("plug-in hybrid", 12_000.0, 1, 16.0),
    Car("city car", 38_000.0, 1, 32.0),
    Car("compact", 58_000.0, 3, 16.0),
    Car("estate", 77_000.0, 3, 16.0),
    Car("van", 68_000.0, 3, 32.0),
)


class Reading(msgspec.Struct, frozen=True):
    """What a three-phase meter and the car say at one moment."""

    register_wh: float
    power_w: float
    current_a: tuple[float, float, float]
    voltage_v: tuple[float, float, float]
    offered_a: float
    soc: float | None


class ChargingCurve(msgspec.Struct, frozen=True, dict=True):
    """One car's charge from `soc_start` percent at `offered_a` amperes a phase; all times in seconds from its begin."""

    car: Car
    soc_start: float
    offered_a: float = 32.0

    def __post_init__(self) -> None:
        """Refuses what has no curve: a full car, or a charger that offers nothing."""
        if not 0.0 <= self.soc_start <= 99.0:
            raise ValueError(f"soc_start is {self.soc_start}; a charge begins between 0 and 99 percent.")
        if self.offered_a <= 0.0:
            raise ValueError(f"offered_a is {self.offered_a}; it must be above zero.")

    @cached_property
    def full_power_w(self) -> float:
        """The power of the constant stretch."""
        return self.car.phases * NOMINAL_VOLTAGE_V * min(self.car.max_current_a, self.offered_a)

    def energy_between_wh(self, soc: float, until: float) -> float:
        """What the meter counts while the battery goes from one percentage to another."""
        return self.car.battery_wh * (until - soc) / 100.0 / EFFICIENCY

    @cached_property
    def _start_power_w(self) -> float:
        return self.full_power_w * self._share(self.soc_start)

    @cached_property
    def _soc_after_ramp(self) -> float:
        ramp_wh = self._start_power_w * RAMP_S / 2.0 / 3600.0
        return min(100.0, self.soc_start + ramp_wh * EFFICIENCY * 100.0 / self.car.battery_wh)

    @cached_property
    def taper_after_s(self) -> float:
        """When the power begins to fall."""
        constant_wh = max(0.0, self.energy_between_wh(self._soc_after_ramp, TAPER_FROM_SOC))
        return RAMP_S + constant_wh * 3600.0 / self.full_power_w

    @cached_property
    def full_after_s(self) -> float:
        """When the battery is full and the car stops drawing."""
        return self.taper_after_s + self._time_constant_s * math.log(self._taper_share / CUT_OFF)

    @cached_property
    def _time_constant_s(self) -> float:
        whole_taper_wh = self.energy_between_wh(TAPER_FROM_SOC, 100.0)
        return whole_taper_wh * 3600.0 / self.full_power_w / (1.0 - CUT_OFF)

    @cached_property
    def _taper_share(self) -> float:
        return self._share(max(TAPER_FROM_SOC, self._soc_after_ramp))

    @staticmethod
    def _share(soc: float) -> float:
        # An exponential in time is a straight line in charge: from 1 at the taper's begin to the cut-off when full.
        above = max(0.0, soc - TAPER_FROM_SOC) / (100.0 - TAPER_FROM_SOC)
        return 1.0 - (1.0 - CUT_OFF) * above

    def power_w(self, seconds: float) -> float:
        """The power at a moment; 0 before the begin and when the battery is full."""
        if seconds <= 0.0 or seconds >= self.full_after_s:
            return 0.0
        if seconds < RAMP_S:
            return self._start_power_w * seconds / RAMP_S
        if seconds < self.taper_after_s:
            return self.full_power_w
        tapering_s = seconds - self.taper_after_s
        return self.full_power_w * self._taper_share * math.exp(-tapering_s / self._time_constant_s)

    def energy_wh(self, seconds: float) -> float:
        """What the meter has counted since the begin: the integral of `power_w`."""
        seconds = min(max(seconds, 0.0), self.full_after_s)
        ramp_s = min(seconds, RAMP_S)
        constant_s = min(seconds, self.taper_after_s) - ramp_s
        tapering_s = max(0.0, seconds - self.taper_after_s)
        ramp = self._start_power_w * ramp_s * ramp_s / (2.0 * RAMP_S)
        taper = self.full_power_w * self._taper_share * self._time_constant_s
        taper *= -math.expm1(-tapering_s / self._time_constant_s)
        return (ramp + self.full_power_w * constant_s + taper) / 3600.0

    def soc(self, seconds: float) -> float:
        """The state of charge; never above 100 percent."""
        gained = self.energy_wh(seconds) * EFFICIENCY * 100.0 / self.car.battery_wh
        return min(100.0, self.soc_start + gained)

    def reading(self, seconds: float, *, register_start_wh: float, seed: str) -> Reading:
        """What a meter shows whose register stood at `register_start_wh` when the charge began.

        Voltage is noisy, power is not: the current makes up for it, as in a car that holds its power.
        """
        power = self.power_w(seconds)
        phase_w = power / self.car.phases
        drawn = [phase_w / NOMINAL_VOLTAGE_V if phase < self.car.phases else 0.0 for phase in range(3)]
        voltage = [voltage_v(seconds, phase, drawn[phase], seed=seed) for phase in range(3)]
        current = [phase_w / voltage[phase] if phase < self.car.phases else 0.0 for phase in range(3)]
        return Reading(
            register_wh=register_start_wh + self.energy_wh(seconds),
            power_w=power,
            current_a=(current[0], current[1], current[2]),
            voltage_v=(voltage[0], voltage[1], voltage[2]),
            offered_a=self.offered_a,
            soc=self.soc(seconds),
        )


def voltage_v(seconds: float, phase: int, current_a: float, *, seed: str) -> float:
    """The voltage between a phase (0 to 2) and neutral: nominal, minus the feeder's sag, plus noise of that second."""
    noise = random.Random(f"{seed}/{phase}/{int(seconds)}").gauss(0.0, VOLTAGE_NOISE_V)  # noqa: S311 -- weather, not a secret
    return NOMINAL_VOLTAGE_V - FEEDER_OHM * current_a + noise


class Visit(msgspec.Struct, frozen=True):
    """One car at one charger: seconds of the day it comes and goes, and how full it is when it comes."""

    arrives_s: float
    leaves_s: float
    """May lie past midnight: a car that stays the night."""
    car: Car
    soc_start: float
    driver: int
    """Which of the site's id tags is held against the reader, counted from 0."""


# The day of a small site, in the order people come: chance that it happens at a charger, hour and spread of the
# arrival, least and most hours of stay. A row is left out when the connector is still taken.
_Habit = tuple[float, float, float, float, float]
HABITS: tuple[_Habit, ...] = (
    (0.85, 7.9, 0.6, 3.0, 5.0),  # comes to work, moves the car at noon
    (0.70, 13.0, 0.5, 0.6, 1.5),  # lunch guest
    (0.60, 15.3, 0.7, 0.7, 2.0),  # visitor in the afternoon
    (0.65, 19.0, 0.8, 9.0, 11.5),  # neighbour who stays the night
)

# Between two cars at one connector: unplug, drive off, drive in, plug in.
CHANGEOVER_S = 600.0


def visits_of_day(
    seed: int, charger: int, day: int, *, drivers: int = 12, free_from_s: float = 0.0
) -> tuple[Visit, ...]:
    """Who comes to one charger on one day, in order and never two at a time.

    `charger` and `day` are numbers the caller counts; `free_from_s` is when last night's car leaves.
    """
    chance = random.Random(f"{seed}/{charger}/{day}")  # noqa: S311 -- a pattern, not a secret
    visits: list[Visit] = []
    for likely, hour, spread, shortest, longest in HABITS:
        comes, arrives = chance.random() < likely, chance.gauss(hour, spread) * 3600.0
        stays = chance.uniform(shortest, longest) * 3600.0
        visit = _visit(chance, arrives, arrives + stays, drivers)
        if comes and arrives >= free_from_s + CHANGEOVER_S:
            visits.append(visit)
            free_from_s = visit.leaves_s
    return tuple(visits)


def waiting_visit(seed: int, charger: int, at_s: float, *, drivers: int = 12) -> Visit:
    """A car that is at the charger when a simulation begins, for a short top-up: something to see at once."""
    chance = random.Random(f"{seed}/{charger}/waiting")  # noqa: S311 -- a pattern, not a secret
    return _visit(chance, at_s, at_s + chance.uniform(1_200.0, 3_000.0), drivers)


def visits_from(seed: int, charger: int, begins_s: float, *, drivers: int = 12) -> Iterator[Visit]:
    """All who come to one charger, for ever: the car that waits at the begin, then day by day.

    Their seconds count from the midnight before the begin.
    """
    visit = waiting_visit(seed, charger, begins_s, drivers=drivers)
    yield visit
    free_from_s = visit.leaves_s
    for midnight_s in itertools.count(0, DAY_S):
        day = midnight_s // DAY_S
        for of_day in visits_of_day(seed, charger, day, drivers=drivers, free_from_s=free_from_s - midnight_s):
            free_from_s = of_day.leaves_s + midnight_s
            yield msgspec.structs.replace(of_day, arrives_s=of_day.arrives_s + midnight_s, leaves_s=free_from_s)


def _visit(chance: random.Random, arrives_s: float, leaves_s: float, drivers: int) -> Visit:
    car = chance.choice(CARS)
    soc_start = round(chance.triangular(8.0, 85.0, 40.0), 1)
    return Visit(arrives_s, leaves_s, car, soc_start, chance.randrange(drivers))
