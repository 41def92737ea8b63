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
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache

import duckdb
import msgspec

from solarocpp.errors import SqlRefused
from solarocpp.query.growth import judge_growth
from solarocpp.query.places import place_of, split_message
from solarocpp.query.tree import Node, nodes_of, write_parameters

# What may stand in FROM with parentheses. A list of what is allowed, since every extension and every
# version of DuckDB brings more, and most of them touch files or the server (`quack_serve`). Not the macros
# histogram and histogram_values, which read the table that a text names, whichever that is.
TABLE_FUNCTIONS = frozenset(
    {
        "duckdb_columns",
        "duckdb_functions",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "json_each",
        "json_tree",
        "pragma_table_info",
        "pragma_version",
        "range",
        "repeat",
        "unnest",
    }
)

# Tried on 1.5.5: of two texts of 90,000 a call takes seconds, and 2,048 come before DuckDB looks for an interrupt.
_SQUARE = "its time grows with the square of the texts, and no limit ends it; jaccard compares, too"

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
    "json_serialize_plan": "it has SQL planned that nobody has judged",
    "levenshtein": _SQUARE,
    "editdist3": _SQUARE,
    "damerau_levenshtein": _SQUARE,
    "jaro_similarity": _SQUARE,
    "jaro_winkler_similarity": _SQUARE,
    "bitstring_agg": "it takes as much as its bounds say for each group, whatever is in it",
    "list_reduce": "a list that is added to itself outgrows every limit; sum, list_sum and string_agg do not",
    "array_reduce": "see list_reduce",
    "reduce": "see list_reduce",
}
"""Functions that are no table functions, each with what is wrong with it; a test looks for new ones."""

# Of the extension that lets other DuckDBs ask us; one of them compares tokens.
_SERVERS_OWN = "quack_"

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
    "pg_prepared_statements": "it shows the queries of others",
    "pg_database": "it tells names of the server",
}
"""DuckDB's own views that need no parentheses."""

# Databases of the instance that are not the store: others' answers wait for them in this one.
_REFUSED_DATABASES = frozenset({"answers"})

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""For `duckdb.connect`: a name DuckDB does not know would send it to the internet, for seconds."""

_ADVICE = "Ask with one SELECT (FROM, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN of it work too)"

# EXPLAIN is no part of the tree DuckDB gives out. Once it is cut off, the rest must be a whole SELECT.
_GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_EXPLAIN = re.compile(rf"({_GAP})(EXPLAIN)\b(?:({_GAP})(ANALYZE)\b)?", re.IGNORECASE | re.DOTALL)

_PLAIN_NAME = re.compile(r"\w+")


Parameters = Sequence[object] | Mapping[str, object]
"""Values for `?` and `$1`, or for `$name`."""


def judge_sql(text: str, parameters: Parameters = ()) -> str:
    """Returns the one read-only statement in `text`, without the semicolon; lines and columns stay as they were.

    Any thread may ask. What was allowed is remembered: a client that attaches asks the same again and again. Of the
    parameters only their length counts, unless that is not enough: then they are judged as if they stood in the text.

    Raises:
        SqlRefused: it is something else; the text says what, and what to do instead.
    """
    named = parameters if isinstance(parameters, Mapping) else {str(at): v for at, v in enumerate(parameters, 1)}
    # A power of two, so that the same question with another name in it is remembered.
    longest = 1 << max((len(str(value).encode()) for value in named.values()), default=0).bit_length()
    try:
        return (_remembered if len(text) <= _MOST_REMEMBERED else _judge)(text, longest)
    except SqlRefused:
        if not named:
            raise
        return _judge(text, longest, named)


# 2 MB at most. Measured: 0.3 us for a statement that is remembered; on a busy machine some 5 ms for a short one that is
# not, 40 ms with 60 columns.
_MOST_REMEMBERED = 4_000
_REMEMBERED = 500


@lru_cache(_REMEMBERED)
def _remembered(text: str, longest_parameter: int) -> str:
    return _judge(text, longest_parameter)


def _judge(text: str, longest_parameter: int, parameters: Mapping[str, object] | None = None) -> str:
    con = _parser()
    try:
        statements = con.extract_statements(text)
    except duckdb.Error as exc:
        raise refusal(exc, text) from exc
    kinds = [statement.type.name for statement in statements]
    if kinds == ["CREATE", "SELECT"] and re.search(r"\bPIVOT\b", text, re.IGNORECASE):
        raise SqlRefused("This PIVOT would have to look up its columns first. Name them: PIVOT ... ON column IN (...).")
    if len(kinds) != 1:
        raise SqlRefused(f"There are {len(kinds)} statements. {_ADVICE}.")
    if kinds[0] not in {"SELECT", "EXPLAIN"}:
        raise SqlRefused(f"{kinds[0]} is not a question. {_ADVICE}.")
    statement = _without_end(statements[0].query)  # of a PRAGMA it is the SELECT that it stands for
    begin = 0
    if kinds[0] == "EXPLAIN" and (explained := _EXPLAIN.match(statement)):
        begin = explained.end()
        statement = _only_words(explained) + statement[begin:]
    tree = _parse_select(con, statement, begin)
    for node in nodes_of(tree):
        if reason := _objection(node):
            raise _refused_at(reason, statement, begin, node)
    if parameters:
        write_parameters(tree, parameters)
    judge_growth(tree, longest_parameter)
    return statement


# What DuckDB puts in front of an error that comes after the first rows.
_WRAPPED = re.compile(
    r"Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\nError: "
)


def refusal(error: Exception, statement: str, *, above: int = 0) -> SqlRefused:
    """Makes what DuckDB says of a statement an error of ours, with the place it is about.

    `above` is how many lines stood before the statement in the text that was run.
    """
    said, place = split_message(_WRAPPED.sub("", str(error)), statement, above=above)
    if place is None:
        return SqlRefused(said)
    return SqlRefused(said + place.drawing, line=place.line, column=place.column, excerpt=place.excerpt)


_threads = threading.local()


def _parser() -> duckdb.DuckDBPyConnection:
    """An empty database of this thread's own, to parse with: making one takes 10 ms and more."""
    con: duckdb.DuckDBPyConnection | None = getattr(_threads, "parser", None)
    if con is None:
        con = _threads.parser = duckdb.connect(config=OFFLINE)
    return con


