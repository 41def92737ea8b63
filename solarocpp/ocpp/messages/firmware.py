"""The Firmware Management profile: new firmware, and files of diagnostics."""

from __future__ import annotations

from typing import Literal

from solarocpp.ocpp.datatypes import CiString255, DateTime, Integer, OcppMessage, Uri


class FirmwareStatusNotificationRequest(OcppMessage, frozen=True):
    """How far a firmware update is (OCPP 1.6 §6.19)."""

    status: Literal[
        "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"
    ]


class FirmwareStatusNotificationConfirmation(OcppMessage, frozen=True):
    """The status is noted."""


class DiagnosticsStatusNotificationRequest(OcppMessage, frozen=True):
    """How far an upload of diagnostics is (OCPP 1.6 §6.17)."""

    status: Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]


class DiagnosticsStatusNotificationConfirmation(OcppMessage, frozen=True):
    """The status is noted."""


class GetDiagnosticsRequest(OcppMessage, frozen=True):
    """Asks for an upload of diagnostics to a directory at `location` (OCPP 1.6 §6.25)."""

    location: Uri
    retries: Integer | None = None
    retry_interval: Integer | None = None
    """Seconds."""
    start_time: DateTime | None = None
    stop_time: DateTime | None = None


class GetDiagnosticsConfirmation(OcppMessage, frozen=True):
    """The name of the file that will come; without one there is nothing to upload."""

    file_name: CiString255 | None = None


class UpdateFirmwareRequest(OcppMessage, frozen=True):
    """Has firmware fetched from `location`, not before `retrieve_date` (OCPP 1.6 §6.55)."""

    location: Uri
    retrieve_date: DateTime
    retries: Integer | None = None
    retry_interval: Integer | None = None
    """Seconds."""


class UpdateFirmwareConfirmation(OcppMessage, frozen=True):
    """The request was understood; only FirmwareStatusNotification says what comes of it."""
