"""Reads the tree that DuckDB makes of a statement: small questions about one node of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Node = Mapping[str, object]


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


def write_parameters(tree: object, values: Mapping[str, object]) -> None:
    """Puts values where a tree has `?`, `$1` or `$name`; `?` goes by its number. Those of no plain type stay out."""
    for node in nodes_of(tree):
        match node:
            case {"class": "PARAMETER", "identifier": str(name)} if isinstance(node, dict) and name in values:
                value = values[name]
                if value is None or isinstance(value, int | float | str):
                    node |= {"class": "CONSTANT", "value": {"is_null": value is None, "value": value}}


def list_of(value: object) -> list[object]:
    """A list, or none."""
    return value if isinstance(value, list) else []


def names_of(value: object) -> list[str]:
    """Names, as DuckDB compares them."""
    return [str(name).lower() for name in list_of(value)]


def name_of_column(item: Node) -> str:
    """What a column of an answer is called; empty: like its expression."""
    if alias := item.get("alias"):
        return str(alias).lower()
    names = names_of(item.get("column_names"))
    return names[-1] if names else ""


def parameters_of(lambda_left: object) -> list[str]:
    """The parameters of a lambda: `x`, or `x, i`."""
    return [names[0] for node in nodes_of(lambda_left) if (names := names_of(node.get("column_names")))][::-1]


def operands_of(node: Node) -> list[object]:
    """The arguments of a function; of `a || b || c` all three, though the tree has them in pairs."""
    last: list[object] = []
    while True:
        children = list_of(node.get("children"))
        match children:
            case [dict() as left, right] if node.get("is_operator") and _same(left, node):
                last.append(right)
                node = left
            case _:
                return [*children, *reversed(last)]


def _same(one: Node, other: Node) -> bool:
    return bool(one.get("is_operator")) and one.get("function_name") == other.get("function_name")


def written_number(node: object) -> int | None:
    """The most that an argument can be, if that is written down: 10, or `least(n, 10)`."""
    match node:
        case {"class": "CONSTANT", "value": {"value": int(number)}}:
            return number
        case {"class": "CONSTANT", "value": {"is_null": True}}:
            return 0
        case {"function_name": "-", "children": [argument]}:
            negative = written_number(argument)
            return None if negative is None else -negative
        case {"function_name": "least", "children": [*arguments]}:
            return min((n for n in map(written_number, arguments) if n is not None and n >= 0), default=None)
        case _:
            return None


def written_text(node: object) -> str | None:
    """A text that is written down."""
    match node:
        case {"class": "CONSTANT", "value": {"value": str(text)}}:
            return text
        case {"class": "CONSTANT", "value": {"is_null": True}}:
            return ""
        case _:
            return None


# Ends of a frame that count rows, and where the count is.
_COUNTED = frozenset({"EXPR_PRECEDING_ROWS", "EXPR_FOLLOWING_ROWS", "CURRENT_ROW_ROWS"})


def is_written_frame(window: Node) -> bool:
    """Whether both ends of a window's frame are numbers or intervals, the same for each row."""
    return all(
        node.get("class") not in {"COLUMN_REF", "SUBQUERY", "PARAMETER", "POSITIONAL_REFERENCE"}
        and re.fullmatch(r"to_\w+|trunc|-|None", str(node.get("function_name"))) is not None
        for end in ("start_expr", "end_expr")
        for node in nodes_of(window.get(end))
    )


def rows_of_frame(window: Node) -> int | None:
    """How many rows a window's frame has at most; None: as many as there are."""
    rows = 1
    for end in ("start", "end"):
        if window.get(end) not in _COUNTED:
            return None
        if window.get(end) != "CURRENT_ROW_ROWS":
            if (number := written_number(window.get(f"{end}_expr"))) is None:
                return None
            rows += abs(number)
    return rows
