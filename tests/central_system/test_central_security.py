"""What chargers say of security, firmware and logs; and what their answers to our calls tell."""

from __future__ import annotations

from datetime import datetime

import pytest
from charging_site import Site, T, after, datum, events, make_registry, one

from solarocpp.central_system import HANDLERS, CentralSystem
from solarocpp.central_system.confirmations import OBSERVERS
from solarocpp.metering.datums import StatusProperties
from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.datatypes import (
    AuthorizationData,
    CertificateHashData,
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    Firmware,
    LogParameters,
)
from solarocpp.ocpp.messages import ACTIONS, OcppMessage
from solarocpp.store.effects import EventHappened
from solarocpp.store.ledger import ChargerFacts

CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIH0...\n-----END CERTIFICATE REQUEST-----\n"


def test_security_event_without_a_type_is_a_sentence_all_the_same() -> None:
    answer = Site().say(ocpp.SecurityEventNotificationRequest("  ", T), received=after(60))
    event = one(answer, EventHappened)
    assert event.message == "a security event that does not say of what type it is"


def test_every_message_of_a_charger_has_a_handler() -> None:
    theirs = {row.request for row in ACTIONS.values() if row.sent_by != "central_system"}
    assert theirs == set(HANDLERS)


@pytest.mark.parametrize(
    ("kind", "critical"),
    [
        ("FirmwareUpdated", True),
        ("SettingSystemTime", True),
        ("StartupOfTheDevice", True),
        ("ResetOrReboot", True),
        ("SecurityLogWasCleared", True),
        ("MemoryExhaustion", True),
        ("TamperDetectionActivated", True),
        ("tamperdetectionactivated", True),
        ("FailedToAuthenticateAtCentralSystem", False),
        ("ReconfigurationOfSecurityParameters", False),
        ("InvalidMessages", False),
        ("AcmeDoorOpened", False),
    ],
)
def test_a_security_event_is_an_event_with_its_words(kind: str, *, critical: bool) -> None:
    answer = Site().say(ocpp.SecurityEventNotificationRequest(kind, T, "door 2"), received=after(60))
    assert answer.confirmation == ocpp.SecurityEventNotificationConfirmation()
    event = one(answer, EventHappened)
    assert (event.name, event.created, event.identifier) == ("security_event_told", after(60), "CP001")
    assert event.data == {
        "type": kind,
        "critical": critical,
        "timestamp": "2020-04-01T12:00:00+00:00",
        "tech_info": "door 2",
    }


def test_a_long_security_event_is_cut_and_needs_no_time() -> None:
    event = one(Site().say(ocpp.SecurityEventNotificationRequest("k" * 60, None, "i" * 300)), EventHappened)
    assert event.data == {"type": "k" * 50, "critical": False, "timestamp": None, "tech_info": "i" * 255}


def test_a_certificate_request_is_refused_where_nobody_signs() -> None:
    answer = Site().say(ocpp.SignCertificateRequest(CSR))
    assert answer.confirmation == ocpp.SignCertificateConfirmation("Rejected")
    event = one(answer, EventHappened)
    assert (event.name, event.data) == ("certificate_requested", {"status": "Rejected", "csr": CSR})


def test_a_certificate_request_is_accepted_by_whoever_signs() -> None:
    asked: list[tuple[str, str]] = []

    def may_sign(charger: ChargerFacts, csr: str) -> bool:
        asked.append((charger.identifier, csr))
        return charger.identifier == "CP001"

    site = Site()
    site.central = CentralSystem(make_registry(), site.transactions, may_sign=may_sign)
    assert site.say(ocpp.SignCertificateRequest(CSR)).confirmation == ocpp.SignCertificateConfirmation("Accepted")
    refused = site.say(ocpp.SignCertificateRequest(CSR), charger=8)
    assert refused.confirmation == ocpp.SignCertificateConfirmation("Rejected")
    assert asked == [("CP001", CSR), ("CP002", CSR)]


