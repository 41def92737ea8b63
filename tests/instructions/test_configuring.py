"""What is read of a charger after a boot, and what is set again, over real sockets and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
import trio
from instructed import NOW, ChargePoint, Told, telling

from solarocpp.central_system.configuration import STANDARD_KEYS, same_key
from solarocpp.configuring import Configuring
from solarocpp.registry import ChargerChange
from solarocpp.simulator.charge_point import ChargePoint as SimulatedChargePoint
from solarocpp.simulator.clock import ScaledClock
from solarocpp.simulator.configuration import KEYS as KEYS_OF_SIMULATOR
from solarocpp.simulator.link import dial_url
from solarocpp.store.configuration import (
    DesiredValue,
    select_configuration,
    select_reading,
    store_desired,
    store_desired_secret,
)

KEYS = {"HeartbeatInterval": "300", "GetConfigurationMaxKeys": "20", "MeterValueSampleInterval": "60"}


@asynccontextmanager
async def configuring(told: Told, *, quiet_s: float = 0.0) -> AsyncIterator[None]:
    """Has configurations kept."""
    services = told.services
    works = Configuring(services.roster, services.registry, services.store, told.queue, services.clock, quiet_s=quiet_s)
    async with trio.open_nursery() as nursery:
        await nursery.start(works.run)
        yield
        nursery.cancel_scope.cancel()


def listing(keys: Mapping[str, str]) -> dict[str, Any]:
    return {"configurationKey": [{"key": key, "readonly": False, "value": value} for key, value in keys.items()]}


async def desire(told: Told, key: str, value: str, *, secret: str | None = None) -> None:
    charger = told.charger()
    row = DesiredValue(
        charger.charger_id, charger.account_id, charger.identifier, key, value, "a test", told.services.clock()
    )
    if secret is not None:
        await told.store.secrets.write(lambda con: store_desired_secret(con, charger.charger_id, key, secret))
    await told.store.write(lambda con: store_desired(con, row))


async def read_at(told: Told) -> datetime | None:
    """Tells when everything was read."""
    number = told.charger().charger_id
    reading = await told.store.read(lambda con: select_reading(con, number))
    return None if reading is None else reading.read


async def until_read(told: Told) -> None:
    with trio.fail_after(10):
        while await read_at(told) is None:
            pass


async def kept(told: Told) -> dict[str, str | None]:
    number = told.charger().charger_id
    return {row.key: row.value for row in await told.store.read(lambda con: select_configuration(con, number))}


async def heard(charge_point: ChargePoint, keys: Mapping[str, str]) -> list[str]:
    """Answers one question for some keys as a charger with these would; gives what was asked for."""
    unique_id, action, payload = await charge_point.told()
    assert action == "GetConfiguration"
    asked: list[str] = payload.get("key", [])
    known = {key: value for key, value in keys.items() if same_key(key) in map(same_key, asked)}
    unknown = [key for key in asked if same_key(key) not in map(same_key, keys)]
    await charge_point.send([3, unique_id, {**listing(known), "unknownKey": unknown}])
    return asked


async def test_everything_is_read_after_a_boot_and_not_again_that_day(told: Told) -> None:
    async with configuring(told):
        async with told.booted() as charge_point:
            assert await charge_point.answers("GetConfiguration", listing(KEYS)) == {}
            await until_read(told)
            assert await kept(told) == KEYS
            await charge_point.boot()
            assert await charge_point.hears_nothing()
        async with told.booted() as charge_point:
            assert await charge_point.hears_nothing()


async def test_it_is_read_again_with_another_firmware(told: Told) -> None:
    boot = {"chargePointVendor": "ACME", "chargePointModel": "One"}
    async with configuring(told), told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", listing(KEYS))
        await until_read(told)
        await charge_point.say("BootNotification", {**boot, "firmwareVersion": "2.0"})
        assert await charge_point.answers("GetConfiguration", listing({**KEYS, "HeartbeatInterval": "60"})) == {}
        with trio.fail_after(10):
            while (await kept(told))["HeartbeatInterval"] != "60":
                pass


async def test_a_charger_that_never_boots_is_read_too(told: Told) -> None:
    """Q57: it kept its power and its registration, so it has no reason to boot."""
    async with configuring(told), told.connected() as charge_point:
        await charge_point.status(0, "Available")
        await charge_point.answers("GetConfiguration", listing(KEYS))
        await until_read(told)


async def test_nothing_is_asked_before_the_quiet_time(told: Told) -> None:
    """A charger in a boot loop never gets there (Q58, Q62)."""
    async with configuring(told, quiet_s=3600), told.booted() as charge_point:
        for _ in range(5):
            await charge_point.boot()
        assert await charge_point.hears_nothing()


async def test_a_rejected_charger_is_not_asked(told: Told) -> None:
    await told.services.registry.set_charger(
        "CP001", ChargerChange(registration_status="Rejected"), now=told.services.clock()
    )
    async with configuring(told), told.booted() as charge_point:
        assert await charge_point.hears_nothing()


@pytest.mark.parametrize(
    "answer",
    [
        lambda unique_id: [4, unique_id, "InternalError", "", {}],
        lambda unique_id: [3, unique_id, {}],
        lambda unique_id: [3, unique_id, {"configurationKey": []}],
    ],
    ids=["error", "nothing", "no keys"],
)
async def test_keys_are_asked_for_by_name_where_a_charger_does_not_list_them(told: Told, answer: Any) -> None:
    """Q45, Q106: no more at once than it says, and the next time it is known."""
    keys = {**KEYS, "GetConfigurationMaxKeys": "4"}
    async with configuring(told):
        async with told.booted() as charge_point:
            unique_id, _, payload = await charge_point.told()
            assert payload == {}
            await charge_point.send(answer(unique_id))
            assert await heard(charge_point, keys) == ["GetConfigurationMaxKeys"]
            asked: list[list[str]] = []
            while sum(map(len, asked)) < len(STANDARD_KEYS) - 1:
                asked.append(await heard(charge_point, keys))
            assert {len(batch) for batch in asked[:-1]} == {4}
            assert {key for batch in asked for key in batch} == set(STANDARD_KEYS) - {"GetConfigurationMaxKeys"}
            await until_read(told)
            assert await kept(told) == keys
        ((max_keys, by_key),) = await told.rows('SELECT "maxKeys", "byKey" FROM "configurationReading"')
        assert (max_keys, by_key) == (4, True)


async def test_keys_that_are_refused_together_are_asked_for_one_by_one(told: Told) -> None:
    async with configuring(told), told.booted() as charge_point:
        await desire(told, "Blue", "1")
        await desire(told, "Red", "1")
        unique_id, *_ = await charge_point.told()
        await charge_point.send([3, unique_id, listing({"HeartbeatInterval": "300"})])
        unique_id, _, payload = await charge_point.told()
        assert payload == {"key": ["Blue", "Red"]}
        await charge_point.send([4, unique_id, "OccurenceConstraintViolation", "one at a time", {}])
        unique_id, _, payload = await charge_point.told()
        assert payload == {"key": ["Blue"]}
        await charge_point.send([4, unique_id, "PropertyConstraintViolation", "", {}])
        assert await heard(charge_point, {"Red": "1"}) == ["Red"]
        await until_read(told)
        assert await charge_point.hears_nothing()


async def test_a_list_that_is_cut_at_the_limit_is_completed_by_name(told: Told) -> None:
    keys = {"GetConfigurationMaxKeys": "2", "HeartbeatInterval": "300"}
    async with configuring(told), told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", listing(keys))
        whole = {**keys, "ResetRetries": "1"}
        for _ in range(0, len(STANDARD_KEYS) - 2, 2):
            assert len(await heard(charge_point, whole)) <= 2
        await until_read(told)
        assert await kept(told) == whole


async def test_a_charger_that_goes_while_it_is_read_is_read_when_it_is_back(told: Told) -> None:
    async with configuring(told):
        async with told.booted() as charge_point:
            await charge_point.told()
        async with told.booted() as charge_point:
            await charge_point.answers("GetConfiguration", listing(KEYS))
            await until_read(told)


async def test_the_simulated_charge_point_is_read_and_set(told: Told) -> None:
    """Over its own link and its own codec, with the keys of OCPP 1.6 §9."""
    await desire(told, "HeartbeatInterval", "60")
    url = f"ws://{told._address}/ocpp/j/v16"
    dial = dial_url(url, "CP001", username="depot", password="correct horse battery")
    charge_point = SimulatedChargePoint("CP001", dial, clock=ScaledClock(NOW, 1.0))
    async with configuring(told), trio.open_nursery() as nursery:
        await nursery.start(charge_point.run)
        await until_read(told)
        with trio.fail_after(10):
            while (await kept(told))["HeartbeatInterval"] != "60":
                pass
        assert (await kept(told)).keys() == {key.name for key in KEYS_OF_SIMULATOR}
        assert charge_point.configuration.integer("HeartbeatInterval") == 60
        nursery.cancel_scope.cancel()


# -- what somebody wants ---------------------------------------------------------------------------------


async def test_what_a_charger_lost_is_set_again_after_its_boot(told: Told) -> None:
    """Q59: after a power cut it runs its factory settings."""
    async with configuring(told), told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", listing(KEYS))
        await until_read(told)
        await desire(told, "heartbeatinterval", "60")
        await desire(told, "MeterValueSampleInterval", "60")
        await charge_point.boot()
        assert await heard(charge_point, KEYS) == ["heartbeatinterval", "MeterValueSampleInterval"]
        assert await charge_point.answers("ChangeConfiguration", {"status": "RebootRequired"}) == {
            "key": "heartbeatinterval",
            "value": "60",
        }
        ended = await told.ended(1)
        assert (ended.state, ended.requested_by) == ("completed", "solarocpp")
        rows = await told.rows(
            'SELECT value, "rebootRequired", until IS NULL FROM configuration WHERE "key" = \'HeartbeatInterval\' '
            "ORDER BY since, until NULLS LAST"
        )
        assert rows == [("300", False, False), ("60", True, True)]
        await charge_point.boot()
        assert await heard(charge_point, {**KEYS, "HeartbeatInterval": " 60 "}) != []
        assert await charge_point.hears_nothing()


async def test_what_a_charger_lost_is_set_again_though_its_link_ended_right_after_the_boot(told: Told) -> None:
    """A modem that drops, or a new key: over the next link it does not boot (OCPP 1.6 §4.2)."""
    async with configuring(told):
        async with told.booted() as charge_point:
            await charge_point.answers("GetConfiguration", listing(KEYS))
            await until_read(told)
        await desire(told, "HeartbeatInterval", "60")
        async with told.booted() as charge_point:
            await charge_point.told()  # asked for what it has, and gone before it answered
        async with told.connected() as charge_point:
            await charge_point.status(0, "Available")
            assert await heard(charge_point, KEYS) == ["HeartbeatInterval"]
            assert await charge_point.answers("ChangeConfiguration", {"status": "Accepted"}) == {
                "key": "HeartbeatInterval",
                "value": "60",
            }


async def test_a_value_that_is_lost_again_and_again_is_left_alone(told: Told) -> None:
    """Q62: one that boots because of it would boot for ever."""
    await desire(told, "HeartbeatInterval", "60")
    async with configuring(told), told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", listing(KEYS))
        for number in (1, 2, 3):
            await charge_point.answers("ChangeConfiguration", {"status": "Accepted"})
            await told.ended(number)
            await charge_point.boot()
            await heard(charge_point, KEYS)
        assert await charge_point.hears_nothing()
        await charge_point.boot()
        await heard(charge_point, KEYS)
        assert await charge_point.hears_nothing()
        assert await told.rows("SELECT identifier, message FROM event WHERE name = 'configuration_not_kept'") == [
            ("CP001", "HeartbeatInterval was set 3 times and is not what it should be after the next boot")
        ]


async def test_what_is_ordered_already_is_not_ordered_twice(told: Told) -> None:
    await desire(told, "HeartbeatInterval", "60")
    async with configuring(told), told.booted() as charge_point:
        unique_id, *_ = await charge_point.told()
        number = await told.order("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})
        await charge_point.send([3, unique_id, listing(KEYS)])
        await charge_point.answers("ChangeConfiguration", {"status": "Accepted"})
        await told.ended(number)
        await until_read(told)
        assert await charge_point.hears_nothing()
    assert await told.rows("SELECT count(*) FROM instruction") == [(1,)]


async def test_a_secret_is_compared_and_never_written_where_analysts_read(told: Told) -> None:
    await desire(told, "WifiPassword", "[redacted]", secret="hunter2hunter2")
    async with configuring(told), told.booted() as charge_point:
        await charge_point.answers("GetConfiguration", listing({**KEYS, "WifiPassword": "factory-secret"}))
        assert await charge_point.answers("ChangeConfiguration", {"status": "Accepted"}) == {
            "key": "WifiPassword",
            "value": "hunter2hunter2",
        }
        await told.ended(1)
        for shown in ("hunter2hunter2", "********"):  # it has it; it does not say
            await charge_point.boot()
            await heard(charge_point, {"WifiPassword": shown})
            assert await charge_point.hears_nothing()
    for table in ("configuration", "instruction", "ledger", "event", '"desiredConfiguration"'):
        assert await told.rows(
            f"SELECT count(*) FROM {table} AS t WHERE t::VARCHAR LIKE '%hunter2%' OR t::VARCHAR LIKE '%factory-secret%'"
        ) == [(0,)], table
    assert (await kept(told))["WifiPassword"] == "[redacted]"


async def test_a_charger_that_does_not_answer_is_asked_after_its_next_boot(tmp_path: Any) -> None:
    """The link ends before it has answered; nothing is noted as read."""
    async with telling(tmp_path / "data") as told, configuring(told):
        async with told.booted() as charge_point:
            await charge_point.told()
            assert await read_at(told) is None
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert await read_at(told) is None
