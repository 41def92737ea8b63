"""Fixtures for everybody: the program as its users run it, as processes of its own.

`solarocpp_cli(data, "charger", "add", "CP001")` runs one command and returns it finished.
`running_server(data, *options)` is a context manager around `solarocpp serve`: it is entered when the
server accepts, and left by SIGTERM; the server must then end with exit code 0. `ocpp="HOST:PORT"` names
the port, for a server that comes back where it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# Hypothesis' own limit of 200 ms an example says something about the machine, not about the code under test.
settings.register_profile("solarocpp", deadline=None)
settings.load_profile("solarocpp")

# A cold start imports duckdb and litestar; with the other core busy that has taken 4 s here.
READY_DEADLINE_S = 30.0
STOP_DEADLINE_S = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the quick tests first, so that a broken build is known in seconds."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Serve = Callable[..., AbstractContextManager["RunningServer"]]


class RunningServer:
    """A server process that accepts: its addresses as `HOST:PORT`, its data directory, its log."""

    def __init__(self, data: Path, process: subprocess.Popen[bytes], ready: dict[str, str], log: Path) -> None:
        self.data, self.process = data, process
        self.ocpp, self.web, self.quack = ready["ocpp"], ready["web"], ready.get("quack", "")
        self._log = log

    @property
    def log(self) -> str:
        """Everything the server has logged so far."""
        return self._log.read_text()

    @property
    def token(self) -> str:
        """The bearer token of the local command line."""
        return (self.data / "admin.token").read_text().strip()

    def url(self, scheme: str = "ws") -> str:
        """Where charge points connect; their identity comes after it."""
        return f"{scheme}://{self.ocpp}/ocpp/j/v16"

    def stop(self) -> int:
        """Asks the server to end, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_DEADLINE_S)


@pytest.fixture
def solarocpp_cli() -> Cli:
    """Runs `solarocpp COMMAND ...` on a data directory; fails the test on an exit code other than `exits`."""

    def run(data: Path, *arguments: str, exits: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "solarocpp", *arguments, "--data", str(data)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin, timeout=60)
        assert done.returncode == exits, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done

    return run


@contextmanager
def serving(scratch: Path, data: Path, *options: str, ocpp: str = "127.0.0.1:0") -> Generator[RunningServer]:
    """Runs `solarocpp serve` on ports of its own choice; its log is in `scratch`."""
    ready_file = scratch / "ready.json"
    ready_file.unlink(missing_ok=True)
    log = scratch / "serve.log"
    command = [sys.executable, "-m", "solarocpp", "serve", "--data", str(data), "--ready-file", str(ready_file)]
    command += ["--ocpp", ocpp, "--web", "127.0.0.1:0", "--log-format", "json", *options]
    if "--quack" not in options:  # which few tests need, and which costs each start half a second
        command += ["--quack", "off"]
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield RunningServer(data, process, _wait_ready(process, ready_file, log), log)
            code = process.poll()
            if code is None:
                process.send_signal(signal.SIGTERM)
                code = process.wait(STOP_DEADLINE_S)
            assert code == 0, f"the server ended with {code}:\n{log.read_text()}"
        finally:
            process.kill()


@pytest.fixture
def running_server(tmp_path: Path) -> Serve:
    """Runs servers for one test, one at a time."""
    return partial(serving, tmp_path)


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Runs servers for all tests of a module, one at a time."""
    return partial(serving, tmp_path_factory.mktemp("server"))


def _wait_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + READY_DEADLINE_S
    while not ready_file.exists():
        assert process.poll() is None, f"the server ended before it was ready:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the server is not ready:\n{log.read_text()}"
        time.sleep(0.02)
    ready: dict[str, str] = json.loads(ready_file.read_text())
    return ready


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that ran in this process has set up its own; the next test must not have lines left out by it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's SOLAROCPP_* must not decide what a test sees."""
    for name in [name for name in os.environ if name.startswith("SOLAROCPP_")]:
        monkeypatch.delenv(name)
