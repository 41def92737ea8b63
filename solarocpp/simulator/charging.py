"""What happens in the cable, as pure functions of seconds: a car and its charging curve.

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

import math
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from statistics import NormalDist
from typing import Literal

import msgspec

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
_VOLTAGE_NOISE = NormalDist(0.0, VOLTAGE_NOISE_V)
FEEDER_OHM = 0.05

# A socket at 32 A is so much warmer than the air; heat goes with the square of the current.
SOCKET_K = 22.0


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
    temperature_c: float


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

    def reading(self, seconds: float, *, register_start_wh: float, seed: str, air_c: float = 20.0) -> Reading:
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
            temperature_c=air_c + SOCKET_K * (max(drawn) / 32.0) ** 2,
        )


def voltage_v(seconds: float, phase: int, current_a: float, *, seed: str) -> float:
    """The voltage between a phase (0 to 2) and neutral: nominal, minus the feeder's sag, plus noise of that second."""
    # A digest, and not a generator of its own, whose seeding would be most of what a reading costs.
    digest = blake2b(f"{seed}/{phase}/{int(seconds)}".encode(), digest_size=4).digest()
    noise = _VOLTAGE_NOISE.inv_cdf((int.from_bytes(digest, "big") + 0.5) / 2**32)
    return NOMINAL_VOLTAGE_V - FEEDER_OHM * current_a + noise


def air_c(when: datetime) -> float:
    """The air's temperature at a moment, somewhere in the north: warm in July, and in the afternoon."""
    days = when.timestamp() / 86_400.0
    year = math.cos(2.0 * math.pi * (days / 365.25 % 1.0 - 19.0 / 365.25))
    day = math.cos(2.0 * math.pi * (days % 1.0 - 14.0 / 24.0))
    return 10.5 - 9.5 * year + 4.0 * day
