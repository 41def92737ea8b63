"""What the charge point answers beyond the Core profile, and that it does what it answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from solarocpp.ocpp.messages import ACTIONS
from solarocpp.simulator.answers import ANSWERS
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.charging import Car, ChargingCurve

if TYPE_CHECKING:
    from conftest import PlayedCentralSystem

Clock = trio.testing.MockClock
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)

CURVE = ChargingCurve(Car("test car", 69_000.0, 3, 32.0), 20.0)
RESERVE = {"connectorId": 1, "expiryDate": "2026-03-01T06:10:00Z", "idTag": "TAG1", "reservationId": 5}
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


def test_every_call_of_a_central_system_is_answered() -> None:
    ours = {row.request for row in ACTIONS.values() if row.sent_by != "charge_point"}
    assert ours == set(ANSWERS)


# -- reservations ----------------------------------------------------------------------------------------


async def test_a_reserved_connector_waits_and_is_free_again_when_the_time_is_over(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    assert (await central.call("ReserveNow", RESERVE))[2] == ACCEPTED
    assert central.statuses() == ["Reserved"]
    assert await charge_point.charge(1, "OTHER", CURVE, stays_s=60.0) is None
    await trio.sleep(599)
    assert central.statuses() == ["Reserved"]
    await trio.sleep(2)
    assert central.statuses() == ["Reserved", "Available"]


async def test_whom_it_is_reserved_for_charges_with_the_reservations_id(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    """Id tags match without case (Q95)."""
    await central.call("ReserveNow", RESERVE)
    await charge_point.charge(1, "tag1", CURVE, stays_s=60.0)
    await charge_point.backlog.wait_empty()
    assert central.payloads("StartTransaction")[0]["reservationId"] == 5
    assert central.statuses() == ["Reserved", "Preparing", "Charging", "Finishing", "Available"]
    await trio.sleep(700)  # past its expiry nothing more happens
    assert central.statuses()[-1] == "Available"
    assert (await central.call("CancelReservation", {"reservationId": 5}))[2] == REJECTED


async def test_a_reservation_is_for_the_group_of_its_parent(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    central.answers["Authorize"] = lambda asked: {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET" if asked["idTag"] == "VAN2" else "OTHERS"}
    }
    await central.call("ReserveNow", {**RESERVE, "parentIdTag": "fleet"})
    assert await charge_point.charge(1, "STRANGER", CURVE, stays_s=60.0) is None
    assert await charge_point.charge(1, "VAN2", CURVE, stays_s=60.0) is not None


async def test_a_reservation_is_cancelled(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await central.call("ReserveNow", RESERVE)
    assert (await central.call("CancelReservation", {"reservationId": 6}))[2] == REJECTED
    assert (await central.call("CancelReservation", {"reservationId": 5}))[2] == ACCEPTED
    await trio.sleep(1)
    assert central.statuses() == ["Reserved", "Available"]
    assert charge_point.connectors[1].free


async def test_a_reservation_is_refused_for_what_it_is(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    async def reserve(**changes: Any) -> str:
        answer: str = (await central.call("ReserveNow", {**RESERVE, **changes}))[2]["status"]
        return answer

    assert await reserve(connectorId=0) == "Rejected"
    assert await reserve(connectorId=3) == "Rejected"
    assert await reserve(expiryDate="2026-03-01T05:59:00Z") == "Rejected"
    assert await reserve() == "Accepted"
    assert await reserve(reservationId=6) == "Occupied"
    assert await reserve(expiryDate="2026-03-01T06:20:00Z") == "Accepted"  # the same once more
    assert await reserve(connectorId=2) == "Accepted"  # moved
    await trio.sleep(1)
    assert central.statuses()[-1] == "Available"
    assert central.statuses(2) == ["Reserved"]
    await central.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert await reserve(reservationId=7) == "Unavailable"
    nursery.start_soon(charge_point.break_down, 2, "GroundFailure", 60.0)
    await trio.sleep(1)
    assert await reserve(connectorId=2, reservationId=8) == "Faulted"


# -- local list ------------------------------------------------------------------------------------------


async def send_list(central: PlayedCentralSystem, version: int, kind: str, *rows: dict[str, Any]) -> str:
    request: dict[str, Any] = {"listVersion": version, "updateType": kind}
    if rows:
        request["localAuthorizationList"] = list(rows)
    answer: str = (await central.call("SendLocalList", request))[2]["status"]
    return answer


async def list_version(central: PlayedCentralSystem) -> int:
    answer: int = (await central.call("GetLocalListVersion", {}))[2]["listVersion"]
    return answer


def listed(tag: str, status: str | None = "Accepted", **info: str) -> dict[str, Any]:
    return {"idTag": tag} if status is None else {"idTag": tag, "idTagInfo": {"status": status, **info}}


async def test_a_local_list_is_kept_with_its_version(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    assert await list_version(central) == 0
    assert await send_list(central, 3, "Full", listed("A"), listed("B", "Blocked")) == "Accepted"
    assert await send_list(central, 3, "Differential", listed("C")) == "VersionMismatch"
    assert await send_list(central, 4, "Differential", listed("C"), listed("a", None)) == "Accepted"
    assert await list_version(central) == 4
    found = charge_point.readers.local_list
    assert (len(found), found.find("A", START), found.find("b", START).status) == (2, None, "Blocked")  # type: ignore[union-attr]
    assert await send_list(central, 0, "Full") == "Failed"
    assert await send_list(central, 5, "Full", listed("A", None)) == "Failed"
    assert await send_list(central, 5, "Full", *(listed(f"T{n}") for n in range(201))) == "Failed"
    assert await send_list(central, 2, "Full") == "Accepted"  # a full list may go back
    assert (await list_version(central), len(found)) == (2, 0)


async def test_a_charge_point_without_local_list_says_so(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await central.call("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
    assert await list_version(central) == -1
    assert await send_list(central, 1, "Full") == "NotSupported"


async def test_the_local_list_decides_where_nobody_can_be_asked(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    past = listed("PAST", "Accepted", expiryDate="2026-03-01T05:00:00Z")
    await send_list(central, 1, "Full", listed("GOOD"), listed("BAD", "Blocked"), past)
    central.reachable = False
    await central.cut()
    await trio.sleep(1)
    assert not charge_point.online
    assert await charge_point.charge(1, "BAD", CURVE, stays_s=60.0) is None
    assert await charge_point.charge(1, "PAST", CURVE, stays_s=60.0) is None
    assert await charge_point.charge(1, "GOOD", CURVE, stays_s=60.0) is not None


async def test_a_listed_id_tag_is_not_asked_about_where_the_charge_point_may_decide(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await send_list(central, 1, "Full", listed("GOOD"), listed("BAD", "Blocked"))
    await central.call("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
    await charge_point.charge(1, "GOOD", CURVE, stays_s=60.0)
    assert "Authorize" not in central.actions()
    await charge_point.charge(1, "BAD", CURVE, stays_s=60.0)  # what is not Accepted is asked about (§3.5.2)
    assert central.payloads("Authorize") == [{"idTag": "BAD"}]


# -- triggers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("BootNotification", ["BootNotification"]),
        ("Heartbeat", ["Heartbeat"]),
        ("StatusNotification", ["StatusNotification"] * 3),
        ("MeterValues", ["MeterValues"] * 2),
        ("DiagnosticsStatusNotification", ["DiagnosticsStatusNotification"]),
        ("FirmwareStatusNotification", ["FirmwareStatusNotification"]),
    ],
)
async def test_a_triggered_message_comes(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, asked: str, said: list[str]
) -> None:
    """Without a connector, for each of them (Q101)."""
    assert (await central.call("TriggerMessage", {"requestedMessage": asked}))[2] == ACCEPTED
    await trio.sleep(1)
    assert central.actions() == said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("LogStatusNotification", ("LogStatusNotification", {"status": "Idle"})),
        ("FirmwareStatusNotification", ("SignedFirmwareStatusNotification", {"status": "Idle"})),
        ("Heartbeat", ("Heartbeat", {})),
    ],
)
async def test_an_extended_trigger_asks_for_the_secured_messages(
    central: PlayedCentralSystem,
    charge_point: ChargePoint,
    jumping: Clock,
    asked: str,
    said: tuple[str, dict[str, Any]],
) -> None:
    assert (await central.call("ExtendedTriggerMessage", {"requestedMessage": asked}))[2] == ACCEPTED
    await trio.sleep(1)
    assert central.calls == [said]


async def test_a_trigger_for_a_connector_is_of_that_connector(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock, nursery: trio.Nursery
) -> None:
    nursery.start_soon(lambda: charge_point.charge(1, "TAG1", CURVE, stays_s=3_600.0))
    await trio.sleep(30)
    central.calls.clear()
    await central.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    await central.call("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 0})
    await trio.sleep(1)
    (reading,), (status,) = central.payloads("MeterValues"), central.payloads("StatusNotification")
    assert (reading["connectorId"], reading["transactionId"], status["connectorId"]) == (1, 7, 0)
    assert {sample["context"] for sample in reading["meterValue"][0]["sampledValue"]} == {"Trigger"}
    for asked, connector in (("MeterValues", 0), ("MeterValues", 3), ("StatusNotification", -1)):
        refused = await central.call("TriggerMessage", {"requestedMessage": asked, "connectorId": connector})
        assert refused[2] == REJECTED


# -- certificates ----------------------------------------------------------------------------------------


async def test_a_certificate_is_asked_for_and_taken_only_for_its_key(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    await central.call("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    await trio.sleep(1)
    (asked,) = central.payloads("SignCertificate")
    request = x509.load_pem_x509_csr(asked["csr"].encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=CP001,O=solarocpp"
    stranger = trustme.CA().issue_cert("CP001").cert_chain_pems[0].bytes().decode()
    assert (await central.call("CertificateSigned", {"certificateChain": stranger}))[2] == REJECTED
    assert (await central.call("CertificateSigned", {"certificateChain": "nothing"}))[2] == REJECTED
    signed = sign(request)
    assert (await central.call("CertificateSigned", {"certificateChain": signed}))[2] == ACCEPTED
    assert charge_point.keyring.certificate == signed
    assert (await central.call("CertificateSigned", {"certificateChain": signed}))[2] == REJECTED  # asked for once


def sign(request: x509.CertificateSigningRequest) -> str:
    """As an authority does, with cryptography itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(request.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START.replace(year=2027))
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


