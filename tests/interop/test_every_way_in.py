"""The four URL profiles, by implementations nobody here wrote, with an identity and a password that need encoding."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from test_interop import ocpp_rpc, run_charge_point

if TYPE_CHECKING:
    from conftest import Cli, Serve

__all__ = ["ocpp_rpc"]

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # processes of Python and node

IDENTITY = "RDAM|12 3%"  # Q08, Q09
PASSWORD = "sixteen/bytes:ok?"
LET_IN = [["ocpp1.6", "Accepted"]] * 4


@pytest.fixture
def data(tmp_path: Path, solarocpp_cli: Cli) -> Path:
    """A data directory with the charger, and a credential that is called as the charger is (Q111)."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", IDENTITY)
    solarocpp_cli(data, "credential", "add", IDENTITY, "--password-stdin", stdin=PASSWORD + "\n")
    return data


def hid_of(data: Path, solarocpp_cli: Cli) -> str:
    (account,) = json.loads(solarocpp_cli(data, "account", "list", "--format", "json").stdout)
    return str(account["hid"])


def doors(server: str, hid: str) -> dict[str, str]:
    """What stands in front of the identity, by profile."""
    username, password = quote(IDENTITY, safe=""), quote(PASSWORD, safe="")
    return {
        "v16": f"ws://{server}/ocpp/j/v16",
        "v16h": f"ws://{server}/ocpp/j/v16h/{hid}",
        "v16u": f"ws://{server}/ocpp/j/v16u/{username}/{password}",
        "v16hu": f"ws://{server}/ocpp/j/v16hu/{hid}/{username}/{password}",
    }


def test_ocpp_boots_by_each_of_the_four(data: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    hid = hid_of(data, solarocpp_cli)
    with running_server(data) as server:
        ways = [
            [f"{door}/{quote(IDENTITY, safe='')}", *((None, None) if "u" in profile else (IDENTITY, PASSWORD))]
            for profile, door in doors(server.ocpp, hid).items()
        ]
        assert run_charge_point(sys.executable, "ocpp_boots.py", json.dumps(ways)) == LET_IN
        opened = solarocpp_cli(data, "events", "--tags", "connected", "--format", "json").stdout
    assert [event["data"]["profile"] for event in json.loads(opened)] == ["v16", "v16h", "v16u", "v16hu"]
    assert {event["data"]["cp"] for event in json.loads(opened)} == {IDENTITY}


def test_ocpp_rpc_boots_by_each_of_the_four(
    data: Path, ocpp_rpc: str, solarocpp_cli: Cli, running_server: Serve
) -> None:
    """It appends its identity itself, encoded, and sends it as user name wherever it has a password."""
    hid = hid_of(data, solarocpp_cli)
    with running_server(data) as server:
        ways = [
            [door, IDENTITY, None if "u" in profile else PASSWORD] for profile, door in doors(server.ocpp, hid).items()
        ]
        assert run_charge_point(ocpp_rpc, "rpc_boots.cjs", json.dumps(ways)) == LET_IN
