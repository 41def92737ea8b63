"""Servers as processes of their own: start, measure, stop or kill, and count what they stored.

Used by the benchmarks, and by the test that kills a loaded server.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import trio
import trustme
from dialing import PASSWORD_AT_SITE

from solarocpp import query
from solarocpp.registry import NewAuthorization, NewCharger, NewCredential, Registry
from solarocpp.store import open_store

HERE = Path(__file__).parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
SETTLE_DEADLINE_S = 120.0
IDLE_S = 1.5  # longer than the projector lets anything wait
IDLE_SHARE = 0.12  # of a core: 5,000 links that are merely there take a tenth of one
USERNAME = "bench"
TOKEN = "BENCHMARK"


# Every property that one message of load.py carries; -1 if a moment of a source has two rows.
WHOLE = """
    SELECT CASE WHEN count(*) = count(DISTINCT (sourceId, created)) THEN count(*) ELSE -1 END FROM datum
    WHERE wattHours IS NOT NULL AND watts IS NOT NULL AND voltage_a IS NOT NULL AND temp IS NOT NULL
      AND current_a IS NOT NULL AND current_b IS NOT NULL AND current_c IS NOT NULL AND soc IS NOT NULL
      AND sessionId IS NOT NULL
"""


class Server:
    """A server process; what it prints is in `server.log` of its directory."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.directory = directory
        self.ready_file = directory / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        with (directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def addresses(self) -> dict[str, str] | None:
        """Gives the addresses it listens on, or None while it is starting."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            addresses: dict[str, str] = json.loads(self.ready_file.read_text())
            return addresses
        return None

    def wait_ready(self) -> str:
        """Waits until it listens; gives its OCPP address."""
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            addresses = self.addresses()
            if addresses:
                return addresses["ocpp"]
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError(f"{self.process.args!r} did not start:\n{self.log()}")

    def log(self) -> str:
        """Gives the end of what it printed."""
        return (self.directory / "server.log").read_text()[-4000:]

    def cpu_s(self) -> float:
        """Gives the CPU seconds of all its threads so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def resident_kib(self) -> int:
        """Gives its resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def settle(self) -> None:
        """Waits until it has nothing left to do: what was said is projected, what is over is cleared away."""
        deadline = time.monotonic() + SETTLE_DEADLINE_S
        idle_since, before = time.monotonic(), self.cpu_s()
        while time.monotonic() < min(deadline, idle_since + IDLE_S):
            time.sleep(0.25)
            used, before = self.cpu_s() - before, self.cpu_s()
            if used > 0.25 * IDLE_SHARE:
                idle_since = time.monotonic()

    def stop(self) -> float:
        """Asks it to stop (SIGTERM) and waits; gives the CPU seconds of its whole life."""
        self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE_S
        while time.monotonic() < deadline:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return used.ru_utime + used.ru_stime
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError(f"{self.process.args!r} did not stop:\n{self.log()}")

    def kill(self) -> None:
        """Ends it with SIGKILL: no handler of it runs."""
        self.process.kill()
        self.process.wait()


class Stored(NamedTuple):
    """What a server kept of the load."""

    messages: int
    whole: int
    """Messages all of whose 8 readings are in the tables that people query."""


class CentralSystem(Protocol):
    """A central system under load."""

    name: str
    path: str
    password: str

    def start(self, directory: Path) -> Server: ...

    def stored(self, directory: Path) -> Stored: ...


class Baseline:
    """`ocpp` + `websockets` + sqlite3, as baseline.py has it."""

    name = "baseline"
    path = ""
    password = ""

    def start(self, directory: Path) -> Server:
        """Starts it on a new database."""
        directory.mkdir()
        return Server(
            [str(HERE / "baseline.py"), str(directory / "baseline.db"), str(directory / "ready.json")], directory
        )

    def stored(self, directory: Path) -> Stored:
        """Counts after it stopped."""
        with contextlib.closing(sqlite3.connect(directory / "baseline.db")) as database:
            messages = database.execute("SELECT count(*) FROM message").fetchone()[0]
            whole = database.execute(
                "SELECT count(*) FROM (SELECT message FROM reading GROUP BY message HAVING count(*) = 8)"
            ).fetchone()[0]
        return Stored(messages, whole)


class Ours:
    """`solarocpp serve`, on a copy of a data directory where the chargers are registered."""

    name = "solarocpp"
    path = "/ocpp/j/v16"

    def __init__(self, prepared: Path, chargers: int, options: tuple[str, ...] = (), *, sites: int = 0) -> None:
        self.prepared = prepared
        self.options = options
        self.password = trio.run(prepare, prepared, chargers, sites)

    def start(self, directory: Path) -> Server:
        """Starts it on a fresh copy."""
        shutil.copytree(self.prepared, directory)
        return serve(directory, *self.options)

    def restart(self, directory: Path, address: str) -> Server:
        """Starts it again where it was."""
        return serve(directory, *self.options, ocpp=address)

    def stored(self, directory: Path) -> Stored:
        """Counts after it stopped: ledger rows, and datums that have all that a message carried."""
        with contextlib.closing(query.open(directory)) as con:
            messages = con.sql("SELECT count(*) FROM ledger WHERE action = 'MeterValues'").fetchone()
            whole = con.sql(WHOLE).fetchone()
        return Stored(*(messages or (0,)), *(whole or (0,)))


def serve(directory: Path, *options: str, ocpp: str = "127.0.0.1:0") -> Server:
    """Starts `solarocpp serve` on a data directory, on free ports of this machine unless told where."""
    command = ["-m", "solarocpp", "serve", "--data", str(directory), "--ready-file", str(directory / "ready.json")]
    if "--quack" not in options:
        options = ("--quack", "off", *options)
    return Server([*command, "--ocpp", ocpp, "--web", "127.0.0.1:0", "--log-format", "json", *options], directory)


def tls_options(directory: Path) -> tuple[tuple[str, ...], Path]:
    """Makes a server certificate; gives the options of `serve` for it, and the file of who signed it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key, ca = (directory / name for name in ("server.pem", "server.key", "ca.pem"))
    certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return ("--tls-cert", str(certificate), "--tls-key", str(key)), ca


async def prepare(directory: Path, chargers: int, sites: int = 0) -> str:
    """Makes a data directory with chargers CP0000 and on, one id tag, and one username; gives its password.

    Each of the sites, if there are any, has a username and a password somebody chose.
    """
    now = datetime.now(UTC)  # noqa: TID251 (the operator's part)
    store = open_store(directory, now=now)
    registry = Registry.load(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.run)
        for number in range(chargers):
            await registry.add_charger(NewCharger(identifier=f"CP{number:04}"), now=now)
        await registry.add_authorization(NewAuthorization(token=TOKEN), now=now)
        _, password = await registry.add_credential(NewCredential(username=USERNAME), now=now)
        for site in range(sites):
            order = NewCredential(username=f"site{site:02}", password=PASSWORD_AT_SITE.format(site))
            await registry.add_credential(order, now=now)
        nursery.cancel_scope.cancel()
    store.close()
    return password or ""
