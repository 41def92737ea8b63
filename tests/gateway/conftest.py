"""A gateway with a real store, registry and central system on a real socket; both receive paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from gateway_server import Server

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.config import Config
from solarocpp.gateway import Gateway, Roster, Services
from solarocpp.registry import NewAuthorization, NewCharger, NewCredential, Registry
from solarocpp.store import open_store


@pytest.fixture(params=["lean", "stock"])
def receive_path(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def config(tmp_path: Path, receive_path: str) -> Config:
    return Config(data_dir=tmp_path, ocpp="127.0.0.1:0", receive_path=receive_path)  # type: ignore[arg-type]


@pytest.fixture
def server_config(config: Config) -> Config:
    """Overridden where a test needs other settings, made from these."""
    return config


@pytest.fixture
def central_type() -> Callable[..., CentralSystem]:
    """Overridden where a test needs a central system with a defect."""
    return CentralSystem


@pytest.fixture
async def server(server_config: Config, central_type: Callable[..., CentralSystem]) -> AsyncIterator[Server]:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store = open_store(server_config.data_dir, now=now)
    registry = Registry.load(store)
    central = central_type(registry, Transactions(store.transactions(), store.store_id))
    services = Services(server_config, store, registry, central, Roster(), lambda: now)
    gateway = Gateway(services)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        for identifier in ("CP001", "CP002"):
            await registry.add_charger(NewCharger(identifier=identifier), now=now)
        await registry.add_credential(NewCredential(username="depot", password="correct horse battery"), now=now)
        await registry.add_authorization(NewAuthorization(token="TAG1"), now=now)
        async with trio.open_nursery() as links:
            address = await nursery.start(gateway.serve, links)
            yield Server(services, address, gateway)
            links.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
    store.close()
