"""Prints listings: a table for people, JSON or CSV for programs. Data goes to stdout, remarks to stderr.

On a terminal the table is drawn, with as many columns as have room, each whole; into a pipe it is plain columns,
all of them, so that `grep` and `awk` see a line a row.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from solarocpp.cli.options import Format

_GAP = "  "

# What is written in words may take several lines, if they have at least this much room.
_PROSE_WIDTH = 30

# So many columns without room are named; of forty nobody reads the names.
_NAMED = 8


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
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    if sys.stdout.isatty():
        _draw_table(columns, rows, widths)
        return
    for row in (columns, *rows):
        print(_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _draw_table(columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    prose = [any(" " in row[at] for row in rows) for at in range(len(columns))]
    least = [min(width, _PROSE_WIDTH) if wraps else width for width, wraps in zip(widths, prose, strict=True)]
    shown = fitting(least, console.width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, wraps in zip(columns[:shown], prose, strict=False):
        table.add_column(name, no_wrap=not wraps)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[:shown]))  # Text: an id tag may look like markup
    console.print(table)
    if shown < len(columns):
        hidden = columns[shown:]
        more = f" and {len(hidden) - _NAMED} more" if len(hidden) > _NAMED else ""
        remark(
            f"{len(hidden)} of {len(columns)} columns found no room: {', '.join(hidden[:_NAMED])}{more}. "
            "A wider screen, or --format csv or json, shows them."
        )


def fitting(widths: Sequence[int], room: int) -> int:
    """Counts the columns, from the left, that a screen of `room` characters shows whole; one is shown anyhow.

    A column cut to three letters says nothing, and of forty columns not even that is left.
    """
    ends = accumulate(width + len(_GAP) for width in widths)
    return max(min(1, len(widths)), sum(end - len(_GAP) <= room for end in ends))


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
