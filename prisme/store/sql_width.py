"""How many values a row of a user's query has at most, in all its steps: stars and structs in a chain double them.

DuckDB plans each step for each value, and nothing interrupts it there.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from prisme.store.errors import RefusedSqlError

Node = Mapping[str, Any]

_MOST_VALUES: Final = 3_000
_OF_TABLE: Final = 32
_OF_FUNCTION: Final = 8  # of a table function, DESCRIBE or SUMMARIZE
# Functions whose result has the parts of all their arguments, rather than of one.
_PACKING: Final = frozenset(
    {
        "row", "struct_pack", "struct_insert", "struct_concat", "struct_update", "map", "map_from_entries", "list_zip",
        "array_zip", "union_value", "json_transform", "json_transform_strict", "from_json", "from_json_strict",
    }
)  # fmt: skip


class _Size(NamedTuple):
    """Values of a row, those of its widest column, and names that stand for a whole row."""

    values: int
    widest: int
    names: frozenset[str] = frozenset()

    def join(self, other: "_Size") -> "_Size":
        return _Size(self.values + other.values, max(self.widest, other.widest), self.names | other.names)


_NOTHING: Final = _Size(0, 1)
Sizes = Mapping[str, _Size]


def check_width(statement: Node) -> None:
    """Raises RefusedSqlError for a query whose rows may get too wide."""
    _Measure().query(statement["node"], {}, _NOTHING)


class _Measure:
    """Adds up the values of all steps."""

    def __init__(self) -> None:
        self._values = 0

    def query(self, node: Node, known: Sizes, outer: _Size) -> _Size:
        """The size of a query's rows; `known` are those of CTEs, `outer` is what it may refer to beside its own."""
        for entry in node.get("cte_map", {}).get("map", ()):
            known = {**known, entry["key"].lower(): self.query(_query_of(entry["value"]), known, outer)}
        if node["type"] == "SELECT_NODE":
            return self._note(self._select(node, known, outer))
        if node["type"] == "RECURSIVE_CTE_NODE":
            left = self.query(node["left"], known, outer)
            self.query(node["right"], {**known, node["cte_name"].lower(): left}, outer)
            return self._note(left)
        size = _NOTHING
        for child in node.get("children", ()):
            size = size.join(self.query(child, known, outer))
        return self._note(size)

    def _note(self, size: _Size) -> _Size:
        self._values += max(size.values, size.widest)
        if self._values > _MOST_VALUES:
            raise RefusedSqlError("the query has too many columns in all its steps: select only those that you need")
        return _Size(size.values, size.widest)

    def _select(self, node: Node, known: Sizes, outer: _Size) -> _Size:
        source = self._source(node.get("from_table", {}), known, outer)
        scope = source.join(outer)
        size = _NOTHING
        for item in node.get("select_list", ()):
            size = size.join(self._item(item, source, scope, known))
        for key, value in node.items():
            if key not in ("cte_map", "from_table", "select_list"):
                self._parts(value, scope, known)
        return size

    def _item(self, item: Node, source: _Size, scope: _Size, known: Sizes) -> _Size:
        if item.get("class") == "STAR":
            self._parts(item.get("expr"), scope, known)
            return _Size(source.values, source.widest)
        parts, stars, packs = self._parts(item, scope, known)
        width = sum(parts) if packs else max(parts, default=1)
        return _Size(width * source.values if stars else width, width)

    def _parts(self, value: object, scope: _Size, known: Sizes) -> tuple[list[int], bool, bool]:
        """The values of each reference in an expression, whether it has a star, and whether it packs several in one."""
        if isinstance(value, list):
            found = [self._parts(item, scope, known) for item in value]
            return (
                [part for parts, _, _ in found for part in parts],
                any(stars for _, stars, _ in found),
                any(packs for _, _, packs in found),
            )
        if not isinstance(value, dict):
            return [], False, False
        if value.get("type") == "SELECT_NODE" or "cte_map" in value:
            return [self.query(value, known, scope).values], False, False
        parts, stars, packs = self._parts(list(value.values()), scope, known)
        kind = value.get("class")
        if kind == "COLUMN_REF":
            parts.append(scope.values if value["column_names"][-1].lower() in scope.names else scope.widest)
        elif kind == "STAR":
            return [*parts, scope.widest], True, packs
        elif value.get("type") == "OPERATOR_UNPACK":
            return [*parts, scope.values], stars, packs
        elif kind in ("CONSTANT", "TYPE"):
            parts.append(1)
        name = value["qualified_name"]["path"][-1].lower() if kind == "FUNCTION" else ""
        return parts, stars, packs or kind == "TYPE" or name in _PACKING

    def _source(self, node: Node, known: Sizes, outer: _Size) -> _Size:
        size, name = self._table(node, known, outer), node.get("alias") or node.get("table_name") or ""
        return _Size(size.values, size.widest, size.names | {name.lower()})

    def _table(self, node: Node, known: Sizes, outer: _Size) -> _Size:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            return known.get(node["qualified_name"]["path"][-1].lower(), _Size(_OF_TABLE, 1))
        if kind == "JOIN":
            left = self._source(node["left"], known, outer)
            return left.join(self._source(node["right"], known, left.join(outer)))
        if kind == "SUBQUERY":
            return self.query(_query_of({"query_node": node["subquery"]}), known, outer)
        if kind == "PIVOT":
            return self._pivot(node, known, outer)
        if kind == "EXPRESSION_LIST":
            rows = [sum(self._parts(row, outer, known)[0]) for row in node.get("values", ())]
            return _Size(max(rows, default=0), max(rows, default=1))
        if kind == "SHOW_REF" and "query" in node:
            self.query(node["query"], known, outer)
        return _Size(_OF_FUNCTION + outer.values, outer.widest)

    def _pivot(self, node: Node, known: Sizes, outer: _Size) -> _Size:
        source = self._source(node["source"], known, outer)
        lists = [len(entry.get("entries", ())) for entry in node.get("pivots", ())]
        made = max(len(node.get("aggregates", ())), 1)
        for length in lists:
            made *= max(length, 1)
        return self._note(_Size(source.values + made, source.widest))


def _query_of(holder: Node) -> Node:
    """The node of a CTE's or subquery's query, however it is wrapped."""
    query: Node = holder.get("query_node") or holder["query"]
    node: Node = query.get("node", query)
    return node
