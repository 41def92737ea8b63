"""A running server as a connection: questions are put together here, and answered there.

    con.table / con.sql -> Asked     a question, as SQL; filter, order, join, ... make another of it
                        -> Link      the server runs the text, and the answer comes back
                        -> a relation in this process, which does the rest (.df(), .fetchall(), ...)

`Remote` has an empty copy of the server's tables, its twin. What builds a relation is done on the twin,
which knows names and types, and tells its SQL; so whatever is heavy runs on the server, only the answer
travels, and a wrong name is an error at once. What the twin cannot know (a table function, EXPLAIN,
parameters) is fetched, and goes on here.

Tables are known as they were when the connection was opened: what a vendor's charger adds later shows
after opening again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Protocol, Self

import duckdb

from solarocpp.errors import SqlRefused
from solarocpp.query.guard import OFFLINE, Parameters, judge_sql

Relation = duckdb.DuckDBPyRelation


class Link(Protocol):
    """A way to a server."""

    def ask(self, statement: str, parameters: Parameters = ()) -> Relation:
        """Has the server answer one statement, and brings the answer here."""

    def close(self) -> None:
        """Ends it."""


class Remote:
    """Stands where a DuckDB connection is expected: `table`, `sql`, `execute`, `close`, and `with`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._twin = duckdb.connect(config=OFFLINE)
        self._twin.execute("SET TimeZone = 'UTC'")
        try:
            for (create,) in link.ask(_TABLES).fetchall():
                self._twin.execute(create)
        except BaseException:
            self.close()
            raise

    def table(self, name: str) -> Asked:
        """Asks for a table or view.

        Raises:
            duckdb.CatalogException: there is none.
        """
        relation = self._twin.table(name)
        return Asked(self._link, relation.sql_query(), lambda: relation)

    view = table

    def sql(self, query: str, *, params: Parameters = ()) -> Asked:
        """Asks one read-only statement."""
        return Asked(self._link, query, lambda: None if params else self._bound(query), params)

    query = from_query = sql

    def execute(self, query: str, parameters: Parameters = ()) -> Asked:
        """Asks one read-only statement; the answer has `fetchall` and its like."""
        return self.sql(query, params=parameters)

    def close(self) -> None:
        """Ends the connection; answers that are here already stay."""
        self._twin.close()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bound(self, query: str) -> Relation | None:
        """The statement on the twin; None if it is the server's to say what it is, or that it is none."""
        try:
            relation = self._twin.sql(judge_sql(query))
            judge_sql(relation.sql_query())
        except (duckdb.Error, SqlRefused):
            return None
        # Of SHOW it is another statement; of EXPLAIN it is no SQL, which was noticed above.
        return None if relation.sql_query().startswith("DESCRIBE") else relation


# One statement for each table; views are tables here, since only their columns matter.
_TABLES: Final = """
SELECT format('CREATE TABLE "{}" ({})', table_name,
    string_agg(format('"{}" {}', replace(column_name, '"', '""'), data_type), ', ' ORDER BY column_index))
FROM duckdb_columns() WHERE database_name = 'solarocpp' AND schema_name = 'main' AND NOT internal GROUP BY table_name
"""

# What makes a relation of a relation, and is the server's work.
_BUILDING: Final = frozenset(
    {
        "aggregate",
        "cross",
        "distinct",
        "except_",
        "filter",
        "intersect",
        "join",
        "limit",
        "order",
        "project",
        "select",
        "set_alias",
        "sort",
        "union",
    }
)
# What the twin knows as well.
_KNOWN: Final = frozenset({"alias", "columns", "dtypes", "sql_query", "types"})
# What goes on with the answer that the last call began to read.
_PIECEWISE: Final = frozenset({"fetchone", "fetchmany", "fetch_df_chunk"})
# As many rows as DuckDB looks at to show some.
_SHOWN: Final = 10_000


class Asked:
    """A question to a server, used like a relation: nothing is asked before something is fetched.

    Each fetch asks anew, as each of a relation runs it anew; `fetchone` and `fetchmany` go on with what they began.
    """

    def __init__(
        self, link: Link, text: str, find_twin: Callable[[], Relation | None], parameters: Parameters = ()
    ) -> None:
        self._link = link
        self._text = text
        self._find_twin = find_twin
        self._parameters = parameters
        self._begun: Relation | None = None

    @cached_property
    def _twin(self) -> Relation | None:
        return self._find_twin()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__arrow_c_stream__":
            raise AttributeError(name)
        if name in _BUILDING | _KNOWN and (twin := self._twin) is not None:
            return _Building(self._link, twin, name) if name in _BUILDING else getattr(twin, name)
        going_on = name in _PIECEWISE
        answer = (self._begun if going_on else None) or self._link.ask(self._text, self._parameters)
        self._begun = answer if going_on else None
        return getattr(answer, name)

    def show(self, **options: Any) -> None:
        """Prints the first rows, as a relation does."""
        self._first().show(**options)

    def __repr__(self) -> str:
        return repr(self._first())

    def __len__(self) -> int:
        return len(self._link.ask(self._text, self._parameters))

    def __getitem__(self, name: str) -> Any:
        return self.project(duckdb.ColumnExpression(name))

    def _first(self) -> Relation:
        return self._link.ask(
            (self._text if self._twin is None else self._twin.limit(_SHOWN).sql_query()), self._parameters
        )


class _Building:
    """One method of a relation, which gives another question."""

    def __init__(self, link: Link, twin: Relation, name: str) -> None:
        self._link = link
        self._build: Callable[..., Relation] = getattr(twin, name)

    def __call__(self, *arguments: Any, **named: Any) -> Asked:
        twin = self._build(*map(_twin_of, arguments), **{name: _twin_of(value) for name, value in named.items()})
        return Asked(self._link, twin.sql_query(), lambda: twin)


def _twin_of(argument: Any) -> Any:
    return argument._twin if isinstance(argument, Asked) else argument  # noqa: SLF001 its own class
