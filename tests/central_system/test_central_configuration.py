"""What chargers tell of their configuration keys, and how one asks (OCPP 1.6 §5.3, §5.8, §9; Q45, Q104, Q106)."""

from __future__ import annotations

import pytest
from charging_site import Site, T

from solarocpp.central_system.configuration import STANDARD_KEYS, batches, max_keys_told, same_key, same_value
from solarocpp.ocpp.datatypes import KeyValue
from solarocpp.ocpp.messages import (
    ChangeConfigurationConfirmation,
    ChangeConfigurationRequest,
    GetConfigurationConfirmation,
    GetConfigurationRequest,
    OcppMessage,
)
from solarocpp.store.effects import ConfigurationKeyTold, ConfigurationTold, ConnectorsCounted, Effect, EventHappened


def learn(request: OcppMessage, confirmation: OcppMessage) -> tuple[Effect, ...]:
    site = Site()
    return site.central.learn(site.registry.facts(site.registry.charger(7)), request, confirmation, T)


def told(*keys: ConfigurationKeyTold, unknown: tuple[str, ...] = ()) -> ConfigurationTold:
    return ConfigurationTold(7, 1, "CP001", T, keys, unknown)


def test_a_reading_tells_keys_and_what_is_unknown() -> None:
    confirmation = GetConfigurationConfirmation(
        (
            KeyValue("HeartbeatInterval", readonly=False, value="300"),
            KeyValue("NumberOfConnectors", readonly=True, value="2"),
            KeyValue("CpoName", readonly=False),
            KeyValue("  ", readonly=False, value="nameless"),
        ),
        ("Colour",),
    )
    assert learn(GetConfigurationRequest(), confirmation) == (
        told(
            ConfigurationKeyTold("HeartbeatInterval", "300", readonly=False),
            ConfigurationKeyTold("NumberOfConnectors", "2", readonly=True),
            ConfigurationKeyTold("CpoName", None, readonly=False),
            unknown=("Colour",),
        ),
        ConnectorsCounted(7, 2),
    )


def test_a_count_of_five_thousand_digits_is_none() -> None:
    """Python refuses to read such a number, and what it raises would end the link at each boot."""
    value = "9" * 5000
    answer = GetConfigurationConfirmation((KeyValue("NumberOfConnectors", readonly=True, value=value),))
    expected = told(ConfigurationKeyTold("NumberOfConnectors", value, readonly=True))
    assert learn(GetConfigurationRequest(), answer) == (expected,)


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey", "WifiPassword", "APNPassword"])
def test_a_secret_is_blanked(key: str) -> None:
    """Some chargers tell their passwords, and what is told here is in the analysts' database."""
    answer = GetConfigurationConfirmation((KeyValue(key, readonly=False, value="hunter2hunter2"),))
    blanked = ConfigurationKeyTold(key, "[redacted]", readonly=False)
    assert learn(GetConfigurationRequest(), answer) == (told(blanked),)
    change = ChangeConfigurationRequest(key, "hunter2hunter2")
    set_, event = learn(change, ChangeConfigurationConfirmation("Accepted"))
    assert set_ == told(ConfigurationKeyTold(key, "[redacted]"))
    assert "hunter2" not in repr(event)


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        ("Accepted", told(ConfigurationKeyTold("HeartbeatInterval", "60"))),
        ("RebootRequired", told(ConfigurationKeyTold("HeartbeatInterval", "60", reboot_required=True))),
        ("Rejected", None),
        ("NotSupported", None),
    ],
)
def test_a_key_that_was_set_has_its_value(status: str, effect: ConfigurationTold | None) -> None:
    confirmation = ChangeConfigurationConfirmation(status)  # type: ignore[arg-type]
    *effects, event = learn(ChangeConfigurationRequest("HeartbeatInterval", "60"), confirmation)
    assert effects == ([] if effect is None else [effect])
    assert isinstance(event, EventHappened)
    assert (event.name, event.message) == (
        "configuration_answered",
        f"the charger answered ChangeConfiguration: {status}",
    )
    assert event.data == {"action": "ChangeConfiguration", "key": "HeartbeatInterval", "value": "60", "status": status}


@pytest.mark.parametrize(
    ("max_keys", "sizes"),
    [(None, [4, 4, 2]), (4, [4, 4, 2]), (1, [1] * 10), (10, [10]), (10_000, [10]), (3, [3, 3, 3, 1])],
)
def test_no_more_keys_are_asked_for_than_a_charger_takes(max_keys: int | None, sizes: list[int]) -> None:
    asked = list(batches([f"Key{n}" for n in range(10)], max_keys))
    assert [len(batch) for batch in asked] == sizes
    assert [key for batch in asked for key in batch] == [f"Key{n}" for n in range(10)]


def test_questions_have_an_end_however_many_keys_a_charger_takes() -> None:
    assert [len(batch) for batch in batches([f"Key{n}" for n in range(120)], 1_000_000)] == [50, 50, 20]


def test_no_key_is_asked_for_twice() -> None:
    assert list(batches(["HeartbeatInterval", "heartbeatinterval ", "CpoName"], 10)) == [
        ("heartbeatinterval ", "CpoName")
    ]
    assert len({same_key(key) for key in STANDARD_KEYS}) == len(STANDARD_KEYS)
    assert "AuthorizationKey" not in STANDARD_KEYS


@pytest.mark.parametrize(
    ("key", "value", "number"),
    [
        ("GetConfigurationMaxKeys", "4", 4),
        ("getconfigurationmaxkeys ", ' "20" ', 20),
        ("GetConfigurationMaxKeys", "0", None),
        ("GetConfigurationMaxKeys", "-1", None),
        ("GetConfigurationMaxKeys", "many", None),
        ("GetConfigurationMaxKeys", None, None),
        ("GetConfigurationMaxKeys", "9" * 5000, None),
        ("HeartbeatInterval", "4", None),
    ],
)
def test_how_many_keys_a_charger_takes(key: str, value: str | None, number: int | None) -> None:
    assert max_keys_told(GetConfigurationConfirmation((KeyValue(key, readonly=True, value=value),))) == number


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("60", "60", True),
        ("60", " 60 ", True),
        ("60", '"60"', True),
        ("true", "True", True),
        ("Voltage,SoC", "Voltage, SoC", True),
        ("", None, True),
        ("60", "61", False),
        ("Voltage,SoC", "SoC,Voltage", False),  # the order of measurands is kept by some
        ("Secret", "secret", False),
        ("60", None, False),
    ],
)
def test_values_are_compared_by_what_they_mean(one: str, other: str | None, *, same: bool) -> None:
    assert same_value(one, other) is same
