"""How much a statement may make of one value: its tree is walked, and each value's size told on the way.

DuckDB bounds what a query keeps (sorts, hash tables, results) by its memory limit, and looks for an
interrupt between batches of 2,048 rows. Neither holds inside of one function: tried on 1.5.5 with a limit
of 300 MB, `repeat('x', 1000000000)` took 2 GB and answered an interrupt after 16 s, `len(range(...))` 7 GB
and 30 s. So no function may make more than `MOST_BYTES` of a value, whatever is written, joined, repeated
and handed from one subquery to the next; how long a search may take is in `patterns`.

What an aggregate collects (`list`, `string_agg`) may be larger, since DuckDB's limit bounds all of it. But
only there: read in another row than its own (by a join, a window, a subquery for each row) it would be
there many times, so it must be cut first.

    _Walk.query      a SELECT: its CTEs, FROM, columns, the rest  ->  a Relation, its columns and their sizes
    _Walk.source     what stands in FROM                           ->  a Relation
    _Walk.value      an expression                                 ->  a Size

Names are followed as far as the text tells: a column of an unknown table has the size of a document.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from solarocpp.errors import SqlRefused
from solarocpp.query.functions import COLLECTING, Call, result_of
from solarocpp.query.patterns import judge_search
from solarocpp.query.relations import Relation, Scope
from solarocpp.query.sizes import (
    DOCUMENT,
    NUMBER,
    STORED,
    TEXT,
    Size,
    cast_to,
    collected,
    element_of,
    largest,
    sliced,
    times,
    together,
)
from solarocpp.query.tree import (
    Node,
    is_written_frame,
    list_of,
    name_of_column,
    names_of,
    operands_of,
    parameters_of,
    rows_of_frame,
)

MOST_BYTES: Final = 16_000
"""33 MB for the 2,048 rows; the slowest of what looks at each character once takes 3 s for them."""
# How much longer than all that an aggregate kept: DuckDB's limit counts that, but not what is made of it.
_MOST_OF_COLLECTED: Final = 8
# Levels; Python's own stack ends at 1,000, three or four of it for one of these, and some are taken before.
_MOST_DEPTH: Final = 220
# How often a CTE that reads itself is turned, to see whether it grows, and how.
_TURNS: Final = 4

# Bytes of a list of them: 1,900 quantiles over a window took more than 14 s for 2,048 rows.
_MOST_QUANTILES: Final = 1_600

# An aggregate goes on from one row's frame to the next. Where it cannot, 100,000 rows for each of 2,048 took over 14 s.
_FRAME: Final = "Write its bounds as numbers or intervals, and leave out EXCLUDE beside DISTINCT."

_LAMBDAS: Final = frozenset({"list_transform", "list_apply", "apply", "array_apply", "array_transform"})
_FILTERS: Final = frozenset({"list_filter", "filter", "array_filter"})
_SHORT_ANSWERS: Final = frozenset({"COMPARISON", "CONJUNCTION", "BETWEEN"})
_SHORT_OPERATORS: Final = frozenset(
    {"OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN"}
)
_FANNED: Final = (
    "What an aggregate has collected ({}) may be of any length, and would be there once for each row of something "
    "else. Join first and collect then, or cut it where it is collected: left(string_agg(...), 1000), "
    "(list(...))[1:100]."
)
_TOO_MUCH: Final = (
    "The function {} could make more than {} bytes of one value here, and that for thousands of rows at once. Cut what "
    "it is given: left(x, 1000). Series of rows come from FROM range(...) and FROM generate_series(...), of any length."
)


def judge_growth(tree: object, longest_parameter: int = 0) -> None:
    """Refuses a statement, given as its tree, that could outgrow every limit.

    Raises:
        SqlRefused: it could; the text says what to write instead.
    """
    match tree:
        case {"node": dict() as node}:
            _Walk(longest_parameter).query(node, None)


class _Levels:
    """Counts how deep a walk is; no generator, which would take a third of its time."""

    def __init__(self) -> None:
        self._levels = 0

    def __enter__(self) -> None:
        self._levels += 1
        if self._levels > _MOST_DEPTH:
            raise SqlRefused(f"This statement nests deeper than {_MOST_DEPTH} levels.")

    def __exit__(self, *_: object) -> None:
        self._levels -= 1


class _Walk:
    def __init__(self, longest_parameter: int) -> None:
        self._parameter = Size(max(longest_parameter, NUMBER.bytes))
        self._deeper = _Levels()
        self._unnested = False

    def query(self, node: Node, outer: Scope | None) -> Relation:
        """Any kind of SELECT, within `outer`."""
        with self._deeper:
            scope = self._with_ctes(node, Scope(outer=outer, ctes=outer.ctes if outer else {}))
            match node:
                case {"type": "SELECT_NODE"}:
                    return self._select(node, scope)
                case {"type": "SET_OPERATION_NODE", "left": dict() as left, "right": dict() as right}:
                    result = self.query(left, scope).united(self.query(right, scope))
                    self._rest(node.get("modifiers"), replace(scope, relation=result))
                    return result
            raise SqlRefused(f"This kind of question ({node.get('type')}) is not known here.")

    def _with_ctes(self, node: Node, scope: Scope) -> Scope:
        match node.get("cte_map"):
            case {"map": [*entries]}:
                for entry in entries:
                    match entry:
                        case {"key": str(name), "value": {"query": {"node": dict() as query}, **rest}}:
                            relation = self._cte(name.lower(), query, names_of(rest.get("aliases")), scope)
                            scope = replace(scope, ctes={**scope.ctes, name.lower(): relation})
        return scope

    def _cte(self, name: str, node: Node, aliases: list[str], scope: Scope) -> Relation:
        match node:
            case {"type": "RECURSIVE_CTE_NODE", "left": dict() as left, "right": dict() as right}:
                scope = self._with_ctes(node, scope)
                return self._recursive(name, self.query(left, scope).called(aliases), right, scope)
        return self.query(node, scope).called(aliases)

    def _recursive(self, name: str, begin: Relation, right: Node, scope: Scope) -> Relation:
        """A CTE that reads itself: DuckDB's limit holds for what grows by as much each turn, not for doubling."""
        result = begin
        steps: list[float] = []
        for _ in range(_TURNS):
            scope = replace(scope, ctes={**scope.ctes, name: result})
            turned = result.united(self.query(right, scope))
            if turned == result:
                return result
            steps.append(_whole(turned) - _whole(result))
            result = turned
        if steps[-1] > steps[-2] * 1.01:
            raise SqlRefused(
                f"What {name} hands on to itself becomes longer by a factor each time. Cut it: left(a || b, 1000)."
            )
        pairs = zip(result.sizes, begin.sizes, strict=False)
        grown = [collected([size]) if size.bytes > was.bytes else size for size, was in pairs]
        return Relation(dict(zip(result.columns, grown, strict=False)), largest(grown) if result.others else None)

    def _select(self, node: Node, scope: Scope) -> Relation:
        match node.get("from_table"):
            case {"type": "EMPTY"} | None:
                pass
            case dict() as table:
                scope = replace(scope, relation=self._source(table, scope), rows=True)
        around, self._unnested = self._unnested, False
        result, read = Relation(), scope.relation
        for item in list_of(node.get("select_list")):
            match item:
                case dict() if item.get("class") == "STAR":
                    result = result.beside(self._star(item, scope))
                case dict():
                    size, name = self._value(item, scope), name_of_column(item)
                    result = result.with_column(name, size)
                    if name and name not in read.columns:  # those that follow may call it by its name
                        scope = replace(scope, relation=scope.relation.beside(Relation({name: size})))
        if self._unnested and any(size.collected for size in result.sizes):
            raise SqlRefused(_FANNED.format("beside unnest"))
        self._unnested = around
        for part, value in node.items():
            if part not in {"select_list", "from_table", "cte_map"}:
                self._rest(value, scope)
        return result

    def _star(self, node: Node, scope: Scope) -> Relation:
        relation = scope.relation
        without = {str(name).lower() for name in list_of(node.get("exclude_list"))}
        relation = Relation({n: s for n, s in relation.columns.items() if n not in without}, relation.others)
        if any(size.fanned for size in relation.sizes):
            raise SqlRefused(_FANNED.format("in *"))
        replaced = [self._rest(entry, scope) for entry in list_of(node.get("replace_list"))]
        if replaced or node.get("rename_list") or node.get("expr"):
            return Relation({}, largest([*relation.sizes, *(size for sizes in replaced for size in sizes)]))
        return relation

    def _source(self, node: Node, scope: Scope) -> Relation:
        """What stands in FROM; `scope` has what stands before it there."""
        with self._deeper:
            names = names_of(node.get("column_name_alias"))
            match node:
                case {"type": "BASE_TABLE", "table_name": str(name)}:
                    read = None if node.get("schema_name") else scope.ctes.get(name.lower())
                    stored = STORED.get(name.lower())
                    return (read or Relation(stored or {}, TEXT if stored else DOCUMENT)).called(names)
                case {"type": "SUBQUERY", "subquery": {"node": dict() as query}}:
                    return self.query(query, scope).called(names)
                case {"type": "JOIN", "left": dict() as left, "right": dict() as right}:
                    first = self._source(left, scope)
                    second = self._source(right, replace(scope, relation=scope.relation.beside(first)))
                    both = first.beside(second).fanned()
                    self._rest(node.get("condition"), replace(scope, relation=both))
                    return both
                case {"type": "TABLE_FUNCTION", "function": dict() as function}:
                    return Relation({}, self._table_function(function, scope)).called(names)
                case {"type": "EXPRESSION_LIST", "values": [*rows]}:
                    sizes = [[self._value(cell, scope) for cell in list_of(row)] for row in rows]
                    columns = {f"col{at}": largest(column) for at, column in enumerate(zip(*sizes, strict=False))}
                    return Relation(columns).called(names)
                case {"type": "SHOW_REF", "query": dict() as query}:
                    self.query(query, scope)
                    return Relation({}, DOCUMENT)
                case {"source": dict() as source}:  # PIVOT and UNPIVOT
                    read = self._source(source, scope)
                    made = self._rest(node.get("aggregates"), replace(scope, relation=read, rows=True))
                    return Relation({}, largest([*read.sizes, *made, TEXT])).called(names)
            self._rest(node, scope)
            return Relation({}, DOCUMENT)

    def _table_function(self, node: Node, scope: Scope) -> Size:
        arguments = [self._value(child, scope) for child in list_of(node.get("children"))]
        match str(node.get("function_name")).lower():
            case "range" | "generate_series":
                return NUMBER
            case "unnest":
                return largest([element_of(size) for size in arguments])
            case _:
                return largest([*arguments, DOCUMENT])._replace(fanned=any(size.collected for size in arguments))

    def _rest(self, tree: object, scope: Scope) -> list[Size]:
        """Values and queries, wherever they are in what has no meaning of its own here."""
        match tree:
            case {"class": str()}:
                return [self._value(tree, scope)]
            case dict() if str(tree.get("type")).endswith("_NODE"):
                return self.query(tree, scope).sizes
            case dict():
                return [size for child in tree.values() for size in self._rest(child, scope)]
            case list():
                return [size for child in tree for size in self._rest(child, scope)]
        return []

    def _value(self, node: object, scope: Scope) -> Size:
        """How large what an expression gives can be."""
        if not isinstance(node, dict):
            return NUMBER
        with self._deeper:
            match node:
                case {"class": "SUBQUERY", "subquery": {"node": dict() as query}}:
                    return self._subquery(node, query, scope)
                case {"class": "FUNCTION", "function_name": str(name)}:
                    return self._call(name.lower(), node, scope)
                case {"class": "WINDOW", "function_name": str(name)}:
                    return self._window(name.lower(), node, scope)
                case {"class": "OPERATOR", "type": str(kind), "children": [*children]}:
                    return self._operator(kind, children, scope)
                case {"class": "CAST", "child": child, "cast_type": {"id": str(kind)}}:
                    return self._made(cast_to(self._value(child, scope), kind), "CAST", scope)
            return self._leaf(node, scope)

    def _leaf(self, node: Node, scope: Scope) -> Size:
        match node:
            case {"class": "COLUMN_REF", "column_names": [*names]}:
                return _read(scope.column(names_of(names)), str(names[-1]))
            case {"class": "CONSTANT", "value": {"value": str(text)}}:
                return Size(len(text.encode()))
            case {"class": "CONSTANT"}:
                return NUMBER
            case {"class": "PARAMETER"}:
                return self._parameter
            case {"class": "STAR" | "POSITIONAL_REFERENCE"}:
                return _read(largest(scope.relation.sizes), "*")
        sizes = self._rest([value for part, value in node.items() if part != "class"], scope)
        return NUMBER if node.get("class") in _SHORT_ANSWERS else largest(sizes)

    def _subquery(self, node: Node, query: Node, scope: Scope) -> Size:
        sizes = self.query(query, scope).sizes
        self._rest(node.get("child"), scope)
        if node.get("subquery_type") != "SCALAR":
            return NUMBER
        size = largest(sizes)
        if size.collected and scope.rows:
            raise SqlRefused(_FANNED.format("in a subquery"))
        return size

    def _operator(self, kind: str, children: list[object], scope: Scope) -> Size:
        sizes = [self._value(child, scope) for child in children]
        match kind:
            case "ARRAY_EXTRACT":
                return element_of(sizes[0])
            case "ARRAY_SLICE":
                return sliced(sizes[0], children)
            case _:
                return NUMBER if kind in _SHORT_OPERATORS else largest(sizes)

    def _call(self, name: str, node: Node, scope: Scope) -> Size:
        children = operands_of(node)
        if name in _LAMBDAS | _FILTERS:
            match children:
                case [items, {"class": "LAMBDA", "lhs": names, "expr": body}, *_]:
                    return self._lambda(name, self._value(items, scope), names, body, scope)
        sizes = [self._value(child, scope) for child in children]
        for part in ("filter", "order_bys"):
            self._rest(node.get(part), scope)
        self._unnested = self._unnested or name in {"unnest", "generate_subscripts"}
        call = Call(name, children, sizes)
        judge_search(call)
        return self._made(result_of(call), name, scope)

    def _lambda(self, name: str, items: Size, names: object, body: object, scope: Scope) -> Size:
        self._made(items, name, scope)
        element = max(1, items.element)
        if items.collected:
            repeats = items.collected / element
        else:
            repeats = max(1, (items.peak if scope.elements else items.bytes) / element)
        one = Size(element, longest=max(items.peak, element))
        sizes = {name: NUMBER if at else one for at, name in enumerate(parameters_of(names))}
        inner = scope.within(sizes, repeats, over_collected=items.collected > 0)
        made = self._value(body, inner)
        if name in _FILTERS:
            return items
        if items.collected:
            return self._made(Size(0, max(8, made.bytes), repeats * max(8, made.bytes)), name, scope)
        size = times(made._replace(bytes=max(8, made.bytes), longest=0), repeats)._replace(element=max(8, made.bytes))
        return self._made(size, name, scope)

    def _window(self, name: str, node: Node, scope: Scope) -> Size:
        children = list_of(node.get("children"))
        sizes = [self._value(child, scope) for child in children]
        self._rest([value for part, value in node.items() if part not in {"children", "class"}], scope)
        if any(size.collected for size in sizes):
            raise SqlRefused(_FANNED.format("in a window"))
        if not is_written_frame(node) or (node.get("distinct") and node.get("exclude_clause") != "NO_OTHER"):
            raise SqlRefused(f"{name} would look at the whole frame of each row anew. {_FRAME}")
        if any(size.bytes > _MOST_QUANTILES for size in sizes[1:]) and "quantile" in name:
            raise SqlRefused(f"{name} of so many over a window is too much for each row. Use GROUP BY, or fewer.")
        if name not in COLLECTING:
            return self._made(result_of(Call(name, children, sizes)), name, scope)
        rows = rows_of_frame(node)
        if rows is None:
            raise SqlRefused(
                f"{name} over a window keeps all that it has met so far, once for each row. Use GROUP BY, or say of "
                "how many rows: ROWS BETWEEN 100 PRECEDING AND CURRENT ROW."
            )
        return self._made(times(together(sizes), rows), name, scope)

    def _made(self, size: Size, name: str, scope: Scope) -> Size:
        """What a function made, unless it is too much."""
        if scope.over_collected and size.collected:
            raise SqlRefused(
                f"The function {name} would go through all that an aggregate collected once for each of it. "
                "Cut it first: (list(...))[1:100]."
            )
        most = _MOST_OF_COLLECTED if scope.over_collected else MOST_BYTES
        if size.bytes * scope.repeats > most or size.collected * scope.repeats > _MOST_OF_COLLECTED:
            raise SqlRefused(_TOO_MUCH.format(name, MOST_BYTES))
        return size


def _read(size: Size, name: str) -> Size:
    if size.fanned:
        raise SqlRefused(_FANNED.format(name))
    return size


def _whole(relation: Relation) -> float:
    return sum(size.bytes + size.collected for size in relation.sizes)
