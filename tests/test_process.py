"""What the process does for itself before it serves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LIMITED = """
import json, resource
from solarocpp.process import SPARE_FILES, allow_files
from solarocpp.logs import configure_logs

configure_logs("json")
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 900))
for links in (800, 900, 901):
    allowed = allow_files(links - SPARE_FILES)
    print(json.dumps([allowed, *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


def test_as_many_files_as_the_system_allows_may_be_open() -> None:
    """With the usual soft limit of 1,024 the thousandth charger would be refused without a word."""
    done = subprocess.run([sys.executable, "-c", LIMITED], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["[800, 800, 900]", "[900, 900, 900]", "[900, 900, 900]"]
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["event"], line["allowed"], line["max_links"]) == ("few_files", 900, 701)


def test_a_command_that_asks_duckdb_loads_no_pandas(tmp_path: Path) -> None:
    """DuckDB does by itself, at the first parameter: 67 MB in a server that never makes a data frame."""
    order = ["charger", "add", "CP001", "--data", str(tmp_path / "data")]
    command = [sys.executable, "-X", "importtime", "-m", "solarocpp", *order]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.returncode == 0, done.stderr
    assert {"duckdb", "pandas.core"} & loaded == {"duckdb"}
