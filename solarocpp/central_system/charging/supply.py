"""Amperes and watts: what a limit in one unit is in the other, for stated phases and voltage."""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec

from solarocpp.ocpp.datatypes import ChargingRateUnit

# OCPP 1.6 §7.14: "If a number of phases is needed, numberPhases=3 will be assumed unless another number is given."
ASSUMED_PHASES: Final = 3

# §7.13 and §7.14 allow one digit after the point. What is computed is rounded down to it: rounded up it
# would be more than one of the limits it was made of.
_TENTHS: Final = 10

# 0.1 + 0.2 must not become 0.2 by rounding down; no limit is told to a millionth.
_EPSILON: Final = 1e-6


class Supply(msgspec.Struct, frozen=True):
    """What a charger is connected to; an operator states it, since no message of OCPP 1.6 says it."""

    phases: Annotated[int, msgspec.Meta(ge=1, le=3)] = ASSUMED_PHASES
    voltage_v: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 230.0
    """Of a phase against neutral; a limit in A is for each phase (OCPP 1.6 §7.14)."""

    def phases_used(self, number_phases: int | None) -> int:
        """Gives the phases a limit counts with: those it names, 3 if none, but never more than are connected."""
        return max(1, min(self.phases, ASSUMED_PHASES if number_phases is None else number_phases))

    def converted(self, limit: float, unit: ChargingRateUnit, wanted: ChargingRateUnit, phases: int) -> float:
        """Says what `limit` is in the unit `wanted`, on so many phases; exact, not rounded."""
        if unit == wanted:
            return limit
        watts_per_ampere = self.voltage_v * phases
        return limit * watts_per_ampere if wanted == "W" else limit / watts_per_ampere


# Beyond this a tenth is nothing, and the number may be too large for whole ones: somebody's "no limit".
_ENDLESS: Final = 1e12


def rounded_down(limit: float) -> float:
    """Rounds a limit down to the tenths that OCPP has."""
    if abs(limit) > _ENDLESS:
        return limit
    return math.floor(limit * _TENTHS + _EPSILON) / _TENTHS
