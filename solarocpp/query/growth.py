"""How much a statement may blow up within one expression.

DuckDB bounds what a query keeps (sorts, hash tables, results) by its memory limit, and looks for an
interrupt between batches of rows. Neither holds inside one function: tried on 1.5.5 with a limit of
300 MB, `repeat('x', 1000000000)` took 2 GB and answered an interrupt after 16 s, `len(range(...))` 7 GB
and 30 s. So the functions that make something large of a number take written numbers only, and the
numbers of a statement, multiplied, may not pass `MOST_GROWTH`: one may be applied to what another made.

What is not seen here: text that grows by being joined to itself, within a lambda or from one subquery to
the next; lists made by a lambda of another list; patterns of LIKE, ILIKE and GLOB with several wildcards,
whose time has the number of wildcards as its exponent (six, and a text of 300: longer than anyone waits).
These take a statement written for the purpose, by somebody who was given a token of the whole box.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from solarocpp.errors import SqlRefused

MOST_GROWTH = 100_000
"""DuckDB works on 2,048 rows at once: 200 MB, if each cell is that long."""

Node = Mapping[str, object]

# Which argument says how long the result is, or how many times longer; None: all are bounds of a range.
_SIZED: Mapping[str, int | None] = {
    "repeat": 1,
    "lpad": 1,
    "rpad": 1,
    "bitstring": 1,
    "list_resize": 1,
    "array_resize": 1,
    "range": None,
    "generate_series": None,
}
# As long as they say, whatever they are given: of several, the longest counts.
_ABSOLUTE = frozenset({"lpad", "rpad", "bitstring"})
# How many times longer the result can be than what is given.
_FACTORS: Mapping[str, int] = {
    "bin": 8,
    "to_binary": 8,
    "hex": 2,
    "to_hex": 2,
    # An element takes 16 bytes, and each character can be one.
    "regexp_extract_all": 16,
    "regexp_split_to_array": 16,
    "split": 16,
    "str_split": 16,
    "str_split_regex": 16,
    "string_split": 16,
    "string_split_regex": 16,
    "string_to_array": 16,
}
# Each character can become the whole of what is written last but for the options.
_REPLACING = frozenset({"replace", "regexp_replace"})
_REPLACEMENT = 2
_FORMATS = frozenset({"format", "printf"})
# A width of five digits, or one that is an argument.
_WIDE = re.compile(r"\d{5,}|\{[^}]*\{|%[^a-zA-Z%]*\*")


def judge_growth(nodes: Sequence[Node]) -> None:
    """Refuses a statement, given as the nodes of its tree, that could outgrow every limit.

    Raises:
        SqlRefused: it could; the text says what to write instead.
    """
    streamed = {id(node["function"]) for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    longest = product = 1
    for node in nodes:
        name = str(node.get("function_name", "")).lower()
        match node.get("children"):
            case [*children] if id(node) not in streamed:
                if name in _ABSOLUTE:
                    longest = max(longest, _size(name, children))
                elif name in _SIZED:
                    product *= max(1, _size(name, children))
                elif name in _FACTORS:
                    product *= _FACTORS[name]
                elif name in _REPLACING:
                    product *= max(1, _replacement(name, children))
                elif name in _FORMATS:
                    _judge_format(name, children)
    if longest * product > MOST_GROWTH:
        raise SqlRefused(
            f"The functions of this statement could make {longest * product} of one value, more than {MOST_GROWTH}. "
            "Series of rows come from FROM range(...) and FROM generate_series(...), of any length."
        )


def _size(name: str, children: Sequence[object]) -> int:
    sized = _SIZED[name]
    numbers = [_number(child) for child in (children if sized is None else children[sized : sized + 1])]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(numbers):
        raise SqlRefused(
            f"The function {name} is refused where its length is no written number, as in least(n, 100). "
            "Series of rows come from FROM range(...) and FROM generate_series(...), which may stand beside a table."
        )
    return abs(known[1] - known[0]) if sized is None and len(known) > 1 else abs(known[0])


def _replacement(name: str, children: Sequence[object]) -> int:
    match children[_REPLACEMENT : _REPLACEMENT + 1]:
        case [{"class": "CONSTANT", "value": {"value": str(text)}}]:
            return len(text)
        case [{"class": "CONSTANT", "value": {"is_null": True}}] | []:
            return 1
    raise SqlRefused(f"The function {name} takes a written replacement here.")


def _number(node: object) -> int | None:
    """The most that an argument can be, if that is written down: 10, or `least(n, 10)`."""
    match node:
        case {"class": "CONSTANT", "value": {"value": int(number)}}:
            return number
        case {"class": "CONSTANT", "value": {"is_null": True}}:
            return 0
        case {"function_name": "-", "children": [argument]}:
            return _number(argument)
        case {"function_name": "least", "children": [*arguments]}:
            return min((n for n in map(_number, arguments) if n is not None and n >= 0), default=None)
        case _:
            return None


def _judge_format(name: str, children: Sequence[object]) -> None:
    match children:
        case [{"class": "CONSTANT", "value": {"value": str(text)}}, *_] if not _WIDE.search(text):
            return
    raise SqlRefused(f"The function {name} takes a written format here, and widths below 10000.")


def nodes_of(tree: object) -> Iterator[Node]:
    """Finds every object of a tree; with a list of its own, since texts can nest deeper than Python's stack."""
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case dict() as node:
                yield node
                waiting.extend(node.values())
            case list() as nodes:
                waiting.extend(nodes)
