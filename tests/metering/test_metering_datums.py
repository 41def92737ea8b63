"""Samples become datums: vectors of spec 13.1 that need no session, then what chargers really send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.metering.datums import Moment, Readings, may_stand_for, plausible_time, read_meter_values, read_number
from solarocpp.metering.measurands import CONTEXTS, MEASURANDS, PHASES, UNITS, Scaling
from solarocpp.metering.source_ids import DEFAULT_TEMPLATE, source_id
from solarocpp.ocpp.datatypes import MeterValue, SampledValue

T = datetime(2020, 4, 1, 12, tzinfo=UTC)
RECEIVED = T + timedelta(seconds=1)
ENERGY = "Energy.Active.Import.Register"


def sample(value: str | float | None, measurand: str | None = ENERGY, **fields: str) -> SampledValue:
    return SampledValue(value=value, measurand=measurand, **fields)


def read(*samples: SampledValue, timestamp: datetime | None = T) -> Readings:
    return read_meter_values([MeterValue(timestamp, samples)], RECEIVED)


def only(readings: Readings) -> Moment:
    assert (readings.unreadable, readings.odd) == ([], [])
    (moment,) = readings.moments
    return moment


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(sample("305.6", "Temperature", unit="K"), {"temp": 32.5}, id="M5"),
        pytest.param(sample("3.6", "Current.Import", unit="A", phase="L1"), {"current_a": 3.6}, id="M6"),
        pytest.param(sample("1234", "Temperature", unit="Celcius"), {"temp": 1234.0}, id="M13"),
        pytest.param(sample("1.5", unit="kWh"), {"wattHours": 1500.0}, id="M17"),
        pytest.param(sample("98.6", "Temperature", unit="Fahrenheit"), {"temp": 37.0}, id="M18 F"),
        pytest.param(sample("300", "Temperature", unit="K"), {"temp": 26.9}, id="M18 K"),
        pytest.param(sample("300.15", "Temperature", unit="K"), {"temp": 27.0}, id="M18 K whole"),
        pytest.param(sample("1", "Current.Import", phase="L3"), {"current_c": 1.0}, id="M19 L3"),
        pytest.param(sample("1", phase="L1"), {"wattHours_a": 1.0}, id="M19 L1"),
        pytest.param(sample("1", "Voltage", phase="L1-N"), {"voltage_a": 1.0}, id="M19 L1-N"),
        pytest.param(sample("1", "Voltage", phase="L1-L2"), {"voltage_ab": 1.0}, id="M19 L1-L2"),
        pytest.param(sample("5", None), {"wattHours": 5.0}, id="M21 by OCPP's default, spec Q4"),
    ],
)
def test_vectors_of_one_sample(one: SampledValue, expected: dict[str, float]) -> None:
    assert only(read(one)).properties == expected


def test_phases_of_one_time_share_a_datum_m7() -> None:
    moment = only(
        read(
            sample("3.6", "Current.Import", phase="L1", unit="A"), sample("3.5", "Current.Import", phase="L2", unit="A")
        )
    )
    assert moment.properties == {"current_a": 3.6, "current_b": 3.5}


def test_three_phases_with_temperature_m8() -> None:
    readings = read(
        sample("300.0", unit="Wh"),
        sample("225.1", "Voltage", phase="L1-N"),
        sample("0.1", "Voltage", phase="L2-N"),
        sample("0.2", "Voltage", phase="L3-N"),
        sample("0.3", "Current.Import", phase="L1"),
        sample("0.4", "Current.Import", phase="L2"),
        sample("0.5", "Current.Import", phase="L3"),
        sample("250.0", "Current.Offered"),
        sample("41.0", "Temperature", unit="Celsius"),
    )
    assert only(readings).properties == {
        "wattHours": 300.0,
        "voltage_a": 225.1,
        "voltage_b": 0.1,
        "voltage_c": 0.2,
        "current_a": 0.3,
        "current_b": 0.4,
        "current_c": 0.5,
        "currentOffered": 250.0,
        "temp": 41.0,
    }


def test_locations_are_apart_and_outlet_comes_first_m11() -> None:
    readings = read(
        sample("1234", location="Inlet", context="Trigger"),
        sample("500", "Power.Active.Import", location="Outlet", context="Trigger"),
    )
    assert [(moment.location, moment.properties) for moment in readings.moments] == [
        ("Outlet", {"watts": 500.0}),
        ("Inlet", {"wattHours": 1234.0}),
    ]


def test_signed_data_is_kept_whole_and_is_no_number_m20() -> None:
    blob = "OCMF|" + "A" * 3000
    readings = read(
        sample("ABCDEF", format="SignedData"),
        sample(blob, format="signeddata", context="Transaction.End", location="EV"),
        sample("10", "Power.Active.Import", unit="W"),
    )
    assert only(readings).properties == {"watts": 10.0}
    assert [(kept.measurand, kept.context, kept.location, kept.value) for kept in readings.signed] == [
        (ENERGY, "Sample.Periodic", "Outlet", "ABCDEF"),
        (ENERGY, "Transaction.End", "EV", blob),
    ]


@pytest.mark.parametrize("periodic_first", [True, False])
def test_higher_context_wins_m23(periodic_first: bool) -> None:  # noqa: FBT001
    pair = [
        sample("1", "Power.Active.Import", context="Sample.Periodic"),
        sample("2", "Power.Active.Import", context="Transaction.Begin"),
    ]
    moment = only(read(*(pair if periodic_first else pair[::-1])))
    assert moment.properties == {"watts": 2.0}
    assert moment.contexts == {"watts": 5}


def test_later_of_equal_context_wins_q38() -> None:
    assert only(read(sample("1"), sample("2"))).properties == {"wattHours": 2.0}


def test_unknown_context_counts_and_gives_way_q35() -> None:
    readings = read(sample("1"), sample("2", context="Bogus"), sample("3", "SoC", context="Bogus"))
    assert readings.moments[0].properties == {"wattHours": 1.0, "soc": 3.0}
    assert readings.odd == ["context 'Bogus'"]


def test_unknown_location_is_outlet_and_noted() -> None:
    readings = read(sample("1", location="Roof"))
    assert readings.moments[0].location == "Outlet"
    assert readings.odd == ["location 'Roof'"]


def test_names_in_another_case_are_read_q38() -> None:
    readings = read(sample("1", location="inlet", context="trigger"), sample("2", location="Inlet"))
    moment = only(readings)
    assert (moment.location, moment.properties, moment.contexts) == ("Inlet", {"wattHours": 1.0}, {"wattHours": 8})


def test_oddity_is_noted_once() -> None:
    assert read(sample("1", context="Bogus"), sample("2", context="Bogus")).odd == ["context 'Bogus'"]


def test_signed_sample_without_value_is_none() -> None:
    assert read(sample("", format="SignedData"), sample(None, format="SignedData")).signed == []


def test_contexts_are_left_out_when_all_are_periodic() -> None:
    assert only(read(sample("1"), sample("2", "SoC", context="Sample.Periodic"))).contexts is None
    assert only(read(sample("1", context="Sample.Clock"), sample("2", "SoC", context="Sample.Clock"))).contexts == {
        "wattHours": 3,
        "soc": 3,
    }


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (604.213, 604.213),  # Q32: a number, not text
        (5, 5.0),
        (" 12.5 ", 12.5),
        ("12,5", 12.5),
        ("-0.44", -0.44),
        ("1e3", 1000.0),
        ("+7", 7.0),
    ],
)
def test_values_are_read_as_chargers_write_them_q32(value: str | float, number: float) -> None:
    assert only(read(sample(value))).properties == {"wattHours": number}


@pytest.mark.parametrize("value", [None, "", "  ", "null", "NaN", "nan"])
def test_no_value_is_no_reading_and_nothing_to_tell_q32(value: str | None) -> None:
    readings = read(sample(value))
    assert (readings.moments, readings.unreadable) == ([], [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", "value 'abc' is not a number"),
        ("1_000", "value '1_000' is not a number"),
        ("1.234,5", "value '1.234,5' is not a number"),
        ("Infinity", "value 'Infinity' is not finite"),
        ("1e999", "value '1e999' is not finite"),
        (10**400, f"value '1{'0' * 400}' is not finite"),
    ],
)
def test_unreadable_value_costs_itself_only_w19(value: str | int, reason: str) -> None:
    readings = read(sample(value), sample("7", "SoC"))
    assert readings.moments[0].properties == {"soc": 7.0}
    (lost,) = readings.unreadable
    assert lost.reason == reason
    assert lost.created == T


def test_unreadable_sample_is_kept_as_it_came() -> None:
    (lost,) = read(SampledValue("3", measurand="Flux", unit="Gs")).unreadable
    assert lost.sample == '{"value":"3","measurand":"Flux","unit":"Gs"}'
    assert lost.reason == "measurand 'Flux' is not in OCPP 1.6"
    (lost,) = read_meter_values([MeterValue(T, (), ("17",))], RECEIVED).unreadable
    assert (lost.sample, lost.reason) == ("17", "not a SampledValue")


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("12.345", "kWh", 12345.0),  # in doubles, 12.345 * 1000 is 12345.000000000002
        ("2.18", "kW", 2180.0),
        ("0.1", "kvarh", 100.0),
        ("1.1e1", "kVA", 11000.0),
        ("4,35", "kvar", 4350.0),
        ("-40", "Fahrenheit", -40.0),
        ("99", "F", 37.2),
        ("0", "K", -273.2),  # half away from zero, as SolarNetwork rounds
        ("273.25", "K", 0.1),
        ("212", "Fahrenheit", 100.0),
    ],
)
def test_scaling_is_exact_decimal(text: str, unit: str, number: float) -> None:
    (moment,) = read(sample(text, "Power.Active.Import", unit=unit)).moments
    assert moment.properties == {"watts": number}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_kilo_units_are_the_nearest_double_of_the_exact_product(value: object) -> None:
    number = read_number(str(value), Scaling("watts", 3))
    assert isinstance(number, float)
    assert number == float(Fraction(str(value)) * 1000)


@given(st.text(max_size=12) | st.floats() | st.integers())
def test_any_value_is_a_finite_number_a_reason_or_nothing(value: str | float) -> None:
    for scaling in (Scaling("watts"), Scaling("watts", 3), Scaling("temp", 0, "kelvin"), Scaling("", refusal="x")):
        number = read_number(value, scaling)
        assert number is None or isinstance(number, str) or abs(number) < float("inf")


_samples = st.builds(
    SampledValue,
    value=st.integers(0, 9).map(str),
    context=st.sampled_from([None, *CONTEXTS, "Bogus"]),
    measurand=st.sampled_from([None, *(row.name for row in MEASURANDS[:3])]),
    phase=st.sampled_from([None, *list(PHASES)[:2]]),
    location=st.sampled_from([None, "Outlet", "Inlet", "EV"]),
    unit=st.sampled_from([None, "Wh", "kWh"]),
)
_meter_values = st.lists(
    st.builds(
        MeterValue,
        timestamp=st.integers(0, 2).map(lambda s: T + timedelta(seconds=s)),
        sampled_value=st.lists(_samples, max_size=6).map(tuple),
    ),
    max_size=4,
)


@given(_meter_values)
def test_merging_keeps_for_each_property_the_last_of_the_highest_context(meter_values: list[MeterValue]) -> None:
    """Written the slow way: of all samples of a (time, location, property), the maximum of (code, place)."""
    codes = {None: 4, "Bogus": 0, **CONTEXTS}
    names = {None: "wattHours", ENERGY: "wattHours"}
    names["Energy.Active.Export.Register"] = "wattHoursReverse"
    names["Energy.Active.Import.Interval"] = "wattHoursDiff"
    best: dict[tuple[datetime, str, str], tuple[int, int, float]] = {}
    place = 0
    for meter_value in meter_values:
        for one in meter_value.sampled_value:
            place += 1
            name = names[one.measurand] + {None: "", "L1": "_a", "L2": "_b"}[one.phase]
            key = (meter_value.timestamp or T, one.location or "Outlet", name)
            number = float(one.value or 0) * (1000 if one.unit == "kWh" else 1)
            best[key] = max(best.get(key, (-1, 0, 0.0)), (codes[one.context], place, number))
    readings = read_meter_values(meter_values, RECEIVED)
    found = {
        (moment.created, moment.location, name): (value, (moment.contexts or {}).get(name, 4))
        for moment in readings.moments
        for name, value in moment.properties.items()
    }
    assert found == {key: (number, code) for key, (code, _, number) in best.items()}
    order = ["Outlet", "Body", "Cable", "EV", "Inlet"]
    keys = [(moment.created, order.index(moment.location)) for moment in readings.moments]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    ("timestamp", "plausible"),
    [
        (None, False),
        (datetime(1, 1, 1, tzinfo=UTC), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (datetime(2000, 1, 1, tzinfo=UTC), False),
        (datetime(2009, 1, 1, tzinfo=UTC), True),
        (RECEIVED - timedelta(days=400), True),  # Q35: months of backlog keep their own times
        (RECEIVED + timedelta(hours=2), True),  # Q50: local time sent as UTC
        (RECEIVED + timedelta(hours=24), True),
        (RECEIVED + timedelta(hours=24, seconds=1), False),
    ],
)
def test_implausible_time_gives_way_to_ours_q51(timestamp: datetime | None, plausible: bool) -> None:  # noqa: FBT001
    assert plausible_time(timestamp, RECEIVED) == (timestamp if plausible else None)
    readings = read(sample("1"), timestamp=timestamp)
    assert readings.moments[0].created == (timestamp if plausible else RECEIVED)
    assert readings.replaced_times == ([] if plausible else [timestamp])


@pytest.mark.parametrize(
    ("kept", "timestamp", "received", "may"),
    [
        (T, T, RECEIVED, True),
        (T, T + timedelta(seconds=1), T + timedelta(seconds=9), False),
        (T, None, RECEIVED, True),
        (T, datetime(1970, 1, 1, tzinfo=UTC), RECEIVED, True),
        (T, T + timedelta(hours=25), T, True),
        # Implausible when it was kept, plausible by the time it comes again.
        (T, T + timedelta(hours=25), T + timedelta(hours=2), True),
        (T, T + timedelta(hours=25), T + timedelta(hours=26), False),
    ],
)
def test_kept_time_may_stand_for_one_that_could_not_be(
    kept: datetime,
    timestamp: datetime | None,
    received: datetime,
    may: bool,  # noqa: FBT001
) -> None:
    assert may_stand_for(kept, timestamp, received) is may


def test_moment_becomes_a_datum_of_its_stream() -> None:
    datum = only(read(sample("1", context="Trigger"))).datum(1, source_id(DEFAULT_TEMPLATE, "CP001", 7, 1, "Outlet"))
    assert (datum.node_id, datum.source_id, datum.created) == (1, "/ocpp/cp/CP001/1/Outlet", T)
    assert (datum.properties, datum.contexts, datum.session) == ({"wattHours": 1.0}, {"wattHours": 8}, None)


def test_more_spellings_than_are_kept_still_read() -> None:
    """The look-up of triples is bounded; a stranger who varies the case fills it and gains nothing."""
    spellings = [f"{' ' * (i % 70)}kWh{' ' * (i // 70)}" for i in range(5000)]
    values = [MeterValue(T, tuple(sample("1", unit=unit) for unit in spellings))]
    assert read_meter_values(values, RECEIVED).moments[0].properties == {"wattHours": 1000.0}


def test_units_table_names_each_unit_once() -> None:
    assert len({unit.name.casefold() for unit in UNITS}) == len(UNITS)