def _without_end(text: str) -> str:
    """Cuts semicolons off, and what comments stand behind them: the rest must go into parentheses."""
    encoded, end = text.encode(), None
    for offset, _ in reversed(duckdb.tokenize(text)):
        if encoded[offset : offset + 1] != b";":
            break
        end = offset
    return encoded[:end].decode().rstrip()


def _only_words(explained: re.Match[str]) -> str:
    """Blanks the comments about EXPLAIN, so that DuckDB runs what was judged, and nothing it may see in them.

    To DuckDB comments nest, and a line ends at a carriage return, too: it can find the beginning of another
    statement where the pattern finds a comment.
    """
    before, explain, between, analyze = (group or "" for group in explained.groups())
    return _BLANKED.sub(" ", before) + explain + _BLANKED.sub(" ", between) + analyze


_BLANKED = re.compile(r"[^\n]")


def _parse_select(con: duckdb.DuckDBPyConnection, statement: str, begin: int) -> object:
    """Parses one SELECT into the tree DuckDB writes as JSON, which it does for nothing but SELECTs."""
    try:
        row = con.execute("SELECT json_serialize_sql(?)", [statement[begin:]]).fetchone()
    except duckdb.Error as exc:
        raise SqlRefused(f"{exc}. {_ADVICE}.") from exc
    try:
        decoded = msgspec.json.decode(row[0]) if row else None
    except RecursionError as exc:
        raise SqlRefused("This statement nests too deep; parts of it may go into a WITH.") from exc
    except msgspec.DecodeError as exc:  # DuckDB writes Infinity, which is no JSON
        raise SqlRefused("A number in this statement is larger than DOUBLE can hold. Write 'inf'::DOUBLE.") from exc
    match decoded:
        case {"error": False, "statements": [tree]}:
            return tree
        case {"error_message": str(reason)}:
            raise SqlRefused(f"{reason} {_ADVICE}.")
        case _:
            raise SqlRefused(f"This is not one SELECT. {_ADVICE}.")


def _objection(node: Node) -> str | None:
    match node:
        case {"type": "TABLE_FUNCTION", "function": {"function_name": str(name)}}:
            if name.lower() not in TABLE_FUNCTIONS:
                return f"The table function {name} is not for strangers. {_ADVICE} of the tables."
        case {"function_name": str(name)}:
            if name.lower().startswith(_SERVERS_OWN):
                return f"The function {name} is refused: it is about the server, not the data."
            if reason := REFUSED_FUNCTIONS.get(name.lower()):
                return f"The function {name} is refused: {reason}."
        case {"type": "BASE_TABLE", "table_name": str(name)}:
            if reason := REFUSED_TABLES.get(name.lower()):
                return f"The table {name} is refused: {reason}."
            if {str(node.get(part, "")).lower() for part in ("catalog_name", "schema_name")} & _REFUSED_DATABASES:
                return f"The table {name} is refused: it is an answer to somebody else."
            # DuckDB would look for a file of that name.
            if not _PLAIN_NAME.fullmatch(name):
                return f"There is no table {name!r}, and files are not read here; try SHOW TABLES."
    return None


def _refused_at(reason: str, statement: str, begin: int, node: Node) -> SqlRefused:
    offset = node.get("query_location")
    before, rest = statement[:begin].encode(), statement[begin:].encode()
    if not isinstance(offset, int) or offset >= len(rest):  # DuckDB's word for "not known" is 2**64 - 1
        return SqlRefused(reason)
    place = place_of(statement, len(before) + offset)
    return SqlRefused(reason + place.drawing, line=place.line, column=place.column, excerpt=place.excerpt)
