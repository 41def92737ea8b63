"""What chargers say of files that will not come: which transfers it ends, and that none of it is the last word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trio

from solarocpp.central_system import Transactions
from solarocpp.central_system.confirmations import OBSERVERS
from solarocpp.central_system.context import Scene
from solarocpp.ocpp.datatypes import ChargePointId
from solarocpp.ocpp.messages import GetDiagnosticsConfirmation, GetDiagnosticsRequest
from solarocpp.registry import Charger, NewCharger, Registry
from solarocpp.store import Store, open_store
from solarocpp.store.effects import EventHappened
from solarocpp.store.ledger import ChargerFacts
from solarocpp.store.transfers import Purpose, select_transfers
from solarocpp.web.file_exchange import make_file_app
from solarocpp.web.serving import serve_asgi
from solarocpp.web.transferring import Firmware, Transferring

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIRMWARE = Firmware("v2.bin", 11, "00" * 32)
OTHERS: dict[Purpose, tuple[Purpose, Purpose]] = {
    "diagnostics": ("log", "firmware"),
    "log": ("diagnostics", "firmware"),
    "securityLog": ("diagnostics", "firmware"),
    "firmware": ("diagnostics", "log"),
}


class Site(NamedTuple):
    """Two chargers, and the files they are told to send and to fetch."""

    store: Store
    transferring: Transferring
    first: Charger
    second: Charger
    http: httpx.AsyncClient

    async def say(self, event: str, status: str, **data: int | str | None) -> None:
        """Has the first charger say how far a file is, and waits until that is written down."""
        told = EventHappened(NOW, event, "CP001", "", {"status": status, **data})
        self.transferring.note_effects(self.first.charger_id, [told])
        await trio.testing.wait_all_tasks_blocked()
        await self.store.settle()

    async def offer(self, purpose: Purpose, charger: Charger | None = None) -> tuple[int, str]:
        """Orders a file; gives the number of its transfer, and the path of its URL."""
        charger = charger or self.first
        row, path = await (
            self.transferring.offer_download(charger, FIRMWARE)
            if purpose == "firmware"
            else self.transferring.offer_upload(charger, purpose, timedelta(hours=1))
        )
        return row.transfer_id, path

    async def told(self) -> list[tuple[int, str, str | None]]:
        """Gives number, state and remark of all transfers, as they are stored."""
        rows = await self.store.read(select_transfers)
        assert rows == self.transferring.transfers()
        return [(row.transfer_id, row.state, row.remark) for row in reversed(rows)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = open_store(tmp_path / "data", now=NOW)
    registry = Registry.load(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        first, second = [await registry.add_charger(NewCharger(identifier=f"CP00{n}"), now=NOW) for n in (1, 2)]
        transferring = Transferring(store, lambda: NOW)
        nursery.start_soon(transferring.end_failed)
        address = await nursery.start(serve_asgi, make_file_app(transferring), "127.0.0.1:0", "files")
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
            yield Site(store, transferring, first, second, http)
        nursery.cancel_scope.cancel()
    store.close()


@pytest.mark.parametrize(
    ("event", "status", "purpose"),
    [
        ("diagnostics_status_told", "UploadFailed", "diagnostics"),
        ("log_status_told", "BadMessage", "log"),
        ("log_status_told", "NotSupportedOperation", "securityLog"),
        ("log_status_told", "PermissionDenied", "log"),
        ("log_status_told", "UploadFailure", "securityLog"),
        ("upload_answered", "Rejected", "log"),
        ("firmware_status_told", "DownloadFailed", "firmware"),
        ("firmware_status_told", "InstallationFailed", "firmware"),
        ("firmware_status_told", "InstallVerificationFailed", "firmware"),
        ("firmware_status_told", "InvalidSignature", "firmware"),
    ],
)
async def test_word_of_a_charger_ends_what_it_is_about(site: Site, event: str, status: str, purpose: Purpose) -> None:
    """Its own files of that kind, and nobody else's."""
    await site.offer(purpose)
    for other in OTHERS[purpose]:
        await site.offer(other)
    await site.offer(purpose, site.second)
    await site.say(event, status)
    failed, *untouched = await site.told()
    assert failed == (1, "failed", f"the charger says {status}")
    assert [row[1:] for row in untouched] == 3 * [("waiting", None)]


