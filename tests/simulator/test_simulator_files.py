"""Uploads and firmware over real HTTP; the central system is played, time is real and a thousand times as fast."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from solarocpp.registry import NewCharger, Registry
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.clock import ScaledClock
from solarocpp.store import open_store
from solarocpp.web.file_exchange import make_file_app
from solarocpp.web.serving import serve_asgi
from solarocpp.web.transferring import Firmware, Transferring

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
FIRMWARE = b"firmware 1.1" * 1000


class FileServer:
    """Takes what is PUT below /in/, and gives /fw.bin; the first `failures` requests are answered 503."""

    def __init__(self) -> None:
        self.arrived: dict[str, bytes] = {}
        self.failures = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self._fails():
                    return
                outer.arrived[self.path] = body
                self._answer(201)

            def do_GET(self) -> None:
                if not self._fails():
                    self._answer(*((200, FIRMWARE) if self.path == "/fw.bin" else (404, b"")))

            def _fails(self) -> bool:
                if outer.failures:
                    outer.failures -= 1
                    self._answer(503)
                    return True
                return False

            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's proxy does not know this machine's own ports."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


@pytest.fixture
async def charge_point(central: PlayedCentralSystem, nursery: trio.Nursery) -> ChargePoint:
    for action in ("Diagnostics", "Firmware", "Log", "SignedFirmware"):
        central.answers[f"{action}StatusNotification"] = {}
    charge_point = ChargePoint("CP 1", central.dial, clock=ScaledClock(START, 1000.0), heartbeats=False)
    await nursery.start(charge_point.run)
    return charge_point


async def progress(central: PlayedCentralSystem, action: str, last: str) -> list[Any]:
    """Waits for the last word of a piece of work; gives all of them."""
    with trio.fail_after(20):
        while True:
            told = central.payloads(f"{action}StatusNotification")
            if told and told[-1]["status"] == last:
                return told
            await trio.lowlevel.checkpoint()


async def call(central: PlayedCentralSystem, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """As `PlayedCentralSystem.call`, for where a charge point is never all at rest."""
    unique_id = f"f{len(central.replies)}"
    await central.links[-1].send_message(json.dumps([2, unique_id, action, payload]))
    with trio.fail_after(10):
        while unique_id not in central.replies:
            await trio.lowlevel.checkpoint()
    answer: dict[str, Any] = central.replies[unique_id][2]
    return answer


async def test_diagnostics_arrive_where_they_were_asked_for(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer
) -> None:
    told = await call(central, "GetDiagnostics", {"location": f"{files.url}/in/"})
    assert told["fileName"].startswith("CP-1-diagnostics-20260301T06")
    assert await progress(central, "Diagnostics", "Uploaded") == [{"status": "Uploading"}, {"status": "Uploaded"}]
    (path, body), *others = files.arrived.items()
    assert (path, others) == (f"/in/{told['fileName']}", [])
    content = json.loads(body)
    assert (content["identity"], content["configuration"]["NumberOfConnectors"]) == ("CP 1", "1")


async def test_there_are_no_diagnostics_of_times_to_come(
    central: PlayedCentralSystem, charge_point: ChargePoint
) -> None:
    asked = {"location": "http://127.0.0.1:1/", "startTime": "2027-01-01T00:00:00Z"}
    assert await call(central, "GetDiagnostics", asked) == {}


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/in", "http://127.0.0.1:1/in", "nowhere", "http://[broken"])
async def test_an_upload_that_cannot_be_made_fails_in_words(
    central: PlayedCentralSystem, charge_point: ChargePoint, location: str
) -> None:
    """Which schemes work, only the charge point knows (Q109)."""
    await call(central, "GetDiagnostics", {"location": location})
    told = await progress(central, "Diagnostics", "UploadFailed")
    assert told == [{"status": "Uploading"}, {"status": "UploadFailed"}]


async def test_a_log_is_tried_again_as_often_as_told(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer
) -> None:
    files.failures = 2
    log = {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": f"{files.url}/in"}}
    told = await call(central, "GetLog", {**log, "retries": 2, "retryInterval": 10})
    assert (told["status"], told["filename"].startswith("CP-1-security-log-")) == ("Accepted", True)
    assert await progress(central, "Log", "Uploaded") == [
        {"status": "Uploading", "requestId": 7},
        {"status": "Uploaded", "requestId": 7},
    ]
    assert list(files.arrived) == [f"/in/{told['filename']}"]
    files.failures = 1
    await call(central, "GetLog", {**log, "requestId": 8})
    assert (await progress(central, "Log", "UploadFailure"))[-1] == {"status": "UploadFailure", "requestId": 8}


async def test_a_second_log_takes_the_place_of_the_first(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer
) -> None:
    """The first one is to be tried again in an hour, which never comes."""
    log = {"logType": "DiagnosticsLog", "log": {"remoteLocation": f"{files.url}/in"}}
    files.failures = 1
    first = {**log, "requestId": 1, "retries": 1, "retryInterval": 3_600_000}
    assert (await call(central, "GetLog", first))["status"] == "Accepted"
    with trio.fail_after(10):
        while files.failures:
            await trio.lowlevel.checkpoint()
    assert (await call(central, "GetLog", {**log, "requestId": 2}))["status"] == "AcceptedCanceled"
    assert (await progress(central, "Log", "Uploaded"))[-1] == {"status": "Uploaded", "requestId": 2}


async def test_firmware_is_fetched_installed_and_told_at_the_next_boot(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer
) -> None:
    update = {"location": f"{files.url}/fw.bin", "retrieveDate": "2026-03-01T06:00:00Z"}
    assert await call(central, "UpdateFirmware", update) == {}
    told = await progress(central, "Firmware", "Installed")
    assert [status["status"] for status in told] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert [boot["firmwareVersion"] for boot in central.payloads("BootNotification")] == ["1.0", "1.1"]
    at = central.actions().index("FirmwareStatusNotification")
    assert "BootNotification" in central.actions()[at:]


async def test_firmware_that_is_not_there_changes_nothing(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer
) -> None:
    update = {"location": f"{files.url}/none.bin", "retrieveDate": "2026-03-01T06:00:00Z"}
    await call(central, "UpdateFirmware", update)
    told = await progress(central, "Firmware", "DownloadFailed")
    assert [status["status"] for status in told] == ["Downloading", "DownloadFailed"]
    assert len(central.payloads("BootNotification")) == 1


@pytest.mark.parametrize("right", [True, False])
async def test_signed_firmware_is_installed_if_the_signature_is_right(
    central: PlayedCentralSystem, charge_point: ChargePoint, files: FileServer, *, right: bool
) -> None:
    maker = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("maker", key_type=trustme.KeyType.ECDSA)
    key = load_pem_private_key(maker.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(FIRMWARE if right else b"something else", ec.ECDSA(SHA256()))
    firmware = {
        "location": f"{files.url}/fw.bin",
        "retrieveDateTime": "2026-03-01T06:00:00Z",
        "signingCertificate": maker.cert_chain_pems[0].bytes().decode(),
        "signature": base64.b64encode(signature).decode(),
    }
    nobody = {**firmware, "signingCertificate": "nothing"}
    refused = await call(central, "SignedUpdateFirmware", {"requestId": 2, "firmware": nobody})
    assert refused == {"status": "InvalidCertificate"}
    accepted = await call(central, "SignedUpdateFirmware", {"requestId": 3, "firmware": firmware})
    assert accepted == {"status": "Accepted"}
    told = await progress(central, "SignedFirmware", "Installed" if right else "InvalidSignature")
    assert {status["requestId"] for status in told} == {3}
    assert [status["status"] for status in told] == (
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"]
        if right
        else ["Downloading", "Downloaded", "InvalidSignature"]
    )
    assert charge_point.files.firmware_version == ("1.1" if right else "1.0")


async def test_diagnostics_and_firmware_by_the_servers_own_one_time_urls(
    central: PlayedCentralSystem, charge_point: ChargePoint, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """What the server gives out is what a charge point can use."""
    store = open_store(tmp_path, now=START)
    async with trio.open_nursery() as serving:
        await serving.start(store.run)
        charger = await Registry.load(store).add_charger(NewCharger(identifier="CP 1"), now=START)
        transferring = Transferring(store, lambda: START)
        address = await serving.start(serve_asgi, make_file_app(transferring), "127.0.0.1:0", "files")
        upload, path = await transferring.offer_upload(charger, "diagnostics")
        told = await call(central, "GetDiagnostics", {"location": f"http://{address}{path}"})
        assert (await progress(central, "Diagnostics", "Uploaded"))[-1] == {"status": "Uploaded"}
        arrived = transferring.transfer(upload.transfer_id)
        assert arrived.state == "done"
        assert arrived.file is not None
        assert arrived.file.endswith(told["fileName"])
        assert json.loads((tmp_path / arrived.file).read_bytes())["identity"] == "CP 1"

        firmware = Firmware("fw-1.1.bin", len(FIRMWARE), hashlib.sha256(FIRMWARE).hexdigest())
        place = tmp_path / "uploads" / "firmware"
        place.mkdir(parents=True)
        (place / firmware.name).write_bytes(FIRMWARE)
        download, path = await transferring.offer_download(charger, firmware)
        update = {"location": f"http://{address}{path}", "retrieveDate": "2026-03-01T06:00:00Z"}
        await call(central, "UpdateFirmware", update)
        await progress(central, "Firmware", "Installed")
        assert transferring.transfer(download.transfer_id).state != "waiting"
        assert charge_point.files.firmware_version == "1.1"
        serving.cancel_scope.cancel()
    store.close()
