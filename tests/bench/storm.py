"""Everybody loses the server and comes back: how long it takes, and what a link costs.

    storm.py [--chargers 5000] [--plain] [--tls] [--argon2]      all three turns unless some are named

A turn is a fresh server and as many chargers, each a link of its own with HTTP Basic. They connect and boot for
the first time ("first"); the server is told to stop and starts again on the same port, and they all come back
by themselves ("restart"); then they hang up together and come back to the server that still runs ("again", which
finds the passwords remembered).

    plain     without TLS; passwords that somebody chose, so that what is remembered counts
    tls       TLS 1.3, a whole handshake each; the one generated password
    argon2    the same, and a password that somebody chose for each 100 chargers: 50 checks of 23 ms, and the rest waits

Exit code 1 when a promise does not hold: somebody is refused, or a plain link costs more than 1.5 ms of CPU
where its password is remembered.
"""

from __future__ import annotations

import argparse
import json
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from servers import USERNAME, Ours, Server, tls_options

MOST_CPU_MS = 1.5
CHARGERS_AT_SITE = 100
PHASE_DEADLINE_S = 240.0


class Turn(NamedTuple):
    """What a server and its chargers have between them."""

    tls: bool
    chosen_passwords: bool


TURNS = {
    "plain": Turn(tls=False, chosen_passwords=True),
    "tls": Turn(tls=True, chosen_passwords=False),
    "argon2": Turn(tls=True, chosen_passwords=True),
}

Figures = dict[str, float | int | str | bool | None]


class Client:
    """The client process; each line it prints says that everybody has booted."""

    def __init__(self, address: str, chargers: int, *options: str) -> None:
        command = [sys.executable, str(Path(__file__).parent / "dialing.py"), address, "--chargers", str(chargers)]
        self.process = subprocess.Popen(
            [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._cpu_s = 0.0

    def wait_booted(self) -> Figures:
        """Waits until everybody has booted; gives what it took since the last time."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(PHASE_DEADLINE_S):
                raise RuntimeError(f"not everybody has booted within {PHASE_DEADLINE_S:g} s")
        line: Figures = json.loads(self.process.stdout.readline())
        cpu_s = float(line.pop("client_cpu_s") or 0)
        used, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        return {**line, "client_cpu_s": round(used, 2)}

    def say_again(self) -> None:
        """Has everybody hang up and dial."""
        assert self.process.stdin is not None
        self.process.stdin.write("again\n")

    def end(self) -> None:
        """Ends the client."""
        self.process.kill()
        self.process.wait()


class Storm:
    """One turn: a server, its chargers, and the lines about them."""

    def __init__(self, name: str, chargers: int, directory: Path) -> None:
        turn = TURNS[name]
        self.name, self.chargers, self.data = name, chargers, directory / "data"
        options, ca = tls_options(directory) if turn.tls else ((), None)
        sites = -(-chargers // CHARGERS_AT_SITE) if turn.chosen_passwords else 0
        self.ours = Ours(directory / "prepared", chargers, options, sites=sites)
        self.client_options = ["--sites", str(sites)] if sites else []
        self.client_options += ["--username", USERNAME, "--password", self.ours.password]
        self.client_options += ["--ca", str(ca)] if ca else []

    def run(self) -> list[Figures]:
        """Prints a line for each phase, and gives them."""
        server = self.ours.start(self.data)
        client = None
        try:
            address = server.wait_ready()
            started, cpu_s = time.monotonic(), server.cpu_s()
            client = Client(address, self.chargers, *self.client_options)
            lines = [self.line("first", client.wait_booted(), server, started, cpu_s)]

            lost = time.monotonic()
            server.stop()
            down = time.monotonic()
            server = self.ours.restart(self.data, address)
            server.wait_ready()
            started, cpu_s = time.monotonic(), server.cpu_s()
            figures = client.wait_booted() | {"stop_s": round(down - lost, 2), "start_s": round(started - down, 2)}
            lines.append(self.line("restart", figures, server, started, cpu_s))

            started, cpu_s = time.monotonic(), server.cpu_s()
            client.say_again()
            lines.append(self.line("again", client.wait_booted(), server, started, cpu_s))
        finally:
            if client is not None:
                client.end()
            server.kill()
        return lines

    def line(self, phase: str, figures: Figures, server: Server, started: float, cpu_s: float) -> Figures:
        """Prints one phase; CPU is counted until what was said is projected."""
        seconds = float(figures.pop("at") or 0) - started
        server.settle()
        used_s = server.cpu_s() - cpu_s
        line: Figures = {
            "bench": "storm",
            "turn": self.name,
            "phase": phase,
            **figures,
            "seconds": round(seconds, 2),
            "server_cpu_s": round(used_s, 2),
            "cpu_ms_per_link": round(used_s / self.chargers * 1000, 2),
            "server_rss_mib": server.resident_kib() // 1024,
        }
        print(json.dumps(line), flush=True)
        return line


def holds(line: Figures) -> bool:
    """Tells whether one phase keeps what we promise."""
    dear = line["turn"] == "plain" and line["phase"] == "again" and float(line["cpu_ms_per_link"] or 0) >= MOST_CPU_MS
    return not line["refused"] and not dear


def measure(chargers: int, names: list[str]) -> bool:
    """Runs the turns, prints the summary, tells whether every promise held."""
    lines: list[Figures] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
            lines += Storm(name, chargers, Path(scratch)).run()
    held = all(holds(line) for line in lines)
    summary = {f"{line['turn']}_{line['phase']}_s": line["seconds"] for line in lines}
    summary |= {f"{line['turn']}_{line['phase']}_cpu_ms": line["cpu_ms_per_link"] for line in lines}
    print(json.dumps({"bench": "storm", "summary": True, "chargers": chargers, **summary, "holds": held}), flush=True)
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chargers", type=int, default=5000)
    for turn_name in TURNS:
        parser.add_argument(f"--{turn_name}", action="store_true")
    given = parser.parse_args()
    chosen = [turn_name for turn_name in TURNS if getattr(given, turn_name)]
    sys.exit(0 if measure(given.chargers, chosen or list(TURNS)) else 1)
