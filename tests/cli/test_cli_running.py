"""The same commands with a server running: nobody has to know which."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Serve = Callable[..., AbstractContextManager[Any]]

COMMANDS = [
    ["charger", "add", "CP001"],
    ["charger", "list"],
    ["charger", "set", "CP001", "--registration-status", "Pending"],
    ["credential", "list"],
    ["authorization", "add", "TAG"],
    ["settings", "show"],
    ["sessions", "--format", "json"],
    ["datums"],
    ["sql", "FROM charger SELECT identifier"],
    ["charger", "remove", "CP001", "--yes"],
    ["authorization", "remove", "TAG", "--yes"],
]


@pytest.mark.slow
def test_commands_say_the_same_with_a_server_and_without(
    solarocpp_cli: Cli, running_server: Serve, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    solarocpp_cli(data, "credential", "add", "depot")
    resting = [solarocpp_cli(data, *command) for command in COMMANDS]
    with running_server(data) as server:
        running = [solarocpp_cli(data, *command) for command in COMMANDS]
        port = server.ocpp.rpartition(":")[2]
    for before, after in zip(resting, running, strict=True):
        # Only a running server knows its port, and who is connected.
        expected = before.stdout.replace(":9000/", f":{port}/")
        assert after.stdout.replace("connected  ", "").replace("no         ", "") == expected
        assert after.stderr == before.stderr


@pytest.mark.slow
def test_a_server_tells_a_second_one_who_holds_the_store(
    solarocpp_cli: Cli, running_server: Serve, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running_server(data) as server:
        second = solarocpp_cli(data, "serve", "--ocpp", "127.0.0.1:0", "--web", "127.0.0.1:0", exits=1)
        (line,) = [line for line in second.stderr.splitlines() if line.startswith("solarocpp: ")]
        assert f"is held by process {server.process.pid}." in line


@pytest.mark.slow
def test_a_server_elsewhere_is_reached_with_url_and_token(
    solarocpp_cli: Cli, running_server: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(tmp_path / "there") as server:
        here = tmp_path / "here"
        at = ["--url", f"http://{server.web}"]
        refused = solarocpp_cli(here, "charger", "list", *at, exits=1)
        assert "Run as the server's user, or set SOLAROCPP_TOKEN." in refused.stderr
        monkeypatch.setenv("SOLAROCPP_TOKEN", "wrong")
        refused = solarocpp_cli(here, "charger", "list", *at, exits=1)
        assert refused.stderr.startswith("solarocpp: This needs the header")
        monkeypatch.setenv("SOLAROCPP_TOKEN", server.token)
        assert json.loads(solarocpp_cli(here, "charger", "list", "--format", "json", *at).stdout) == []
        assert not here.exists()
