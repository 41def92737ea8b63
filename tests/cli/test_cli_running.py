"""The same commands with a server running: nobody has to know which."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Run = Callable[..., tuple[int, str, str]]
Serve = Callable[..., AbstractContextManager[Any]]

COMMANDS = [
    ["charger", "add", "CP001"],
    ["charger", "list"],
    ["charger", "set", "CP001", "--registration-status", "Pending"],
    ["credential", "list"],
    ["authorization", "add", "TAG"],
    ["settings", "show"],
    ["account", "list"],
    ["token", "list"],
    ["events", "--tags", "ocpp"],
    ["sessions", "--format", "json"],
    ["datums"],
    ["sql", "FROM charger SELECT identifier"],
    ["charger", "remove", "CP001", "--yes"],
    ["authorization", "remove", "TAG", "--yes"],
]


@pytest.mark.slow
def test_commands_say_the_same_with_a_server_and_without(run: Run, running_server: Serve, tmp_path: Path) -> None:
    run("credential", "add", "depot")
    resting = [run(*command) for command in COMMANDS]
    with running_server(tmp_path / "data") as server:
        running = [run(*command) for command in COMMANDS]
        port = server.ocpp.rpartition(":")[2]
    for before, after in zip(resting, running, strict=True):
        # Only a running server knows its port, and who is connected.
        expected = before[1].replace(":9000/", f":{port}/")
        assert after[1].replace("connected  ", "").replace("no         ", "") == expected
        assert (after[0], after[2]) == (before[0], before[2]) == (0, before[2])


@pytest.mark.slow
def test_links_show_who_is_connected_and_how(run: Run, running_server: Serve, tmp_path: Path) -> None:
    run("charger", "add", "CP001")
    password = run("credential", "add", "depot")[1].strip()
    with running_server(tmp_path / "data") as server:
        assert run("links") == (
            0,
            "",
            "Nobody is connected. Who was refused, and why: solarocpp events --tags forbidden\n",
        )
        host, port = server.ocpp.split(":")
        with socket.create_connection((host, int(port))) as charger:
            charger.sendall(HANDSHAKE.format(password=password).encode())
            assert charger.recv(4096).startswith(b"HTTP/1.1 101 ")
            code, out, err = run("links")
            (link,) = json.loads(run("links", "--format", "json")[1])
            here = f"{host}:{charger.getsockname()[1]}"
    head, line = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split() == ["charger", "since", "from", "tls", "proof", "messages"]
    assert line.split() == ["CP001", line.split()[1], here, "no", "user", "depot", "0"]
    assert (link["identifier"], link["accountId"], link["peer"], link["profile"]) == ("CP001", 1, here, "v16u")
    assert (link["tls"], link["securityProfile"], link["username"], link["repairs"]) == (None, 1, "depot", {})


HANDSHAKE = """\
GET /ocpp/j/v16u/depot/{password}/CP001 HTTP/1.1
Host: depot
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: ocpp1.6

""".replace("\n", "\r\n")


@pytest.mark.slow
def test_a_token_of_an_account_works_from_elsewhere(
    run: Run, running_server: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("charger", "add", "CP001")
    run("account", "add", "harbour")
    token = run("token", "add", "app", "--account", "2")[1].strip()
    with running_server(tmp_path / "data") as server:
        at = ["--url", f"http://{server.web}"]
        monkeypatch.setenv("SOLAROCPP_TOKEN", token)
        run("charger", "add", "PIER", *at)
        assert [row["identifier"] for row in json.loads(run("charger", "list", "--format", "json", *at)[1])] == ["PIER"]
        code, _, err = run("sql", "FROM charger", *at)
        assert (code, err.startswith("solarocpp: /api/sql is about the whole box")) == (1, True)
        assert run("charger", "show", "CP001", *at)[0] == 1


@pytest.mark.slow
def test_commands_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    """A script with `xargs -P`: each opens the store for itself, none may fail for that."""
    command = [sys.executable, "-m", "solarocpp", "charger", "add", "--data", str(tmp_path / "data")]
    started = [
        subprocess.Popen([*command, f"CP{number}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said


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
