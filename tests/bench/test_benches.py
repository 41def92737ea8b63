"""The benchmarks still run and still count right; how fast, only a quiet machine can say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def lines_of(script: str, *arguments: str) -> list[dict[str, object]]:
    """Runs a benchmark, whether its promises hold or not, and reads its lines."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode in {0, 1}, done.stderr
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
