"""Prints listings: a table for people, JSON or CSV for programs. Data goes to stdout, remarks to stderr.

On a terminal the table is drawn; into a pipe it is plain columns, so that `grep` and `awk` see a line
a row.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from solarocpp.cli.options import Format

_GAP = "  "


def print_objects(
    objects: Sequence[Mapping[str, Any]], output_format: Format, *, columns: Sequence[str] | None = None
) -> None:
    """Prints objects of the API; a table shows only `columns`, the other formats everything."""
    known = list(objects[0]) if objects else []
    chosen = known if columns is None or output_format != "table" else [name for name in columns if name in known]
    print_rows(chosen, [[item[name] for name in chosen] for item in objects], output_format)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], output_format: Format) -> None:
    """Prints rows; a table leaves out columns that are empty in every row."""
    match output_format:
        case "json":
            objects = [dict(zip(columns, row, strict=True)) for row in rows]
            sys.stdout.write(_pretty(objects) + "\n")
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_csv_text(cell) for cell in row] for row in rows)
        case "table":
            if rows:
                filled = [at for at in range(len(columns)) if any(row[at] not in (None, "", []) for row in rows)]
                names = [columns[at] for at in filled]
                _print_table(names, [[_table_text(row[at]) for at in filled] for row in rows])


def remark(text: str) -> None:
    """Prints a line for the person, apart from the data."""
    print(text, file=sys.stderr)


def print_warnings(warnings: Sequence[str]) -> None:
    """Prints what the server thinks is worth a second look."""
    for warning in warnings:
        remark(f"Warning: {warning}")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))  # Text: an id tag may look like markup
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        print(_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _table_text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float():
            # Millionths of a watt hour are the arithmetic's, not the charger's.
            return f"{cell:.3f}".rstrip("0").rstrip(".")
        case list():
            return ", ".join(map(str, cell))
        case _:
            return str(cell).replace("\n", " ")


def _csv_text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case list() | dict():
            return msgspec.json.encode(cell).decode()
        case _:
            return str(cell)


def _pretty(objects: Sequence[Mapping[str, Any]]) -> str:
    """One object a line: readable, and lines can be counted and compared."""
    if not objects:
        return "[]"
    lines = ",\n".join(msgspec.json.encode(item).decode() for item in objects)
    return f"[\n{lines}\n]"
