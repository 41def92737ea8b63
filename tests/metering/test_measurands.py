"""The tables of spec 4.6 and 2.3, row by row and in every combination."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solarocpp.metering.measurands import (
    CONTEXTS,
    LOCATIONS,
    MEASURANDS,
    PHASES,
    UNITS,
    Scaling,
    context_code_for,
    location_for,
    scaling_for,
)
from solarocpp.store import schema


@pytest.mark.parametrize(
    ("measurand", "property_name", "kind", "unit"),
    [
        ("Energy.Active.Import.Register", "wattHours", "accumulating", "Wh"),
        ("Energy.Active.Export.Register", "wattHoursReverse", "accumulating", "Wh"),
        ("Energy.Active.Import.Interval", "wattHoursDiff", "instantaneous", "Wh"),
        ("Energy.Active.Export.Interval", "wattHoursDiffReverse", "instantaneous", "Wh"),
        ("Energy.Reactive.Import.Register", "reactiveEnergy", "accumulating", "varh"),
        ("Energy.Reactive.Export.Register", "reactiveEnergyReverse", "accumulating", "varh"),
        ("Energy.Reactive.Import.Interval", "reactiveEnergyDiff", "instantaneous", "varh"),
        ("Energy.Reactive.Export.Interval", "reactiveEnergyDiffReverse", "instantaneous", "varh"),
        ("Power.Active.Import", "watts", "instantaneous", "W"),
        ("Power.Active.Export", "wattsReverse", "instantaneous", "W"),
        ("Power.Reactive.Import", "reactivePower", "instantaneous", "var"),
        ("Power.Reactive.Export", "reactivePowerReverse", "instantaneous", "var"),
        ("Power.Offered", "wattsOffered", "instantaneous", "W"),
        ("Power.Factor", "powerFactor", "instantaneous", ""),
        ("Current.Import", "current", "instantaneous", "A"),
        ("Current.Export", "currentReverse", "instantaneous", "A"),
        ("Current.Offered", "currentOffered", "instantaneous", "A"),
        ("Voltage", "voltage", "instantaneous", "V"),
        ("Frequency", "frequency", "instantaneous", "Hz"),
        ("SoC", "soc", "instantaneous", "Percent"),
        ("RPM", "rpm", "instantaneous", "RPM"),
        ("Temperature", "temp", "instantaneous", "Celsius"),
    ],
)
def test_measurand_has_solarnetworks_property(measurand: str, property_name: str, kind: str, unit: str) -> None:
    assert scaling_for(measurand, None, None) == Scaling(property_name)
    row = next(row for row in MEASURANDS if row.name == measurand)
    assert (row.kind, row.unit) == (kind, unit)


def test_store_has_a_column_for_each_measurand() -> None:
    """The store's table of columns is written for analysts; it must name what is measured here."""
    assert {(row.name, row.measurand) for row in schema.PROPERTIES} == {
        (row.property_name, row.name) for row in MEASURANDS
    }
    assert set(schema.PHASES) == set(PHASES.values())


def test_there_are_22_measurands_each_with_its_own_property() -> None:
    assert len({row.name for row in MEASURANDS}) == len({row.property_name for row in MEASURANDS}) == 22


@pytest.mark.parametrize(
    ("phase", "property_name"),
    [
        (None, "voltage"),
        ("", "voltage"),
        ("L1", "voltage_a"),
        ("L2", "voltage_b"),
        ("L3", "voltage_c"),  # spec S2: the wiki's table says L2 twice
        ("N", "voltage_n"),
        ("L1-N", "voltage_a"),
        ("L2-N", "voltage_b"),
        ("L3-N", "voltage_c"),
        ("L1-L2", "voltage_ab"),
        ("L2-L3", "voltage_bc"),
        ("L3-L1", "voltage_ca"),
        ("L3N", "voltage_c"),  # spec S3: SolarNetwork's internal names
        ("l2-l3", "voltage_bc"),  # Q38
    ],
)
def test_phase_becomes_a_suffix(phase: str | None, property_name: str) -> None:
    assert scaling_for("Voltage", phase, "V") == Scaling(property_name)


