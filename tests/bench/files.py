"""What chargers notice of an export and of a snapshot: p99 of acknowledgements without, beside one, beside the other.

    python tests/bench/files.py [--dir DIR] [--sessions 20000] [--links 200] [--seconds 20]

A server on the store of query.py, 200 links that send as fast as they are answered, which no site does; meanwhile
`solarocpp export` into a new folder each time, or `solarocpp snapshot`, over and over. Prints a JSON line a turn and
a summary. Exit code 1: a p99 is more than three times that of the calm turn, or an acknowledged message is missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import trio
from ingest import Figures, load_client
from query import SOURCES, prepared
from servers import Ours, prepare

import solarocpp.query as q
from solarocpp.store.database import Database
from solarocpp.store.schema import DATABASE

MOST_RATIO = 3.0
FINISH_S = 300.0

WORK: dict[str, Callable[[int], list[str]]] = {
    "calm": lambda _: [],
    "snapshot": lambda _: ["snapshot"],
    "export": lambda number: ["export", "--to", f"turn{number}"],
}


class Grown(Ours):
    """Ours, on a store that has had a year."""

    def __init__(self, directory: Path, links: int) -> None:
        """Registers the chargers of the load in it."""
        self.prepared, self.options = directory, ()
        self.password = trio.run(prepare, directory, links)


def turn(system: Grown, directory: Path, work: Callable[[int], list[str]], links: int, seconds: float) -> Figures:
    """Loads a server on a fresh copy while the command runs again and again; counts what is there afterwards."""
    server = system.start(directory)
    done = 0
    try:
        client = load_client(server.wait_ready(), system, links, seconds)
        if client.stdin is None:
            raise RuntimeError("the load client takes no word")
        client.stdin.write("go\n")
        client.stdin.flush()
        while client.poll() is None and (arguments := work(done)):
            command = [sys.executable, "-m", "solarocpp", *arguments, "--data", str(directory), "--format", "json"]
            # The last one may end after the load: it has the lowest priority, and the load takes all there is.
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=FINISH_S)
            done += 1
        report, _ = client.communicate(timeout=seconds + 90)
        server.stop()
    finally:
        server.kill()
    figures: Figures = json.loads(report.splitlines()[-1])
    with q.open(directory) as con:
        [(stored,)] = con.sql("SELECT count(*) FROM ledger WHERE action = 'MeterValues'").fetchall()
    return {**figures, "done": done, "exact": stored == figures["acknowledged"]}


def main() -> int:
    """Runs the turns, prints them and what follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, help="where the store is, or will be (default: a temporary directory)")
    parser.add_argument("--sessions", type=int, default=20_000, help=f"multiple of {SOURCES}; 100 datums each")
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        grown = Path(temporary) / "grown"
        shutil.copytree(prepared(arguments.dir or Path(temporary), arguments.sessions, fine=False), grown)
        database = Database(grown / DATABASE)
        with database.open() as con:
            con.execute('UPDATE meta SET "nextTransactionId" = (SELECT max("transactionId") + 1 FROM "chargeSession")')
        database.close()
        system = Grown(grown, arguments.links)
        turns = {}
        for name, work in WORK.items():
            turns[name] = turn(system, Path(temporary) / name, work, arguments.links, arguments.seconds)
            print(json.dumps({"bench": "files", "turn": name, **turns[name]}), flush=True)
    p99 = {name: float(figures["p99_ms"]) for name, figures in turns.items()}
    exact = all(figures["exact"] for figures in turns.values())
    holds = exact and max(p99.values()) <= MOST_RATIO * p99["calm"]
    print(json.dumps({"bench": "files", "summary": True, "p99_ms": p99, "exact": exact, "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
