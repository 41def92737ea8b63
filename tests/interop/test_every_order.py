"""Every action we can send, sent by API to implementations nobody here wrote, and what they answered in the result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from test_interop import HERE, ocpp_rpc

from solarocpp.central_system.instructions import sendable_actions

if TYPE_CHECKING:
    from conftest import Cli, RunningServer, Serve

__all__ = ["ocpp_rpc"]

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # processes of Python and node

PASSWORD = "sixteen bytes ok"
ORDERS: dict[str, list[dict[str, Any]]] = json.loads((HERE / "orders.json").read_text())


@pytest.fixture
def data(tmp_path: Path, solarocpp_cli: Cli) -> Path:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "CP001", "--password-stdin", stdin=PASSWORD + "\n")
    return data


@contextmanager
def living(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, cwd=HERE) as process:
        try:
            yield
        finally:
            process.kill()


def test_there_is_an_order_of_every_action() -> None:
    assert sorted(ORDERS) == sorted(sendable_actions())


def answers(server: RunningServer) -> dict[str, Any]:
    """Orders everything at once and waits for the last; gives what each has become."""
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=f"http://{server.web}/api", headers=headers, trust_env=False, timeout=90) as http:
        for action, (payload, _) in ORDERS.items():
            order = {"charger": "CP001", "action": action, "payload": payload}
            assert http.post("/instructions", json=order).status_code == 201
        assert http.get(f"/instructions/{len(ORDERS)}", params={"wait": 60}).json()["state"] == "completed"
        listed = http.get("/instructions").json()
        return {row["action"]: row["error"] if row["result"] is None else row["result"] for row in listed}


def test_ocpp_answers_every_order(data: Path, running_server: Serve) -> None:
    with (
        running_server(data) as server,
        living(sys.executable, "ocpp_told.py", f"{server.url()}/CP001", "CP001", PASSWORD),
    ):
        assert answers(server) == {action: answer for action, (_, answer) in ORDERS.items()}


def test_ocpp_rpc_answers_every_order_in_strict_mode(data: Path, ocpp_rpc: str, running_server: Serve) -> None:
    with running_server(data) as server, living(ocpp_rpc, "rpc_told.cjs", server.url(), "CP001", PASSWORD):
        assert answers(server) == {action: answer for action, (_, answer) in ORDERS.items()}
