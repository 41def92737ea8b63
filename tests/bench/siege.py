"""Honest chargers while others storm the door: how long their messages wait.

    siege.py [--links 200] [--seconds 15] [--slow 1000] [--half-open 1000] [--guesses 50]

200 chargers over TLS send MeterValues as in ingest.py, one outstanding each. Meanwhile attack.py does to the same port
nothing ("calm"), each of its evils, and all of them at once; somebody honest dials in each second. All three
processes share this machine's cores, so an attack also takes time from the chargers that it does not take from us
elsewhere.

Exit code 1 when a promise does not hold: p99 of the acknowledgements under 250 ms in every turn, nothing
refused to the honest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ingest import load_client
from servers import USERNAME, Ours, Server, tls_options

MOST_P99_MS = 250.0
SITES = 5
NEWCOMERS = 20

Figures = dict[str, float | int | str | bool | None]


def turns(slow: int, half_open: int, guesses: float) -> dict[str, list[str]]:
    """Gives the options of attack.py for each turn."""
    evils = {
        "slow_heads": ["--slow", str(slow)],
        "half_open_tls": ["--half-open", str(half_open)],
        "wrong_passwords": ["--guesses", str(guesses)],
    }
    return {"calm": [], **evils, "all": [option for options in evils.values() for option in options]}


def attack_client(address: str, ours: Ours, ca: Path, options: list[str]) -> subprocess.Popen[str]:
    """Starts the attack; returns once everybody has begun."""
    command = [sys.executable, str(Path(__file__).parent / "attack.py"), address, "--ca", str(ca), *options]
    command += ["--username", USERNAME, "--password", ours.password]
    command += ["--sites", str(SITES), "--newcomers", str(NEWCOMERS)]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if client.stdout is None or "ready" not in client.stdout.readline():
        raise RuntimeError("the attack could not begin")
    return client


def besiege(
    server: Server, ours: Ours, ca: Path, options: list[str], first: int, links: int, seconds: float
) -> Figures:
    """Lets chargers send under one attack; gives their figures and the attackers'."""
    address = server.wait_ready()
    clients = []
    try:
        honest = load_client(address, ours, links, seconds, first=first, ca=ca)
        clients.append(honest)
        attackers = attack_client(address, ours, ca, options)
        clients.append(attackers)
        cpu_s = server.cpu_s()
        report, _ = honest.communicate("go\n", timeout=seconds + 90)
        cpu_s = server.cpu_s() - cpu_s
        account, _ = attackers.communicate(timeout=90)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    figures: Figures = json.loads(report.splitlines()[-1])
    return {
        **figures,
        **json.loads(account.splitlines()[-1]),
        "server_cpu_share": round(cpu_s / float(figures["seconds"] or 1), 2),
        "server_rss_mib": server.resident_kib() // 1024,
    }


def holds(line: Figures) -> bool:
    """Tells whether one turn keeps what we promise."""
    return float(line["p99_ms"] or 0) < MOST_P99_MS and not line["refused"] and not line["newcomers_failed"]


def measure(links: int, seconds: float, attacks: dict[str, list[str]]) -> bool:
    """Runs the turns, prints a line for each and the summary, tells whether every promise held."""
    lines: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        options, ca = tls_options(Path(scratch))
        ours = Ours(Path(scratch) / "prepared", NEWCOMERS + links * len(attacks), options, sites=SITES)
        server = ours.start(Path(scratch) / "data")
        try:
            for number, (name, attack) in enumerate(attacks.items()):
                figures = besiege(server, ours, ca, attack, NEWCOMERS + number * links, links, seconds)
                lines.append({"bench": "siege", "turn": name, **figures})
                print(json.dumps(lines[-1]), flush=True)
                server.settle()
        finally:
            server.kill()
    held = all(holds(line) for line in lines)
    summary: Figures = {"bench": "siege", "summary": True, "links": links, "seconds": seconds}
    summary |= {f"{line['turn']}_p99_ms": line["p99_ms"] for line in lines}
    print(json.dumps({**summary, "holds": held}), flush=True)
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--half-open", type=int, default=1000)
    parser.add_argument("--guesses", type=float, default=50, help="a second")
    given = parser.parse_args()
    attacks_of = turns(given.slow, given.half_open, given.guesses)
    sys.exit(0 if measure(given.links, given.seconds, attacks_of) else 1)
