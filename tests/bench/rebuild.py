"""What a rebuild costs: exchanges of the ledger a CPU second, and memory.

    python tests/bench/rebuild.py [--exchanges N] [--since-day D] [--memory-limit 512MB]

Writes a ledger of 200 chargers into a new store, sessions of a hundred MeterValues of eight readings a minute apart,
and no tables; then rebuilds twice, and prints one JSON line. The first makes every row, the second must find that
nothing changes (exit code 1: it does). CPU is user and system time of all threads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from solarocpp.rebuilding import rebuilt
from solarocpp.store import Store, open_store

CHARGERS = 200
READINGS = 100
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
TEMPLATE = "/ocpp/cp/{chargerIdentifier}/{connectorId}/{location}"

SAMPLES = ",".join(
    f'{{{{"value":"{value}","measurand":"{measurand}","unit":"{unit}"{phase}}}}}'
    for value, measurand, unit, phase in (
        ("{3}", "Energy.Active.Import.Register", "Wh", ""),
        ("{4}", "Power.Active.Import", "W", ""),
        ("23{5}.4", "Voltage", "V", ',"phase":"L1"'),
        ("15.{5}", "Current.Import", "A", ',"phase":"L1"'),
        ("15.{5}", "Current.Import", "A", ',"phase":"L2"'),
        ("15.{5}", "Current.Import", "A", ',"phase":"L3"'),
        ("3{5}.1", "Temperature", "Celsius", ""),
        ("50", "SoC", "Percent", ""),
    )
)
START = '[2,"{0}","StartTransaction",{{"connectorId":1,"idTag":"TAG","meterStart":{3},"timestamp":"{2}"}}]'
VALUES = (
    '[2,"{0}","MeterValues",{{"connectorId":1,"transactionId":{1},"meterValue":[{{"timestamp":"{2}",'
    f'"sampledValue":[{SAMPLES}]}}}}]}}}}]'
)
STOP = '[2,"{0}","StopTransaction",{{"transactionId":{1},"meterStop":{3},"timestamp":"{2}","reason":"Local"}}]'

BEGUN = '[3,"{}",{{"transactionId":{},"idTagInfo":{{"status":"Accepted"}}}}]'

# Charger by charger within each minute; a start, the readings, a stop.
LEDGER = f"""
INSERT INTO ledger
SELECT i + 1, received, charger + 1, 'CP' || charger, 1, 1, '{TEMPLATE}', true, 'in',
    CASE step WHEN 0 THEN 'StartTransaction' WHEN {READINGS + 1} THEN 'StopTransaction' ELSE 'MeterValues' END,
    format(CASE step WHEN 0 THEN $start WHEN {READINGS + 1} THEN $stop ELSE $values END,
        i, number, strftime(received, '%Y-%m-%dT%H:%M:%SZ'), 1000 * session + 120 * step, 7000 + step, step % 10),
    format(CASE step WHEN 0 THEN $begun ELSE '[3,"{{}}",{{{{}}}}]' END, i, number)
FROM (
    SELECT i, i % {CHARGERS} AS charger, i // {CHARGERS} % {READINGS + 2} AS step,
        i // {CHARGERS} // {READINGS + 2} AS session, session * {CHARGERS} + charger + 1 AS number,
        $first::TIMESTAMPTZ + to_seconds(i // {CHARGERS} * 60 + charger * 0.1) AS received
    FROM range($exchanges) t(i)
)"""


def write_ledger(data: Path, exchanges: int) -> None:
    """Writes what the chargers said into a new store, and no table; a process of its own."""
    os.dup2(2, 1)  # DuckDB takes a spawned process for somebody at a terminal, and draws what is slow
    store = open_store(data, now=FIRST)
    with contextlib.closing(store), store.alone() as con:
        texts = {"start": START, "values": VALUES, "stop": STOP, "begun": BEGUN}
        con.execute(LEDGER, {**texts, "first": FIRST, "exchanges": exchanges})
        con.execute("UPDATE meta SET watermark = ?", [exchanges])
        con.execute("CHECKPOINT")


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(store: Store, since: datetime) -> dict[str, float]:
    """Rebuilds, and says what it cost."""
    began_cpu, began = cpu_s(), time.perf_counter()
    derived_cpu = [began_cpu]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Deriving", total=None)

        def tell(_what: str, done: int, total: int) -> None:
            derived_cpu[0] = cpu_s()
            progress.update(task, completed=done, total=total)

        with rebuilt(store, since, now=NOW, tell=tell) as done:
            assert done is not None
            done.keep()
    spent = cpu_s() - began_cpu
    datums = done.changes.tables[0]
    return {
        "exchanges": done.exchanges,
        "datums": datums.after,
        "changes": sum(table.added + table.removed + table.changed for table in done.changes.tables),
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_s": round(spent, 2),
        "deriving_cpu_s": round(derived_cpu[0] - began_cpu, 2),
        "exchanges_per_cpu_s": round(done.exchanges / spent),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> int:
    """Prints the line."""
    parser = argparse.ArgumentParser(description="What a rebuild costs.")
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--since-day", type=float, default=0.0, help="rebuilds only what was received after this day")
    parser.add_argument("--memory-limit", default="", help="what DuckDB may take; the default is half of the machine's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        # In a process of its own: what writing the ledger takes is not the rebuild's.
        writing = multiprocessing.get_context("spawn").Process(target=write_ledger, args=(data, options.exchanges))
        writing.start()
        writing.join()
        store = open_store(data, now=NOW, memory_limit=options.memory_limit)
        try:
            rss_mib = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            first = measure(store, FIRST)
            again = measure(store, FIRST + timedelta(days=options.since_day))
        finally:
            store.close()
    print(json.dumps({"rss_mib_before": rss_mib, "first": first, "again": again}))
    return 1 if again["changes"] else 0


if __name__ == "__main__":
    sys.exit(main())
