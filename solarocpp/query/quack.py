"""Live SQL for any DuckDB client: DuckDB's own quack protocol, with nothing of a stranger's ever run by it.

    ATTACH 'quack:127.0.0.1:9494' AS solar (TOKEN '...')

The extension has neither a time limit nor a way to stop a query, goes on after its client is gone
(tried on 1.5.5), and lets everybody do everything. So it listens for this process alone, on a port and with a token
that nobody else is told, and `web.quack` stands in front of it:

    client -> web.quack      whose token; `guard` judges the statement
           -> store reader   runs it, interruptible and at low priority, into a table of `answers`
           -> the extension  is sent a SELECT of that table instead, and does what it is good at:
                             handing rows over in DuckDB's own format, in pieces, as the client asks for them

What reads one table from top to bottom and calculates nothing (ATTACH asks so for the rows of a table)
cannot run away, so it goes to the extension as it is, and is not copied first.

This module knows the extension: where its files are, how to start it in an instance, and as much of its
messages as must be read. They are DuckDB's serialized objects: fields, each with a number of two bytes,
ended by FF FF; a header object, then a body. Tried with 1.5.5; the protocol of 2.0 is another.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import secrets
import socket
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import duckdb

from solarocpp.errors import SqlRefused
from solarocpp.query.answers import answer_sql
from solarocpp.query.filters import quote
from solarocpp.query.guard import refusal
from solarocpp.store.schema import TABLES

ANSWERS = "answers"
"""The in-memory database that answers are kept in until their client has them."""

# The server needs httpfs for its random numbers (CONNECT is answered 500 without), clients for HTTP.
EXTENSIONS = ("httpfs", "quack")

MAX_MESSAGE_BYTES = 1_000_000
"""A client sends statements; a longer one than the API takes is not one a person wrote."""


def extension_file(name: str) -> Path | None:
    """Finds the file of an extension in its package from the index (`duckdb-extension-quack`), made for this DuckDB.

    None: it is not installed, or for another version, which DuckDB would refuse to load.
    """
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    for place in spec.submodule_search_locations or () if spec else ():
        file = Path(place) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    return None


def load_extensions(con: duckdb.DuckDBPyConnection) -> None:
    """Loads what a client or a server of quack needs: from the packages, else what DuckDB itself has installed.

    Raises:
        duckdb.Error: neither is there.
    """
    for name in EXTENSIONS:
        file = extension_file(name)
        con.execute(f"LOAD '{_literal(str(file))}'" if file else f"LOAD {name}")


class QuackServer:
    """The extension at work inside of an instance: started at each opening of it, reachable from this process only."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self.address = ""
        """`127.0.0.1:PORT` of the instance opened last."""
        self.unavailable = ""
        """Why it could not be started, and what to do; the instance is as good without."""

    def prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        """Starts it in an instance that was just opened, before its configuration is locked.

        Raises:
            duckdb.Error: no port is free.
        """
        try:
            load_extensions(con)
        except duckdb.Error as exc:
            reason = str(exc).partition("\n")[0]
            self.unavailable = (
                f"DuckDB {duckdb.__version__} cannot load {' and '.join(EXTENSIONS)} ({reason}). Install "
                "solarocpp[quack], which has them for DuckDB 1.5.5, or have DuckDB fetch them from the internet: "
                "INSTALL httpfs; INSTALL quack"
            )
            return
        con.execute(f"ATTACH ':memory:' AS {ANSWERS}")
        # quack_serve refuses port 0. Whoever takes the free one first makes it fail, so it gets a few tries.
        for attempt in range(5):
            address = _free_address()
            try:
                con.execute("SELECT * FROM quack_serve(?, token := ?)", [f"quack:{address}", self.token]).fetchall()
            except duckdb.Error:
                if attempt == 4:
                    raise
            else:
                self.address = address
                return


def _free_address() -> str:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Kind(IntEnum):
    """Messages of clients that are passed on; every other is refused (an append, a change of the catalogue)."""

    CONNECT = 1
    CONNECTED = 2
    PREPARE = 3
    FETCH = 7
    ERROR = 100


