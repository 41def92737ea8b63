"""SolarNetwork's search filters over a JSON column: `(/cp=CP001)`, `(&(/action=Authorize)(!(/error=*)))`.

A comparison is a path and a text, with `=`, `!=`, `<`, `<=`, `>`, `>=` or `~=` (a regular expression); `*` alone
means that the path is there. `&`, `|` and `!` in front of filters in parentheses combine them. Numbers are
compared as numbers. Of SolarNetwork's own the wildcards within paths are not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import Final

from duckdb import CaseExpression, Expression, FunctionExpression
from duckdb.sqltypes import DOUBLE

from solarocpp.errors import QueryError
from solarocpp.query.filters import column, value

# A URL has room for some; beyond, a nesting would exhaust the stack of whoever reads it.
MOST_LENGTH: Final = 2_000
MOST_DEPTH: Final = 20

_COMPARISON = re.compile(r"(/[^()=<>~!*]+?)\s*(!=|<=|>=|~=|=|<|>)\s*([^()]*)", re.ASCII)

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)

_COMPARED: dict[str, Callable[[Expression, Expression], Expression]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "~=": lambda a, b: FunctionExpression("regexp_matches", a, b),
}


def read_search_filter(text: str, name: str) -> Expression:
    """Reads a filter as a condition on the JSON column `name`.

    Raises:
        QueryError: it is no filter, or too long.
    """
    if len(text) > MOST_LENGTH:
        raise QueryError(f"The search filter has {len(text)} characters; {MOST_LENGTH} fit.")
    reader = _Reader(text.strip(), name)
    found = reader.filter(0)
    if reader.left:
        raise reader.wrong()
    return found


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._at = 0

    @property
    def left(self) -> str:
        return self._text[self._at :]

    def wrong(self) -> QueryError:
        return QueryError(f"The search filter {self._text!r} cannot be read at {self.left[:20]!r}. Write: (/cp=CP001)")

    def filter(self, depth: int) -> Expression:
        if depth > MOST_DEPTH:
            raise QueryError(f"The search filter is nested more than {MOST_DEPTH} deep.")
        self._take("(")
        kind = self.left[:1]
        if kind in {"&", "|", "!"}:
            self._at += 1
            parts = [self.filter(depth + 1)]
            while kind != "!" and self.left.startswith("("):
                parts.append(self.filter(depth + 1))
            found = self._combined(kind, parts)
        else:
            found = self._comparison()
        self._take(")")
        return found

    def _take(self, mark: str) -> None:
        if not self.left.startswith(mark):
            raise self.wrong()
        self._at += 1

    @staticmethod
    def _combined(kind: str, parts: list[Expression]) -> Expression:
        match kind:
            case "!":
                return CaseExpression(parts[0], value(content=False)).otherwise(value(content=True))
            case "&":
                return reduce(lambda a, b: a & b, parts)
            case _:
                return reduce(lambda a, b: a | b, parts)

    def _comparison(self) -> Expression:
        found = _COMPARISON.match(self.left)
        if found is None:
            raise self.wrong()
        self._at += found.end()
        path, sign, wanted = found[1], found[2], found[3].strip()
        content = FunctionExpression("json_extract_string", column(self._name), value(path))
        if wanted == "*" and sign in {"=", "!="}:
            return content.isnotnull() if sign == "=" else content.isnull()
        if sign == "~=":
            _check_regexp(wanted)
        elif sign not in {"=", "!="} and _NUMBER.fullmatch(wanted):
            # What is no number there compares as nothing.
            number = FunctionExpression("json_extract", column(self._name), value(path)).cast(DOUBLE)
            numeric = FunctionExpression("regexp_full_match", content, value(_NUMBER.pattern))
            return _COMPARED[sign](CaseExpression(numeric, number), value(float(wanted)))
        return _COMPARED[sign](content, value(wanted))


def _check_regexp(pattern: str) -> None:
    """Refuses what is no regular expression; DuckDB's RE2 has no others that take long."""
    try:
        re.compile(pattern)
    except re.error as exc:
        raise QueryError(f"The search filter has no regular expression in {pattern!r}: {exc}.") from exc
    if re.search(r"\\[1-9]", pattern):
        raise QueryError(f"The search filter refers back in {pattern!r}, which DuckDB's expressions cannot.")
