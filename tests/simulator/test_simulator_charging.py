"""The charging curve against figures worked out by hand."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.simulator.charging import CARS, Car, ChargingCurve, air_c, voltage_v

# 3 phases x 230 V x 10 A = 6,900 W. 69 kWh battery: one percent is 690 Wh in the battery, 766.67 Wh at the meter.
CAR = Car("test car", 69_000.0, 3, 10.0)


def test_power_is_what_phases_and_current_allow() -> None:
    assert ChargingCurve(CAR, 50.0).full_power_w == 6_900.0
    assert ChargingCurve(CAR, 50.0, offered_a=6.0).full_power_w == 4_140.0
    assert ChargingCurve(Car("one phase", 40_000.0, 1, 32.0), 50.0).full_power_w == 7_360.0


def test_constant_power_delivers_energy_by_the_hour() -> None:
    """From 50 %: ramp of 10 s (half the power), then 6,900 W."""
    curve = ChargingCurve(CAR, 50.0)
    assert curve.power_w(0) == 0.0
    assert curve.power_w(5) == 3_450.0
    assert curve.power_w(10) == 6_900.0
    assert curve.energy_wh(10) == pytest.approx(9.583333)  # 6,900 W / 2 * 10 s
    assert curve.energy_wh(3_610) == pytest.approx(6_909.583333)
    assert curve.soc(3_610) == pytest.approx(59.0125)  # 6,909.58 Wh * 0.9 / 690 Wh a percent


def test_taper_begins_at_80_percent_and_ends_full() -> None:
    """30 % are 23,000 Wh at the meter: 10 s of ramp (9.58 Wh), then 11,995 s at 6,900 W, so 12,005 s."""
    curve = ChargingCurve(CAR, 50.0)
    assert curve.taper_after_s == pytest.approx(12_005.0)
    assert curve.soc(12_005) == pytest.approx(80.0)
    assert curve.power_w(12_000) == 6_900.0
    # The last 20 % are 15,333.33 Wh: time constant 15,333.33 / 6,900 / 0.95 h = 8,421.05 s; ln 20 of it until full.
    assert curve.full_after_s == pytest.approx(12_005.0 + 25_227.2, abs=0.1)
    assert curve.power_w(12_005 + 8_421.05) == pytest.approx(2_538.4, abs=0.1)  # 6,900 / e
    assert curve.power_w(curve.full_after_s - 1) == pytest.approx(345.0, abs=0.1)
    assert curve.power_w(curve.full_after_s + 1) == 0.0
    assert curve.soc(curve.full_after_s) == pytest.approx(100.0)
    assert curve.energy_wh(1e9) == pytest.approx(38_333.33, abs=0.01)  # 50 % of 69 kWh / 0.9


def test_a_car_above_80_percent_begins_in_the_taper() -> None:
    """90 % is half of the taper: power 1 - 0.95 / 2 of 6,900 W."""
    curve = ChargingCurve(CAR, 90.0)
    assert curve.power_w(10) == pytest.approx(3_622.5, rel=1e-3)
    assert curve.soc(curve.full_after_s) == pytest.approx(100.0)


@pytest.mark.parametrize(("soc_start", "offered_a"), [(100.0, 32.0), (-1.0, 32.0), (50.0, 0.0)])
def test_a_charge_that_cannot_be_is_refused(soc_start: float, offered_a: float) -> None:
    with pytest.raises(ValueError, match=r"soc_start|offered_a"):
        ChargingCurve(CAR, soc_start, offered_a)


curves = st.builds(
    ChargingCurve,
    st.sampled_from(CARS),
    st.floats(0.0, 99.0),
    st.floats(1.0, 63.0),
)


@given(curves, st.floats(0.0, 200_000.0), st.floats(0.0, 3_600.0))
def test_register_never_falls_and_soc_stays_within_bounds(curve: ChargingCurve, at: float, later: float) -> None:
    assert curve.energy_wh(at) <= curve.energy_wh(at + later)
    assert curve.soc_start <= curve.soc(at) <= curve.soc(at + later) <= 100.0
    assert 0.0 <= curve.power_w(at) <= curve.full_power_w


@given(curves, st.floats(0.0, 40_000.0))
def test_energy_is_the_integral_of_power(curve: ChargingCurve, at: float) -> None:
    """Midpoint rule over a minute; the kinks (ramp, taper, full) cost at most a second of full power a step."""
    step_s = 0.5
    summed = sum(curve.power_w(at + (i + 0.5) * step_s) for i in range(120)) * step_s / 3600.0
    assert curve.energy_wh(at + 60.0) - curve.energy_wh(at) == pytest.approx(summed, abs=curve.full_power_w / 3600.0)


def test_reading_agrees_with_itself() -> None:
    """Power is the sum of volts times amperes; unused phases carry nothing but have voltage."""
    curve = ChargingCurve(Car("one phase", 40_000.0, 1, 16.0), 20.0)
    reading = curve.reading(600.0, register_start_wh=1_000.0, seed="CP001/1")
    assert reading.power_w == 3_680.0
    assert reading.current_a[0] * reading.voltage_v[0] == pytest.approx(3_680.0)
    assert reading.current_a[1:] == (0.0, 0.0)
    assert all(220.0 < volts < 240.0 for volts in reading.voltage_v)
    assert reading.register_wh == pytest.approx(1_608.222, abs=0.001)  # 3,680 W: 10 s of ramp, 590 s
    assert reading.soc == pytest.approx(21.3685, abs=0.0001)  # 608.22 Wh * 0.9 / 400 Wh a percent
    assert reading.offered_a == 32.0


def test_a_seed_repeats_and_another_differs() -> None:
    assert voltage_v(12.0, 1, 16.0, seed="a") == voltage_v(12.9, 1, 16.0, seed="a")
    assert voltage_v(12.0, 1, 16.0, seed="a") != voltage_v(12.0, 2, 16.0, seed="a")
    assert voltage_v(12.0, 1, 16.0, seed="a") != voltage_v(12.0, 1, 16.0, seed="b")


def test_noise_has_the_spread_it_says() -> None:
    """A digest stands for the random numbers: its normal distribution is the inverse function's."""
    noise = [voltage_v(second, 0, 0.0, seed="a") - 230.0 for second in range(4_000)]
    mean = sum(noise) / len(noise)
    spread = (sum((each - mean) ** 2 for each in noise) / len(noise)) ** 0.5
    assert mean == pytest.approx(0.0, abs=0.05)
    assert spread == pytest.approx(0.7, abs=0.05)


def test_a_socket_is_warmer_than_the_air_by_the_square_of_the_current() -> None:
    """32 A are 22 K, 16 A a quarter of that; a July afternoon is 24 degrees, a January night -3."""
    half = ChargingCurve(Car("half", 40_000.0, 1, 16.0), 20.0)
    assert half.reading(600.0, register_start_wh=0.0, seed="a", air_c=10.0).temperature_c == pytest.approx(15.5)
    assert air_c(datetime(2026, 7, 20, 14, tzinfo=UTC)) == pytest.approx(24.0, abs=0.1)
    assert air_c(datetime(2026, 1, 20, 2, tzinfo=UTC)) == pytest.approx(-3.0, abs=0.1)
