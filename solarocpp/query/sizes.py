"""How large a value can become: what each function makes of the sizes of its arguments, one row a function.

A size is an upper bound of the bytes of a value, on the average of the 2,048 rows DuckDB works on at
once. What is stored has a size by its column; what is written, its own; what a function makes, the sum
of its arguments, unless a table below says otherwise. An aggregate that keeps all it is given (`list`,
`string_agg`) makes something of any size, in total no more than DuckDB's memory limit lets it: that is
counted in how many times as much is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import duckdb

from solarocpp.errors import SqlRefused
from solarocpp.query.tree import written_number, written_text
from solarocpp.store.schema import TABLES, VIEWS


class Size(NamedTuple):
    """How large a value can be."""

    bytes: float
    element: float = 8
    """Bytes of one element, if it is a list."""
    collected: float = 0
    """How many times what an aggregate kept is in it, beside those bytes."""
    longest: float = 0
    """Bytes of one value within a lambda, where `bytes` are the average of all elements; 0: as `bytes`."""
    fanned: bool = False
    """It was collected in another row than it is read in, so that it can be there many times."""

    @property
    def peak(self) -> float:
        """Bytes of the largest."""
        return max(self.bytes, self.longest)


NUMBER = Size(8)
"""Of anything whose type is as wide for each value."""
WORD = Size(64)
"""Of a hash, the name of a type or a day."""
TEXT = Size(100)
"""Of a text that is stored: an identity, a token, a status, most of them shorter."""
DOCUMENT = Size(1_000)
"""Of a message, of what an event tells, and of all whose table is not known."""

_DOCUMENTS = frozenset({"request", "answer", "message", "batch", "data"})


def column_size(name: str, kind: str) -> Size:
    """Tells how large the cells of a stored column are, by its SQL type."""
    if name in _DOCUMENTS or kind == "JSON":
        return DOCUMENT
    if kind.endswith("[]"):
        return Size(TEXT.bytes, 16)
    return TEXT if kind == "VARCHAR" else Size(8)


STORED: Mapping[str, Mapping[str, Size]] = {
    table.name.lower(): {column.name.lower(): column_size(column.name, column.type) for column in table.columns}
    for table in (*TABLES, *VIEWS)
}


def largest(sizes: Sequence[Size]) -> Size:
    """The size of a value that is one of several."""
    if not sizes:
        return Size(0)
    return Size(
        max(s.bytes for s in sizes),
        min((s.element for s in sizes if s.bytes > 0), default=8),
        max(s.collected for s in sizes),
        max(s.longest for s in sizes),
        any(s.fanned for s in sizes),
    )


def together(sizes: Sequence[Size]) -> Size:
    """The size of a value that is made of several."""
    return largest(sizes)._replace(
        bytes=sum(s.bytes for s in sizes),
        collected=sum(s.collected for s in sizes),
        longest=sum(s.peak for s in sizes) if any(s.longest for s in sizes) else 0,
    )


def times(size: Size, factor: float) -> Size:
    """The size of a value that is made of another, so many times."""
    return size._replace(bytes=size.bytes * factor, collected=size.collected * factor, longest=size.longest * factor)


class Call(NamedTuple):
    """One call of a function: its arguments as nodes of the tree, and how large they are."""

    name: str
    nodes: Sequence[object]
    sizes: Sequence[Size]


def result_of(call: Call) -> Size:
    """Tells how large the result of a call can be.

    Raises:
        SqlRefused: nobody can tell; the text says what to write instead.
    """
    if rule := _RULES.get(call.name):
        return rule(call)
    if call.name in COLLECTING or (len(call.sizes) > _COLLECTING_MANY.get(call.name, len(call.sizes))):
        return collected(call.sizes)
    if call.name in _fixed():
        return NUMBER
    if call.name in _WORDS:
        return WORD
    if of_list := re.fullmatch(r"(?:list|array)_(\w+)", call.name):
        if of_list[1] in _ONE_OF:
            return element_of(call.sizes[0]) if call.sizes else NUMBER
        if of_list[1] in _fixed():
            return NUMBER
    if call.name in _CHOOSING:
        return largest(call.sizes)
    return times(together(call.sizes), _FACTORS.get(call.name, 1))


COLLECTING = frozenset(
    {
        "list",
        "array_agg",
        "string_agg",
        "group_concat",
        "listagg",
        "histogram",
        "histogram_exact",
        "map_agg",
        "bitstring_agg",
        "json_group_array",
        "json_group_object",
        "json_group_structure",
    }
)
"""Aggregates that keep all they are given."""

# With more arguments than these, they give a list of so many.
_COLLECTING_MANY = {"max": 1, "min": 1, "arg_max": 2, "arg_min": 2, "max_by": 2, "min_by": 2, "argmax": 2, "argmin": 2}


def collected(sizes: Sequence[Size]) -> Size:
    """The size of what an aggregate keeps of all it is given."""
    return Size(0, max(8, sum(s.bytes for s in sizes)), 1 + sum(s.collected for s in sizes))


def element_of(size: Size) -> Size:
    """The size of one element."""
    return Size(max(size.bytes, size.element if size.collected else 0))


# Functions that give one of their arguments, or of the values of a group.
_CHOOSING = frozenset(
    re.findall(
        r"\w+",
        """any_value arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax
        argmin first first_value greatest lag last last_value lead least max max_by median min min_by mode nth_value
        quantile quantile_disc nullif if ifnull coalesce fill""",
    )
)
_ONE_OF = frozenset({"any_value", "first", "last", "max", "min", "mode", "median", "extract", "element"})

# Whose results are as short, though some of them are no numbers, or DuckDB does not say so by their type.
_NUMBERS = frozenset(
    {"sum", "date_part", "datepart", "add", "subtract", "xor", "bit_and", "bit_or", "bit_xor", "chr"}
    | {"approx_quantile", "reservoir_quantile", "-", "*", "/", "%", "//", "**", "^", "&", "|", "~", "<<", ">>"}
)
_WORDS = frozenset(
    {"md5", "sha1", "sha256", "typeof", "dayname", "monthname", "version", "json_type", "vector_type", "bar", "alias"}
    | {"format_bytes", "formatreadablesize", "formatreadabledecimalsize", "current_database", "current_schema"}
)
_WIDTHS = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|DATE|TIME.*(?<!\])|UUID|INTERVAL"
)


@lru_cache(1)
def _fixed() -> frozenset[str]:
    """Functions, each of whose results is as wide as any other: DuckDB's catalog knows."""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT lower(function_name), list(coalesce(return_type, '')) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate') GROUP BY ALL"
        ).fetchall()
    return frozenset(name for name, kinds in rows if all(map(_WIDTHS.fullmatch, kinds))) | _NUMBERS


