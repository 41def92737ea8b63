"""What systemd is told, heard on a socket like its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from solarocpp.cli import make_cli
from solarocpp.store.histogram import Histogram
from solarocpp.supervision import Supervisor, watch_loop

PID = 812


class Systemd:
    """The socket that a supervisor listens on."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(30)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.environment = {"NOTIFY_SOCKET": address}

    def hear(self) -> dict[str, str]:
        """The next message."""
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def heard(self) -> list[dict[str, str]]:
        """What has come so far."""
        self._socket.setblocking(False)
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(self.hear())
        return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(str(tmp_path / "notify") if request.param == "file" else f"@solarocpp-test-{os.getpid()}")
    yield made
    made.close()


def test_it_is_told_in_lines(systemd: Systemd) -> None:
    Supervisor(systemd.environment, PID).tell(READY="1", STATUS="2 chargers are connected")
    assert systemd.heard() == [{"READY": "1", "STATUS": "2 chargers are connected"}]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_nobody_listening_is_no_trouble(environment: dict[str, str]) -> None:
    Supervisor(environment, PID).tell(READY="1")


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "812"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "813"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environment: dict[str, str], every_s: float | None) -> None:
    assert Supervisor(environment, PID).alive_every_s == every_s


async def test_a_loop_that_turns_says_so(systemd: Systemd, autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor({**systemd.environment, "WATCHDOG_USEC": "20000000"}, PID)
    lag = Histogram()
    with trio.move_on_after(35):
        await watch_loop(lag, supervisor, lambda: "3 chargers are connected")
    assert systemd.heard() == [{"WATCHDOG": "1", "STATUS": "3 chargers are connected"}] * 4  # at 0, 10, 20 and 30 s
    assert sum(lag.counts) >= 69


async def test_a_loop_that_hangs_says_nothing_and_is_seen(systemd: Systemd, mock_clock: trio.testing.MockClock) -> None:
    """A jump of the clock is what a loop sees that was stopped for so long."""
    supervisor = Supervisor({**systemd.environment, "WATCHDOG_USEC": "20000000"}, PID)
    lag = Histogram()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_loop, lag, supervisor, lambda: "")
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(9.0)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert len(systemd.heard()) == 1  # the first
    assert lag.counts[-2] == 1  # 8.5 s late: between 5 and 10


@pytest.mark.slow(reason="a server process of its own")
def test_a_server_tells_when_it_accepts_lives_and_ends(
    tmp_path: Path,
    running_server: Callable[..., AbstractContextManager[Any]],
    monkeypatch: pytest.MonkeyPatch,
    systemd: Systemd,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.environment["NOTIFY_SOCKET"])
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with running_server(tmp_path / "data"):
        first = systemd.hear()
        while first.get("READY") != "1":  # the loop turns before everything accepts
            assert first["WATCHDOG"] == "1"
            first = systemd.hear()
        assert first["STATUS"] == "chargers connected: 0"
        assert systemd.hear()["WATCHDOG"] == systemd.hear()["WATCHDOG"] == "1"
    assert [each for each in systemd.heard() if "STOPPING" in each] == [
        {"STOPPING": "1", "STATUS": "answering what was received"}
    ]


EXAMPLES = Path(__file__).parent.parent / "examples"
UNIT = EXAMPLES / "solarocpp.service"
MOST_EXPOSED = 2.0
"""Of 10, by systemd's own rating; what remains is the network, which is the job."""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """With a program that is there; the one of the unit is where people will put it."""
    unit = tmp_path / "solarocpp.service"
    unit.write_text(UNIT.read_text().replace("/opt/solarocpp/bin/solarocpp", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    # The machine that tests need not have the user, and its other units may have faults of their own.
    complaints = [line for line in done.stderr.splitlines() if "solarocpp.service" in line]
    assert complaints == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_lets_the_server_do_little_else() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--json=short", f"--threshold={int(10 * MOST_EXPOSED)}"]
    done = subprocess.run([*command, str(UNIT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_unit_and_container_start_what_there_is() -> None:
    """The command lines in both are ones the program takes."""
    (unit,) = re.findall(r"^ExecStart=\S+/solarocpp (.*)$", UNIT.read_text(), re.MULTILINE)
    text = (EXAMPLES / "Containerfile").read_text()
    (container,) = [json.loads(line) for line in re.findall(r"^CMD (.*)$", text, re.MULTILINE)]
    for arguments in (shlex.split(unit), container):
        function, bound, ignored = make_cli().parse_args(arguments, exit_on_error=False, print_error=False)
        assert (function.__module__, ignored) == ("solarocpp.cli.serve", {})
        assert str(bound.arguments["data"]).startswith("/")


def test_the_container_is_made_from_files_there_are() -> None:
    text = (EXAMPLES / "Containerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert copied
    assert [name for name in copied if not (EXAMPLES.parent / name).exists()] == []
