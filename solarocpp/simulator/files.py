"""Files on their way: diagnostics and logs that are put somewhere, firmware that is fetched and installed.

Over HTTP and HTTPS, as SupportedFileTransferProtocols says; what cannot be reached ends in the failure
that OCPP has a word for. Work takes simulated seconds, transfers real ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

import httpx
import msgspec
import trio

from solarocpp.certificates.charge_point import is_signed_by
from solarocpp.ocpp import messages as ocpp

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint

# Simulated seconds each step takes.
PACK_S, INSTALL_S = 5.0, 60.0

# Real seconds a transfer may take, and bytes it may have: it is held in memory.
TRANSFER_DEADLINE_S = 60.0
MOST_BYTES = 64 * 1024 * 1024

# A central system's `retries` are heeded up to here.
MOST_RETRIES = 10
_RETRY_S = 30

Progress = Literal["Downloading", "Downloaded", "DownloadFailed", "Installing", "Installed", "Idle"]
SignedProgress = Literal[
    "Downloading",
    "Downloaded",
    "DownloadFailed",
    "SignatureVerified",
    "InvalidSignature",
    "Installing",
    "InstallRebooting",
    "Installed",
    "Idle",
]


class Files:
    """The transfers of one charge point, one of each kind at a time."""

    def __init__(self, charge_point: ChargePoint) -> None:
        self._charge_point = charge_point
        self.firmware_version = "1.0"
        self._diagnostics: Literal["Idle", "Uploading"] = "Idle"
        self._firmware: Progress = "Idle"
        self._signed: tuple[SignedProgress, int | None] = ("Idle", None)
        self._log: tuple[Literal["Idle", "Uploading"], int | None] = ("Idle", None)
        self._log_upload: trio.CancelScope | None = None
        self._update: trio.CancelScope | None = None

    # -- what TriggerMessage asks ----------------------------------------------------------------------

    def diagnostics_status(self) -> ocpp.DiagnosticsStatusNotificationRequest:
        """How far the upload of diagnostics is: Idle where none runs."""
        return ocpp.DiagnosticsStatusNotificationRequest(status=self._diagnostics)

    def firmware_status(self) -> ocpp.FirmwareStatusNotificationRequest:
        """How far the update is."""
        return ocpp.FirmwareStatusNotificationRequest(status=self._firmware)

    def signed_firmware_status(self) -> ocpp.SignedFirmwareStatusNotificationRequest:
        """How far the update with signed firmware is."""
        status, request_id = self._signed
        return ocpp.SignedFirmwareStatusNotificationRequest(status=status, request_id=request_id)

    def log_status(self) -> ocpp.LogStatusNotificationRequest:
        """How far the upload of a log is."""
        status, request_id = self._log
        return ocpp.LogStatusNotificationRequest(status=status, request_id=request_id)

    # -- uploads ---------------------------------------------------------------------------------------

    async def upload_diagnostics(self, request: ocpp.GetDiagnosticsRequest, file_name: str) -> None:
        """Packs diagnostics and puts them where the central system said (OCPP 1.6 §5.9)."""
        self._diagnostics = "Uploading"
        await self._charge_point.tell(self.diagnostics_status())
        put = partial(self._put, request.location, file_name)
        arrived = await self._tried(put, request.retries, request.retry_interval)
        self._diagnostics = "Idle"
        status: Literal["Uploaded", "UploadFailed"] = "Uploaded" if arrived else "UploadFailed"
        await self._charge_point.tell(ocpp.DiagnosticsStatusNotificationRequest(status=status))

    @property
    def uploads_log(self) -> bool:
        """Whether the upload of a log is on its way."""
        return self._log_upload is not None

    async def upload_log(self, request: ocpp.GetLogRequest, file_name: str) -> None:
        """Puts a log where the central system said, in place of one that is still on its way."""
        if self._log_upload is not None:
            self._log_upload.cancel()
        with trio.CancelScope() as scope:
            self._log_upload = scope
            self._log = ("Uploading", request.request_id)
            await self._charge_point.tell(self.log_status())
            put = partial(self._put, request.log.remote_location, file_name)
            arrived = await self._tried(put, request.retries, request.retry_interval)
            status: Literal["Uploaded", "UploadFailure"] = "Uploaded" if arrived else "UploadFailure"
            await self._charge_point.tell(
                ocpp.LogStatusNotificationRequest(status=status, request_id=request.request_id)
            )
        if self._log_upload is scope:
            self._log, self._log_upload = ("Idle", None), None

    async def _put(self, location: str, file_name: str) -> bool:
        await self._charge_point.clock.sleep(PACK_S)
        charge_point = self._charge_point
        keys, _ = charge_point.configuration.select(None)
        told = {
            "identity": charge_point.identity,
            "firmwareVersion": self.firmware_version,
            "time": charge_point.clock.now(),
            "statistics": charge_point.statistics(),
            "configuration": {key.name: key.value for key in keys},
        }
        url = f"{location.rstrip('/')}/{file_name}"
        try:
            async with httpx.AsyncClient(timeout=TRANSFER_DEADLINE_S) as client:
                return (await client.put(url, content=msgspec.json.encode(told))).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    # -- firmware --------------------------------------------------------------------------------------

    async def update(self, request: ocpp.UpdateFirmwareRequest) -> None:
        """Fetches firmware at its time, installs it and starts anew (OCPP 1.6 §5.19)."""
        await self._sleep_until(request.retrieve_date)
        await self._tell_firmware("Downloading")
        found = await self._downloaded(request.location, request.retries, request.retry_interval)
        if found is None:
            await self._tell_firmware("DownloadFailed")
        else:
            await self._tell_firmware("Downloaded")
            await self._tell_firmware("Installing")
            await self._install()
            await self._tell_firmware("Installed")
        self._firmware = "Idle"

    @property
    def updates(self) -> bool:
        """Whether an update with signed firmware is on its way."""
        return self._update is not None

    async def update_signed(self, request: ocpp.SignedUpdateFirmwareRequest) -> None:
        """Fetches firmware, checks who signed it, installs it and starts anew; in place of another update."""
        if self._update is not None:
            self._update.cancel()
        with trio.CancelScope() as scope:
            self._update = scope
            firmware, number = request.firmware, request.request_id
            await self._sleep_until(firmware.retrieve_date_time)
            await self._tell_signed("Downloading", number)
            found = await self._downloaded(firmware.location, request.retries, request.retry_interval)
            if found is None:
                await self._tell_signed("DownloadFailed", number)
            elif not is_signed_by(firmware.signing_certificate, found, firmware.signature):
                await self._tell_signed("Downloaded", number)
                await self._tell_signed("InvalidSignature", number)
            else:
                await self._tell_signed("Downloaded", number)
                await self._tell_signed("SignatureVerified", number)
                await self._sleep_until(firmware.install_date_time)
                await self._tell_signed("Installing", number)
                await self._tell_signed("InstallRebooting", number)
                await self._install()
                await self._tell_signed("Installed", number)
        if self._update is scope:
            self._signed, self._update = ("Idle", None), None

    async def _sleep_until(self, when: datetime | None) -> None:
        clock = self._charge_point.clock
        if when is not None:
            await clock.sleep((when - clock.now()).total_seconds())

    async def _install(self) -> None:
        await self._charge_point.clock.sleep(INSTALL_S)
        major, _, minor = self.firmware_version.partition(".")
        self.firmware_version = f"{major}.{int(minor) + 1}"
        await self._charge_point.orders.reboot()

    async def _tell_firmware(self, status: Progress) -> None:
        self._firmware = status
        await self._charge_point.tell(self.firmware_status())

    async def _tell_signed(self, status: SignedProgress, request_id: int) -> None:
        self._signed = (status, request_id)
        await self._charge_point.tell(self.signed_firmware_status())

    async def _downloaded(self, location: str, retries: int | None, retry_interval_s: int | None) -> bytes | None:
        found = bytearray()
        fetched = await self._tried(partial(self._get, location, found), retries, retry_interval_s)
        return bytes(found) if fetched else None

    async def _get(self, location: str, found: bytearray) -> bool:
        found.clear()
        try:
            async with (
                httpx.AsyncClient(timeout=TRANSFER_DEADLINE_S, follow_redirects=True) as client,
                client.stream("GET", location) as answer,
            ):
                async for part in answer.aiter_bytes():
                    found += part
                    if len(found) > MOST_BYTES:
                        return False
                return answer.is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    async def _tried(
        self, transfer: Callable[[], Awaitable[bool]], retries: int | None, retry_interval_s: int | None
    ) -> bool:
        """Tries a transfer as often as the central system says, and once if it says nothing."""
        for attempt in range(1 + min(max(retries or 0, 0), MOST_RETRIES)):
            if attempt:
                await self._charge_point.clock.sleep(float(_RETRY_S if retry_interval_s is None else retry_interval_s))
            if await transfer():
                return True
        return False
