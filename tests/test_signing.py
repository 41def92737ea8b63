"""What chargers ask to have signed: judged at once, signed a moment later, and asked for again in time."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from solarocpp.certificates import read_certificates
from solarocpp.certificates.folder import TlsFolder
from solarocpp.errors import ConfigError, RegistryError
from solarocpp.ocpp.messages import CertificateSignedRequest, ExtendedTriggerMessageRequest, OcppMessage
from solarocpp.registry import NewAccount, NewCharger, Registry
from solarocpp.signing import MOST_WAITING, Signing
from solarocpp.store import Store, open_store
from solarocpp.store.certificates import select_certificates
from solarocpp.store.ledger import ChargerFacts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Box(NamedTuple):
    """An authority at work in front of a real store, and what chargers are told by it."""

    signing: Signing
    store: Store
    registry: Registry
    clock: Clock
    charger: ChargerFacts
    nursery: trio.Nursery
    told: trio.MemoryReceiveChannel[tuple[int, OcppMessage]]
    tell: trio.MemorySendChannel[tuple[int, OcppMessage]]

    def run(self) -> None:
        self.nursery.start_soon(self.signing.run, self.queue)

    async def queue(self, charger_id: int, message: OcppMessage) -> None:
        await self.tell.send((charger_id, message))

    async def events(self, name: str) -> list[str]:
        ask = "SELECT message FROM event WHERE name = ? ORDER BY created"
        return [text for (text,) in await self.store.read(lambda con: con.execute(ask, [name]).fetchall())]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    folder = TlsFolder(tmp_path / "tls")
    folder.init(names=["box"], fallback_names=["box"], chargers=[], now=NOW, days=365)
    store, clock = open_store(tmp_path / "data", now=NOW), Clock()
    registry = Registry.load(store)
    send, receive = trio.open_memory_channel[tuple[int, OcppMessage]](10)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        charger = await registry.add_charger(NewCharger(identifier="CP001"), now=NOW)
        signing = Signing(folder, registry, store, clock)
        yield Box(signing, store, registry, clock, registry.facts(charger), nursery, receive, send)
        nursery.cancel_scope.cancel()
    store.close()


def requested(tmp_path: Path, name: str = "CP001") -> str:
    """A request as OpenSSL makes one."""
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(tmp_path / "charger.key"), "-subj", f"/CN={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def test_charger_gets_the_certificate_it_asks_for(box: Box, tmp_path: Path) -> None:
    box.run()
    assert box.signing.may_sign(box.charger, requested(tmp_path))
    charger_id, message = await box.told.receive()
    assert charger_id == box.charger.charger_id
    assert isinstance(message, CertificateSignedRequest)
    (leaf,) = read_certificates(message.certificate_chain.encode())
    (authority,) = read_certificates((tmp_path / "tls" / "ca.pem").read_bytes())
    assert leaf.is_issued_by(authority)
    assert (leaf.names, leaf.organization, leaf.not_after) == (("CP001",), "solarocpp", NOW + timedelta(days=365))
    (kept,) = await box.store.read(select_certificates)
    assert (kept.serial, kept.identifier, kept.key) == (leaf.serial, "CP001", "EC P-256")
    assert await box.events("certificate_issued") == ["good until 2027-03-01, EC P-256"]


async def test_among_several_accounts_it_is_good_for_one(box: Box, tmp_path: Path) -> None:
    """Identifiers are unique within an account only: another's CP001 must not come in with it."""
    await box.registry.add_account(NewAccount(name="mill"), now=NOW)
    account = box.registry.account(1)
    assert account is not None
    box.run()
    assert box.signing.may_sign(box.charger, requested(tmp_path))
    _, message = await box.told.receive()
    assert isinstance(message, CertificateSignedRequest)
    assert read_certificates(message.certificate_chain.encode())[0].organization == account.hid


@pytest.mark.parametrize(
    ("name", "reason"),
    [("CP002", "it is for 'CP002', not for CP001"), ("", "this is no certificate request (PEM, PKCS #10)")],
)
async def test_what_is_not_signed_is_an_event_with_the_reason(box: Box, tmp_path: Path, name: str, reason: str) -> None:
    assert not box.signing.may_sign(box.charger, requested(tmp_path, name) if name else "nonsense")
    assert await box.events("certificate_refused") == [reason]
    assert await box.store.read(select_certificates) == []


async def test_flood_of_requests_is_refused(box: Box, tmp_path: Path) -> None:
    request = requested(tmp_path)
    assert [box.signing.may_sign(box.charger, request) for _ in range(MOST_WAITING + 1)].count(False) == 1
    assert await box.events("certificate_refused") == ["100 requests wait already"]


async def test_charger_is_asked_to_renew_in_the_last_month(box: Box, tmp_path: Path) -> None:
    box.run()
    box.signing.may_sign(box.charger, requested(tmp_path))
    await box.told.receive()
    box.clock.now = NOW + timedelta(days=334)
    await box.signing.remind(box.queue)
    assert box.told.statistics().current_buffer_used == 0
    box.clock.now = NOW + timedelta(days=336)
    await box.signing.remind(box.queue)
    assert await box.told.receive() == (1, ExtendedTriggerMessageRequest("SignChargePointCertificate"))
    assert await box.events("certificate_ending") == [
        "the certificate of CP001 ends on 2027-03-01; it is asked to request another"
    ]
    box.signing.may_sign(box.charger, requested(tmp_path))
    await box.told.receive()
    await box.signing.remind(box.queue)
    assert box.told.statistics().current_buffer_used == 0


async def test_charger_that_cannot_be_told_stops_nobody(box: Box, tmp_path: Path) -> None:
    refused = iter([RegistryError("instruction", 1, "too much waits for it")])

    async def tell(charger_id: int, message: OcppMessage) -> None:
        for error in refused:
            raise error
        await box.queue(charger_id, message)

    box.nursery.start_soon(box.signing.run, tell)
    for _ in range(2):
        box.signing.may_sign(box.charger, requested(tmp_path))
    assert isinstance((await box.told.receive())[1], CertificateSignedRequest)
    assert await box.events("certificate_refused") == ["too much waits for it"]


def test_without_an_authority_nothing_is_signed(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data", now=NOW)
    with pytest.raises(ConfigError, match="make one with: solarocpp tls init"):
        Signing(TlsFolder(tmp_path / "tls"), Registry.load(store), store, Clock())
    store.close()
