"""`q.open` on everything that has the data: the same questions, the same answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import duckdb
import polars as pl
import pytest

import solarocpp.query as q
from solarocpp.errors import QueryError, SqlRefused, StoreError, StoreLocked
from solarocpp.metering.datums import Datum, SessionProperties
from solarocpp.ocpp.datatypes import SourceId
from solarocpp.query.quack import extension_file
from solarocpp.store import open_store
from solarocpp.store.effects import DatumObserved, Effect, EventHappened, SessionEnded, SessionStarted

if TYPE_CHECKING:
    from conftest import Cli, RunningServer, Serve

pytestmark = [
    pytest.mark.slow,  # a server
    pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning"),  # duckdb's own use of pandas
]

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SOURCE = SourceId("/ocpp/cp/CP001/1/Outlet")


def effects() -> Iterator[Effect]:
    """Five sessions of an hour, with a reading each quarter."""
    for number in range(1, 6):
        session, began = UUID(int=number), NOW + timedelta(hours=2 * number)
        facts = SessionProperties(session, number, f"TAG{number % 2}", 0)
        yield SessionStarted(session, 1, SOURCE, 1, 1, number, f"TAG{number % 2}", began, 1000.0 * number)
        for quarter in range(5):
            moment = began + timedelta(minutes=15 * quarter)
            readings = {"wattHours": 1000.0 * number + 250 * quarter, "watts": 1000.5, "voltage_a": 230.0}
            yield DatumObserved(Datum(1, SOURCE, moment, readings, session=facts), moment)
        yield SessionEnded(session, began + timedelta(hours=1), "Local", None, 1000.0 * number + 1000)
    yield EventHappened(NOW, "link_opened", "CP001", "it came", {"peer": "here"}, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory at rest."""
    directory = tmp_path_factory.mktemp("site") / "data"
    with closing(open_store(directory, now=NOW)) as store:
        store.project_tail([(0, tuple(effects()))])
    command = [sys.executable, "-m", "solarocpp", "charger", "add", "CP001", "--data", str(directory)]
    subprocess.run(command, check=True, capture_output=True)
    return directory


QUESTIONS: dict[str, Any] = {
    "sessions": lambda con: q.sessions(con, source="/ocpp/cp/**", since="2026-03-01"),
    "sessions of a token": lambda con: q.sessions(con, token="tag1", charger="cp001", node=[1, 2], active=False),
    "sessions by": lambda con: q.sessions(con, by=["source", "charger", "month"]),
    "datums": lambda con: q.datums(con, source="/ocpp/cp/*/1/*", until=NOW + timedelta(hours=5)),
    "datums by hour": lambda con: q.datums(con, aggregate="hour", properties=["wattHours", "watts", "token", "soc"]),
    "datums by month": lambda con: q.datums(con, aggregate="month"),
    "readings": lambda con: q.readings(con, type="atd", since=NOW, until=NOW + timedelta(hours=2)),
    "readings by day": lambda con: q.readings(con, aggregate="day", source="/ocpp/**", properties="wattHours"),
    "latest": q.latest,
    "events": lambda con: q.events(con, tags="ocpp,charger", charger="cp001"),
    "filtered": lambda con: q.sessions(con).filter("energy >= 1000").aggregate("count(*), sum(energy)"),
    "sql": lambda con: con.sql("FROM session SELECT token, sum(energy), count(*) GROUP BY ALL ORDER BY 1"),
    "types": lambda con: con.sql(
        """SELECT sum(1) AS huge, 1.5::DECIMAL(9, 3) AS money, [1, NULL, 2] AS list, ['a "b"', ''] AS texts,
        {'k': 'a b', 'n': [1.5]} AS struct, MAP {'x': 1} AS map, UUID '11111111-2222-3333-4444-555555555555' AS uuid,
        '{"a": [1]}'::JSON AS json, DATE '2026-03-01' AS day, TIMESTAMP '2026-03-01 12:00:00.25' AS naive,
        INTERVAL '1 month 2 days' AS span, 'ä,"\n' AS text, '' AS empty, NULL::VARCHAR AS nothing, true AS yes,
        0.1 + 0.2::DOUBLE AS x, '\\xAA'::BLOB AS bytes, TIMESTAMPTZ '2026-03-01 12:00:00.000001+02' AS moment"""
    ),
}


