"""What an export of ten million datums takes: seconds, CPU, bytes a datum, memory; and a second one that finds nothing.

    python tests/bench/export.py [--dir DIR] [--sessions N]

Uses the store of query.py (kept in DIR for the next run), exports it as `solarocpp export` does, in a process of
its own, and prints one JSON line. Exit code 1: it took 1 GiB or more, or the files do not have what the store has.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import duckdb
from query import SOURCES, prepared

import solarocpp.query as q

MOST_RSS_MIB = 1024.0


def run_export(directory: Path) -> dict[str, float]:
    """Exports once; the peak is of the whole process, the command line's own included."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "solarocpp", "export", "--data", str(directory), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or process.stdout is None:
            raise RuntimeError(f"the export ended with {process.returncode}")
        written = sum(part["written"] for part in json.loads(process.stdout.read()))
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_rss_mib": round(used.ru_maxrss / 1024),
        "files_written": written,
    }


def main() -> int:
    """Builds if need be, exports twice, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, help="where the store is, or will be (default: a temporary directory)")
    parser.add_argument("--sessions", type=int, default=100_000, help=f"multiple of {SOURCES}; 100 datums each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        # In a process of its own: Linux counts what a parent took at its fork as the peak of its child.
        # DuckDB takes a spawned process for somebody at a terminal, and draws what is slow: not between our lines.
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=os.dup2, initargs=(2, 1)) as builder:
            building = builder.submit(prepared, arguments.dir or Path(temporary), arguments.sessions, fine=False)
        directory = building.result()
        shutil.rmtree(directory / "exports", ignore_errors=True)
        first, second = run_export(directory), run_export(directory)
        files = sorted((directory / "exports" / "datum").rglob("*.parquet"))
        asked = 'count(*), count(DISTINCT "sourceId"), sum("wattHours"), max(created)'
        with q.open(directory) as con:
            there = con.sql(f"SELECT {asked} FROM datum").fetchone()
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            exported = con.execute(f"SELECT {asked} FROM read_parquet(?)", [list(map(str, files))]).fetchone()
        datums = there[0] if there else 0
        size = sum(file.stat().st_size for file in files)
    exact = there == exported and second["files_written"] == 0
    result = {"bench": "export", "datums": datums, "files": len(files), "bytes_per_datum": round(size / datums, 1)}
    result |= {**first, "again_seconds": second["seconds"], "again_cpu_s": second["cpu_s"], "exact": exact}
    print(json.dumps(result))
    return 0 if exact and first["peak_rss_mib"] < MOST_RSS_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
