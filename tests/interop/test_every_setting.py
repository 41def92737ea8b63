"""What an operator sets on a charger made of `ocpp`: its key, over a restart of the server, and its limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_every_order import PASSWORD, data, living

if TYPE_CHECKING:
    from conftest import Cli, Serve

__all__ = ["data"]

pytestmark = [pytest.mark.interop, pytest.mark.slow]  # processes of Python


def test_ocpp_comes_with_its_new_key_and_after_a_restart(data: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    with running_server(data) as server:
        ocpp, url = server.ocpp, f"{server.url()}/CP001"
    # Ordered while nothing runs: it must survive until somebody is there to be told.
    queued = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--wait", "0").stdout
    assert queued == "CP001 is told a new key when it is connected; it and what it has now are right.\n"
    with living(sys.executable, "ocpp_kept.py", url, "CP001", PASSWORD):
        with running_server(data, ocpp=ocpp) as server:
            shown = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--show").stdout
            while "nothing else opens" not in shown:
                shown = solarocpp_cli(data, "charger", "rotate-key", "CP001", "--show").stdout
        with running_server(data, ocpp=ocpp) as server:
            done = solarocpp_cli(data, "charger", "rotate-key", "CP001")
            assert done.stdout.startswith("CP001 has come with a key of its own, since ")
            assert PASSWORD not in server.log
    with running_server(data, ocpp=ocpp) as server, living(sys.executable, "ocpp_kept.py", url, "CP001", PASSWORD):
        while "wrong_password" not in solarocpp_cli(data, "events", "--format", "json").stdout:
            pass


def test_ocpp_takes_a_limit_tells_of_it_and_lets_it_go(data: Path, solarocpp_cli: Cli, running_server: Serve) -> None:
    with (
        running_server(data) as server,
        living(sys.executable, "ocpp_kept.py", f"{server.url()}/CP001", "CP001", PASSWORD),
    ):
        limited = solarocpp_cli(data, "limit", "CP001", "16A", "--connector", "1")
        assert limited.stdout == "CP001, connector 1: 16A until it is taken away (TxDefaultProfile, accepted).\n"
        assert limited.stderr == "The charger says that it keeps to it.\n"
        off = solarocpp_cli(data, "limit", "CP001", "off", "--connector", "1")
        assert off.stdout == "CP001, connector 1: no limit of ours.\n"
        schedule = solarocpp_cli(data, "send", "CP001", "GetCompositeSchedule", '{"connectorId": 1, "duration": 60}')
        assert "Rejected" in schedule.stdout
