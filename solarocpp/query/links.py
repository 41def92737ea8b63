"""The two ways to a running server: its HTTP API, and DuckDB's quack protocol.

HTTP needs nothing but this package: answers are Arrow where pyarrow is on both ends, else CSV with the
types in a header. Quack needs DuckDB's extensions (`pip install solarocpp[quack]`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from tempfile import NamedTemporaryFile
from typing import Final, NoReturn

import duckdb
import httpx
import msgspec

from solarocpp.errors import QueryError, SqlRefused, StoreError
from solarocpp.query.filters import quote
from solarocpp.query.guard import OFFLINE, Parameters
from solarocpp.query.quack import load_extensions

_CSV: Final = "text/csv"
_ARROW: Final = "application/vnd.apache.arrow.stream"

# The server says when a query has run too long; this is for a network that says nothing at all.
_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 700.0

_WHERE_TOKENS_ARE: Final = (
    "Tokens: admin.token of its data directory, or make one with: solarocpp token add NAME --whole-box"
)


class _Failure(msgspec.Struct):
    error: str
    kind: str
    line: int | None = None
    column: int | None = None
    excerpt: str = ""


class HttpLink:
    """Asks by `POST /api/sql`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._con = _here()
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_SILENCE_S, connect=_CONNECT_S),
            trust_env=False,
            verify=not url.lower().startswith("http:"),  # whom to trust takes 50 ms to read
        )

    def ask(self, statement: str, parameters: Parameters = ()) -> duckdb.DuckDBPyRelation:
        """Has the server answer one statement, and brings the answer here.

        Raises:
            SqlRefused: it is not a read-only statement, or DuckDB cannot run it.
            QueryError: it took too long, or the answer broke off.
            StoreError: there is no server, or the token does not open it.
        """
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        body = msgspec.json.encode({"query": statement, "parameters": given})
        accept = f"{_ARROW}, {_CSV};q=0.5" if find_spec("pyarrow") else _CSV
        try:
            answer = self._http.post(f"{self._url}/api/sql", content=body, headers={"Accept": accept})
        except httpx.RemoteProtocolError as exc:
            raise QueryError(f"The answer of {self._url} broke off ({exc}); the server's log says why.") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise StoreError(
                f"No server answers at {self._url} ({exc}). Start it: solarocpp serve. Or open its data directory."
            ) from exc
        if answer.status_code != httpx.codes.OK:
            self._refuse(answer)
        types = msgspec.json.decode(answer.headers.get("solarocpp-types", "[]"), type=list[str])
        read = _READERS.get(answer.headers.get("content-type", ""))
        if not types or read is None:
            raise StoreError(f"{self._url} is an older solarocpp, or none. Use its version here, or a newer one there.")
        return read(_cursor(self._con), answer.content, types)

    def close(self) -> None:
        """Ends it; the database of answers goes with the last of them."""
        self._http.close()

    def _refuse(self, answer: httpx.Response) -> NoReturn:
        try:
            failure = msgspec.json.decode(answer.content, type=_Failure)
        except msgspec.MsgspecError:
            raise StoreError(f"{self._url} is no solarocpp server: it answered {answer.status_code}.") from None
        match answer.status_code:
            case 401:
                raise StoreError(f"{self._url} does not know this token. {_WHERE_TOKENS_ARE}")
            case 422 if failure.kind == "sql_refused":
                raise SqlRefused(failure.error, line=failure.line, column=failure.column, excerpt=failure.excerpt)
            case 400 | 408 | 422:
                raise QueryError(failure.error)
            case _:
                raise StoreError(f"{self._url}: {failure.error}")


def _read_arrow(con: duckdb.DuckDBPyConnection, content: bytes, types: Sequence[str]) -> duckdb.DuckDBPyRelation:
    import pyarrow as pa  # type: ignore[import-untyped]

    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    names, places = table.column_names, [f"c{at}" for at in range(len(types))]
    # Arrow has not all of DuckDB's types: HUGEINT comes as a decimal, JSON as text.
    return con.from_arrow(table.rename_columns(places)).project(
        ", ".join(f"{place}::{kind} AS {quote(name)}" for place, kind, name in zip(places, types, names, strict=True))
    )


