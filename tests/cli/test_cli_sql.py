"""`solarocpp sql`: parameters, limits, forms and errors, with a server and without."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from solarocpp.cli.sql import read_parameters
from solarocpp.errors import WrongUsage

Run = Callable[..., tuple[int, str, str]]
Serve = Callable[..., AbstractContextManager[Any]]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([], []),
        (
            ["1", "-2.5", "true", "null", "007", "2026-03-01", '"5"', "[1, 2]", "a b"],
            [1, -2.5, True, None, "007", "2026-03-01", "5", [1, 2], "a b"],
        ),
        (["low=5", "tag=A=B", "empty="], {"low": 5, "tag": "A=B", "empty": ""}),
    ],
)
def test_parameters_are_read(given: list[str], read: object) -> None:
    assert read_parameters(given) == read


@pytest.mark.parametrize(
    ("given", "reason"),
    [(["a=1", "2"], "either NAME=VALUE for each, or values by place"), (["a=1", "a=2"], r"a=\.\.\. is given twice")],
)
def test_parameters_of_both_kinds_are_wrong_usage(given: list[str], reason: str) -> None:
    with pytest.raises(WrongUsage, match=reason):
        read_parameters(given)


# Of the threads that run a statement, the one that fails has the others interrupted; now and then DuckDB tells of that.
WHY = "Could not convert string 'x' to INT32|Interrupted"

TWO = "SELECT $a + 1 AS a, $b AS b"


class Said(NamedTuple):
    """Exit code, standard output, and how the standard error begins and ends."""

    code: int
    out: str
    begin: str = ""
    end: str = ""


# The same with a server and without.
COMMANDS: list[tuple[list[str], Said]] = [
    (["SELECT ? * 2 AS twice", "--param", "-21"], Said(0, "twice\n-42\n")),
    ([TWO, "--param", "a=1", "--param", "b=x y", "--format", "json"], Said(0, '[\n{"a":2,"b":"x y"}\n]\n')),
    (
        ["SELECT NULL AS a, '' AS b, 'x,y' AS c, TIMESTAMPTZ '2026-03-01 12:00:00+02' AS d", "--format", "csv"],
        Said(0, 'a,b,c,d\n,"","x,y",2026-03-01T10:00:00Z\n'),
    ),
    (
        ["FROM range(5000)", "--format", "csv", "--limit", "3000"],
        Said(0, "range\n" + "".join(f"{number}\n" for number in range(3000))),
    ),
    (
        ["FROM node\nSELECT nodeId, nope"],
        Said(
            1,
            "",
            'solarocpp: Binder Error: Referenced column "nope" not found in FROM clause!\n',
            "\n\nLINE 2: SELECT nodeId, nope\n                       ^\n",
        ),
    ),
    (
        ["SELECT getenv('HOME')", "--format", "csv"],
        Said(
            1,
            "",
            "solarocpp: The function getenv is refused: it reads the server's environment.\n\n",
            "LINE 1: SELECT getenv('HOME')\n               ^\n",
        ),
    ),
    (["SELECT 1", "--timeout", "601"], Said(1, "", "solarocpp: timeout: Expected `float` <= 600.0.\n")),
    (
        ["SELECT count(*) FROM range(1000000) a, range(1000000) b", "--timeout", "0.3"],
        Said(1, "", "solarocpp: The query was stopped after 0.3 s. Narrow the time range or aggregate.\n"),
    ),
]


def check(run: Run) -> None:
    for words, expected in COMMANDS:
        code, out, err = run("sql", *words)
        assert (code, out) == (expected.code, expected.out), (words, err)
        assert (err.startswith(expected.begin), err.endswith(expected.end)) == (True, True), err


@pytest.mark.slow
def test_sql_says_the_same_with_a_server_and_without(run: Run, running_server: Serve, tmp_path: Path) -> None:
    run("charger", "add", "CP001")
    check(run)
    with running_server(tmp_path / "data"):
        check(run)


@pytest.mark.slow
@pytest.mark.parametrize("served", [True, False])
def test_arrow_goes_into_a_pipe(run: Run, running_server: Serve, tmp_path: Path, served: bool) -> None:  # noqa: FBT001
    run("charger", "add", "CP001")
    command = [sys.executable, "-m", "solarocpp", "sql", "FROM range(300000)", "--format", "arrow"]

    def rows() -> int:
        done = subprocess.run([*command, "--data", str(tmp_path / "data")], check=True, capture_output=True)
        with pa.ipc.open_stream(done.stdout) as reader:
            return int(reader.read_all().num_rows)

    if served:
        with running_server(tmp_path / "data"):
            assert rows() == 300_000
    else:
        assert rows() == 300_000


@pytest.mark.slow
@pytest.mark.parametrize("served", [True, False])
def test_who_has_seen_enough_ends_the_query(
    run: Run,
    running_server: Serve,
    tmp_path: Path,
    served: bool,  # noqa: FBT001
) -> None:
    """As `| head` does, with an answer that would fill any disk."""
    run("charger", "add", "CP001")
    command = [sys.executable, "-m", "solarocpp", "sql", "FROM range(1000000000000)", "--format", "csv"]

    def head() -> None:
        with subprocess.Popen([*command, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert [program.stdout.readline() for _ in range(3)] == [b"range\n", b"0\n", b"1\n"]
            program.stdout.close()
            assert program.wait(60) == 0

    if served:
        with running_server(tmp_path / "data"):
            head()
    else:
        head()


@pytest.mark.slow
@pytest.mark.parametrize("served", [True, False])
def test_an_answer_that_breaks_off_is_an_error(
    run: Run,
    running_server: Serve,
    tmp_path: Path,
    served: bool,  # noqa: FBT001
) -> None:
    run("charger", "add", "CP001")
    failing = "SELECT CASE WHEN row_number() OVER () < 1000000 THEN '1' ELSE 'x' END::INT AS n FROM range(2000000)"
    if served:
        with running_server(tmp_path / "data") as server:
            code, out, err = run("sql", failing, "--format", "csv")
            log = [json.loads(line) for line in server.log.splitlines()]
        (cut,) = [line for line in log if line["event"] == "answer_cut"]
        assert re.search(WHY, cut["reason"])
    else:
        code, out, err = run("sql", failing, "--format", "csv")
        assert re.search(WHY, err)
    assert (code, out.startswith("n\n1\n")) == (1, True)
    assert "broke off, what came is not all" in err
