"""Answers to the calls of the security whitepaper; ExtendedTriggerMessage is beside TriggerMessage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from solarocpp.certificates.charge_point import key_of
from solarocpp.ocpp import messages as ocpp
from solarocpp.simulator.answers.answering import Answers
from solarocpp.simulator.answers.firmware import file_name, is_empty
from solarocpp.simulator.link import Reply

if TYPE_CHECKING:
    from solarocpp.simulator.charge_point import ChargePoint


def _certificate_signed(charge_point: ChargePoint, request: ocpp.CertificateSignedRequest) -> Reply:
    accepted = charge_point.keyring.accept(request.certificate_chain)
    return Reply(ocpp.CertificateSignedConfirmation(status="Accepted" if accepted else "Rejected"))


def _install(charge_point: ChargePoint, request: ocpp.InstallCertificateRequest) -> Reply:
    status = charge_point.keyring.install(request.certificate_type, request.certificate)
    return Reply(ocpp.InstallCertificateConfirmation(status=status))


def _delete(charge_point: ChargePoint, request: ocpp.DeleteCertificateRequest) -> Reply:
    deleted = charge_point.keyring.delete(request.certificate_hash_data)
    return Reply(ocpp.DeleteCertificateConfirmation(status="Accepted" if deleted else "NotFound"))


def _installed(charge_point: ChargePoint, request: ocpp.GetInstalledCertificateIdsRequest) -> Reply:
    found = charge_point.keyring.installed(request.certificate_type)
    status: Literal["Accepted", "NotFound"] = "Accepted" if found else "NotFound"
    return Reply(ocpp.GetInstalledCertificateIdsConfirmation(status=status, certificate_hash_data=found))


def _get_log(charge_point: ChargePoint, request: ocpp.GetLogRequest) -> Reply:
    if is_empty(charge_point, request.log.oldest_timestamp, request.log.latest_timestamp):
        return Reply(ocpp.GetLogConfirmation(status="Rejected"))
    name = file_name(charge_point, "security-log" if request.log_type == "SecurityLog" else "diagnostics-log")
    upload = partial(charge_point.files.upload_log, request, name)
    status: Literal["Accepted", "AcceptedCanceled"] = (
        "AcceptedCanceled" if charge_point.files.uploads_log else "Accepted"
    )
    return Reply(ocpp.GetLogConfirmation(status=status, filename=name), partial(charge_point.orders.give, upload))


def _update_signed(charge_point: ChargePoint, request: ocpp.SignedUpdateFirmwareRequest) -> Reply:
    if key_of(request.firmware.signing_certificate) is None:
        return Reply(ocpp.SignedUpdateFirmwareConfirmation(status="InvalidCertificate"))
    update = partial(charge_point.files.update_signed, request)
    status: Literal["Accepted", "AcceptedCanceled"] = "AcceptedCanceled" if charge_point.files.updates else "Accepted"
    return Reply(ocpp.SignedUpdateFirmwareConfirmation(status=status), partial(charge_point.orders.give, update))


SECURITY: Answers = {
    ocpp.CertificateSignedRequest: _certificate_signed,
    ocpp.DeleteCertificateRequest: _delete,
    ocpp.GetInstalledCertificateIdsRequest: _installed,
    ocpp.GetLogRequest: _get_log,
    ocpp.InstallCertificateRequest: _install,
    ocpp.SignedUpdateFirmwareRequest: _update_signed,
}