class Message(NamedTuple):
    """One message, read as far as it concerns us."""

    kind: int
    connection_id: str
    header: bytes
    """As it came, with its end."""
    text: str
    """The token of a CONNECT, the statement of a PREPARE, empty otherwise."""
    rest: bytes
    """What follows: of CONNECT and PREPARE the fields after `text`, else the whole body."""


_END = b"\xff\xff"
_KIND, _CONNECTION_ID, _QUERY_ID = 1, 2, 3
_TEXT = 1
_NO_QUERY = b"\xff" * 9 + b"\x01"


def read_message(message: bytes) -> Message:
    """Reads a message of a client.

    Raises:
        SqlRefused: it is none, or of a version of the protocol we do not know.
    """
    try:
        kind, connection_id, at = 0, "", 0
        while (field := message[at : at + 2]) != _END:
            number, at = int.from_bytes(field, "little"), at + 2
            if number == _CONNECTION_ID:
                connection_id, at = _read_text(message, at)
            elif number in {_KIND, _QUERY_ID}:
                value, at = _read_number(message, at)
                kind = value if number == _KIND else kind
            else:
                raise ValueError(number)  # noqa: TRY301 said once, below
        at += 2
        header, text = message[:at], ""
        if kind in {Kind.CONNECT, Kind.PREPARE} and message[at : at + 2] == _TEXT.to_bytes(2, "little"):
            text, at = _read_text(message, at + 2)
    except (ValueError, IndexError) as exc:
        raise SqlRefused(
            f"This is no message of the quack protocol of DuckDB {duckdb.__version__}. Use a client of DuckDB "
            f"{duckdb.__version__}, or ask over HTTP."
        ) from exc
    return Message(kind, connection_id, header, text, message[at:])


def with_text(message: Message, text: str) -> bytes:
    """Writes a CONNECT with another token, or a PREPARE with another statement."""
    return message.header + _TEXT.to_bytes(2, "little") + _text(text) + message.rest


def statement_message(connection_id: str, statement: str) -> bytes:
    """Writes a PREPARE of our own in a client's connection."""
    header = _number_field(_KIND, Kind.PREPARE) + _CONNECTION_ID.to_bytes(2, "little") + _text(connection_id)
    return (
        header
        + _QUERY_ID.to_bytes(2, "little")
        + b"\x00"
        + _END
        + _TEXT.to_bytes(2, "little")
        + _text(statement)
        + _END
    )


def error_message(text: str) -> bytes:
    """Writes the answer that a client raises as an error."""
    header = _number_field(_KIND, Kind.ERROR) + _QUERY_ID.to_bytes(2, "little") + _NO_QUERY + _END
    return header + _TEXT.to_bytes(2, "little") + _text(text) + _END


# What ATTACH asks by itself to learn what there is, from the whole instance. Answered for our tables only, and with
# views as tables: so their columns are known at once, and reading one is reading its rows here.
_SCHEMATA = "SELECT 'solarocpp' AS catalog_name, 'main' AS schema_name"
_TABLE_LIST = """
SELECT 'main' AS schema_name,
    format('CREATE TABLE "{}"({});', table_name, string_agg(format('"{}" {}', column_name, data_type), ', '
        ORDER BY column_index)) AS sql, 'table' AS kind
FROM duckdb_columns() WHERE database_name = 'solarocpp' AND NOT internal GROUP BY table_name ORDER BY table_name
"""
_CATALOG_QUESTIONS = {
    "SELECT catalog_name, schema_name FROM information_schema.schemata "
    "WHERE catalog_name NOT IN ('system', 'temp') ORDER BY ALL": _SCHEMATA,
    "SELECT schema_name, sql, 'table' FROM duckdb_tables() UNION ALL "
    "SELECT schema_name, view_name, 'view' FROM duckdb_views()": _TABLE_LIST,
}


