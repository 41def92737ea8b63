"""Whole sessions by implementations nobody here wrote, against the program as its users run it.

Both charge points send the same session (see ocpp_charge_point.py); what is stored is compared, row by
row, with the table below, which was worked out by hand from the readings.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trustme

import solarocpp.query as q

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # processes of Python and node, and TLS

HERE = Path(__file__).parent

OUTLET = "/ocpp/cp/CP001/1/Outlet"
CONNECTOR = "/ocpp/cp/CP001/1/status"
CHARGER = "/ocpp/cp/CP001/0/status"

DATUM_SQL = f"""
SELECT strftime(created, '%H:%M:%S') AS at, wattHours, watts, current_a, current_b, current_c,
       voltage_a, voltage_b, voltage_c, duration, token, strftime(endDate, '%H:%M:%S') AS endDate, endReason, endToken
FROM datum WHERE sourceId = '{OUTLET}' ORDER BY created"""

# at, Wh, W, A of three phases, V of three phases, duration, token, end
DATUMS = [
    ("10:00:10", 1000.0, None, None, None, None, None, None, None, 0, "TAG-A", None, None, None),
    ("10:01:10", 1115.0, 6900.0, 10.0, 10.1, 9.9, 230.0, 231.5, 229.0, 60, "TAG-A", None, None, None),
    ("10:02:10", 1230.1, 6906.5, 10.01, 10.0, 10.0, 230.1, 230.2, 230.3, 120, "TAG-A", None, None, None),
    ("10:03:10", 1345.0, 6900.0, 10.0, 10.0, 10.0, 230.0, 230.0, 230.0, 180, "TAG-A", None, None, None),
    ("10:03:40", 1403.0, None, None, None, None, None, None, None, 210, "TAG-A", None, None, None),
    ("10:04:10", 1460.0, None, None, None, None, None, None, None, 240, "TAG-A", "10:04:10", "Local", "TAG-A"),
]

STATUS_SQL = """
SELECT strftime(created, '%H:%M:%S') AS at, sourceId, status, transactionId IS NOT NULL AS charging
FROM datum WHERE status IS NOT NULL ORDER BY created, sourceId"""

STATUSES = [
    ("10:00:00", CHARGER, "Available", False),
    ("10:00:00", CONNECTOR, "Available", False),
    ("10:00:05", CONNECTOR, "Preparing", False),
    ("10:00:11", CONNECTOR, "Charging", True),
    ("10:04:09", CONNECTOR, "Finishing", True),
    ("10:04:12", CONNECTOR, "Available", False),
]

SESSION_SQL = """
SELECT sourceId, connectorId, transactionId, token, epoch(started) AS started, epoch(ended) AS ended, endReason,
       meterStart, meterStop, energy, duration, averagePower, peakPower
FROM session"""

START = datetime(2026, 3, 1, 10, 0, 10, tzinfo=UTC).timestamp()
# 460 Wh in 240 s are 6,900 W on average; the highest power that was sent is 6,906.5 W.
SESSIONS = [
    (OUTLET, 1, 1, "TAG-A", START, START + 240, "Local", 1000.0, 1460.0, 460.0, 240, 6900.0, 6906.5),
]


@pytest.fixture
def data(tmp_path: Path, solarocpp_cli: Cli) -> Path:
    """A data directory with the charger and the id tag."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "authorization", "add", "TAG-A")
    return data


def check_store(data: Path, solarocpp_cli: Cli, *, live: bool) -> None:
    """The three tables, asked for as a program would: through the running server, or in the files."""
    for sql, expected in ((DATUM_SQL, DATUMS), (STATUS_SQL, STATUSES), (SESSION_SQL, SESSIONS)):
        if live:
            listed = json.loads(solarocpp_cli(data, "sql", sql, "--format", "json").stdout)
            rows = [tuple(row.values()) for row in listed]
        else:
            with q.open(data) as con:
                rows = con.sql(sql).fetchall()
        assert rows == expected


def run_charge_point(*command: str) -> dict[str, Any]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE, timeout=60)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_session_of_ocpp_over_tls_and_basic(
    data: Path, tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a password of a person\n")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(tmp_path / "cert.pem", append=number > 0)
    tls = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))

    with running_server(data, *tls) as server:
        told = run_charge_point(
            sys.executable,
            "ocpp_charge_point.py",
            server.url("wss"),
            "CP001",
            "depot",
            "a password of a person",
            str(tmp_path / "ca.pem"),
        )
        check_store(data, solarocpp_cli, live=True)
        assert "TAG-A" not in server.log
        assert "a password of a person" not in server.log
    assert told == {
        "boot": "Accepted",
        "authorize": "Accepted",
        "start": "Accepted",
        "transactionId": 1,
        "stop": "Accepted",
        "subprotocol": "ocpp1.6",
    }
    check_store(data, solarocpp_cli, live=False)


@pytest.fixture(scope="session")
def ocpp_rpc() -> str:
    """Node with ocpp-rpc installed beside the tests, in the exact version of package.json."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        cannot("node and npm are not installed")
    if not (HERE / "node_modules" / "ocpp-rpc" / "package.json").exists():
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE, timeout=300)
        if done.returncode:
            cannot(f"npm cannot install ocpp-rpc: {done.stderr.strip()[-300:]}")
    return node


def cannot(why: str) -> NoReturn:
    """Skips on a developer's machine; in CI the test must run."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def test_a_session_of_ocpp_rpc_in_strict_mode(
    data: Path, ocpp_rpc: str, solarocpp_cli: Cli, running_server: Serve
) -> None:
    """Its user name is the charger's identity, as security profile 1 has it (Q111)."""
    made = solarocpp_cli(
        data, "credential", "add", "CP001", "--allow", "CP001", "--password-stdin", stdin="sixteen bytes ok\n"
    )
    assert "sixteen bytes ok" not in made.stdout
    with running_server(data) as server:
        told = run_charge_point(ocpp_rpc, "rpc_charge_point.cjs", server.url(), "CP001", "sixteen bytes ok")
        check_store(data, solarocpp_cli, live=True)
    assert told == {
        "boot": "Accepted",
        "authorize": "Accepted",
        "start": "Accepted",
        "transactionId": 1,
        "stop": "Accepted",
        "subprotocol": "ocpp1.6",
        "heartbeat": True,
        "broken": [],
    }
    check_store(data, solarocpp_cli, live=False)
