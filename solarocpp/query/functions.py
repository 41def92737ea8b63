"""What each function makes of the sizes of its arguments: one row a function that makes more than their sum.

Those that DuckDB's catalog knows to give numbers, times and the like make as much of anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import duckdb

from solarocpp.errors import SqlRefused
from solarocpp.query.sizes import NUMBER, WIDTHS, WORD, Size, collected, element_of, largest, times, together
from solarocpp.query.tree import written_number, written_text


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
        "json_group_array",
        "json_group_object",
        "json_group_structure",
    }
)
"""Aggregates that keep all they are given."""

# With more arguments than these, they give a list of so many.
_COLLECTING_MANY = {"max": 1, "min": 1, "arg_max": 2, "arg_min": 2, "max_by": 2, "min_by": 2, "argmax": 2, "argmin": 2}


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


@lru_cache(1)
def _fixed() -> frozenset[str]:
    """Functions, each of whose results is as wide as any other: DuckDB's catalog knows."""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT lower(function_name), list(coalesce(return_type, '')) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate') GROUP BY ALL"
        ).fetchall()
    return frozenset(name for name, kinds in rows if all(map(WIDTHS.fullmatch, kinds))) | _NUMBERS


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


def _chosen(call: Call) -> Size:
    """Elements by their numbers: the same one may be asked for over and over."""
    if len(call.sizes) < 2:
        return together(call.sizes)
    items, numbers = call.sizes[:2]
    return times(items._replace(bytes=items.peak), max(1, numbers.bytes / max(1, numbers.element)))


def _aggregated(call: Call) -> Size:
    """`list_aggregate(list, name)`: whatever that is, of one list; with a separator, or bounds, more than that."""
    name = written_text(call.nodes[1]) if len(call.nodes) > 1 else None
    if name is None or name.lower().startswith("bitstring") or (len(call.nodes) > 2 and name.lower() != "string_agg"):
        raise SqlRefused(f"The function {call.name} takes a written name here, of an aggregate without bounds.")
    return result_of(Call("array_to_string", [call.nodes[0], *call.nodes[2:]], [call.sizes[0], *call.sizes[2:]]))


def _ranked(call: Call) -> Size:
    """So many values, kept for each group."""
    return times(call.sizes[0], max(1, _length(call, 1))) if call.sizes else NUMBER


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
    **dict.fromkeys(("list_select", "array_select"), _chosen),
    **dict.fromkeys(("list_aggregate", "list_aggr", "array_aggregate", "array_aggr", "aggregate"), _aggregated),
    "approx_top_k": _ranked,
    **dict.fromkeys(("list_value", "list_pack", "array_value"), _listed),
    **dict.fromkeys(("struct_pack", "row", "json_object"), _packed),
    **dict.fromkeys(("unnest", "list_extract", "list_element", "array_extract", "element_at"), _picked),
}
