from solarocpp.ocpp.datatypes import SampledValue
from solarocpp.simulator.charging import Reading
from solarocpp.simulator.configuration import Configuration
from solarocpp.simulator.sampling import SAMPLES, sampled_values

READING = Reading(
    register_wh=12_345.6,
    power_w=11_040.04,
    current_a=(16.004, 15.996, 0.0),
    voltage_v=(229.96, 231.04, 230.0),
    offered_a=32.0,
    temperature_c=17.26,
    soc=54.321,
)


def test_samples_are_spelled_as_the_specification_spells_them() -> None:
    samples = sampled_values(READING, SAMPLES, "Sample.Periodic")
    assert [(sample.measurand, sample.phase, sample.value, sample.unit) for sample in samples] == [
        ("Energy.Active.Import.Register", None, "12346", "Wh"),
        ("Power.Active.Import", None, "11040.0", "W"),
        ("Current.Import", "L1", "16.00", "A"),
        ("Current.Import", "L2", "16.00", "A"),
        ("Current.Import", "L3", "0.00", "A"),
        ("Voltage", "L1-N", "230.0", "V"),
        ("Voltage", "L2-N", "231.0", "V"),
        ("Voltage", "L3-N", "230.0", "V"),
        ("Current.Offered", None, "32.0", "A"),
        ("Temperature", None, "17.3", "Celsius"),
        ("SoC", None, "54.3", "Percent"),
    ]
    assert samples[0] == SampledValue(
        "12346", "Sample.Periodic", "Raw", "Energy.Active.Import.Register", None, "Outlet", "Wh"
    )


def test_a_car_that_does_not_tell_its_charge_has_no_sample_of_it() -> None:
    silent = Reading(0.0, 0.0, (0.0, 0.0, 0.0), (230.0, 230.0, 230.0), 32.0, None, 20.0)
    assert sampled_values(silent, ["SoC"], "Transaction.Begin") == ()


def test_keys_are_found_whatever_their_case_and_unknown_ones_are_named() -> None:
    configuration = Configuration({"NumberOfConnectors": "2"})
    known, unknown = configuration.select(["numberofconnectors", "Nonsense"])
    assert [(key.name, key.value, key.readonly) for key in known] == [("NumberOfConnectors", "2", True)]
    assert unknown == ["Nonsense"]
    assert len(configuration.select(None)[0]) == 34
    assert len(configuration.select([])[0]) == 34


def test_a_key_to_log_in_with_is_taken_as_bytes_and_shown_to_nobody() -> None:
    configuration = Configuration({})
    assert configuration.authorization_key is None
    for text in ("", "00112233445566778899aabbccddee", "00" * 21, "0" * 33, "correct horse battery staple ok"):
        assert configuration.change("AuthorizationKey", text) == "Rejected"
    assert configuration.change("authorizationkey", "00112233445566778899AABBCCDDEEFF") == "Accepted"
    assert configuration.authorization_key == bytes(range(0, 256, 17))
    known, _ = configuration.select(["AuthorizationKey"])
    assert [key.shown for key in known] == [None]


def test_a_value_is_taken_only_if_it_is_of_the_keys_kind() -> None:
    configuration = Configuration({})
    assert configuration.change("metervaluesampleinterval", "15") == "Accepted"
    assert configuration.integer("MeterValueSampleInterval") == 15
    assert configuration.change("MeterValueSampleInterval", "soon") == "Rejected"
    assert configuration.change("MeterValueSampleInterval", "-1") == "Rejected"
    assert configuration.change("NumberOfConnectors", "7") == "Rejected"
    assert configuration.change("StopTransactionOnInvalidId", "FALSE") == "Accepted"
    assert not configuration.boolean("StopTransactionOnInvalidId")
    assert configuration.change("StopTransactionOnInvalidId", "perhaps") == "Rejected"
    assert configuration.change("MeterValuesSampledData", "SoC, Voltage") == "Accepted"
    assert configuration.measurands("MeterValuesSampledData") == ["SoC", "Voltage"]
    assert configuration.change("MeterValuesSampledData", "Weather") == "Rejected"
    assert configuration.change("ConnectorPhaseRotation", "x" * 501) == "Rejected"
    assert configuration.change("FreeVend", "true") == "NotSupported"