def catalog_question(statement: str) -> str | None:
    """Gives our own statement for one that ATTACH sends by itself; None: it is somebody's question."""
    return _CATALOG_QUESTIONS.get(" ".join(statement.split()))


# How ATTACH reads a table: columns by number, or only how many rows there are.
_COLUMN = r"(?:#\d+|NULL::BOOLEAN)"
_WHOLE_TABLE = re.compile(rf'SELECT {_COLUMN}(?:, {_COLUMN})* FROM (?:main\.)?"?(\w+)"?')
_TABLES = frozenset(table.name.lower() for table in TABLES if not table.internal)


def reads_one_table(statement: str) -> bool:
    """Whether a statement reads a table from top to bottom and calculates nothing, as ATTACH does."""
    found = _WHOLE_TABLE.fullmatch(statement.strip())
    return found is not None and found[1].lower() in _TABLES


def keep_answer(con: duckdb.DuckDBPyConnection, name: str, statement: str) -> str:
    """Runs a judged statement into a table of `answers`; returns the SELECT that reads it.

    Raises:
        SqlRefused: DuckDB cannot run it; with its own words about the statement as it was asked.
    """
    try:
        try:
            return _keep_rows(con, name, statement)
        except duckdb.ParserException:
            if _EXPLAIN.match(statement):
                return _keep_explanation(con, name, statement)
            return _keep_rows(con, name, f"FROM (\n{statement})")  # DESCRIBE, SHOW, SUMMARIZE: only in parentheses
    except duckdb.InterruptException:
        raise
    except duckdb.Error as exc:
        raise refusal(exc, statement, above=1) from exc


def _table(name: str) -> str:
    return f'{ANSWERS}.main."{name}"'


def _keep_rows(con: duckdb.DuckDBPyConnection, name: str, rows: str) -> str:
    """Keeps rows under column names that say nothing.

    While a table is there, everybody finds its columns in `duckdb_columns()`; and DuckDB calls a column without an
    alias like its expression, so it would show what somebody else asked, an id tag in a literal included.
    """
    table = _table(name)
    con.begin()
    try:
        con.execute(f"CREATE TABLE {table} AS\n{rows}")
        columns = {column: f"{name} {n}" for n, column in enumerate(con.table(table).columns)}
        for column, kept in columns.items():
            con.execute(f"ALTER TABLE {table} RENAME COLUMN {quote(column)} TO {quote(kept)}")
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return f"SELECT {', '.join(f'{quote(kept)} AS {quote(column)}' for column, kept in columns.items())} FROM {table}"


_EXPLAIN = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b", re.IGNORECASE | re.DOTALL)


def _keep_explanation(con: duckdb.DuckDBPyConnection, name: str, statement: str) -> str:
    """Keeps a plan, which DuckDB gives as rows, but not as a table.

    EXPLAIN ANALYZE runs what stands behind it. A CREATE TABLE could not hold anything but a question; here
    the read-only transaction of `answer_sql` is the wall behind the guard.
    """
    answer = answer_sql(con, statement)
    table = _table(name)
    con.execute(f"CREATE TABLE {table} (explain_key VARCHAR, explain_value VARCHAR)")
    for row in answer.rows:
        con.execute(f"INSERT INTO {table} VALUES (?, ?)", row)
    return f"FROM {table}"


def drop_answer(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Lets an answer go; whoever is reading it still gets all of it."""
    con.execute(f"DROP TABLE IF EXISTS {_table(name)}")


def _read_number(message: bytes, at: int) -> tuple[int, int]:
    """Reads a LEB128 number; two's complement of negative ones is left as it is."""
    value, shift = 0, 0
    while True:
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 70:
            raise ValueError("a number is longer than 64 bits")


def _read_text(message: bytes, at: int) -> tuple[str, int]:
    length, at = _read_number(message, at)
    if length > len(message) - at:
        raise ValueError("a text is longer than its message")
    return message[at : at + length].decode(), at + length


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number_field(field: int, value: int) -> bytes:
    return field.to_bytes(2, "little") + _number(value)


def _literal(text: str) -> str:
    return text.replace("'", "''")
