"""SolarNetwork's own JavaScript library against the program as its users run it: only host and token are changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Cli, Serve
    from websockets.sync.client import ClientConnection

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # processes of Python and node

HERE = Path(__file__).parent
OUTLET = "/ocpp/cp/CP001/1/Outlet"


def cannot(why: str) -> None:
    """Skips on a developer's machine; in CI the test must run."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def node() -> str:
    """Node with the library installed beside the tests, in the exact version of package.json."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        cannot("node and npm are not installed")
    if not (HERE / "node_modules" / "solarnetwork-api-core" / "package.json").exists():
        command = [str(npm), "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE, timeout=300)
        if done.returncode:
            cannot(f"npm cannot install solarnetwork-api-core: {done.stderr.strip()[-300:]}")
    return str(found)


def meter_values(at: str, energy: int) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "meterValue": [{"timestamp": f"2026-03-01T{at}:00Z", "sampledValue": [{"value": str(energy), "unit": "Wh"}]}],
    }


@pytest.fixture
def data(tmp_path: Path, solarocpp_cli: Cli) -> Path:
    """A data directory with a charger that needs no password, and one that is away."""
    data = tmp_path / "data"
    for identifier in ("CP001", "CP002"):
        solarocpp_cli(data, "charger", "add", identifier, "--security-profile", "0")
    return data


@contextmanager
def charge_point(server_url: str) -> Generator[ClientConnection]:
    """Connects as CP001 with the library `websockets`."""
    from websockets.sync.client import connect

    with connect(f"{server_url}/CP001", subprotocols=["ocpp1.6"], proxy=None) as link:  # type: ignore[list-item]
        yield link


def tell(link: ClientConnection, values: list[dict[str, Any]]) -> None:
    """Sends MeterValues, each confirmed."""
    for number, payload in enumerate(values):
        link.send(json.dumps([2, f"m{number}", "MeterValues", payload]))
        while json.loads(link.recv(timeout=30))[:2] != [3, f"m{number}"]:
            pass


def answer_one(link: ClientConnection, answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Answers the next CALL, and gives its action and payload."""
    kind, unique_id, action, payload = json.loads(link.recv(timeout=60))
    assert kind == 2
    link.send(json.dumps([3, unique_id, answer]))
    return action, payload


def test_a_program_written_for_solarnetwork(data: Path, node: str, solarocpp_cli: Cli, running_server: Serve) -> None:
    token = solarocpp_cli(data, "token", "add", "program", "--snws2").stdout.strip()
    number, _, secret = token.partition(".")
    with running_server(data) as server, charge_point(server.url()) as link:
        tell(link, [meter_values("11:00", 1000), meter_values("11:30", 1200), meter_values("11:45", 1500)])
        host, _, port = server.web.rpartition(":")
        command = [node, "solarnetwork_client.mjs", host, port, number, secret]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE) as program:
            try:
                ordered = answer_one(link, {"status": "Accepted"})
                output, errors = program.communicate(timeout=60)
            finally:
                program.kill()
        assert program.returncode == 0, errors
        assert secret not in server.log
    told = json.loads(output)
    assert told["nodes"] == {"status": 200, "success": True, "data": [1]}
    assert told["sources"] == {"status": 200, "success": True, "data": [OUTLET]}
    page = told["datums"]["data"]
    assert (page["totalResults"], page["returnedResultCount"]) == (3, 2)
    assert [(row["created"], row["wattHours"]) for row in page["results"]] == [
        ("2026-03-01 11:45:00Z", 1500),
        ("2026-03-01 11:30:00Z", 1200),
    ]
    assert [(row["created"], row["wattHours"]) for row in told["hours"]["data"]["results"]] == [
        ("2026-03-01 11:00:00Z", 500)
    ]
    (reading,) = told["reading"]["data"]["results"]
    assert (reading["wattHours"], reading["wattHours_start"], reading["wattHours_end"]) == (500, 1000, 1500)
    made = told["made"]
    assert (made["status"], made["data"]["token"], made["data"]["enabled"]) == (201, "ÄBC 123", False)
    assert [row["info"]["id"] for row in told["chargers"]["data"]] == ["CP001", "CP002"]
    assert ordered == ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    executed = told["executed"]["data"]
    assert (executed["state"], executed["resultParameters"]) == ("Completed", {"status": "Accepted"})
    assert told["viewed"]["data"] == executed
    waiting = [told[name]["data"]["id"] for name in ("queued", "request")]
    assert [told[name]["data"]["state"] for name in ("queued", "request")] == ["Received", "Received"]
    assert [row["id"] for row in told["pending"]["data"]] == waiting
    assert told["active"]["data"] == []
    assert told["takenBack"] == {"status": 200, "success": True}
    assert told["declined"]["data"]["state"] == "Declined"
    assert (told["forged"]["status"], told["forged"]["success"]) == (401, False)