# How many times longer the result can be than what is given.
_FACTORS: Mapping[str, float] = {
    "bin": 8,
    "to_binary": 8,
    "hex": 2,
    "to_hex": 2,
    "base64": 2,
    "to_base64": 2,
    "url_encode": 3,
    "regexp_escape": 2,
    "upper": 2,
    "lower": 2,
    "ucase": 2,
    "lcase": 2,
    "nfc_normalize": 3,
    # A quote is two characters in JSON, a control character six; a path and a type stand beside each value.
    "to_json": 3,
    "row_to_json": 3,
    "array_to_json": 3,
    "json_quote": 3,
    "json_array": 3,
    "json_object": 3,
    "json_pretty": 16,
    "json_structure": 4,
    # An hour of '%c' is 24 characters.
    "strftime": 12,
    "bitstring": 1,
}


def cast_to(size: Size, kind: str) -> Size:
    """The size as another type: a number of 8 bytes is a text of up to 24, `1,` of a text an element of 8."""
    if _WIDTHS.fullmatch(kind):
        return NUMBER
    return times(size, 8 if kind in {"LIST", "ARRAY", "STRUCT", "MAP", "VARIANT"} else 3)._replace(element=8)


def sliced(size: Size, bounds: Sequence[object]) -> Size:
    """The size of `x[a:b]`: so many elements, if both are written numbers."""
    first, last = (written_number(bound) for bound in bounds[1:3]) if len(bounds) > 2 else (None, None)
    if first is None or last is None or (first < 0) != (last < 0):
        return size
    element = max(size.element, 8)
    kept = max(0, last - first + 1) * element
    return Size(kept if size.collected else min(kept, size.bytes), element)


def _length(call: Call, at: int) -> int:
    """What an argument says about the length of the result."""
    number = written_number(call.nodes[at]) if at < len(call.nodes) else None
    if number is None:
        raise SqlRefused(
            f"The function {call.name} is refused where its length is no written number, as in least(n, 100). "
            "Series of rows come from FROM range(...) and FROM generate_series(...), which may stand beside a table."
        )
    return abs(number)


def _repeated(call: Call) -> Size:
    return times(call.sizes[0], max(1, _length(call, 1))) if call.sizes else NUMBER


def _padded(call: Call) -> Size:
    return Size(_length(call, 1))


def _bits(call: Call) -> Size:
    return Size(_length(call, 1) if len(call.nodes) > 1 else call.sizes[0].bytes)