@pytest.mark.parametrize(
    ("measurand", "phase", "property_name"),
    [
        ("Voltage.L1", None, "voltage_a"),
        ("Current.Import.L2", None, "current_b"),
        ("Power.Active.Import.L3-N", None, "watts_c"),
        ("Energy.Active.Import.Register.L1", "L1", "wattHours_a"),
    ],
)
def test_phase_within_the_measurand_is_read_q92(measurand: str, phase: str | None, property_name: str) -> None:
    assert scaling_for(measurand, phase, None).property_name == property_name


@pytest.mark.parametrize(
    ("unit", "shift", "convert"),
    [
        ("Wh", 0, ""),
        ("kWh", 3, ""),
        ("varh", 0, ""),
        ("kvarh", 3, ""),
        ("W", 0, ""),
        ("kW", 3, ""),
        ("VA", 0, ""),
        ("kVA", 3, ""),
        ("var", 0, ""),
        ("kvar", 3, ""),
        ("A", 0, ""),
        ("V", 0, ""),
        ("Percent", 0, ""),
        ("Celsius", 0, ""),
        ("Celcius", 0, ""),  # Q34, vector M13
        ("C", 0, ""),  # Q34
        ("Fahrenheit", 0, "fahrenheit"),
        ("K", 0, "kelvin"),
        ("Hz", 0, ""),  # Q33
        ("Hertz", 0, ""),  # Q33
        ("KWH", 3, ""),  # Q38
        (" kW ", 3, ""),
        ("", 0, ""),
        (None, 0, ""),
    ],
)
def test_unit_scales_whatever_the_measurand(unit: str | None, shift: int, convert: str) -> None:
    assert scaling_for("Temperature", None, unit) == Scaling("temp", shift, convert)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measurand", "phase", "unit", "reason"),
    [
        ("Current", None, None, "measurand 'Current' is not in OCPP 1.6"),
        ("Voltage.L4", None, None, "measurand 'Voltage.L4' is not in OCPP 1.6"),
        ("Voltage", "L4", None, "phase 'L4' is not in OCPP 1.6"),
        ("Voltage", None, "mV", "unit 'mV' is not in OCPP 1.6"),
    ],
)
def test_names_in_no_table_are_refused_with_the_name(
    measurand: str, phase: str | None, unit: str | None, reason: str
) -> None:
    assert scaling_for(measurand, phase, unit).refusal == reason


def test_missing_measurand_is_the_import_register_m21() -> None:
    assert scaling_for(None, "L2", "kWh") == Scaling("wattHours_b", 3)
    assert scaling_for("", None, None) == Scaling("wattHours")


def test_measurand_case_does_not_matter_q38() -> None:
    assert scaling_for("Current.import", "L1", "a") == Scaling("current_a")


def test_every_combination_of_table_rows_has_a_property() -> None:
    suffixes = ("", "_a", "_b", "_c", "_n", "_ab", "_bc", "_ca")
    expected = {row.property_name + suffix for row in MEASURANDS for suffix in suffixes}
    found = set()
    for measurand, phase, unit in itertools.product(
        MEASURANDS, [None, *PHASES], [None, *(unit.name for unit in UNITS)]
    ):
        scaling = scaling_for(measurand.name, phase, unit)
        assert scaling.refusal == ""
        found.add(scaling.property_name)
    assert found == expected
    assert len(found) == 176


_names = [*(row.name for row in MEASURANDS), *PHASES, "Voltage.L1-N."]
_words = st.none() | st.text(max_size=12) | st.sampled_from(_names)


@given(_words, _words, _words)
def test_any_text_gives_a_property_or_a_reason(measurand: str | None, phase: str | None, unit: str | None) -> None:
    scaling = scaling_for(measurand, phase, unit)
    assert bool(scaling.property_name) != bool(scaling.refusal)


def test_contexts_have_solarnetworks_codes() -> None:
    codes = [context_code_for(name) for name in CONTEXTS]
    assert codes == [1, 2, 3, 4, 5, 6, 7, 8]
    assert context_code_for(None) == context_code_for("") == 4
    assert context_code_for("sample.clock") == 3
    assert context_code_for("Sample.Peridoic") == 0  # Q35


def test_locations_are_outlet_unless_said_otherwise() -> None:
    assert [location_for(name) for name in LOCATIONS] == ["Outlet", "Body", "Cable", "EV", "Inlet"]
    assert location_for(None) == location_for("") == "Outlet"
    assert location_for("ev") == "EV"
    assert location_for("Roof") is None
