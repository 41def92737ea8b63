"""Files and certificates, all the way: a command, the server, a charge point that does as it is told, and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from solarocpp.simulator.charge_point import ChargePoint
from solarocpp.simulator.clock import ScaledClock
from solarocpp.simulator.link import dial_url

if TYPE_CHECKING:
    import subprocess

    from conftest import Cli, RunningServer, Serve

pytestmark = pytest.mark.slow  # a server, and commands as processes

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@asynccontextmanager
async def with_charger(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve, *options: str
) -> AsyncIterator[tuple[RunningServer, Callable[..., Any]]]:
    """A server with CP001 connected, and a way to run commands on it while both go on."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    server_of = running_server(data, "--files", "127.0.0.1:0", *options)
    server = await trio.to_thread.run_sync(server_of.__enter__)

    async def command(*words: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        with trio.fail_after(60):
            return await trio.to_thread.run_sync(partial(solarocpp_cli, data, *words, exits=exits))

    try:
        async with trio.open_nursery() as nursery:
            dial = dial_url(server.url(), "CP001", username="depot", password="a person's password")
            await nursery.start(ChargePoint("CP001", dial, clock=ScaledClock(START, 600.0)).run)
            yield server, command
            nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(server_of.__exit__, None, None, None)


async def test_diagnostics_come_and_firmware_goes(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    async with with_charger(tmp_path, solarocpp_cli, running_server) as (_, command):
        file = tmp_path / "diagnostics.bin"
        done = await command("diagnostics", "CP001", str(file))
        assert done.stdout == f"{file}: {file.stat().st_size} bytes\n"
        log = await command("diagnostics", "CP001", str(tmp_path / "log"), "--log", "security")
        assert "log: " in log.stdout
        nowhere = await command("transfer", "fetch", "1", "no/such/folder", exits=2)
        assert nowhere.stderr == (
            "solarocpp: no/such/folder cannot be written (No such file or directory). "
            "Name another: solarocpp transfer fetch 1 FILE\n"
        )
        again = await command("diagnostics", "CP001", str(file), exits=2)
        assert again.stderr.startswith(f"solarocpp: {file} exists. Name another file.")

        (tmp_path / "v2.bin").write_bytes(b"firmware v2" * 1000)
        await command("firmware", "add", str(tmp_path / "v2.bin"))
        told = await command("firmware", "update", "CP001", "v2.bin", "--at", "2026-03-01")  # by its clock
        assert told.stdout == "CP001 will fetch v2.bin.\n"
        with trio.fail_after(90):
            while True:
                listed = json.loads((await command("transfer", "list", "--format", "json")).stdout)
                if listed[0]["state"] == "done":
                    break
        assert [(row["purpose"], row["state"]) for row in listed] == [
            ("firmware", "done"),
            ("securityLog", "done"),
            ("diagnostics", "done"),
        ]
        assert (listed[0]["bytes"], listed[2]["bytes"]) == (11_000, file.stat().st_size)
        ledger = await command("sql", "SELECT string_agg(request, ' ') AS said FROM ledger", "--format", "json")
        assert "/files/*/" in ledger.stdout
        missing = await command("firmware", "update", "CP001", "v3.bin", exits=1)
        assert missing.stderr == "solarocpp: There is no firmware v3.bin. See: solarocpp firmware list\n"
        away = await command("diagnostics", "CP002", exits=1)
        assert away.stderr == "solarocpp: There is no charger 'CP002'. Did you mean CP001?\n"


async def test_what_a_charger_gives_up_is_over(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    """It used to wait until its day was over, though the charger had said that nothing would come."""
    nowhere = ("--files-url", "http://127.0.0.1:1")
    async with with_charger(tmp_path, solarocpp_cli, running_server, *nowhere) as (server, command):
        failed = await command("diagnostics", "CP001", exits=1)
        assert failed.stderr == (
            "solarocpp: CP001 gave up: the charger says UploadFailed. It may try again: solarocpp transfer list\n"
        )
        (tmp_path / "v2.bin").write_bytes(b"firmware v2")
        await command("firmware", "add", str(tmp_path / "v2.bin"))
        await command("firmware", "update", "CP001", "v2.bin", "--at", "2026-03-01")
        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=70, trust_env=False) as http:
            answer = await http.get(f"http://{server.web}/api/transfers/2?wait=60")
            assert (answer.json()["state"], answer.json()["remark"]) == ("failed", "the charger says DownloadFailed")
        with trio.fail_after(60):  # an event is in its table a moment later
            while True:
                events = json.loads((await command("events", "--format", "json")).stdout)
                ended = {event["message"] for event in events if event["name"] == "file_transfer_ended"}
                if ended == {"diagnostics: the charger says UploadFailed", "firmware: the charger says DownloadFailed"}:
                    break
        assert [event for event in events if not event["message"]] == []


async def test_charger_that_is_not_there_has_no_url(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    async with with_charger(tmp_path, solarocpp_cli, running_server) as (_, command):
        await command("charger", "add", "CP002")
        refused = await command("diagnostics", "CP002", exits=1)
        assert refused.stderr == (
            "solarocpp: CP002 is not connected, so it is not known where it reaches us. "
            "Say so: solarocpp serve --files-url http://THIS-MACHINE:9001\n"
        )


def test_without_a_listener_nothing_is_ordered(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    solarocpp_cli(tmp_path / "data", "charger", "add", "CP001")
    with running_server(tmp_path / "data") as server:
        refused = solarocpp_cli(server.data, "diagnostics", "CP001", exits=1)
        assert refused.stderr == (
            "solarocpp: No charger can send or fetch files here. Start the server with: solarocpp serve --files :9001\n"
        )


async def test_charger_is_given_the_certificate_it_asks_for(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    """SignCertificate, the authority of `tls init`, CertificateSigned: so a charger gets from profile 2 to 3."""
    solarocpp_cli(tmp_path / "data", "tls", "init", "--name", "localhost")
    async with with_charger(tmp_path, solarocpp_cli, running_server, "--sign-certificates") as (_, command):
        asked = '{"requestedMessage": "SignChargePointCertificate"}'
        assert "Accepted" in (await command("send", "CP001", "ExtendedTriggerMessage", asked)).stdout
        question = "SELECT action, state, result->>'status' AS said FROM instruction WHERE action = 'CertificateSigned'"
        with trio.fail_after(90):
            while not (rows := json.loads((await command("sql", question, "--format", "json")).stdout)) or (
                rows[0]["state"] != "completed"
            ):
                pass
        assert rows == [{"action": "CertificateSigned", "state": "completed", "said": "Accepted"}]
        kept = await command("sql", 'SELECT identifier, "key" FROM certificate', "--format", "csv")
        assert kept.stdout == "identifier,key\nCP001,EC P-256\n"
