"""data/README.md says what the tables are, and the tables are what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import solarocpp.query as q
from solarocpp.query.reference import reference
from solarocpp.store.schema import TABLES, VIEWS

Fill = Callable[..., duckdb.DuckDBPyConnection]

README = Path(__file__).parents[2] / "data" / "README.md"


def test_handbook_is_current() -> None:
    """If not: python -m solarocpp.query.reference > data/README.md."""
    assert README.read_text() == reference()


def test_every_column_of_a_fresh_store_is_described(filled: Fill) -> None:
    con = filled()
    described = set(re.findall(r"^\| `(\w+)` \|", reference(), re.MULTILINE))
    for table in (*TABLES, *VIEWS):
        assert table.name in described or f"### `{table.name}`" in reference()
        if not table.internal:
            assert set(con.table(table.name).columns) <= described


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # duckdb 1.5.5 uses what pandas 3.1 gives up
def test_examples_of_the_handbook_run(filled: Fill) -> None:
    """On an empty store, so they are asked for names and arguments only."""
    con = filled()
    code = re.search(r"```python\n(.*?)```", reference(), re.DOTALL)
    assert code
    lines = [line for line in code[1].splitlines() if line.startswith(("q.", "con.sql"))]
    assert len(lines) == 4
    for line in lines:
        eval(line, {"q": q, "con": con})  # noqa: S307 -- our own text
