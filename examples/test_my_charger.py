"""Tests of a charger against a real central system: start it, let the charger loose, ask what was stored.

Run: pytest examples/test_my_charger.py

Needs `pip install pytest-trio`. The charger here is the simulated one; put yours in its place.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

import solarocpp.query as q
from solarocpp.app import Running, serve, utc_now
from solarocpp.config import Config
from solarocpp.ocpp.messages import GetConfigurationRequest
from solarocpp.registry.orders import NewAuthorization, NewCharger, NewCredential
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import CARS, ChargingCurve
from solarocpp.simulator.clock import ScaledClock
from solarocpp.simulator.link import dial_url


@pytest.fixture
async def central_system(tmp_path: Path, nursery: trio.Nursery) -> AsyncGenerator[Running]:
    """A server on free ports with an empty store, one charger, one id tag, one password."""
    stop, stopped = trio.Event(), trio.Event()
    config = Config(data_dir=tmp_path, ocpp="127.0.0.1:0", web="127.0.0.1:0", quack="off")

    async def run(task_status: trio.TaskStatus[Running]) -> None:
        await serve(config, stop=stop, task_status=task_status)
        stopped.set()

    running: Running = await nursery.start(run)
    now = utc_now()
    await running.registry.add_charger(NewCharger(identifier="CP001"), now=now)
    await running.registry.add_authorization(NewAuthorization(token="MY-CARD"), now=now)
    await running.registry.add_credential(NewCredential(username="CP001", password="a test's password"), now=now)
    yield running
    stop.set()
    await stopped.wait()


@pytest.fixture
async def charger(central_system: Running, nursery: trio.Nursery) -> ChargePoint:
    """A simulated charger, ten minutes a second, which the central system has accepted."""
    url = f"ws://{central_system.ocpp}/ocpp/j/v16"
    dial = dial_url(url, "CP001", username="CP001", password="a test's password")
    clock = ScaledClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC), 600.0)
    charge_point = ChargePoint("CP001", dial, clock=clock)
    await nursery.start(charge_point.run)
    return charge_point


async def test_an_hour_of_charging_is_stored(central_system: Running, charger: ChargePoint) -> None:
    """A compact car takes 11 kW: half an hour at 16 A on three phases."""
    await charger.charge(1, "MY-CARD", ChargingCurve(CARS[2], soc_start=30.0), stays_s=1_800.0)
    ((energy, peak_power),) = await central_system.store.read(
        lambda con: q.sessions(con).project("energy, peakPower").fetchall()
    )
    assert energy == pytest.approx(5_520, abs=60)  # 11,040 W for half an hour, less the ramp
    assert peak_power == pytest.approx(11_040, abs=1)


async def test_the_charger_answers_what_it_can(central_system: Running, charger: ChargePoint) -> None:
    """Orders go the other way over the same link."""
    registered = central_system.registry.charger_by_identifier(charger.identity)
    assert registered is not None
    answer = await central_system.roster.call(
        registered.charger_id, GetConfigurationRequest(key=("NumberOfConnectors",))
    )
    assert answer.configuration_key[0].value == "1"