async def test_root_certificates_are_kept_named_and_deleted(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    authority = trustme.CA().cert_pem.bytes().decode()
    install = {"certificateType": "CentralSystemRootCertificate", "certificate": authority}
    ask = {"certificateType": "CentralSystemRootCertificate"}
    assert (await central.call("GetInstalledCertificateIds", ask))[2] == {"status": "NotFound"}
    assert (await central.call("InstallCertificate", {**install, "certificate": "nothing"}))[2] == REJECTED
    assert (await central.call("InstallCertificate", install))[2] == ACCEPTED
    assert (await central.call("InstallCertificate", install))[2] == ACCEPTED  # again: it is there
    other = {"certificateType": "ManufacturerRootCertificate"}
    assert (await central.call("GetInstalledCertificateIds", other))[2] == {"status": "NotFound"}
    told = (await central.call("GetInstalledCertificateIds", ask))[2]
    ((named,), status) = told["certificateHashData"], told["status"]
    # Worked out by OpenSSL's side of cryptography: the names in an OCSP request for a certificate that it issued.
    found = x509.load_pem_x509_certificate(authority.encode())
    single = ocsp.OCSPRequestBuilder().add_certificate(found, found, SHA256()).build()
    assert (status, named) == (
        "Accepted",
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": single.issuer_name_hash.hex(),
            "issuerKeyHash": single.issuer_key_hash.hex(),
            "serialNumber": f"{found.serial_number:x}",
        },
    )
    wrong = {**named, "serialNumber": "1"}
    assert (await central.call("DeleteCertificate", {"certificateHashData": wrong}))[2] == {"status": "NotFound"}
    assert (await central.call("DeleteCertificate", {"certificateHashData": named}))[2] == ACCEPTED
    assert (await central.call("GetInstalledCertificateIds", ask))[2] == {"status": "NotFound"}


async def test_a_full_keyring_takes_no_more(
    central: PlayedCentralSystem, charge_point: ChargePoint, jumping: Clock
) -> None:
    for number in range(9):
        install = {
            "certificateType": "CentralSystemRootCertificate",
            "certificate": trustme.CA().cert_pem.bytes().decode(),
        }
        answer = (await central.call("InstallCertificate", install))[2]
        assert answer == (ACCEPTED if number < 8 else {"status": "Failed"})
