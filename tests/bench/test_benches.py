"""The benchmarks still run and still count right; how fast, only a quiet machine can say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def lines_of(script: str, *arguments: str) -> list[dict[str, Any]]:
    """Runs a benchmark, whether its promises hold or not, and reads its lines."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr, done.stderr  # whose exit code is 1, too
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow(reason="loads two servers for half a second each")
def test_ingest_counts_every_message_of_both_servers() -> None:
    ours, baseline, summary = lines_of("ingest.py", "--rounds", "1", "--seconds", "0.5", "--links", "10")
    assert (ours["server"], baseline["server"]) == ("solarocpp", "baseline")
    for turn in (ours, baseline):
        assert turn["acknowledged"] == turn["stored"] == turn["stored_whole"] != 0
    assert summary["exact"] is True


@pytest.mark.slow(reason="starts a server and opens 120 links")
def test_connect_measures_memory() -> None:
    (line,) = lines_of("connect.py", "--links", "20")
    assert line["links"] == 20


@pytest.mark.slow(reason="starts a server twice, and dozens of chargers dial in three times")
def test_storm_brings_everybody_back() -> None:
    *phases, summary = lines_of("storm.py", "--chargers", "40", "--argon2")
    assert [line["phase"] for line in phases] == ["first", "restart", "again"]
    assert [(line["booted"], line["refused"], line["broken"]) for line in phases] == [(40, 0, 0)] * 3
    assert summary["chargers"] == 40


@pytest.mark.slow(reason="starts a server, and 300 connections come and go")
def test_churn_counts_every_connection_and_reads_memory() -> None:
    *parts, summary = lines_of("churn.py", "--connects", "300", "--rest", "0")
    assert [line["connects"] for line in parts] == [30 * number for number in range(1, 11)]
    assert (summary["connects"], summary["failed"]) == (300, 0)
    assert summary["first_mib"] == parts[0]["rss_mib_at_rest"] != 0


@pytest.mark.slow(reason="loads a server for a second under each of five attacks")
def test_siege_attacks_and_lets_the_honest_in() -> None:
    few = ("--links", "5", "--seconds", "1", "--slow", "10", "--half-open", "10", "--guesses", "20")
    *turns, summary = lines_of("siege.py", *few)
    assert [line["turn"] for line in turns] == ["calm", "slow_heads", "half_open_tls", "wrong_passwords", "all"]
    for turn in turns:
        assert turn["acknowledged"] != 0
        assert (turn["refused"], turn["newcomers_failed"]) == (0, 0)
    assert list(turns[3]["answers"]) == ["401"]
    assert summary["links"] == 5


@pytest.mark.slow(reason="builds a store of 50,000 datums and exports it twice")
def test_export_has_what_the_store_has() -> None:
    (line,) = lines_of("export.py", "--sessions", "500")
    assert (line["datums"], line["exact"]) == (50_000, True)
    assert line["files_written"] > line["files"] != 0  # sessions, too


@pytest.mark.slow(reason="loads a server for a second beside an export and a snapshot")
def test_files_are_made_beside_a_load() -> None:
    *turns, summary = lines_of("files.py", "--sessions", "500", "--links", "5", "--seconds", "1")
    assert [turn["turn"] for turn in turns] == ["calm", "snapshot", "export"]
    assert [turn["done"] > 0 for turn in turns] == [False, True, True]
    assert summary["exact"] is True


@pytest.mark.slow(reason="writes a ledger of 3,000 exchanges and runs it twice")
def test_rebuild_makes_every_row_once() -> None:
    (line,) = lines_of("rebuild.py", "--exchanges", "3000")
    assert (line["first"]["exchanges"], line["first"]["datums"], line["again"]["changes"]) == (3000, 3000, 0)


@pytest.mark.slow(reason="loads a server for a second beside each of five kinds of analysts")
def test_readers_ask_and_nothing_is_lost() -> None:
    *turns, summary = lines_of("readers.py", "--links", "5", "--seconds", "1", "--history", "1000")
    assert [line["turn"] for line in turns][:2] == ["calm", "cross_join"]
    assert len(turns) == 6
    assert [(line["refused"], line.get("fell", 0)) for line in turns] == [(0, 0)] * 6
    assert summary["acknowledged"] == summary["stored"] != 0


@pytest.mark.slow(reason="builds a store of 50,000 datums, and a PostgreSQL beside it where there is one")
def test_questions_are_asked_by_us_by_hand_and_of_postgres() -> None:
    (line,) = lines_of("query.py", "--sessions", "500", "--postgres")
    assert line["datums"] == 50_000
    assert line["rows"]["sessions_by_node_source"] == line["rows"]["latest"] == 500
    assert line["differences"] == {}
    assert line["cpu_ms"].keys() == line["by_hand_cpu_ms"].keys() > {"source_year_by_hour", "site_month_by_15min"}
    assert isinstance(line["postgres"], str) if "postgres" in line else line["postgres_rows"]["latest"] == 500


@pytest.mark.slow(reason="loads two servers for a second each, and asks a third")
def test_programs_poll_beside_chargers_and_all_are_answered() -> None:
    (line,) = lines_of("api.py", "--links", "5", "--clients", "5", "--seconds", "1")
    assert (line["exact"], line["requests_failed"], line["requests_reason"]) == (True, 0, "")
    assert line["calm_messages"] > 0
    assert line["messages"] > 0
    assert line["requests"] > 0
    assert line["get_chargers_per_cpu_s"] > 0
    assert line["datum_list_per_cpu_s"] > 0
    assert line["datum_list_bytes"] > 1_000  # it has rows
