"""Where in a statement something is wrong: line, column, and the piece of SQL with a caret under it.

DuckDB knows, but says so only in the last lines of its message (`errors_as_json` would say it in
numbers, and cannot be set on a store whose configuration is locked). This reads those lines back, and
draws the same ones for what our own guard refuses.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# The end of a message. Of a long line DuckDB shows some 80 characters around the place, "..." for the rest.
_DRAWING = re.compile(r"\s*\n\nLINE (?P<line>\d+): (?P<excerpt>[^\n]*)\n(?P<blanks> *)\^\s*\Z")
_ELLIPSIS = "..."
_SHOWN = 60
"""Characters before and behind a place that a drawing of ours shows."""


class Place(NamedTuple):
    """A place in a statement; line and column count from 1, in characters."""

    line: int
    column: int
    excerpt: str
    """The line, or what of it is around the place, and a line with a caret below."""

    @property
    def drawing(self) -> str:
        """The place as the last lines of a message, the way DuckDB draws it."""
        shown, caret = self.excerpt.split("\n")
        label = f"LINE {self.line}: "
        return f"\n\n{label}{shown}\n{' ' * len(label)}{caret}"


def place_of(statement: str, offset: int) -> Place:
    """Finds the place that is `offset` bytes of UTF-8 into a statement, as DuckDB counts."""
    before = statement.encode()[:offset].decode(errors="ignore")
    line, start = before.count("\n"), before.rfind("\n") + 1
    column, text = len(before) - start, statement.split("\n")[line]
    cut = max(0, column - _SHOWN)
    shown = (_ELLIPSIS if cut else "") + text[cut : column + _SHOWN]
    caret = " " * (column - cut + (len(_ELLIPSIS) if cut else 0)) + "^"
    return Place(line + 1, column + 1, f"{shown}\n{caret}")


def split_message(message: str, statement: str, *, above: int = 0) -> tuple[str, Place | None]:
    """Parts a message of DuckDB from the place it is about; None where it names none of `statement`.

    `above` is how many lines stood before the statement in the text that was run.
    """
    found = _DRAWING.search(message)
    if found is None:
        return message, None
    said, line = message[: found.start()], int(found["line"]) - above
    lines = statement.split("\n")
    if not 0 < line <= len(lines):
        return said, None
    label = len(f"LINE {found['line']}: ")
    excerpt, at = found["excerpt"], len(found["blanks"]) - label
    begun = lines[line - 1].startswith(excerpt.removesuffix(_ELLIPSIS))
    start = 0 if begun else lines[line - 1].find(excerpt.removeprefix(_ELLIPSIS).removesuffix(_ELLIPSIS))
    if start < 0:  # it drew a text of its own making
        return said, None
    column = start + at - (0 if begun else len(_ELLIPSIS))
    return said, Place(line, column + 1, f"{excerpt}\n{' ' * at}^")
