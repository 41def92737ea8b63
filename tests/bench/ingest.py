"""How many readings a central system takes: ours and an ordinary one, in turns, under the same load.

    ingest.py [--rounds 3] [--seconds 8] [--links 200]      the comparison: a line for each turn, then the summary
    ingest.py --stages                                      where the time of one MeterValues goes, in process

Each link has one MeterValues of 8 readings outstanding; both servers confirm after fsync. What decides is
messages per CPU second of the server process: all its threads, user and system, and for ours until what
it confirmed is projected too. Absolute figures move with the machine; the ratio is taken turn by turn.
Afterwards the stored messages are counted: they must be exactly the acknowledged ones.

Exit code 1 when a promise does not hold: ratio of at least 8, p99 under 60 ms, nothing lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from servers import USERNAME, Baseline, CentralSystem, Ours

LEAST_RATIO = 8.0
MOST_P99_MS = 60.0
# The projector is at most a second behind; its work for the last messages belongs on the bill.
SETTLE_S = 1.5

Figures = dict[str, float | int | str | bool]


def load_client(
    address: str, system: CentralSystem, links: int, seconds: float, *, first: int = 0, ca: Path | None = None
) -> subprocess.Popen[str]:
    """Starts the load client, over TLS where it is told whom to trust; returns once all its links wait for the word."""
    url = f"{'wss' if ca else 'ws'}://{address}{system.path}"
    command = [sys.executable, str(Path(__file__).parent / "load.py"), url, *(["--ca", str(ca)] if ca else [])]
    command += ["--links", str(links), "--first", str(first), "--seconds", str(seconds)]
    command += ["--username", USERNAME, "--password", system.password]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if client.stdout is None or "ready" not in client.stdout.readline():
        raise RuntimeError("the load client could not connect")
    return client


def turn(system: CentralSystem, directory: Path, links: int, seconds: float) -> Figures:
    """Loads one fresh server, stops it, and counts what it kept."""
    server = system.start(directory)
    try:
        client = load_client(server.wait_ready(), system, links, seconds)
        before = server.cpu_s()
        report, _ = client.communicate("go\n", timeout=seconds + 90)
        time.sleep(SETTLE_S)
        cpu_s = server.cpu_s() - before
        resident_kib = server.resident_kib()
        whole_cpu_s = server.stop() - before
    finally:
        server.kill()
    figures: Figures = json.loads(report.splitlines()[-1])
    acknowledged = int(figures["acknowledged"])
    stored = system.stored(directory)
    return {
        "server": system.name,
        **figures,
        "messages_per_s": round(acknowledged / float(figures["seconds"])),
        "server_cpu_s": round(cpu_s, 2),
        "messages_per_cpu_s": round(acknowledged / cpu_s),
        "messages_per_cpu_s_with_stop": round(acknowledged / whole_cpu_s),
        "server_rss_mib": resident_kib // 1024,
        "stored": stored.messages,
        "stored_whole": stored.whole,
        "exact": stored.messages == stored.whole == acknowledged and not figures["refused"],
    }


def compare(rounds: int, seconds: float, links: int) -> bool:
    """Runs the turns and prints them; tells whether every promise held."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        ours, baseline = Ours(Path(scratch) / "prepared", links), Baseline()
        turns: dict[str, list[Figures]] = {ours.name: [], baseline.name: []}
        for number in range(rounds):
            for system in (ours, baseline):
                figures = turn(system, Path(scratch) / f"{system.name}-{number}", links, seconds)
                turns[system.name].append(figures)
                print(json.dumps({"bench": "ingest", "round": number + 1, **figures}), flush=True)
    ratios = [
        float(a["messages_per_cpu_s"]) / float(b["messages_per_cpu_s"])
        for a, b in zip(turns[ours.name], turns[baseline.name], strict=True)
    ]
    worst_p99_ms = max(float(figures["p99_ms"]) for figures in turns[ours.name])
    exact = all(figures["exact"] for figures in turns[ours.name] + turns[baseline.name])
    holds = exact and median(ratios) >= LEAST_RATIO and worst_p99_ms < MOST_P99_MS
    summary: Figures = {"bench": "ingest", "summary": True, "links": links, "rounds": rounds, "seconds": seconds}
    for name, figures_of in turns.items():
        for key in ("messages_per_s", "messages_per_cpu_s", "p50_ms", "p99_ms"):
            summary[f"{name}_{key}"] = median(float(figures[key]) for figures in figures_of)
    summary |= {
        "ratio_per_cpu_s": round(median(ratios), 1),
        "lowest_ratio": round(min(ratios), 1),
        "worst_p99_ms": worst_p99_ms,
        "client_cpu_share": max(float(figures["client_cpu_share"]) for figures in turns[ours.name]),
        "exact": exact,
        "holds": holds,
    }
    print(json.dumps(summary), flush=True)
    return holds


def main() -> int:
    """Reads the arguments; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--stages", action="store_true")
    arguments = parser.parse_args()
    if arguments.stages:
        from stages import report_stages

        report_stages()
        return 0
    return 0 if compare(arguments.rounds, arguments.seconds, arguments.links) else 1


if __name__ == "__main__":
    sys.exit(main())
