"""What SQL a stranger may run: one statement that reads, and nothing but our tables.

DuckDB itself keeps strangers off the disk and the network (the store is opened with
`enable_external_access=false` and a locked configuration) and runs their statement in a read-only
transaction. This guard is the layer in front: it has DuckDB parse the text, walks the tree, and
refuses what those two would let through (a checkpoint, somebody else's log, a sleeping thread), with
a text that says what to write instead. It trusts no spelling: names are taken from the tree, where
quotes, comments and case are gone.

Tried on DuckDB 1.5.5: a SELECT can call `nextval` (stopped by the read-only transaction),
`checkpoint()`, `enable_logging()`, `truncate_duckdb_logs()`, `enable_profiling()` (stopped by nothing
but this guard), read server paths from `duckdb_settings()` and the queries of others from
`duckdb_logs`. `query('drop ...')` is refused by DuckDB; `EXPLAIN ANALYZE INSERT` really inserts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb
import msgspec

from solarocpp.errors import SqlRefused

# What may stand in FROM with parentheses. A list of what is allowed, since every extension and every
# version of DuckDB brings more, and most of them touch files or the server (`quack_serve`).
TABLE_FUNCTIONS = frozenset(
    {
        "duckdb_columns",
        "duckdb_functions",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "histogram",
        "histogram_values",
        "json_each",
        "json_tree",
        "pragma_table_info",
        "pragma_version",
        "range",
        "repeat",
        "unnest",
    }
)

REFUSED_FUNCTIONS: Mapping[str, str] = {
    "nextval": "it changes a sequence",
    "currval": "sequences are the store's own business",
    "setseed": "it changes the connection for whoever gets it next",
    "sleep_ms": "it only holds a thread",
    "write_log": "it writes to the server's log",
    "getenv": "it reads the server's environment",
    "current_setting": "settings tell paths of the server",
    "getvariable": "variables belong to the connection",
    "current_query": "it tells more than was asked",
    "parse_duckdb_log_message": "it reads the server's log",
}
"""Functions that are no table functions, each with what is wrong with it; a test looks for new ones."""

HARMLESS_VOLATILE = frozenset(
    {
        "current_connection_id",
        "current_query_id",
        "current_transaction_id",
        "error",
        "gen_random_uuid",
        "random",
        "stats",
        "uuid",
        "uuidv4",
        "uuidv7",
    }
)
"""Functions that give another answer each time and do nothing else; beside REFUSED_FUNCTIONS, all there are."""

REFUSED_TABLES: Mapping[str, str] = {
    "duckdb_logs": "it shows the queries of others",
    "duckdb_settings": "it tells paths of the server",
    "pg_settings": "it tells paths of the server",
    "duckdb_databases": "it tells paths of the server",
    "pragma_database_list": "it tells paths of the server",
    "duckdb_secrets": "it reaches for files",
}
"""DuckDB's own views that need no parentheses."""

_ADVICE = "Ask with one SELECT (FROM, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN of it work too)"

# EXPLAIN is no part of the tree DuckDB gives out. Once it is cut off, the rest must be a whole SELECT.
_GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_EXPLAIN = re.compile(rf"{_GAP}EXPLAIN\b(?:{_GAP}ANALYZE\b)?", re.IGNORECASE | re.DOTALL)

_PLAIN_NAME = re.compile(r"\w+")


class SqlAnswer(NamedTuple):
    """What a statement gave: column names, their SQL types, and rows of Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[object, ...]]
    truncated: bool
    """There were more rows than the limit."""


def judge_sql(text: str) -> str:
    """Returns the one read-only statement in `text`, without the semicolon.

    Raises:
        SqlRefused: it is something else; the text says what, and what to do instead.
    """
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as exc:
        raise SqlRefused(str(exc)) from exc
    kinds = [statement.type.name for statement in statements]
    if kinds == ["CREATE", "SELECT"] and re.search(r"\bPIVOT\b", text, re.IGNORECASE):
        raise SqlRefused("This PIVOT would have to look up its columns first. Name them: PIVOT ... ON column IN (...).")
    if len(kinds) != 1:
        raise SqlRefused(f"There are {len(kinds)} statements. {_ADVICE}.")
    if kinds[0] not in {"SELECT", "EXPLAIN"}:
        raise SqlRefused(f"{kinds[0]} is not a question. {_ADVICE}.")
    statement = statements[0].query.strip().rstrip(";").rstrip()
    explained = _EXPLAIN.match(statement) if kinds[0] == "EXPLAIN" else None
    for node in _walk(_parse_select(statement[explained.end() :] if explained else statement)):
        _judge_node(node)
    return statement


def _parse_select(statement: str) -> object:
    """Parses one SELECT into the tree DuckDB writes as JSON, which it does for nothing but SELECTs."""
    with duckdb.connect() as con:
        try:
            row = con.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        except duckdb.Error as exc:
            raise SqlRefused(f"{exc}. {_ADVICE}.") from exc
    match msgspec.json.decode(row[0]) if row else None:
        case {"error": False, "statements": [tree]}:
            return tree
        case {"error_message": str(reason)}:
            raise SqlRefused(f"{reason} {_ADVICE}.")
        case _:
            raise SqlRefused(f"This is not one SELECT. {_ADVICE}.")


def _walk(tree: object) -> Iterator[Mapping[str, object]]:
    """Finds every object of the tree; with a list of its own, since texts can nest deeper than Python's stack."""
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case dict() as node:
                yield node
                waiting.extend(node.values())
            case list() as nodes:
                waiting.extend(nodes)


def _judge_node(node: Mapping[str, object]) -> None:
    match node:
        case {"type": "TABLE_FUNCTION", "function": {"function_name": str(name)}}:
            if name.lower() not in TABLE_FUNCTIONS:
                raise SqlRefused(f"The table function {name} is not for strangers. {_ADVICE} of the tables.")
        case {"function_name": str(name)}:
            if reason := REFUSED_FUNCTIONS.get(name.lower()):
                raise SqlRefused(f"The function {name} is refused: {reason}.")
        case {"type": "BASE_TABLE", "table_name": str(name)}:
            if reason := REFUSED_TABLES.get(name.lower()):
                raise SqlRefused(f"The table {name} is refused: {reason}.")
            # DuckDB would look for a file of that name.
            if not _PLAIN_NAME.fullmatch(name):
                raise SqlRefused(f"There is no table {name!r}, and files are not read here; try SHOW TABLES.")


def answer_sql(
    con: duckdb.DuckDBPyConnection, text: str, parameters: Sequence[object] = (), *, limit: int | None = None
) -> SqlAnswer:
    """Judges a statement, runs it in a read-only transaction, and fetches at most `limit` rows.

    `con` must be a cursor of its own that is in no transaction.

    Raises:
        SqlRefused: it is not a read-only statement, or DuckDB cannot run it.
    """
    statement = judge_sql(text)
    con.execute("BEGIN TRANSACTION READ ONLY")
    try:
        con.execute(statement, parameters)
        columns = tuple((str(name), str(kind)) for name, kind, *_ in con.description or ())
        rows = con.fetchall() if limit is None else con.fetchmany(limit + 1)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as exc:
        raise SqlRefused(str(exc)) from exc
    finally:
        con.execute("ROLLBACK")
    truncated = limit is not None and len(rows) > limit
    return SqlAnswer(
        tuple(name for name, _ in columns), tuple(kind for _, kind in columns), rows[:limit], truncated=truncated
    )
