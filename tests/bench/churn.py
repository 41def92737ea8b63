"""Connects and disconnects without end: what stays behind in the server's memory.

    churn.py [--connects 100000] [--tls]

A tenth of the connections comes first, so that what is allocated once is not counted; then the others. Each
charger connects, boots, sends a heartbeat and leaves: with a closing handshake, by closing the connection, or
with an answer under way. Memory is read when the server has come to rest: its tables written, its log moved
into the file. A line for each tenth shows it in the middle of things, too.

Exit code 1 when a promise does not hold: at the end at most 5 % more than after the first tenth, nobody refused.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import USERNAME, Ours, Server, tls_options

MOST_GROWTH_PERCENT = 5.0
CHARGERS = 200
PARTS = 10
REST_S = 12.0  # the store moves its log into the file after 10 s of quiet

Figures = dict[str, float | int | str | bool | None]


class Churn:
    """A server, and the client process that comes for each part."""

    def __init__(self, directory: Path, *, tls: bool) -> None:
        options, ca = tls_options(directory) if tls else ((), None)
        self.ours = Ours(directory / "prepared", CHARGERS, options)
        self.data = directory / "data"
        self.client_options = ["--username", USERNAME, "--password", self.ours.password]
        self.client_options += ["--ca", str(ca)] if ca else []

    def run(self, connects: int, rest_s: float) -> list[Figures]:
        """Prints a line for each part, and gives them."""
        lines: list[Figures] = []
        part = connects // PARTS
        server = self.ours.start(self.data)
        try:
            address = server.wait_ready()
            for number in range(1, PARTS + 1):
                figures = self.part(server, address, part)
                if number in {1, PARTS}:
                    server.settle()
                    time.sleep(rest_s)
                    figures["rss_mib_at_rest"] = round(server.resident_kib() / 1024, 1)
                lines.append({"bench": "churn", "connects": number * part, **figures})
                print(json.dumps(lines[-1]), flush=True)
        finally:
            server.kill()
        return lines

    def part(self, server: Server, address: str, connects: int) -> Figures:
        """Lets the client connect so many times."""
        command = [sys.executable, str(Path(__file__).parent / "dialing.py"), address, "--chargers", str(CHARGERS)]
        cpu_s, began = server.cpu_s(), time.monotonic()
        done = subprocess.run(
            [*command, "--connects", str(connects), *self.client_options], check=True, capture_output=True, text=True
        )
        figures: Figures = json.loads(done.stdout)
        del figures["connects"]
        return {
            **figures,
            "seconds": round(time.monotonic() - began, 1),
            "cpu_ms_per_connect": round((server.cpu_s() - cpu_s) / connects * 1000, 2),
            "rss_mib": round(server.resident_kib() / 1024, 1),
        }


def measure(connects: int, rest_s: float, *, tls: bool) -> bool:
    """Runs it, prints the summary, tells whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        lines = Churn(Path(scratch), tls=tls).run(connects, rest_s)
    first, end = (float(line["rss_mib_at_rest"] or 0) for line in (lines[0], lines[-1]))
    growth = (end / first - 1) * 100
    failed = sum(int(line["refused"] or 0) + int(line["broken"] or 0) for line in lines)
    held = growth <= MOST_GROWTH_PERCENT and not failed
    figures: Figures = {
        "bench": "churn",
        "summary": True,
        "connects": lines[-1]["connects"],
        "tls": tls,
        "first_mib": first,
        "end_mib": end,
        "growth_percent": round(growth, 1),
        "most_mib": max(float(line["rss_mib"] or 0) for line in lines),
        "failed": failed,
        "holds": held,
    }
    print(json.dumps(figures), flush=True)
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", type=int, default=100_000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--rest", type=float, default=REST_S, help="seconds before memory is read")
    given = parser.parse_args()
    sys.exit(0 if measure(given.connects, given.rest, tls=given.tls) else 1)
