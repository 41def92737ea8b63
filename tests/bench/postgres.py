"""A PostgreSQL with the datums of a store, to ask it the same questions: started for query.py, and thrown away.

It is Debian's (package `postgresql`), set up as one would for a table of readings: a primary key for its time series,
one index by time, statistics up to date, and a quarter of the machine's memory as shared buffers. Its processor time is
that of all its processes, those that have ended included.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb

USER = "postgres"  # the server refuses to be root
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

TABLE = """
CREATE TABLE datum (
    created timestamptz NOT NULL, node_id bigint NOT NULL, source_id text NOT NULL, session_id uuid,
    transaction_id bigint, token text, watt_hours double precision, watts double precision,
    current_a double precision, current_b double precision, current_c double precision,
    voltage_a double precision, temp double precision, soc double precision
);
CREATE TABLE charge_session (
    session_id uuid PRIMARY KEY, node_id bigint, source_id text, started timestamptz, energy double precision,
    duration bigint, peak_power double precision
);
"""
DATUMS = (
    'SELECT created, "nodeId", "sourceId", "sessionId", "transactionId", token, "wattHours", watts, '
    "current_a, current_b, current_c, voltage_a, temp, soc FROM datum"
)
SESSIONS = 'SELECT "sessionId", "nodeId", "sourceId", started, energy, duration, "peakPower" FROM session'
INDEXES = """
ALTER TABLE datum ADD PRIMARY KEY (source_id, node_id, created);
CREATE INDEX ON datum USING brin (created);
VACUUM ANALYZE;
"""

# The same questions, as one would write them for PostgreSQL.
QUESTIONS = {
    "sessions_by_node_source": (
        "SELECT node_id, source_id, count(*), sum(energy), sum(duration), max(peak_power) "
        "FROM charge_session GROUP BY 1, 2"
    ),
    # A step is shared by time between the hours it touches, as in `by_hand`.
    "source_year_by_hour": """
        WITH step AS (
            SELECT created, date_trunc('hour', created) AS hour, lag(created) OVER readings AS since,
                watt_hours - lag(watt_hours) OVER readings AS rise
            FROM datum WHERE source_id = '{source}' AND watt_hours IS NOT NULL WINDOW readings AS (ORDER BY created)
        )
        SELECT hour, sum(wh) FROM (
            SELECT hour, rise * extract(epoch FROM created - greatest(since, hour))
                / extract(epoch FROM created - since) AS wh
            FROM step WHERE created <= since + INTERVAL '1 hour'
            UNION ALL
            SELECT date_trunc('hour', since), rise * extract(epoch FROM hour - since)
                / extract(epoch FROM created - since)
            FROM step WHERE since < hour AND created <= since + INTERVAL '1 hour'
        ) part GROUP BY 1""",
    "site_month_by_15min": (
        "SELECT slot, sum(watts) FROM (SELECT date_bin('15 minutes', created, TIMESTAMPTZ '2025-01-01') AS slot, "
        "source_id, avg(watts) AS watts FROM datum WHERE created >= '2025-06-01+00' AND created < '2025-07-01+00' "
        "GROUP BY 1, 2) s GROUP BY 1"
    ),
    "latest": (
        "SELECT d.* FROM (SELECT DISTINCT source_id, node_id FROM charge_session) s, LATERAL (SELECT * FROM datum "
        "WHERE source_id = s.source_id AND node_id = s.node_id ORDER BY created DESC LIMIT 1) d"
    ),
}


class Answer(NamedTuple):
    """What a question cost."""

    cpu_ms: float
    rows: int


def find_binaries() -> Path | None:
    """Finds the newest server of Debian's packages; None: there is none, or nobody to run it as."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return None
    return found[-1].parent if found else None


class Postgres:
    """One running server, and what it has used."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries, self._directory = binaries, directory

    def run(self, sql: str, *options: str, stdin: Path | None = None) -> str:
        """Runs SQL, and gives what it prints."""
        command = ["runuser", "-u", USER, "--", "psql", "-h", str(self._directory), "-d", USER, "-q", "-A", "-t"]
        with (stdin or Path(os.devnull)).open("rb") as data:
            done = subprocess.run(
                [*command, "-v", "ON_ERROR_STOP=1", *options, "-c", sql],
                check=True,
                stdin=data,
                capture_output=True,
                text=True,
            )
        return done.stdout

    def fill(self, con: duckdb.DuckDBPyConnection) -> None:
        """Takes over datums and sessions."""
        for statement in TABLE.strip().split(";")[:-1]:
            self.run(statement)
        for table, sql in (("datum", DATUMS), ("charge_session", SESSIONS)):
            file = self._directory / f"{table}.csv"
            con.sql(sql).write_csv(str(file), header=False)
            file.chmod(0o644)
            self.run(f"COPY {table} FROM STDIN WITH (FORMAT csv)", stdin=file)
            file.unlink()
        for statement in INDEXES.strip().split(";")[:-1]:
            self.run(statement)

    def ask(self, sql: str) -> Answer:
        """Asks once, and has every row sent."""
        before = self.cpu_s()
        rows = self.run(sql).count("\n")
        return Answer((self.cpu_s() - before) * 1000, rows)

    def cpu_s(self) -> float:
        """Processor seconds of the server and all its processes, ended ones too."""
        pid = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        ticks = sum(_ticks(pid))
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # it ended this moment
                continue
            if int(fields[1]) == pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_S


def _ticks(pid: int) -> tuple[int, ...]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return tuple(int(field) for field in fields[11:15])  # its own and its ended children's, user and system


@contextmanager
def running_postgres(binaries: Path) -> Iterator[Postgres]:
    """Runs an empty server that listens on a socket of its own directory only."""
    with tempfile.TemporaryDirectory(prefix="solarocpp-postgres-") as temporary:
        directory = Path(temporary)
        shutil.chown(directory, USER)
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 // 1_000_000
        as_user = ["runuser", "-u", USER, "--"]
        data = str(directory / "data")
        control = [*as_user, str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(directory / "log")]
        settings = f"-k {directory} -c listen_addresses='' -c shared_buffers={memory_mb}MB -c work_mem=256MB -c jit=off"
        _quietly([*as_user, str(binaries / "initdb"), "-D", data, "-A", "trust"])
        _quietly([*control, "-o", settings, "start"])
        try:
            server = Postgres(binaries, directory)
            server.run("SELECT 1")
            yield server
        finally:
            _quietly([*control, "-m", "immediate", "stop"])


def _quietly(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