def _resized(call: Call) -> Size:
    element = max(8, call.sizes[0].element, *(s.bytes for s in call.sizes[2:]))
    return Size(_length(call, 1) * element, element)


def _series(call: Call) -> Size:
    bounds = [_length(call, at) for at in range(len(call.nodes))]
    if len(bounds) > 1:  # with their signs
        first, last = (written_number(node) or 0 for node in call.nodes[:2])
        return Size(8 * abs(last - first))
    return Size(8 * bounds[0])


def _replaced(call: Call) -> Size:
    """Each text that is found becomes another."""
    if len(call.sizes) < 3:
        return together(call.sizes)
    found = len(written_text(call.nodes[1]) or " ") if call.name == "replace" else 1
    return times(call.sizes[0], max(1, call.sizes[2].bytes / found))


def _split(call: Call) -> Size:
    """Each character can become an element of 16 bytes."""
    return times(call.sizes[0], 16)._replace(element=16)


def _joined(call: Call) -> Size:
    """Between the elements of a list stands a text."""
    between = sum(s.bytes for s in call.sizes[1:])
    return times(call.sizes[0], 1 + between / max(1, call.sizes[0].element))


def _joined_with(call: Call) -> Size:
    return together([*call.sizes[1:], times(call.sizes[0], len(call.sizes))])


def _cut(call: Call) -> Size:
    """As long as a written number says, and no longer than it was."""
    number = written_number(call.nodes[-1]) if len(call.nodes) > 1 else None
    whole = call.sizes[0]
    if number is None or number < 0:
        return whole
    return Size(number if whole.collected else min(number, whole.bytes))


def _cut_out(call: Call) -> Size:
    """From a place on: only a third argument says how much."""
    return _cut(call) if len(call.nodes) > 2 else call.sizes[0]


def _picked(call: Call) -> Size:
    return element_of(call.sizes[0]) if call.sizes else NUMBER


def _formatted(call: Call) -> Size:
    """Each place in a format takes any of the arguments."""
    text = written_text(call.nodes[0]) if call.nodes else None
    if text is None or _WIDE.search(text):
        raise SqlRefused(f"The function {call.name} takes a written format here, and widths below 10000.")
    width = sum(map(int, _WIDTH.findall(text)))
    return together([Size(len(text) + width), *(times(s, text.count("{") + text.count("%")) for s in call.sizes[1:])])


# A width of five digits, or one that is an argument.
_WIDE = re.compile(r"\d{5,}|\{[^}]*\{|%[^a-zA-Z%]*\*")
_WIDTH = re.compile(r"\d+")


def _added(call: Call) -> Size:
    """Of numbers a number; but lists are put together, too."""
    return NUMBER if all(s.bytes <= NUMBER.bytes and not s.collected for s in call.sizes) else together(call.sizes)


def _listed(call: Call) -> Size:
    whole = together(call.sizes)
    most = max((s.bytes for s in call.sizes), default=8)
    return whole._replace(bytes=whole.bytes + 8 * len(call.sizes), element=max(8, min(most, whole.bytes)))


def _packed(call: Call) -> Size:
    """A struct: its names show where it becomes a text."""
    names = sum(len(str(node.get("alias") or "")) for node in call.nodes if isinstance(node, dict))
    return together([Size(names), *call.sizes])


_Rule = Callable[[Call], Size]
_RULES: Mapping[str, _Rule] = {
    "repeat": _repeated,
    "lpad": _padded,
    "rpad": _padded,
    "bitstring": _bits,
    "list_resize": _resized,
    "array_resize": _resized,
    "range": _series,
    "generate_series": _series,
    "replace": _replaced,
    "regexp_replace": _replaced,
    **dict.fromkeys(("regexp_extract_all", "regexp_split_to_array", "split", "str_split", "str_split_regex"), _split),
    **dict.fromkeys(("string_split", "string_split_regex", "string_to_array"), _split),
    **dict.fromkeys(("array_to_string", "list_string_agg", "array_to_string_comma_default"), _joined),
    "concat_ws": _joined_with,
    **dict.fromkeys(("left", "right", "left_grapheme", "right_grapheme"), _cut),
    **dict.fromkeys(("substring", "substr", "substring_grapheme"), _cut_out),
    "format": _formatted,
    "printf": _formatted,
    "+": _added,
    **dict.fromkeys(("list_value", "list_pack", "array_value"), _listed),
    **dict.fromkeys(("struct_pack", "row", "json_object"), _packed),
    **dict.fromkeys(("unnest", "list_extract", "list_element", "array_extract", "element_at"), _picked),
}