@pytest.fixture(scope="module")
def expected(data: Path) -> dict[str, Any]:
    """What the file says, before a server has it."""
    with q.open(data) as con:
        found = {name: ask(con) for name, ask in QUESTIONS.items()}
        answers = {name: (asked.columns, asked.types, asked.fetchall()) for name, asked in found.items()}
    assert answers["sessions by"][2][0][4:7] == (5, 5000.0, 18000)
    assert len(answers["datums"][2]) == 9
    assert answers["types"][2][0][:2] == (1, Decimal("1.500"))
    return answers


@pytest.fixture(scope="module")
def server(data: Path, expected: dict[str, Any], module_server: Serve) -> Iterator[RunningServer]:
    """The same directory, served."""
    quack = "127.0.0.1:0" if extension_file("quack") else "off"
    with module_server(data, "--quack", quack, "--sql-deadline-s", "5") as server:
        yield server


def places(server: RunningServer) -> dict[str, str | Path]:
    found: dict[str, str | Path] = {"directory": server.data, "http": f"http://{server.web}"}
    return found | ({"quack": f"quack:{server.quack}"} if server.quack else {})


@pytest.mark.parametrize("way", ["directory", "http", "without pyarrow", "quack"])
def test_every_question_has_the_answer_that_the_file_gave(
    server: RunningServer, expected: dict[str, Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "without pyarrow":
        monkeypatch.setattr("solarocpp.query.links.find_spec", lambda _: None)
    place = places(server).get("http" if way == "without pyarrow" else way)
    if place is None:
        pytest.skip("the quack extension is not here")
    with q.open(place, token=None if way == "directory" else server.token) as con:
        for name, ask in QUESTIONS.items():
            columns, types, rows = expected[name]
            asked = ask(con)
            assert (name, asked.columns, asked.fetchall()) == (name, columns, rows)
            assert (name, asked.execute().types) == (name, types)
        assert q.sessions(con).df()["energy"].to_list() == [1000.0] * 5
        assert q.latest(con).pl().select(pl.col("wattHours")).to_series().to_list() == [6000.0]


def test_a_snapshot_file_is_opened_like_a_store(data: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    """A copy made while the directory was at rest; what `solarocpp snapshot` makes is such a file."""
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{tmp_path / 'snapshot-2026-03-01.duckdb'}' AS copy")
        con.execute('CREATE TABLE copy."chargeSession" AS SELECT 1 AS "sessionId"')
    with q.open(tmp_path / "snapshot-2026-03-01.duckdb") as con:
        assert con.table("chargeSession").fetchall() == [(1,)]


def test_the_example_of_the_contract_works_with_the_server_running_and_stopped(
    tmp_path: Path, solarocpp_cli: Cli, running_server: Serve
) -> None:
    """In a process of its own, that knows nothing but the directory."""
    data = tmp_path / "data"
    solarocpp_cli(data, "charger", "add", "CP001")
    program = (
        "import sys\nimport solarocpp.query as q\n"
        "con = q.open(sys.argv[1])\n"
        'q.sessions(con, node=1, source="/ocpp/cp/**", since="2026-01-01", by=["source", "month"]).df()\n'
        'q.datums(con, source="/ocpp/cp/CP001/1/Outlet", since="2026-01-01", aggregate="hour").fetchall()\n'
        'q.latest(con, source="/ocpp/cp/*/status").pl()\n'
        'print(con.sql("FROM charger SELECT identifier").fetchall())\n'
        "con.close()\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(data)]
    stopped = subprocess.run(command, check=True, capture_output=True, text=True)
    with running_server(data):
        running = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (stopped.stdout, running.stdout) == ("[('CP001',)]\n", "[('CP001',)]\n")


def test_what_goes_wrong_says_what_to_do(
    server: RunningServer, solarocpp_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, quack = f"http://{server.web}", f"quack:{server.quack}"
    tenant = solarocpp_cli(server.data, "token", "add", "tenant").stdout.split()[-1]
    tries: list[tuple[str, str | None, str]] = [
        (http, None, "wants a token: open"),
        (http, "wrong", "does not know this token. Tokens: admin.token of its data directory"),
        (http, tenant, "/api/sql is about the whole box, and this token is for account 1 only"),
        ("http://127.0.0.1:9", "x", r"No server answers at http://127.0.0.1:9 \(.*\). Start it: solarocpp serve"),
        ("http://nowhere:port", "x", "No server answers at http://nowhere:port"),
        (f"http://{server.ocpp}", "x", "is no solarocpp server"),
        ("ftp://host", "x", "there is no such way to a server. Write http://HOST:PORT or quack:HOST:PORT"),
        (quack, "wrong", "This token does not open live SQL.*Tokens: admin.token"),
        (quack, tenant, "This token does not open live SQL"),
        ("quack:127.0.0.1:9", "x" * 8, "No server answers at quack:127.0.0.1:9"),
    ]
    for place, token, reason in tries:
        if place == quack and not server.quack:
            continue
        with pytest.raises(StoreError, match=reason):
            q.open(place, token=token)
    monkeypatch.setenv("SOLAROCPP_TOKEN", server.token)
    with q.open(http) as con:
        assert con.sql("SELECT 1").fetchall() == [(1,)]
    monkeypatch.setenv("SOLAROCPP_TOKEN", "wrong")
    with pytest.raises(StoreError, match="does not know this token"):
        q.open(server.data)


@pytest.mark.parametrize(
    ("bound", "url"),
    [
        ("10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", r"http://\[::1\]:8080"),  # where nothing of IPv4 is taken
    ],
)
def test_a_directory_whose_token_cannot_be_read_names_its_server(tmp_path: Path, bound: str, url: str) -> None:
    (tmp_path / "server.json").write_text(f'{{"web": "{bound}"}}')
    program = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(tmp_path / "solarocpp.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked, match=f"Query the running server at {url}, or stop it"):
            q.open(tmp_path)
        holder.communicate()


@pytest.mark.parametrize("way", ["http", "quack"])
def test_what_the_server_refuses_is_an_error_of_the_question(server: RunningServer, way: str) -> None:
    place = places(server).get(way)
    if place is None:
        pytest.skip("the quack extension is not here")
    with q.open(place, token=server.token) as con:
        with pytest.raises(SqlRefused, match="LINE 2: , nope"):
            con.sql("SELECT 1\n, nope FROM datum").fetchall()
        with pytest.raises(SqlRefused, match="The function getenv is refused"):
            con.sql("SELECT getenv('HOME')").df()
        with pytest.raises(SqlRefused, match="INSERT is not a question"):
            con.execute("INSERT INTO node SELECT * FROM node").fetchall()
        assert con.sql("SELECT 1").fetchall() == [(1,)]
        kept = con.sql("SELECT 42 AS n").execute()
    assert kept.filter("n > 1").fetchall() == [(42,)]  # an answer outlives its connection


def test_an_answer_that_breaks_off_is_no_answer(server: RunningServer) -> None:
    failing = "SELECT CASE WHEN row_number() OVER () < 1000000 THEN '1' ELSE 'x' END::INT AS n FROM range(2000000)"
    with (
        q.open(f"http://{server.web}", token=server.token) as con,
        pytest.raises(QueryError, match=r"broke off .* the server's log says why"),
    ):
        con.sql(failing).fetchall()
