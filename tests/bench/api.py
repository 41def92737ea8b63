"""What programs that poll the API cost the chargers, and what a request costs the server.

    api.py [--links 200] [--clients 50] [--seconds 10]

200 chargers send MeterValues as in ingest.py, one outstanding each: first alone ("calm"), then while 50 programs each
poll once a second, in turn: chargers, links, the latest datum of each stream, running sessions, and what the server
counts. Then one program asks a server without chargers, over and over, for the list of 200 chargers, and for a page of
1,000 of the datums that were written before, as SolarNetwork's API gives them.

One line, with the acknowledgements of both turns, the answers of the API, and its requests a CPU second of the server.
Exit code 1 when a promise does not hold: p99 of the acknowledgements under 150 ms beside the programs, nothing refused,
no request failed, and every acknowledged message in the ledger.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from ingest import load_client
from load import FIRST_READING
from servers import Ours, Server, serve

MOST_P99_MS = 150.0
POLLED = ("/api/chargers", "/api/links", "/api/datums?latest=true", "/api/sessions?active=true", "/metrics")

Figures = dict[str, float | int | str | bool | None]


def programs(server: Server, clients: int, every_s: float, paths: tuple[str, ...]) -> subprocess.Popen[str]:
    """Starts the programs; returns once each has had an answer."""
    address = (server.addresses() or {})["web"]
    token = (server.directory / "admin.token").read_text().strip()
    command = [sys.executable, str(Path(__file__).parent / "polling.py"), "--clients", str(clients)]
    command += ["--every", str(every_s), "--", address, token, *paths]  # a token may begin with a dash
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if client.stdout is None or "ready" not in client.stdout.readline():
        raise RuntimeError("the programs could not begin")
    return client


def write(ours: Ours, directory: Path, links: int, clients: int, seconds: float) -> Figures:
    """Lets chargers send, beside programs if there are any; gives the figures of both, and counts what was kept."""
    server = ours.start(directory)
    polling = None
    polled: Figures = {}
    try:
        honest = load_client(server.wait_ready(), ours, links, seconds)
        if clients:
            polling = programs(server, clients, 1.0, POLLED)
        report, _ = honest.communicate("go\n", timeout=seconds + 90)
        if polling is not None:
            told, _ = polling.communicate(timeout=60)
            polled = json.loads(told.splitlines()[-1])
        server.stop()
    finally:
        server.kill()
        if polling is not None:
            polling.kill()
    figures: Figures = json.loads(report.splitlines()[-1])
    return {**figures, **polled, "exact": ours.stored(directory).messages == figures["acknowledged"]}


def datum_page() -> str:
    """Gives the path of a page of the datums that were written; longer ranges are told by the hour."""
    first, last = (
        quote((FIRST_READING + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ"), safe="") for days in (0, 5)
    )
    return f"/solarquery/api/v1/sec/datum/list?startDate={first}&endDate={last}&max=1000"


def ask(directory: Path, path: str, seconds: float) -> Figures:
    """Asks for a path over and over; gives how many requests a CPU second of the server is good for."""
    server = serve(directory)
    try:
        server.wait_ready()
        polling = programs(server, 1, 0.0, (path,))
        before = server.cpu_s()
        time.sleep(seconds)
        told, _ = polling.communicate(timeout=60)
        spent_s = server.cpu_s() - before
        server.stop()
    finally:
        server.kill()
    polled: Figures = json.loads(told.splitlines()[-1])
    return {**polled, "per_cpu_s": round(float(polled["requests"] or 0) / spent_s)}


def measure(links: int, clients: int, seconds: float) -> bool:
    """Runs the turns, prints the line, tells whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        ours = Ours(Path(scratch) / "prepared", links)
        calm = write(ours, Path(scratch) / "calm", links, 0, seconds)
        beside = write(ours, Path(scratch) / "beside", links, clients, seconds)
        chargers = ask(ours.prepared, "/api/chargers", seconds / 2)
        datums = ask(Path(scratch) / "beside", datum_page(), seconds / 2)
    failed = sum(int(polled["requests_failed"] or 0) for polled in (beside, chargers, datums))
    exact = bool(calm["exact"] and beside["exact"])
    held = float(beside["p99_ms"] or 0) < MOST_P99_MS and exact and not (calm["refused"] or beside["refused"] or failed)
    line: Figures = {
        "bench": "api",
        "links": links,
        "clients": clients,
        "seconds": seconds,
        "calm_p99_ms": calm["p99_ms"],
        "calm_messages": calm["acknowledged"],
        "p99_ms": beside["p99_ms"],
        "messages": beside["acknowledged"],
        "requests": beside["requests"],
        "requests_p50_ms": beside["requests_p50_ms"],
        "requests_p99_ms": beside["requests_p99_ms"],
        "requests_failed": failed,
        "requests_reason": beside["requests_reason"] or chargers["requests_reason"] or datums["requests_reason"],
        "get_chargers_per_cpu_s": chargers["per_cpu_s"],
        "get_chargers_p50_ms": chargers["requests_p50_ms"],
        "datum_list_per_cpu_s": datums["per_cpu_s"],
        "datum_list_p50_ms": datums["requests_p50_ms"],
        "datum_list_bytes": datums["newest_bytes"],
        "exact": exact,
        "holds": held,
    }
    print(json.dumps(line), flush=True)
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    sys.exit(0 if measure(given.links, given.clients, given.seconds) else 1)