def _read_csv(con: duckdb.DuckDBPyConnection, content: bytes, types: Sequence[str]) -> duckdb.DuckDBPyRelation:
    names = next(csv.reader(io.StringIO(content.decode(), newline="")))
    places = [f"c{at}" for at in range(len(types))]
    cells = ", ".join(
        # Lists and structs are written as JSON.
        f"{place}{'::JSON' if _is_nested(kind) else ''}::{kind} AS {quote(name)}"
        for place, kind, name in zip(places, types, names, strict=True)
    )
    columns = ", ".join(f"'{place}': 'VARCHAR'" for place in places)
    with NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        con.execute(
            f"CREATE TEMP TABLE answer AS SELECT {cells} FROM read_csv(?, columns = {{{columns}}}, header = true, "
            "auto_detect = false, quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
            "max_line_size = 100000000)",
            [file.name],
        )
    return con.table("answer")


_Read = Callable[[duckdb.DuckDBPyConnection, bytes, Sequence[str]], duckdb.DuckDBPyRelation]
_READERS: Final[Mapping[str, _Read]] = {
    _ARROW: _read_arrow,
    _CSV: _read_csv,
}


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION("))


def _here() -> duckdb.DuckDBPyConnection:
    """Opens the database that answers are kept in."""
    con = duckdb.connect(config=OFFLINE)
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    return con


def _cursor(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor for one answer, whose temporary table goes when nobody has the answer any more."""
    cursor = con.cursor()
    cursor.execute("SET enable_progress_bar = false")  # it would go to the output of a script
    return cursor


class QuackLink:
    """Asks by DuckDB's own protocol."""

    def __init__(self, address: str, token: str) -> None:
        self._uri = f"quack:{address}"
        self._con = _here()
        try:
            load_extensions(self._con)
        except duckdb.Error as exc:
            raise StoreError(
                f"{self._uri} needs DuckDB's extensions quack and httpfs, which are not here. "
                "Install solarocpp[quack], or open the server's http:// address."
            ) from exc
        self._con.execute(f"CREATE SECRET (TYPE quack, TOKEN {_text(token)}, SCOPE {_text(self._uri)})")

    def ask(self, statement: str, parameters: Parameters = ()) -> duckdb.DuckDBPyRelation:
        """Has the server answer one statement, and brings the answer here.

        Raises:
            SqlRefused: it is not a read-only statement, or DuckDB cannot run it.
            QueryError: there are parameters, which this protocol has no place for.
            StoreError: there is no server, or the token does not open it.
        """
        if parameters:
            raise QueryError("Quack carries no parameters: write them into the statement, or open the http:// address.")
        try:
            # As a statement: a relation would have the server run it three times, to be bound, and again to be run.
            con = _cursor(self._con)
            con.execute(f"CREATE TEMP TABLE answer AS FROM quack_query({_text(self._uri)}, {_text(statement)})")
            return con.table("answer")
        except duckdb.IOException as exc:
            raise StoreError(
                f"No server answers at {self._uri} ({_first_line(exc)}). Is it on? server.json in its data directory "
                "says where it listens."
            ) from exc
        except duckdb.Error as exc:
            if "This token does not open" in str(exc):
                raise StoreError(f"{self._uri}: {_first_line(exc)} {_WHERE_TOKENS_ARE}") from exc
            raise SqlRefused(str(exc)) from exc

    def close(self) -> None:
        """Asks nothing more; the database of answers, and its way to the server, go with the last of them."""


def _text(content: str) -> str:
    return "'" + content.replace("'", "''") + "'"


def _first_line(exc: BaseException) -> str:
    return str(exc).partition("\n")[0]
