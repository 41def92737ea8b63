"""Writes data/README.md, the handbook of the tables: `python -m solarocpp.query.reference > data/README.md`.

Everything in it comes from `store.schema`; a test compares the file in the repository with `reference()`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from solarocpp.query.properties import property_class
from solarocpp.query.worked import WORKED
from solarocpp.store.schema import DATABASE, DATUM, PHASES, PROPERTIES, SECRETS, TABLES, VIEWS, Column, Table

_HEAD = f"""\
# data/

What a server knows is in this directory, and nowhere else: stop the server, copy the directory, and you have
moved it. `solarocpp demo` uses a throw-away one, `serve --data DIR` another.

This file is made from the tables in the code: `python -m solarocpp.query.reference > data/README.md`.

| file | holds |
|---|---|
| `{DATABASE}` | the tables below: everything analysts may see |
| `{SECRETS}` | hashes of passwords and tokens; a database of its own, so that no SQL on the other can reach it |
| `admin.token` | what the local command line shows the server; made at first start |
| `tls/` | certificates and keys, if `solarocpp tls init` made some |
| `server.json` | where the running server listens, and its process id |
| `exports/`, `snapshots/` | Parquet files and copies of the store, when you asked for some |

## Asking

`solarocpp sql 'FROM session'`, `solarocpp sessions` and `solarocpp datums`, or Python, with the server running or not:

```python
import solarocpp.query as q

con = q.open("data")
q.sessions(con, source="/ocpp/cp/**", since="2026-01-01", by=["source", "month"]).df()
q.datums(con, source="/ocpp/cp/CP001/1/Outlet", since="2026-01-01", aggregate="hour", properties=["wattHours"]).df()
q.events(con, tags="ocpp,charger,forbidden", since="2026-01-01").df()  # who was refused, and why
con.sql("FROM session ORDER BY energy DESC LIMIT 10").df()
```

`q.open` takes a data directory, a snapshot, or the address of a server (`q.open("http://10.0.0.5:8080", token="...")`,
`quack:HOST:PORT` for DuckDB's own protocol). A server does the work and sends the answer. Beside that, any DuckDB
client: on the file while the server is stopped, by `ATTACH 'quack:127.0.0.1:9494' AS solar (TOKEN '...')` while it
runs; and for programs `POST /api/sql`, which answers as JSON, and of any length as CSV or Arrow, by `Accept`.

Column names are SolarNetwork's names of datum properties; DuckDB matches them in any case. Times are
`TIMESTAMP WITH TIME ZONE`: an instant, shown in UTC. Energy is in Wh, power in W, current in A, voltage in V,
temperature in Celsius, state of charge in percent; numbers are scaled exactly (12.345 kWh is 12345).
"""

_PROPERTIES = """\
### Properties of `datum`

One column for each measurand of OCPP 1.6. `accumulating` ones are registers: their differences mean something,
and roll-ups follow them over resets. `interval` ones are summed, the others averaged.
"""

_PHASES = """\
Readings of a phase have a column of their own, called like the property with a suffix (`current_a`, `voltage_ab`).
It appears when a charger first sends one, so `FROM datum` shows what your site really has. Vendors' own
properties appear the same way.
"""

_SECTIONS = (("Views", VIEWS), ("Tables", TABLES))


_WORKED = """\
## Ten questions, worked out

Each runs as it stands: in `solarocpp sql`, over HTTP, in `solar.query('...')` of an attached DuckDB, in `con.sql(...)`.
"""


def reference() -> str:
    """Returns the text of data/README.md."""
    parts = [_HEAD, _WORKED]
    parts += [f"### {worked.title}\n\n```sql\n{worked.sql}\n```\n\n{worked.mind}\n" for worked in WORKED]
    for title, tables in _SECTIONS:
        parts.append(f"## {title}\n")
        for table in tables:
            if not table.internal:
                parts += _describe(table)
    parts += ["## The store's own business\n", "These may change with any version; do not build on them.\n"]
    parts.append(_table(("table", "holds"), ((f"`{t.name}`", t.meaning) for t in TABLES if t.internal)))
    return "\n".join(parts)


def _describe(table: Table) -> Iterator[str]:
    yield f"### `{table.name}`\n"
    yield table.meaning + "\n"
    columns = table.columns
    # `latest` has the columns of `datum`, and the DOUBLE ones of `datum` a table of their own.
    if table is not DATUM and columns == DATUM.columns:
        return
    if table is DATUM:
        columns = tuple(column for column in columns if column.type != "DOUBLE")
    yield _table(("column", "type", "unit", "meaning"), map(_row, columns))
    if table is DATUM:
        yield _PROPERTIES
        yield _table(
            ("column", "unit", "class", "measurand"),
            ((f"`{row.name}`", row.unit, property_class(row.name), f"`{row.measurand}`") for row in PROPERTIES),
        )
        yield _PHASES
        yield _table(("suffix", "phase"), ((f"`{suffix}`", meaning) for suffix, meaning in PHASES.items()))


def _row(column: Column) -> tuple[str, str, str, str]:
    kind = "TIMESTAMPTZ" if column.type == "TIMESTAMP WITH TIME ZONE" else column.type
    return f"`{column.name}`", kind, column.unit, column.meaning


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in (head, *rows)]
    return lines[0] + "|---" * len(head) + "|\n" + "".join(lines[1:])


if __name__ == "__main__":
    sys.stdout.write(reference())
