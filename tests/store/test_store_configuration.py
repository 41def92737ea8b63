"""Configuration keys as rows: a row a value, its past, and what somebody wants."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from stored import T, at, rows

from solarocpp.store import Store
from solarocpp.store.configuration import (
    ConfigurationReading,
    DesiredValue,
    delete_desired,
    delete_desired_secret,
    select_configuration,
    select_configuration_history,
    select_desired,
    select_desired_secrets,
    select_reading,
    store_desired,
    store_desired_secret,
    store_reading,
)
from solarocpp.store.effects import ConfigurationKeyTold, ConfigurationTold

SHOWN = (
    'SELECT "key", value, readonly, "rebootRequired", epoch(since - TIMESTAMPTZ \'2026-03-01 10:00:00Z\')::INT, '
    "epoch(seen - TIMESTAMPTZ '2026-03-01 10:00:00Z')::INT, epoch(until - TIMESTAMPTZ '2026-03-01 10:00:00Z')::INT "
    'FROM configuration ORDER BY "chargerId", lower("key"), since, until NULLS LAST'
)


def told(
    seconds: float, *keys: ConfigurationKeyTold, unknown: tuple[str, ...] = (), charger: int = 7
) -> ConfigurationTold:
    return ConfigurationTold(charger, 1, f"CP00{charger}", at(seconds), keys, unknown)


def key(name: str, value: str | None, *, readonly: bool | None = False, reboot: bool = False) -> ConfigurationKeyTold:
    return ConfigurationKeyTold(name, value, readonly, reboot)


def project(store: Store, effects: Sequence[ConfigurationTold], *, together: bool) -> None:
    for batch in [effects] if together else [[effect] for effect in effects]:
        store._projector.project_now(batch, 0)


@pytest.mark.parametrize("together", [True, False])
def test_each_value_is_a_row_for_as_long_as_it_stood(resting: Store, *, together: bool) -> None:
    story = [
        told(0, key("HeartbeatInterval", "300"), key("NumberOfConnectors", "2", readonly=True)),
        told(10, key("heartbeatinterval ", "300"), key("NumberOfConnectors", "2", readonly=True)),
        told(20, key("HeartbeatInterval", "60", readonly=None, reboot=True)),
        told(30, key("HeartbeatInterval", "60")),
        told(40, unknown=("NumberOfConnectors", "Colour")),
        told(50, key("HeartbeatInterval", "300"), charger=8),
    ]
    project(resting, story, together=together)
    assert rows(resting, SHOWN) == [
        ("HeartbeatInterval", "300", False, False, 0, 10, 20),
        ("HeartbeatInterval", "60", False, False, 20, 30, None),
        ("NumberOfConnectors", "2", True, False, 0, 10, 40),
        ("HeartbeatInterval", "300", False, False, 50, 50, None),
    ]


def test_that_a_reboot_is_needed_stands_until_it_is_read(resting: Store) -> None:
    project(resting, [told(0, key("A", "1")), told(5, key("A", "2", readonly=None, reboot=True))], together=True)
    (row,) = resting.read_now(lambda con: select_configuration(con, 7))
    assert (row.value, row.readonly, row.reboot_required) == ("2", False, True)
    project(resting, [told(9, key("A", "2"))], together=True)
    (row,) = resting.read_now(lambda con: select_configuration(con, 7))
    assert (row.value, row.reboot_required, row.since, row.seen) == ("2", False, at(5), at(9))


def test_history_is_of_one_key_in_any_case(resting: Store) -> None:
    project(resting, [told(n, key("A", str(n)), key("B", "b")) for n in range(5)], together=True)
    history = resting.read_now(lambda con: select_configuration_history(con, 7, " a ", 3))
    assert [(row.value, row.until) for row in history] == [("2", at(3)), ("3", at(4)), ("4", None)]


def test_it_does_not_matter_what_is_written_together(resting: Store) -> None:
    """The same stories, written at once, in two parts and one by one."""
    dice = random.Random(1)  # noqa: S311 the same dice each time
    effects = [
        told(n, unknown=(name,), charger=charger)
        if (value := dice.choice(["1", "2", None, "gone"])) == "gone"
        else told(n, key(name, value), charger=charger)
        for n in range(60)
        for charger, name in [(dice.choice([7, 8]), dice.choice(["A", "a", "B"]))]
    ]
    found = []
    for parts in ([effects], [effects[:31], effects[31:]], [[effect] for effect in effects]):
        resting.write_now(lambda con: con.execute("DELETE FROM configuration"))
        for part in parts:
            project(resting, part, together=True)
        found.append(rows(resting, SHOWN))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 20
    current = 'SELECT count(*), count(DISTINCT ("chargerId", lower("key"))) FROM configuration WHERE until IS NULL'
    ((now, distinct),) = rows(resting, current)
    assert now == distinct


def test_reading_is_noted_once_a_charger(resting: Store) -> None:
    assert resting.read_now(lambda con: select_reading(con, 7)) is None
    first = ConfigurationReading(7, T, "1.0", 4, by_key=True)
    second = ConfigurationReading(7, at(60), None, None, by_key=False)
    for reading in (first, second):
        resting.write_now(lambda con, reading=reading: store_reading(con, reading))
        assert resting.read_now(lambda con: select_reading(con, 7)) == reading


def test_what_is_desired_is_one_value_a_key(resting: Store) -> None:
    def desired(name: str, value: str, charger: int = 7) -> DesiredValue:
        return DesiredValue(charger, 1, f"CP00{charger}", name, value, "me", T)

    for wanted in (desired("B", "1"), desired("A", "2"), desired("a", "3"), desired("A", "4", 8)):
        resting.write_now(lambda con, wanted=wanted: store_desired(con, wanted))
    found = resting.read_now(lambda con: select_desired(con, 7))
    assert [(row.key, row.value) for row in found] == [("a", "3"), ("B", "1")]
    assert resting.write_now(lambda con: delete_desired(con, 7, "A"))
    assert not resting.write_now(lambda con: delete_desired(con, 7, "A"))
    assert resting.write_now(lambda con: delete_desired(con, 7))
    assert [row.value for row in resting.read_now(lambda con: select_desired(con, 8))] == ["4"]


def test_secrets_that_are_desired_are_in_the_secrets_database(resting: Store) -> None:
    for name, value in (("WifiPassword", "one"), ("wifipassword", "two"), ("APNPassword", "three")):
        resting.secrets.write_now(lambda con, name=name, value=value: store_desired_secret(con, 7, name, value))
    assert resting.secrets.read_now(lambda con: select_desired_secrets(con, 7)) == {
        "wifipassword": "two",
        "apnpassword": "three",
    }
    resting.secrets.write_now(lambda con: delete_desired_secret(con, 7, "APNPassword"))
    assert resting.secrets.read_now(lambda con: select_desired_secrets(con, 7)) == {"wifipassword": "two"}
    resting.secrets.write_now(lambda con: delete_desired_secret(con, 7))
    assert resting.secrets.read_now(lambda con: select_desired_secrets(con, 7)) == {}


def test_a_desired_value_is_not_shown_by_accident() -> None:
    assert "hunter2" not in repr(DesiredValue(7, 1, "CP001", "WifiPassword", "hunter2", "me", T))