@pytest.mark.parametrize(
    ("request_", "confirmation", "source", "status", "event", "data"),
    [
        (
            ocpp.LogStatusNotificationRequest("Uploading", 12),
            ocpp.LogStatusNotificationConfirmation(),
            "/ocpp/cp/CP001/log-status",
            "Uploading",
            "log_status_told",
            {"status": "Uploading", "request_id": 12},
        ),
        (
            ocpp.SignedFirmwareStatusNotificationRequest("InvalidSignature", 3),
            ocpp.SignedFirmwareStatusNotificationConfirmation(),
            "/ocpp/cp/CP001/firmware-status",
            "InvalidSignature",
            "firmware_status_told",
            {"status": "InvalidSignature", "request_id": 3},
        ),
        (
            ocpp.FirmwareStatusNotificationRequest("Installed"),
            ocpp.FirmwareStatusNotificationConfirmation(),
            "/ocpp/cp/CP001/firmware-status",
            "Installed",
            "firmware_status_told",
            {"status": "Installed"},
        ),
        (
            ocpp.DiagnosticsStatusNotificationRequest("UploadFailed"),
            ocpp.DiagnosticsStatusNotificationConfirmation(),
            "/ocpp/cp/CP001/diagnostics-status",
            "UploadFailed",
            "diagnostics_status_told",
            {"status": "UploadFailed"},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, OcppMessage) else "",
)
def test_progress_is_a_stream_and_an_event(
    request_: OcppMessage,
    confirmation: OcppMessage,
    source: str,
    status: str,
    event: str,
    data: dict[str, object],
) -> None:
    answer = Site().say(request_, received=after(3))
    assert answer.confirmation == confirmation
    row = datum(answer)
    assert (row.source_id, row.created, row.status) == (source, after(3), StatusProperties(status))
    told = one(answer, EventHappened)
    assert (told.name, told.data) == (event, data)


def test_progress_that_is_not_published_is_still_an_event() -> None:
    site = Site()
    site.settings(publish=False)
    answer = site.say(ocpp.LogStatusNotificationRequest("Uploaded", 1))
    assert events(answer) == ["log_status_told"]
    assert len(answer.effects) == 1


# -- answers to our calls --------------------------------------------------------------------------------

LATER = datetime.fromisoformat("2020-05-01T00:00:00Z")
SCHEDULE = ChargingSchedule("A", (ChargingSchedulePeriod(0, 16.0),))
PROFILE = ChargingProfile(5, 2, "TxDefaultProfile", "Absolute", SCHEDULE)
HASHES = CertificateHashData("SHA256", "aa", "bb", "1f")

ANSWERED: list[tuple[OcppMessage, OcppMessage, str, dict[str, object]]] = [
    (
        ocpp.ChangeAvailabilityRequest(1, "Inoperative"),
        ocpp.ChangeAvailabilityConfirmation("Scheduled"),
        "availability_answered",
        {"connector_id": 1, "type": "Inoperative", "status": "Scheduled"},
    ),
    (
        ocpp.ResetRequest("Soft"),
        ocpp.ResetConfirmation("Accepted"),
        "reset_answered",
        {"type": "Soft", "status": "Accepted"},
    ),
    (
        ocpp.ReserveNowRequest(1, LATER, "TAG", 9),
        ocpp.ReserveNowConfirmation("Occupied"),
        "reservation_answered",
        {"reservation_id": 9, "connector_id": 1, "expiry_date": "2020-05-01T00:00:00+00:00", "status": "Occupied"},
    ),
    (
        ocpp.CancelReservationRequest(9),
        ocpp.CancelReservationConfirmation("Accepted"),
        "reservation_answered",
        {"reservation_id": 9, "status": "Accepted"},
    ),
    (
        ocpp.SendLocalListRequest(4, "Full", (AuthorizationData("TAG"),)),
        ocpp.SendLocalListConfirmation("VersionMismatch"),
        "local_list_answered",
        {"list_version": 4, "update_type": "Full", "rows": 1, "status": "VersionMismatch"},
    ),
    (
        ocpp.GetLocalListVersionRequest(),
        ocpp.GetLocalListVersionConfirmation(-1),
        "local_list_answered",
        {"list_version": -1},
    ),
    (
        ocpp.SetChargingProfileRequest(1, PROFILE),
        ocpp.SetChargingProfileConfirmation("Rejected"),
        "charging_profile_answered",
        {
            "connector_id": 1,
            "charging_profile_id": 5,
            "purpose": "TxDefaultProfile",
            "stack_level": 2,
            "status": "Rejected",
        },
    ),
    (
        ocpp.ClearChargingProfileRequest(id=5),
        ocpp.ClearChargingProfileConfirmation("Unknown"),
        "charging_profile_answered",
        {"connector_id": None, "charging_profile_id": 5, "purpose": None, "stack_level": None, "status": "Unknown"},
    ),
    (
        ocpp.UpdateFirmwareRequest("ftp://host/fw.bin", LATER),
        ocpp.UpdateFirmwareConfirmation(),
        "firmware_answered",
        {"retrieve_date": "2020-05-01T00:00:00+00:00"},
    ),
    (
        ocpp.SignedUpdateFirmwareRequest(3, Firmware("ftp://host/fw.bin", LATER, "cert", "signature")),
        ocpp.SignedUpdateFirmwareConfirmation("InvalidCertificate"),
        "firmware_answered",
        {"retrieve_date": "2020-05-01T00:00:00+00:00", "request_id": 3, "status": "InvalidCertificate"},
    ),
    (
        ocpp.GetDiagnosticsRequest("ftp://host/"),
        ocpp.GetDiagnosticsConfirmation("diag.zip"),
        "upload_answered",
        {"file_name": "diag.zip"},
    ),
    (
        ocpp.GetLogRequest("SecurityLog", 7, LogParameters("ftp://host/")),
        ocpp.GetLogConfirmation("Accepted", "log.zip"),
        "upload_answered",
        {"log_type": "SecurityLog", "request_id": 7, "file_name": "log.zip", "status": "Accepted"},
    ),
    (
        ocpp.CertificateSignedRequest("PEM"),
        ocpp.CertificateSignedConfirmation("Rejected"),
        "certificate_answered",
        {"status": "Rejected"},
    ),
    (
        ocpp.InstallCertificateRequest("ManufacturerRootCertificate", "PEM"),
        ocpp.InstallCertificateConfirmation("Accepted"),
        "certificate_answered",
        {"certificate_type": "ManufacturerRootCertificate", "status": "Accepted"},
    ),
    (
        ocpp.DeleteCertificateRequest(HASHES),
        ocpp.DeleteCertificateConfirmation("NotFound"),
        "certificate_answered",
        {"serial_number": "1f", "status": "NotFound"},
    ),
]


@pytest.mark.parametrize(("asked", "said", "name", "data"), ANSWERED, ids=[type(row[0]).__name__ for row in ANSWERED])
def test_an_answer_to_a_call_of_ours_is_an_event(
    asked: OcppMessage, said: OcppMessage, name: str, data: dict[str, object]
) -> None:
    site = Site()
    facts = site.registry.facts(site.registry.charger(7))
    (event,) = (row for row in site.central.learn(facts, asked, said, T) if isinstance(row, EventHappened))
    assert isinstance(event, EventHappened)
    action = type(asked).__name__.removesuffix("Request")
    assert (event.name, event.created, event.identifier) == (name, T, "CP001")
    assert event.data == {"action": action, **data}
    status = data.get("status")
    assert event.message == f"the charger answered {action}" + (f": {status}" if status else "")


def test_every_answer_that_tells_something_is_tested() -> None:
    assert {type(asked) for asked, *_ in ANSWERED} | {
        ocpp.GetConfigurationRequest,
        ocpp.ChangeConfigurationRequest,
    } == set(OBSERVERS)


def test_an_answer_that_tells_nothing_changes_nothing() -> None:
    site = Site()
    facts = site.registry.facts(site.registry.charger(7))
    assert site.central.learn(facts, ocpp.ClearCacheRequest(), ocpp.ClearCacheConfirmation("Accepted"), T) == ()
