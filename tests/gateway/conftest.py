"""A gateway with a real store, registry and central system on a real socket; both receive paths."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trio
import trustme
from gateway_server import Server, Trusting

from solarocpp.central_system import CentralSystem, Transactions
from solarocpp.config import Config
from solarocpp.gateway import Gateway, Roster, Services
from solarocpp.gateway.pace import Pace
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
def pace() -> Pace | None:
    """Overridden where a test needs another pace than the configuration gives."""
    return None


@pytest.fixture
async def server(
    server_config: Config, central_type: Callable[..., CentralSystem], pace: Pace | None
) -> AsyncIterator[Server]:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store = open_store(server_config.data_dir, now=now)
    registry = Registry.load(store)
    central = central_type(registry, Transactions(store.transactions(), store.store_id))
    services = Services(server_config, store, registry, central, Roster(), lambda: now)
    gateway = Gateway(services, pace=pace)
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


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> Trusting:
    """Makes a charger's context: it trusts us, and shows a certificate with these names if any."""

    def make(*names: str, issuer: trustme.CA = authority) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if names:
            issuer.issue_cert(*names[1:], common_name=names[0]).configure_cert(context)
        return context

    return make


@pytest.fixture
def tls_config(config: Config, authority: trustme.CA) -> Config:
    directory = config.data_dir / "tls-test"
    directory.mkdir()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return msgspec.structs.replace(config, tls_cert=directory / "cert.pem", tls_key=directory / "key.pem")


@pytest.fixture
def registry(server: Server) -> Registry:
    return server.services.registry
