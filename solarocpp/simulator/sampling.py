"""A meter's reading as the SampledValues of OCPP 1.6, spelled as the specification spells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from solarocpp.ocpp.datatypes import SampledValue
from solarocpp.simulator.charging import Reading


class _Sample(NamedTuple):
    """How one SampledValue is taken from a reading."""

    take: Callable[[Reading], float | None]
    decimals: int
    unit: str
    phase: str | None = None
    location: str = "Outlet"


# Voltage is measured against neutral and says so; current is a phase's own (OCPP 1.6 §7.36).
SAMPLES: Mapping[str, tuple[_Sample, ...]] = {
    "Energy.Active.Import.Register": (_Sample(lambda reading: reading.register_wh, 0, "Wh"),),
    "Power.Active.Import": (_Sample(lambda reading: reading.power_w, 1, "W"),),
    "Current.Import": (
        _Sample(lambda reading: reading.current_a[0], 2, "A", "L1"),
        _Sample(lambda reading: reading.current_a[1], 2, "A", "L2"),
        _Sample(lambda reading: reading.current_a[2], 2, "A", "L3"),
    ),
    "Voltage": (
        _Sample(lambda reading: reading.voltage_v[0], 1, "V", "L1-N"),
        _Sample(lambda reading: reading.voltage_v[1], 1, "V", "L2-N"),
        _Sample(lambda reading: reading.voltage_v[2], 1, "V", "L3-N"),
    ),
    "Current.Offered": (_Sample(lambda reading: reading.offered_a, 1, "A"),),
    "Temperature": (_Sample(lambda reading: reading.temperature_c, 1, "Celsius"),),
    # The car tells it, the charger passes it on: a stream of its own at location EV would part it
    # from the power it belongs to, so it is reported at the outlet as most chargers do.
    "SoC": (_Sample(lambda reading: reading.soc, 1, "Percent"),),
}


def sampled_values(reading: Reading, measurands: Iterable[str], context: str) -> tuple[SampledValue, ...]:
    """The samples of the named measurands, in the order named; what the meter does not know is left out.

    Raises:
        KeyError: a measurand this meter does not have.
    """
    return tuple(
        SampledValue(
            value=f"{value:.{sample.decimals}f}",
            context=context,
            format="Raw",
            measurand=measurand,
            phase=sample.phase,
            location=sample.location,
            unit=sample.unit,
        )
        for measurand in measurands
        for sample in SAMPLES[measurand]
        if (value := sample.take(reading)) is not None
    )
