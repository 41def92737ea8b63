"""The messages of "Improved security for OCPP 1.6-J", edition 3: certificates, logs, signed firmware."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from solarocpp.ocpp.datatypes import (
    CertificateHashData,
    CertificateUse,
    CiString50,
    CiString255,
    Firmware,
    Integer,
    LogParameters,
    OcppMessage,
    Pem,
    Timestamp,
)

# -- from the charge point -------------------------------------------------------------------------------


class LogStatusNotificationRequest(OcppMessage, frozen=True):
    """How far an upload of a log is; `request_id` is missing only where there is none (status Idle)."""

    status: Literal[
        "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure", "Uploading"
    ]
    request_id: Integer | None = None


class LogStatusNotificationConfirmation(OcppMessage, frozen=True):
    """The status is noted."""


class SecurityEventNotificationRequest(OcppMessage, frozen=True):
    """Something happened that bears on security; `type` is a word of the list, or a vendor's own."""

    type: CiString50
    timestamp: Timestamp | None
    tech_info: CiString255 | None = None


class SecurityEventNotificationConfirmation(OcppMessage, frozen=True):
    """The event is noted."""


class SignCertificateRequest(OcppMessage, frozen=True):
    """Asks for a client certificate: `csr` is a PKCS#10 request in PEM."""

    csr: Pem


class SignCertificateConfirmation(OcppMessage, frozen=True):
    """Whether it will be looked at; the certificate comes by CertificateSigned."""

    status: Literal["Accepted", "Rejected"]


class SignedFirmwareStatusNotificationRequest(OcppMessage, frozen=True):
    """How far an update with signed firmware is; `request_id` is missing only where there is none."""

    status: Literal[
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "DownloadScheduled",
        "DownloadPaused",
        "Idle",
        "InstallationFailed",
        "Installing",
        "Installed",
        "InstallRebooting",
        "InstallScheduled",
        "InstallVerificationFailed",
        "InvalidSignature",
        "SignatureVerified",
    ]
    request_id: Integer | None = None


class SignedFirmwareStatusNotificationConfirmation(OcppMessage, frozen=True):
    """The status is noted."""


# -- from the central system -----------------------------------------------------------------------------


class CertificateSignedRequest(OcppMessage, frozen=True):
    """Hands over the certificate that was asked for, in PEM, with the chain above it but for the root."""

    certificate_chain: Annotated[str, Meta(max_length=10_000)]


class CertificateSignedConfirmation(OcppMessage, frozen=True):
    """Whether the charge point uses it."""

    status: Literal["Accepted", "Rejected"]


class InstallCertificateRequest(OcppMessage, frozen=True):
    """Adds a root certificate, in PEM."""

    certificate_type: CertificateUse
    certificate: Pem


class InstallCertificateConfirmation(OcppMessage, frozen=True):
    """Whether the charge point keeps it: `Rejected` not valid, `Failed` valid and not kept."""

    status: Literal["Accepted", "Failed", "Rejected"]


class DeleteCertificateRequest(OcppMessage, frozen=True):
    """Takes a certificate away."""

    certificate_hash_data: CertificateHashData


class DeleteCertificateConfirmation(OcppMessage, frozen=True):
    """Whether it is gone."""

    status: Literal["Accepted", "Failed", "NotFound"]


class GetInstalledCertificateIdsRequest(OcppMessage, frozen=True):
    """Asks which root certificates there are."""

    certificate_type: CertificateUse


class GetInstalledCertificateIdsConfirmation(OcppMessage, frozen=True):
    """The certificates by their hashes."""

    status: Literal["Accepted", "NotFound"]
    # None is written as no list; an empty one says the same, and firmware sends it (Q45).
    certificate_hash_data: Annotated[
        tuple[CertificateHashData, ...], Meta(min_length=1, extra={"may_be_empty": True})
    ] = ()


class GetLogRequest(OcppMessage, frozen=True):
    """Asks for an upload of a log; replaces one that is still running."""

    log_type: Literal["DiagnosticsLog", "SecurityLog"]
    request_id: Integer
    log: LogParameters
    retries: Integer | None = None
    retry_interval: Integer | None = None
    """Seconds."""


class GetLogConfirmation(OcppMessage, frozen=True):
    """Whether a file will come, and its name; `AcceptedCanceled`: in place of another."""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled"]
    filename: CiString255 | None = None


class SignedUpdateFirmwareRequest(OcppMessage, frozen=True):
    """Has firmware fetched, and installed if its signature is right."""

    request_id: Integer
    firmware: Firmware
    retries: Integer | None = None
    retry_interval: Integer | None = None
    """Seconds."""


class SignedUpdateFirmwareConfirmation(OcppMessage, frozen=True):
    """Whether it will; the signing certificate is looked at before the download."""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


class ExtendedTriggerMessageRequest(OcppMessage, frozen=True):
    """TriggerMessage with the security messages: a new certificate request among them."""

    requested_message: Literal[
        "BootNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "SignChargePointCertificate",
        "StatusNotification",
    ]
    connector_id: Integer | None = None


class ExtendedTriggerMessageConfirmation(OcppMessage, frozen=True):
    """Whether the message will come."""

    status: Literal["Accepted", "Rejected", "NotImplemented"]
