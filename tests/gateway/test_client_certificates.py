"""Client certificates where several accounts share a box, and behind a proxy; over real sockets."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trustme
from gateway_server import Server, handshake

from solarocpp.config import Config
from solarocpp.errors import ConfigError
from solarocpp.gateway.tls import TlsKeeper
from solarocpp.registry import ChargerChange, NewAccount, NewCharger, NewCredential

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Shows = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def receive_path() -> str:
    return "lean"  # no frame matters in these tests


@pytest.fixture
def shows(authority: trustme.CA) -> Shows:
    """Makes a charger that trusts us, with a certificate for this name."""

    def make(name: str, organization: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        authority.issue_cert(common_name=name, organization_name=organization).configure_cert(context)
        return context

    return make


def header(authority: trustme.CA, name: str, organization: str | None = None) -> dict[str, str]:
    """What a proxy passes on of a charger with such a certificate."""
    made = authority.issue_cert(common_name=name, organization_name=organization)
    return {"Authorization": "", "X_Client_Cert": made.cert_chain_pems[0].bytes().decode().replace("\n", "%0A")}


async def second_account(server: Server) -> tuple[str, str]:
    """Makes account 2 with a CP001 of its own; tells the hids of both accounts."""
    registry = server.services.registry
    theirs = await registry.add_account(NewAccount(name="harbour"), now=NOW)
    await registry.add_charger(NewCharger(identifier="CP001"), now=NOW, account_id=theirs.account_id)
    return registry.require_account(1).hid, theirs.hid


async def links(server: Server) -> list[tuple[int, int]]:
    """Tells account and proven security profile of those who came in, oldest first."""
    rows = await server.rows("SELECT \"accountId\", data::VARCHAR FROM event WHERE name = 'link_opened' ORDER BY rowid")
    return [(account_id, json.loads(data)["securityProfile"]) for account_id, data in rows]


class TestTwoAccounts:
    @pytest.fixture
    def server_config(self, config: Config, authority: trustme.CA) -> Config:
        directory = config.data_dir / "tls-test"
        directory.mkdir()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(directory / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(directory / "cert.pem")
        authority.cert_pem.write_to_path(directory / "ca.pem")
        return msgspec.structs.replace(
            config,
            tls_cert=directory / "cert.pem",
            tls_key=directory / "key.pem",
            client_ca=directory / "ca.pem",
            client_auth="either",
        )

    async def test_a_certificate_opens_no_charger_of_another_account(self, server: Server, shows: Shows) -> None:
        ours, theirs = await second_account(server)
        bare, foreign = handshake(Authorization=""), handshake(f"/ocpp/j/v16h/{theirs}/CP001", "")
        for organization in (None, ours):
            assert (await server.answer(foreign, shows("CP001", organization))).startswith(b"HTTP/1.1 403 ")
        assert [row[3] for row in await server.events("kind")] == ["foreign_certificate"] * 2
        for organization in (None, ours, theirs):
            assert (await server.answer(bare, shows("CP001", organization))).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(foreign, shows("CP001", theirs))).startswith(b"HTTP/1.1 101 ")
        assert await links(server) == [(1, 3), (1, 3), (2, 3), (2, 3)]

    async def test_a_password_of_one_and_a_certificate_of_the_other_are_not_both(
        self, server: Server, shows: Shows
    ) -> None:
        ours, theirs = await second_account(server)
        registry = server.services.registry
        await registry.add_credential(
            NewCredential(username="harbour", password="r1ght-or-wrong"), now=NOW, account_id=2
        )
        await registry.set_charger("CP001", ChargerChange(security_profile=3), now=NOW, account_id=2)
        raw = handshake("/ocpp/j/v16u/harbour/r1ght-or-wrong/CP001", "")
        for organization in (None, ours):
            assert (await server.answer(raw, shows("CP001", organization))).startswith(b"HTTP/1.1 403 ")
        assert [row[3] for row in await server.events("kind")] == ["security_too_low"] * 2
        assert (await server.answer(raw, shows("CP001", theirs))).startswith(b"HTTP/1.1 101 ")
        assert await links(server) == [(2, 3)]

    async def test_nobody_is_locked_out_by_a_name_that_another_account_registers(self, server: Server) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await server.services.registry.set_charger("CP001", ChargerChange(security_profile=0), now=NOW)
        _, theirs = await second_account(server)
        assert (await server.answer(handshake(Authorization=""), context)).startswith(b"HTTP/1.1 101 ")
        foreign = handshake(f"/ocpp/j/v16h/{theirs}/CP001", "")
        assert (await server.answer(foreign, context)).startswith(b"HTTP/1.1 401 ")
        await server.services.registry.set_charger("CP001", ChargerChange(security_profile=0), now=NOW, account_id=2)
        assert (await server.answer(foreign, context)).startswith(b"HTTP/1.1 101 ")
        assert await links(server) == [(1, 0), (2, 0)]


class TestBehindAProxy:
    @pytest.fixture(params=["certificate"])
    def server_config(self, config: Config, authority: trustme.CA, request: pytest.FixtureRequest) -> Config:
        client_ca = config.data_dir / "client-ca.pem"
        authority.cert_pem.write_to_path(client_ca)
        return msgspec.structs.replace(
            config,
            trusted_proxies=("127.0.0.1",),
            client_cert_header="X-Client-Cert",
            client_ca=client_ca,
            client_auth=request.param,
        )

    async def test_certificates_are_looked_at_while_the_authoritys_file_is_away(
        self, server: Server, authority: trustme.CA, server_config: Config
    ) -> None:
        assert server_config.client_ca is not None
        server_config.client_ca.unlink()
        assert not server.gateway.reload_tls()  # nor is what it holds forgotten then
        assert (await server.answer(handshake(**header(authority, "CP001")))).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(handshake(**header(trustme.CA(), "CP001")))).startswith(b"HTTP/1.1 403 ")
        assert [row[3] for row in await server.events("kind")] == ["bad_certificate"]

    async def test_another_authority_counts_as_soon_as_it_is_read(
        self, server: Server, authority: trustme.CA, server_config: Config
    ) -> None:
        assert server_config.client_ca is not None
        other = trustme.CA()
        other.cert_pem.write_to_path(server_config.client_ca)
        assert server.gateway.reload_tls()
        assert (await server.answer(handshake(**header(other, "CP001")))).startswith(b"HTTP/1.1 101 ")
        assert (await server.answer(handshake(**header(authority, "CP001")))).startswith(b"HTTP/1.1 403 ")

    async def test_a_certificate_is_of_the_account_that_it_names(self, server: Server, authority: trustme.CA) -> None:
        ours, theirs = await second_account(server)
        raw = handshake(f"/ocpp/j/v16h/{theirs}/CP001", **header(authority, "CP001", ours))
        assert (await server.answer(raw)).startswith(b"HTTP/1.1 403 ")
        raw = handshake(**header(authority, "CP001", theirs.lower()))
        assert (await server.answer(raw)).startswith(b"HTTP/1.1 101 ")
        assert await links(server) == [(2, 3)]

    async def test_without_a_certificate_a_password_is_not_enough(self, server: Server) -> None:
        assert (await server.answer(handshake())).startswith(b"HTTP/1.1 403 ")
        assert [row[3] for row in await server.events("kind")] == ["no_certificate"]


def test_an_authority_for_a_proxys_certificates_must_be_one(config: Config, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("rubbish")
    with pytest.raises(ConfigError, match=r"client_ca is .* allowed: a readable PEM file with certificates"):
        TlsKeeper(
            msgspec.structs.replace(
                config, trusted_proxies=("10.0.0.1",), client_cert_header="X", client_ca=tmp_path / "ca.pem"
            )
        )
