"""`solarocpp demo` and `solarocpp simulate`, as processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # a server and its chargers, in real time

SOLAROCPP = (sys.executable, "-m", "solarocpp")
DEMO = (*SOLAROCPP, "demo", "--ocpp", "127.0.0.1:0", "--web", "127.0.0.1:0", "--speed", "600")


def run(command: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60
    )


def test_demo_answers_from_sql_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run((*DEMO, "--seconds", "6", "--chargers", "3"), TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    assert re.search(r"^Chargers +ws://127\.0\.0\.1:\d+/ocpp/j/v16/CP001 to CP003", done.stdout, re.MULTILINE)
    assert re.search(r"^Web +http://127\.0\.0\.1:\d+/", done.stdout, re.MULTILINE)
    answer, summary = done.stdout.split("What the store knows of it:")
    assert re.search(r"> SELECT .*\n.*\n +FROM session .*\nsourceId +token ", answer)
    # What the simulated meters counted is what the store adds up.
    simulated = re.findall(r"^(CP00\d) +(\d+) sessions +(\d+\.\d) kWh", answer, re.MULTILINE)
    stored = re.findall(r"^/ocpp/cp/(CP00\d)/1/Outlet +(\d+) +([\d.]+) ", summary, re.MULTILINE)
    assert len(stored) == 3
    assert [(name, count, pytest.approx(float(energy), abs=0.11)) for name, count, energy in simulated] == [
        (name, count, float(energy)) for name, count, energy in stored
    ]
    assert "The store was thrown away" in summary


def test_demo_keeps_its_store_where_told_and_ends_on_sigterm(tmp_path: Path, solarocpp_cli: Cli) -> None:
    data = tmp_path / "kept"
    with subprocess.Popen((*DEMO, "--data", str(data)), stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            seen = ""
            while "began" not in seen:  # the first answer from SQL
                line = demo.stdout.readline()
                assert line, "the demo ended by itself"
                seen += line
            demo.send_signal(signal.SIGTERM)
            seen += demo.stdout.read()
            assert demo.wait(30) == 0
        finally:
            demo.kill()
    assert f"solarocpp sessions --data {data}" in seen
    ended = solarocpp_cli(data, "sql", "SELECT count(*) AS n, count(ended) AS ended FROM session", "--format", "csv")
    number, number_ended = ended.stdout.splitlines()[1].split(",")
    assert int(number) == int(number_ended) >= 3
    refused = run((*DEMO, "--data", str(data)))
    assert refused.returncode == 2
    assert "a new directory" in refused.stderr


def test_simulate_a_day_against_a_server(tmp_path: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    data = tmp_path / "data"
    for charger in ("SITE001", "SITE002"):
        solarocpp_cli(data, "charger", "add", charger)
    solarocpp_cli(data, "authorization", "add", "CARD")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    with running_server(data) as server:
        simulate = (*SOLAROCPP, "simulate", server.url(), "--username", "depot", "--prefix", "SITE")
        day = (*simulate, "--chargers", "2", "--tag", "CARD", "--speed", "inf", "--days", "1", "--interval", "900")
        done = run(day, SOLAROCPP_PASSWORD="a person's password")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"^\d+ sessions, \d+\.\d kWh in 24\.0 simulated hours\.$", done.stdout, re.MULTILINE)

        wrong = run((*simulate, "--password", "mistyped"))
        assert wrong.returncode == 1
        assert "Warning: other users of this machine can see a password given as an option" in wrong.stderr
        assert "answered HTTP 401" in wrong.stderr
        assert "SOLAROCPP_PASSWORD" in wrong.stderr.splitlines()[-1]

        unknown = run((*simulate[:-1], "OTHER"), SOLAROCPP_PASSWORD="a person's password")
        assert unknown.returncode == 1
        assert "answered HTTP 404" in unknown.stderr
        assert "charger add" in unknown.stderr

        day_of_strangers = tuple("NOBODY" if part == "CARD" else part for part in day)
        stranger = run(day_of_strangers, SOLAROCPP_PASSWORD="a person's password")
        assert stranger.returncode == 0
        assert ". The central system does not accept the id tags NOBODY" in stranger.stdout


def test_simulate_over_tls_trusts_only_whom_it_is_told_to(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "authorization", "add", "SIM0001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = str(tmp_path / "server.pem")
    with running_server(data, "--tls-cert", pem, "--tls-key", pem) as server:
        simulate = (*SOLAROCPP, "simulate", server.url("wss"), "--username", "depot", "--seconds", "1")
        password = {"SOLAROCPP_PASSWORD": "a person's password"}
        trusting = run((*simulate, "--ca", str(tmp_path / "ca.pem")), **password)
        assert (trusting.returncode, trusting.stderr) == (0, "")
        doubting = run(simulate, **password)
        assert doubting.returncode == 1
        assert "CERTIFICATE_VERIFY_FAILED" in doubting.stderr
        assert len(doubting.stderr.splitlines()) == 1


def test_simulate_says_when_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # not listening: refused, and nobody else gets the port
        done = run((*SOLAROCPP, "simulate", f"ws://127.0.0.1:{nobody.getsockname()[1]}/ocpp/j/v16"))
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Is a central system running there" in done.stderr
    assert len(done.stderr.splitlines()) == 1
