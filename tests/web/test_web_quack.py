"""Live SQL for DuckDB clients: a real client in another process's shoes, a real server, chargers that write."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import httpx
import pytest

from solarocpp.query.quack import load_extensions

if TYPE_CHECKING:
    from conftest import Cli, RunningServer, Serve

pytestmark = pytest.mark.slow  # a server, and DuckDB loads 55 MB of extensions

ENDLESS = "SELECT count(*) FROM range(10_000_000_000) a, range(10_000_000_000) b"


@pytest.fixture(scope="module")
def server(module_server: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all: loading the extensions takes half a second of a processor."""
    data = tmp_path_factory.mktemp("site") / "data"
    with module_server(data, "--quack", "127.0.0.1:0", "--sql-deadline-s", "2") as server:
        yield server


def attached(address: str, token: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    load_extensions(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"ATTACH 'quack:{address}' AS solar (TOKEN '{token}')")
    return con


def asked(con: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[object, ...]]:
    quoted = statement.replace("'", "''")
    return con.execute(f"FROM solar.query('{quoted}')").fetchall()


def test_tables_and_views_are_there(server: RunningServer) -> None:
    with attached(server.quack, server.token) as con:
        assert con.execute('SELECT "nodeId", name FROM solar.node').fetchall() == [(1, "node 1")]
        assert con.execute("SELECT count(*) FROM solar.datum").fetchall() == [(0,)]
        assert con.execute("SELECT energy FROM solar.session").fetchall() == []
        assert asked(con, "SELECT name FROM node") == [("node 1",)]
        assert ("datum",) in asked(con, "SHOW TABLES")
        assert asked(con, "DESCRIBE node")[0][:2] == ("nodeId", "BIGINT")
        assert asked(con, "EXPLAIN SELECT 1")[0][0] == "physical_plan"
        assert asked(con, "SELECT * FROM range(100_000) t(i) ORDER BY i DESC")[:2] == [(99_999,), (99_998,)]


def test_only_who_may_see_the_whole_box_attaches(server: RunningServer, solarocpp_cli: Cli) -> None:
    whole = solarocpp_cli(server.data, "token", "add", "lab", "--whole-box").stdout.split()[-1]
    own = solarocpp_cli(server.data, "token", "add", "tenant").stdout.split()[-1]
    with attached(server.quack, whole) as con:
        assert asked(con, "SELECT 1") == [(1,)]
    for token in (own, "nonsense", "x" * 500):
        with pytest.raises(duckdb.Error, match="This token does not open live SQL"):
            attached(server.quack, token)


def test_a_token_that_is_removed_asks_no_more(server: RunningServer, solarocpp_cli: Cli) -> None:
    """What was attached with it stays attached, and gets nothing."""
    token = solarocpp_cli(server.data, "token", "add", "leaving", "--whole-box").stdout.split()[-1]
    with attached(server.quack, token) as con:
        assert asked(con, "SELECT 1") == [(1,)]
        solarocpp_cli(server.data, "token", "remove", "leaving", "--yes")
        for statement in ("FROM solar.query('SELECT 1')", "SELECT name FROM solar.node"):
            with pytest.raises(duckdb.Error, match="This token does not open live SQL"):
                con.execute(statement).fetchall()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("INSERT INTO solar.node VALUES (9, 1, 'x', now(), NULL)", "Nothing can be written here"),
        ("CREATE TABLE solar.mine (i INTEGER)", "is not a question"),
        ("DROP TABLE solar.node", "is not a question"),
        ("DELETE FROM solar.node", "."),
        ("UPDATE solar.node SET name = 'x'", "."),
    ],
)
def test_nothing_is_written_through_attach(server: RunningServer, statement: str, reason: str) -> None:
    with attached(server.quack, server.token) as con:
        with pytest.raises(duckdb.Error, match=reason):
            con.execute(statement)
        assert asked(con, "SELECT name FROM node") == [("node 1",)]