@pytest.mark.parametrize("status", ["Idle", "Uploading", "Uploaded"])
async def test_other_words_end_nothing(site: Site, status: str) -> None:
    await site.offer("diagnostics")
    await site.say("diagnostics_status_told", status)
    assert await site.told() == [(1, "waiting", None)]


async def test_log_that_is_named_is_the_one(site: Site) -> None:
    await site.offer("log")
    await site.offer("log")
    await site.say("log_status_told", "UploadFailure", request_id=2)
    await site.say("log_status_told", "UploadFailure", request_id=77)
    assert await site.told() == [(1, "waiting", None), (2, "failed", "the charger says UploadFailure")]


NOTHING = "the charger has nothing to send: it answered GetDiagnostics without a file name"


def told_by(site: Site) -> Scene:
    """What is known while an answer of the first charger is read."""
    facts = ChargerFacts(site.first.charger_id, ChargePointId("CP001"), 1, 1, "/{chargerIdentifier}", publish=True)
    return Scene(facts, NOW, Transactions(site.store.transactions(), site.store.store_id))


@pytest.mark.parametrize("file_name", [None, ""])
async def test_without_diagnostics_nobody_waits_for_them(site: Site, file_name: str | None) -> None:
    """OCPP 1.6 §6.26: no file name, no diagnostic information. It was waited for until its URL expired, a day later."""
    for purpose in ("diagnostics", "log"):
        await site.offer(purpose)
    asked = GetDiagnosticsRequest(location="http://box/files/x/")
    told = OBSERVERS[GetDiagnosticsRequest](asked, GetDiagnosticsConfirmation(file_name=file_name), told_by(site))
    site.transferring.note_effects(site.first.charger_id, told)
    await trio.testing.wait_all_tasks_blocked()
    await site.store.settle()
    assert await site.told() == [(1, "failed", NOTHING), (2, "waiting", None)]


async def test_with_a_file_name_the_file_is_waited_for(site: Site) -> None:
    await site.offer("diagnostics")
    await site.say("upload_answered", "None", action="GetDiagnostics", file_name="diag.zip")
    assert await site.told() == [(1, "waiting", None)]


async def test_nothing_more_to_send_is_not_said_of_a_file_that_is_coming(site: Site) -> None:
    await site.offer("diagnostics")
    await site.offer("diagnostics")
    await site.transferring.note_progress(site.transferring.transfer(1), 7)
    await site.say("upload_answered", "None", action="GetDiagnostics", file_name=None)
    assert await site.told() == [(1, "moving", None), (2, "failed", NOTHING)]


async def test_file_may_come_after_all(site: Site) -> None:
    """Some chargers say UploadFailed after each of their tries."""
    _, path = await site.offer("diagnostics")
    await site.say("diagnostics_status_told", "UploadFailed")
    assert (await site.http.put(f"{path}/diag.zip", content=b"at last")).status_code == 201
    assert await site.told() == [(1, "done", None)]
    assert site.transferring.transfer(1).bytes == 7


async def test_failed_installation_is_told_of_the_file_that_was_fetched(site: Site) -> None:
    """The file is through, which stays so; the next one is not what was installed."""
    folder = site.store.directory / "uploads" / "firmware"
    folder.mkdir(parents=True)
    (folder / "v2.bin").write_bytes(b"firmware v2")
    _, path = await site.offer("firmware")
    assert (await site.http.get(path)).content == b"firmware v2"
    await site.offer("firmware")
    await site.say("firmware_status_told", "InstallationFailed")
    assert await site.told() == [(1, "done", "the charger says InstallationFailed"), (2, "waiting", None)]


async def test_failure_after_the_end_changes_nothing(site: Site) -> None:
    number, _ = await site.offer("diagnostics")
    await site.transferring.cancel(number, "not needed")
    await site.say("diagnostics_status_told", "UploadFailed")
    assert await site.told() == [(1, "cancelled", "not needed")]
