"""Chargers that write while analysts ask the worst: how long an acknowledgement takes, and whether anything is lost.

    readers.py [--links 200] [--seconds 10]

200 chargers send MeterValues as in ingest.py, one outstanding each, to a server with a million datums more. Meanwhile
a process beside it asks nothing ("calm"), cross-joins the table of datums, sorts and groups more than fits into memory,
or is attached by quack and counts and aggregates the table of datums itself. Statements run as long as the server lets
them; so what is measured is the time of the chargers while four readers never rest.

Exit code 1 when a promise does not hold: p99 of the acknowledgements less than 3 times that of the calm turn,
nothing refused, no count that goes back, and every acknowledged message in the ledger.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from ingest import load_client
from servers import Ours, Server

from solarocpp import query
from solarocpp.store.database import Database
from solarocpp.store.schema import DATABASE

MOST_TIMES_CALM = 3.0
HISTORY = 1_000_000

Figures = dict[str, float | int | str | bool | None]

MANY = "FROM range(1_000_000_000) t(i)"
NUMBERED = "row_number() OVER (ORDER BY hash(i)) AS n"
BY_SOURCE = "SELECT sourceId, count(*) AS n, avg(watts) AS w FROM datum GROUP BY ALL"

# What each turn asks: the door, how many at once, and a statement that gives one number.
TURNS: dict[str, tuple[str, int, str] | None] = {
    "calm": None,
    "cross_join": ("http", 4, "SELECT count(*) FROM datum a, datum b, datum c WHERE a.watts + b.watts < c.watts"),
    "huge_sort": ("http", 4, f"SELECT count(*) FROM (SELECT i, {NUMBERED} {MANY}) WHERE n > i"),
    "huge_groups": ("http", 4, f"SELECT count(*) FROM (SELECT hash(i) AS g, list(i) AS l {MANY} GROUP BY ALL)"),
    "quack_count": ("quack", 1, "SELECT count(*) FROM solar.datum"),
    "quack_aggregate": ("quack", 2, f"FROM solar.query('SELECT sum(n)::BIGINT FROM ({BY_SOURCE})')"),
}

HISTORY_SQL = """
INSERT INTO datum BY NAME
SELECT TIMESTAMPTZ '2025-01-01' + to_seconds(i) AS created, 1 AS "nodeId", '/old/' || i % 50 AS "sourceId",
    created AS received, 1000.0 * i AS "wattHours", (hash(i) % 11000)::DOUBLE AS watts FROM range(?) t(i)
"""


def add_history(directory: Path, rows: int) -> None:
    """Gives a prepared store a past worth asking about."""
    with closing(Database(directory / DATABASE)) as database, database.writing() as con:
        con.execute(HISTORY_SQL, [rows])


def analysts(server: Server, door: str, number: int, statement: str) -> subprocess.Popen[str]:
    """Starts the analysts; returns once they ask."""
    addresses = server.addresses() or {}
    token = (server.directory / "admin.token").read_text().strip()
    command = [sys.executable, str(Path(__file__).parent / "asking.py"), "--analysts", str(number)]
    # A token may begin with a dash.
    command += ["--", door, addresses["web" if door == "http" else "quack"], token, statement]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if client.stdout is None or "ready" not in client.stdout.readline():
        raise RuntimeError("the analysts could not begin")
    return client


def turn(
    server: Server, ours: Ours, asked: tuple[str, int, str] | None, first: int, links: int, seconds: float
) -> Figures:
    """Lets chargers send while analysts ask; gives the figures of both."""
    clients = []
    account: Figures = {}
    try:
        honest = load_client(server.wait_ready(), ours, links, seconds, first=first)
        clients.append(honest)
        if asked is not None:
            asking = analysts(server, *asked)
            clients.append(asking)
        report, _ = honest.communicate("go\n", timeout=seconds + 90)
        if asked is not None:
            told, _ = asking.communicate(timeout=60)
            account = json.loads(told.splitlines()[-1])
    finally:
        for client in clients:
            client.kill()
            client.wait()
    return {**json.loads(report.splitlines()[-1]), **account, "server_rss_mib": server.resident_kib() // 1024}


def measure(links: int, seconds: float, history: int) -> bool:
    """Runs the turns, prints a line for each and the summary, tells whether every promise held."""
    lines: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="solarocpp-bench-") as scratch:
        options = ("--quack", "127.0.0.1:0", "--sql-deadline-s", str(max(2.0, seconds / 2)))
        ours = Ours(Path(scratch) / "prepared", links * len(TURNS), options)
        add_history(Path(scratch) / "prepared", history)
        directory = Path(scratch) / "data"
        server = ours.start(directory)
        try:
            for number, (name, asked) in enumerate(TURNS.items()):
                lines.append(
                    {"bench": "readers", "turn": name, **turn(server, ours, asked, number * links, links, seconds)}
                )
                print(json.dumps(lines[-1]), flush=True)
                server.settle()
            server.stop()
        finally:
            server.kill()
        with closing(query.open(directory)) as con:
            [(stored,)] = con.sql("SELECT count(*) FROM ledger WHERE action = 'MeterValues'").fetchall()
    acknowledged = sum(int(line["acknowledged"] or 0) for line in lines)
    calm = float(lines[0]["p99_ms"] or 1)
    ratios = {str(line["turn"]): round(float(line["p99_ms"] or 0) / calm, 2) for line in lines}
    held = (
        max(ratios.values()) < MOST_TIMES_CALM
        and not any(line["refused"] or line.get("fell") for line in lines)
        and stored == acknowledged
    )
    summary = {"bench": "readers", "summary": True, "links": links, "seconds": seconds, "calm_p99_ms": calm}
    print(
        json.dumps(
            {**summary, "p99_times_calm": ratios, "acknowledged": acknowledged, "stored": stored, "holds": held}
        ),
        flush=True,
    )
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--history", type=int, default=HISTORY, help="datums that are there before")
    given = parser.parse_args()
    sys.exit(0 if measure(given.links, given.seconds, given.history) else 1)