def test_errors_are_duckdbs_own_with_the_position_in_what_was_asked(server: RunningServer) -> None:
    with attached(server.quack, server.token) as con:
        with pytest.raises(duckdb.Error, match=r'"nonsense" not found in FROM clause!(.|\n)*LINE 2: , nonsense\n +\^'):
            asked(con, "SELECT 1\n, nonsense\nFROM datum")
        with pytest.raises(duckdb.Error, match='syntax error at or near "SELEC"'):
            asked(con, "SELEC 1")
        assert asked(con, "SELECT 1") == [(1,)]


def test_a_runaway_statement_is_stopped_and_leaves_nothing(server: RunningServer) -> None:
    with attached(server.quack, server.token) as con:
        with pytest.raises(duckdb.Error, match="stopped after 2 s"):
            asked(con, ENDLESS)
        # An answer goes once the client has its first piece, and after an error, too. Whether DuckDB lists the one that
        # is being made is its own affair.
        for _ in range(3):
            ((kept,),) = asked(con, "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'answers'")
            assert kept in {0, 1}


def test_a_statement_whose_client_is_gone_ends(tmp_path: Path, running_server: Serve) -> None:
    """With a limit of an hour, only the client's end can end it; a reader's thread is then free again."""
    program = (
        "import duckdb, sys; from solarocpp.query.quack import load_extensions; con = duckdb.connect()\n"
        "con.execute('SET enable_progress_bar = false')\n"  # a slow ATTACH would draw one on standard output
        "load_extensions(con); con.execute(f\"ATTACH 'quack:{sys.argv[1]}' AS solar (TOKEN '{sys.argv[2]}')\")\n"
        "print('attached', flush=True); con.execute(f\"FROM solar.query('{sys.argv[3]}')\")"
    )
    with running_server(tmp_path / "data", "--quack", "127.0.0.1:0", "--sql-deadline-s", "3600") as server:
        command = [sys.executable, "-c", program, server.quack, server.token, ENDLESS]
        for _ in range(5):  # one more than there are readers
            with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
                assert client.stdout is not None
                assert client.stdout.readline() == b"attached\n"
                wait_busy(server)
                client.kill()
        with attached(server.quack, server.token) as con:
            assert asked(con, "SELECT 1") == [(1,)]


def wait_busy(server: RunningServer) -> None:
    """Waits until the server calculates: its processor time grows by a tenth of a second."""
    began, deadline = processor_s(server), time.monotonic() + 30
    while processor_s(server) < began + 0.1:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def processor_s(server: RunningServer) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_whatever_is_posted_is_answered(server: RunningServer) -> None:
    url = f"http://{server.quack}"
    assert "ATTACH 'quack:" in httpx.get(url).text
    for body in (
        b"",
        b"nonsense",
        b"\xff\xff",
        b"\x01\x00\x0b\xff\xff",
        b"\x01\x00\x03\xff\xff\x01\x00\x08SELECT 1\xff\xff",
    ):
        answer = httpx.post(f"{url}/quack", content=body)
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x01\x00\x64")  # an error of the protocol
    assert httpx.post(f"{url}/quack", content=b"x" * 1_000_001).status_code == 413


def test_the_address_is_told(server: RunningServer) -> None:
    assert f'"quack": "{server.quack}"' in (server.data / "server.json").read_text()
    assert server.quack.startswith("127.0.0.1:")


def test_without_the_extension_the_server_runs_and_says_so(tmp_path: Path) -> None:
    program = (
        "import sys, duckdb\n"
        "from solarocpp.query import quack\n"
        "quack.EXTENSIONS = ('no_such_extension',)\n"
        "from solarocpp.query.quack import QuackServer\n"
        "con = duckdb.connect(config={'autoinstall_known_extensions': 'false'})\n"
        "server = QuackServer(); server.prepare(con); print(server.unavailable, server.address)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert "cannot load no_such_extension" in done.stdout
    assert "Install solarocpp[quack]" in done.stdout
