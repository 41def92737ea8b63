"""Limits, profiles, reservations and local lists by command line: a server, a simulated charger, all processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli, Serve

pytestmark = pytest.mark.slow  # a server, a charger and a dozen commands, each a process

NIGHT = {
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-01-01T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
    },
}


SIMULATE = (sys.executable, "-m", "solarocpp", "simulate", "--username", "depot", "--chargers", "1", "--tag", "X")
ENVIRONMENT = {**os.environ, "SOLAROCPP_PASSWORD": "a person's password"}


def simulate(url: str) -> subprocess.CompletedProcess[str]:
    """A charger that stays for a moment, if it is let in."""
    return subprocess.run(
        (*SIMULATE, "--seconds", "0.1", url), env=ENVIRONMENT, check=False, capture_output=True, text=True
    )


@contextmanager
def simulated(url: str) -> Iterator[None]:
    """A charger at which nobody charges."""
    with subprocess.Popen((*SIMULATE, url), env=ENVIRONMENT, stdout=subprocess.DEVNULL) as charger:
        try:
            yield
        finally:
            charger.terminate()


def test_a_simulated_charger_comes_with_the_key_it_is_told_and_with_nothing_else(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    with running_server(data) as server:
        with simulated(server.url()):
            rotated = solarocpp_cli(data, "charger", "rotate-key", "CP001")
            assert rotated.stdout.startswith("CP001 has come with a key of its own, since ")
            assert solarocpp_cli(data, "send", "CP001", "ClearCache").returncode == 0
        # Whoever lost the key in it, by a factory reset, goes back to what it began with.
        locked_out = simulate(server.url())
        assert locked_out.returncode != 0
        assert "lost a key of its own; see: solarocpp charger rotate-key IDENTITY --show" in locked_out.stderr
        solarocpp_cli(data, "charger", "rotate-key", "CP001", "--forget")
        assert simulate(server.url()).returncode == 0


def test_a_simulated_charger_is_limited_reserved_and_given_a_list(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    solarocpp_cli(data, "authorization", "add", "04A2B3C4")
    solarocpp_cli(data, "credential", "add", "depot", "--password-stdin", stdin="a person's password\n")
    (tmp_path / "night.json").write_text(json.dumps(NIGHT))
    solarocpp_cli(data, "profile", "add", "night", str(tmp_path / "night.json"))
    with running_server(data) as server, simulated(server.url()):
        limited = solarocpp_cli(data, "limit", "CP001", "16A")
        assert limited.stdout == "CP001: 16A until it is taken away (ChargePointMaxProfile, accepted).\n"
        assert limited.stderr == "The charger says that it keeps to it.\n"
        applied = solarocpp_cli(data, "profile", "apply", "night", "CP001", "--connector", "1")
        assert applied.stdout == "CP001 has night (Accepted).\n"
        schedule = solarocpp_cli(data, "profile", "schedule", "CP001", "--ask", "--hours", "2")
        assert schedule.stderr == "The charger says the same.\n"
        assert " 6 " in schedule.stdout.splitlines()[1]
        listed = solarocpp_cli(data, "profile", "installed", "CP001", "--format", "csv").stdout
        assert [line.split(",")[2] for line in listed.splitlines()[1:]] == ["ChargePointMaxProfile", "TxDefaultProfile"]
        assert solarocpp_cli(data, "limit", "CP001", "off").stdout == "CP001: no limit of ours.\n"
        assert solarocpp_cli(data, "profile", "clear", "CP001").stdout == "CP001 has them no more (Accepted).\n"

        reserved = solarocpp_cli(data, "reserve", "CP001", "1", "04A2B3C4", "--until", "2099-01-01", exits=1)
        assert "is not within 31 days from now" in reserved.stderr
        reserved = solarocpp_cli(data, "reserve", "CP001", "1", "04A2B3C4", "--until", "23:59")
        assert reserved.stdout.startswith("Reservation 1 of CP001, connector 1 for 04A2B3C4: active until ")
        shown = solarocpp_cli(data, "reservations", "list", "--active", "--format", "json")
        assert [row["status"] for row in json.loads(shown.stdout)] == ["active"]
        cancelled = solarocpp_cli(data, "reservations", "cancel", "1")
        assert cancelled.stdout == "Reservation 1 of CP001, connector 1 for 04A2B3C4: cancelled.\n"

        kept = solarocpp_cli(data, "locallist", "on", "CP001")
        assert kept.stdout == "CP001: local list kept, 1 id tags, version 1, up to date.\n"
        entries = solarocpp_cli(data, "locallist", "show", "CP001", "--format", "json").stdout
        assert [(row["token"], row["status"]) for row in json.loads(entries)] == [("04A2B3C4", "Accepted")]
        emptied = solarocpp_cli(data, "locallist", "off", "CP001")
        assert emptied.stdout == "CP001: local list not kept, 0 id tags, version 2, up to date.\n"
