"""Every call of a central system over a real socket: to our simulated charge point, and to one nobody here wrote."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from gateway_server import Server
from msgspec.structs import replace

from solarocpp.ocpp import messages as ocpp
from solarocpp.ocpp.datatypes import (
    AuthorizationData,
    CertificateHashData,
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    Firmware,
    IdTagInfo,
    KeyValue,
    LogParameters,
)
from solarocpp.ocpp.messages import ACTIONS, OcppMessage
from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.clock import ScaledClock
from solarocpp.simulator.link import dial_url

INTEROP = Path(__file__).parent.parent / "interop"

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENING = datetime(2026, 3, 1, 18, tzinfo=UTC)
SCHEDULE = ChargingSchedule("A", (ChargingSchedulePeriod(0, 16.0),))
PROFILE = ChargingProfile(1, 0, "TxDefaultProfile", "Absolute", SCHEDULE)
HASHES = CertificateHashData("SHA256", "aa", "bb", "1f")
ROOT = trustme.CA().cert_pem.bytes().decode()
NOWHERE = "ftp://127.0.0.1/in"  # the simulated charge point has no FTP, and says so afterwards

# What is asked, then what each of the two charge points answers.
CALLS: list[tuple[OcppMessage, OcppMessage, OcppMessage]] = [
    (
        ocpp.ReserveNowRequest(1, EVENING, "TAG1", 5),
        ocpp.ReserveNowConfirmation("Accepted"),
        ocpp.ReserveNowConfirmation("Occupied"),
    ),
    (
        ocpp.CancelReservationRequest(5),
        ocpp.CancelReservationConfirmation("Accepted"),
        ocpp.CancelReservationConfirmation("Accepted"),
    ),
    (
        ocpp.CertificateSignedRequest(ROOT),
        ocpp.CertificateSignedConfirmation("Rejected"),
        ocpp.CertificateSignedConfirmation("Accepted"),
    ),
    (
        ocpp.ChangeAvailabilityRequest(1, "Operative"),
        ocpp.ChangeAvailabilityConfirmation("Accepted"),
        ocpp.ChangeAvailabilityConfirmation("Scheduled"),
    ),
    (
        ocpp.ChangeConfigurationRequest("HeartbeatInterval", "900"),
        ocpp.ChangeConfigurationConfirmation("Accepted"),
        ocpp.ChangeConfigurationConfirmation("RebootRequired"),
    ),
    (ocpp.ClearCacheRequest(), ocpp.ClearCacheConfirmation("Accepted"), ocpp.ClearCacheConfirmation("Accepted")),
    (
        ocpp.SetChargingProfileRequest(1, PROFILE),
        ocpp.SetChargingProfileConfirmation("Accepted"),
        ocpp.SetChargingProfileConfirmation("NotSupported"),
    ),
    (
        ocpp.GetCompositeScheduleRequest(1, 600, "A"),
        ocpp.GetCompositeScheduleConfirmation(
            "Accepted", 1, NOON, ChargingSchedule("A", (ChargingSchedulePeriod(0, 16.0),), 600, NOON)
        ),
        ocpp.GetCompositeScheduleConfirmation("Accepted", 1, None, SCHEDULE),
    ),
    (
        ocpp.ClearChargingProfileRequest(),
        ocpp.ClearChargingProfileConfirmation("Accepted"),
        ocpp.ClearChargingProfileConfirmation("Unknown"),
    ),
    (
        ocpp.DataTransferRequest("ACME", "m", "x"),
        ocpp.DataTransferConfirmation("UnknownVendorId"),
        ocpp.DataTransferConfirmation("Accepted", "done"),
    ),
    (
        ocpp.InstallCertificateRequest("CentralSystemRootCertificate", ROOT),
        ocpp.InstallCertificateConfirmation("Accepted"),
        ocpp.InstallCertificateConfirmation("Failed"),
    ),
    (
        ocpp.GetInstalledCertificateIdsRequest("ManufacturerRootCertificate"),
        ocpp.GetInstalledCertificateIdsConfirmation("NotFound"),
        ocpp.GetInstalledCertificateIdsConfirmation("Accepted", (HASHES,)),
    ),
    (
        ocpp.DeleteCertificateRequest(HASHES),
        ocpp.DeleteCertificateConfirmation("NotFound"),
        ocpp.DeleteCertificateConfirmation("NotFound"),
    ),
    (
        ocpp.ExtendedTriggerMessageRequest("SignChargePointCertificate"),
        ocpp.ExtendedTriggerMessageConfirmation("Accepted"),
        ocpp.ExtendedTriggerMessageConfirmation("NotImplemented"),
    ),
    (
        ocpp.GetConfigurationRequest(("NumberOfConnectors", "u")),
        ocpp.GetConfigurationConfirmation((KeyValue("NumberOfConnectors", readonly=True, value="1"),), ("u",)),
        ocpp.GetConfigurationConfirmation((KeyValue("k", readonly=True),), ("u",)),
    ),
    (
        ocpp.GetDiagnosticsRequest(NOWHERE, start_time=EVENING),
        ocpp.GetDiagnosticsConfirmation(),
        ocpp.GetDiagnosticsConfirmation("diagnostics.zip"),
    ),
    (
        ocpp.SendLocalListRequest(4, "Full", (AuthorizationData("TAG1", IdTagInfo("Accepted", "P", EVENING)),)),
        ocpp.SendLocalListConfirmation("Accepted"),
        ocpp.SendLocalListConfirmation("VersionMismatch"),
    ),
    (
        ocpp.GetLocalListVersionRequest(),
        ocpp.GetLocalListVersionConfirmation(4),
        ocpp.GetLocalListVersionConfirmation(4),
    ),
    (
        ocpp.GetLogRequest("SecurityLog", 7, LogParameters(NOWHERE, oldest_timestamp=EVENING)),
        ocpp.GetLogConfirmation("Rejected"),
        ocpp.GetLogConfirmation("AcceptedCanceled", "log.zip"),
    ),
    (
        ocpp.RemoteStartTransactionRequest("TAG1", 2),
        ocpp.RemoteStartTransactionConfirmation("Rejected"),
        ocpp.RemoteStartTransactionConfirmation("Rejected"),
    ),
    (
        ocpp.RemoteStopTransactionRequest(99),
        ocpp.RemoteStopTransactionConfirmation("Rejected"),
        ocpp.RemoteStopTransactionConfirmation("Accepted"),
    ),
    (
        ocpp.SignedUpdateFirmwareRequest(3, Firmware(NOWHERE, NOON, "nothing", "c2ln")),
        ocpp.SignedUpdateFirmwareConfirmation("InvalidCertificate"),
        ocpp.SignedUpdateFirmwareConfirmation("InvalidCertificate"),
    ),
    (
        ocpp.TriggerMessageRequest("StatusNotification", 0),
        ocpp.TriggerMessageConfirmation("Accepted"),
        ocpp.TriggerMessageConfirmation("Accepted"),
    ),
    (
        ocpp.UnlockConnectorRequest(1),
        ocpp.UnlockConnectorConfirmation("Unlocked"),
        ocpp.UnlockConnectorConfirmation("Unlocked"),
    ),
    (
        ocpp.UpdateFirmwareRequest(NOWHERE, NOON),
        ocpp.UpdateFirmwareConfirmation(),
        ocpp.UpdateFirmwareConfirmation(),
    ),
    (ocpp.ResetRequest("Soft"), ocpp.ResetConfirmation("Accepted"), ocpp.ResetConfirmation("Accepted")),
]
OURS = {name for name, row in ACTIONS.items() if row.sent_by != "charge_point"}


@pytest.fixture(params=["lean"])
def receive_path(request: pytest.FixtureRequest) -> str:
    """Which path messages come in by makes no difference here."""
    return str(request.param)


def test_every_call_is_here() -> None:
    assert {type(asked).__name__.removesuffix("Request") for asked, *_ in CALLS} == OURS


async def call_all(server: Server, calls: list[tuple[OcppMessage, OcppMessage, OcppMessage]]) -> list[OcppMessage]:
    with trio.fail_after(30):
        while not server.services.registry.charger(1).vendor:  # until it has booted
            await trio.lowlevel.checkpoint()
        return [await server.services.roster.call(1, asked) for asked, *_ in calls]


async def recorded(server: Server) -> list[str]:
    rows = await server.rows("SELECT action FROM ledger WHERE direction = 'out' ORDER BY seq")
    return [action for (action,) in rows]


async def wait_for_event(server: Server, name: str) -> dict[str, Any]:
    """The data of the first event of a name; a charge point does some things after it has answered."""
    with trio.fail_after(20):
        while True:
            rows = await server.rows(f"SELECT data::VARCHAR FROM event WHERE name = '{name}' ORDER BY created")
            if rows:
                data: dict[str, Any] = json.loads(rows[0][0])
                return data


@pytest.mark.slow  # it boots again, in real time
async def test_our_charge_point_answers_every_call(server: Server, nursery: trio.Nursery) -> None:
    dial = dial_url(f"ws://{server.address}/ocpp/j/v16", "CP001", username="depot", password="correct horse battery")
    # Time hardly moves: what it says of the moment can be written out.
    charge_point = ChargePoint("CP001", dial, clock=ScaledClock(NOON, 1e-6), heartbeats=False)
    async with trio.open_nursery() as running:
        await running.start(charge_point.run)
        *before, reset = CALLS
        answers = await call_all(server, before)
        assert [as_at_noon(answer) for answer in answers] == [ours for _, ours, _ in before]
        requested = await wait_for_event(server, "certificate_requested")
        assert requested["status"] == "Rejected"
        assert requested["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
        assert (await wait_for_event(server, "firmware_status_told"))["status"] == "Downloading"
        # Last, because it drops the link and whatever was still to be said over it.
        assert await call_all(server, [reset]) == [reset[1]]
        running.cancel_scope.cancel()
    actions = await recorded(server)
    assert set(actions) == OURS
    answered = await server.rows("SELECT count(*) FROM event WHERE name LIKE '%_answered'")
    assert answered == [(16,)]


def as_at_noon(answer: OcppMessage) -> OcppMessage:
    """Without the microseconds that have passed."""
    if not isinstance(answer, ocpp.GetCompositeScheduleConfirmation):
        return answer
    assert answer.schedule_start is not None
    assert answer.charging_schedule is not None
    assert abs((answer.schedule_start - NOON).total_seconds()) < 1
    schedule = replace(answer.charging_schedule, start_schedule=NOON)
    return replace(answer, schedule_start=NOON, charging_schedule=schedule)


@pytest.mark.slow  # a process with asyncio, websockets and jsonschema
@pytest.mark.interop
async def test_a_charge_point_of_ocpp_answers_every_call(server: Server) -> None:
    """Its library checks each of our messages by the official schema, and each of its answers."""
    command = [sys.executable, "ocpp_answers.py", f"ws://{server.address}/ocpp/j/v16/CP001"]
    run = partial(trio.run_process, [*command, "depot", "correct horse battery"], cwd=INTEROP)
    said: list[bytes] = []

    async def charge_point() -> None:
        done = await run(capture_stdout=True, capture_stderr=True)
        said.append(done.stdout)

    async with trio.open_nursery() as running:
        running.start_soon(charge_point)
        answers = await call_all(server, CALLS)
        assert answers == [theirs for *_, theirs in CALLS]
        await server.services.roster.close_all(1001, "that was all", 5.0)
    assert set(await recorded(server)) == OURS
    # GetConfiguration once more: the server asks a new charger how many connectors it has.
    assert json.loads(said[0]) == {action: 2 if action == "GetConfiguration" else 1 for action in sorted(OURS)}
