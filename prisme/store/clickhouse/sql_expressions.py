"""Expressions of a checked tree, written in ClickHouse's SQL. What is not known here is refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from prisme.store.clickhouse.sql_calls import (
    CLOCKS,
    arguments_of,
    fill,
    is_aggregate,
    name_of,
    text_of,
    write_interval,
    write_json_value,
    write_scalar,
)
from prisme.store.clickhouse.sql_text import Node, quote_name, quote_text, unsupported, write_constant, write_type

_COMPARISONS: Final[Mapping[str, str]] = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "!=",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
_ORDERS: Final[Mapping[str, str]] = {"ORDER_DEFAULT": "ASC", "ASCENDING": "ASC", "DESCENDING": "DESC"}
_NULLS: Final[Mapping[str, str]] = {
    "ORDER_DEFAULT": "NULLS LAST",
    "NULLS FIRST": "NULLS FIRST",
    "NULLS LAST": "NULLS LAST",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING",
    "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
    "CURRENT_ROW_ROWS": "CURRENT ROW",
    "CURRENT_ROW_RANGE": "CURRENT ROW",
    "EXPR_PRECEDING_ROWS": "PRECEDING",
    "EXPR_FOLLOWING_ROWS": "FOLLOWING",
    "EXPR_PRECEDING_RANGE": "PRECEDING",
    "EXPR_FOLLOWING_RANGE": "FOLLOWING",
}
_USUAL_FRAME: Final = ("UNBOUNDED_PRECEDING", "CURRENT_ROW_RANGE")
# Their values are truth values, which ClickHouse has as numbers.
_CONDITIONS: Final = frozenset({"COMPARISON", "CONJUNCTION", "BETWEEN"})
_CONDITION_TYPES: Final = frozenset(
    {"OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN"}
)
_CONDITION_CALLS: Final = frozenset(
    {
        "~~", "!~~", "~~*", "!~~*", "^@", "starts_with", "prefix", "ends_with", "suffix", "contains", "like_escape",
        "regexp_matches", "regexp_full_match", "bool_and", "bool_or", "list_contains", "isnan", "isinf", "isfinite",
    }
)  # fmt: skip
_LISTS: Final = frozenset({"list", "array_agg"})
_TEXTS: Final = frozenset({"string_agg", "group_concat", "listagg"})
_QUANTILES: Final[Mapping[str, str]] = {
    "quantile_cont": "quantileExactInclusive",
    "quantile": "quantileExact",
    "quantile_disc": "quantileExactLow",
    "approx_quantile": "quantileTDigest",
}
_WITH_LAMBDA: Final = frozenset(
    {
        "list_transform", "list_apply", "array_transform", "array_apply", "apply", "list_filter", "array_filter",
        "filter",
    }
)  # fmt: skip
_IN_WINDOWS_ONLY: Final = frozenset({"first_value", "last_value", "lag", "lead", "ntile", "nth_value"})


class ExpressionWriter:
    """`write_query` writes a subquery, without brackets."""

    def __init__(self, write_query: Callable[[Node], str]) -> None:
        self._write_query = write_query
        self._by_class: dict[str, Callable[[Node], str]] = {
            "COLUMN_REF": self._column,
            "CONSTANT": write_constant,
            "FUNCTION": self._function,
            "WINDOW": self._window,
            "COMPARISON": self._comparison,
            "CONJUNCTION": self._conjunction,
            "OPERATOR": self._operator,
            "BETWEEN": self._between,
            "CASE": self._case,
            "CAST": self._cast,
            "SUBQUERY": self._subquery,
            "LAMBDA": self._arrow,
        }

    def write(self, node: Node) -> str:
        """Raises SqlError."""
        writer = self._by_class.get(node["class"])
        if writer is None:
            raise unsupported(_readable(node["class"]))
        return writer(node)

    def write_value(self, node: Node) -> str:
        """An expression whose value is shown: a truth value is one, and no number."""
        is_condition = (
            node["class"] in _CONDITIONS
            or node["type"] in _CONDITION_TYPES
            or node.get("subquery_type") in ("ANY", "EXISTS")
            or (node["class"] == "FUNCTION" and name_of(node) in _CONDITION_CALLS)
        )
        return f"toBool({self.write(node)})" if is_condition else self.write(node)

    def write_orders(self, orders: Sequence[Node], write: Callable[[Node], str] | None = None) -> str:
        """What follows ORDER BY."""
        one = write or self.write_key
        return ", ".join(
            f"{one(order['expression'])} {_ORDERS[order['type']]} {_NULLS[order['null_order']]}" for order in orders
        )

    def write_key(self, node: Node) -> str:
        """What rows are sorted by. ClickHouse would sort UUIDs by their second half, and so not by their time."""
        text = self.write(node)
        is_uuid = node["class"] == "COLUMN_REF" and node["column_names"][-1].lower() == "session_uuid"
        return f"toUInt128({text})" if is_uuid else text

    def _list(self, nodes: Sequence[Node]) -> str:
        return ", ".join(self.write(node) for node in nodes)

    def _column(self, node: Node) -> str:
        names = node["column_names"]
        if len(names) == 1 and names[0].lower() in CLOCKS:
            return fill(CLOCKS[names[0].lower()], ())
        if len(names) > 2 and names[0].lower() == "main":
            names = names[1:]
        return ".".join(quote_name(name) for name in names)

    def _function(self, node: Node) -> str:
        name = name_of(node)
        filter_ = f" FILTER (WHERE {self.write(node['filter'])})" if "filter" in node else ""
        orders = node.get("order_bys", {}).get("orders", [])
        distinct = bool(node.get("distinct"))
        if name in _IN_WINDOWS_ONLY:
            raise unsupported(f"{name} without OVER")
        if name in _LISTS or name in _TEXTS:
            return self._collect(node, filter_, orders, distinct)
        if orders:
            raise unsupported(f"ORDER BY within {name}")
        if name in _QUANTILES:
            return f"{self._quantile(node)}{filter_}"
        if name == "mode":
            return self._mode(node, filter_)
        if is_aggregate(name):
            return fill(name, [self.write(one) for one in arguments_of(node)], distinct) + filter_
        if filter_ or distinct:
            raise unsupported(f"{name} with FILTER or DISTINCT")
        return write_scalar(node, self._write_argument if name in _WITH_LAMBDA else self.write)

    def _quantile(self, node: Node) -> str:
        value, part = arguments_of(node)
        literal = part.get("literal", {})
        if literal.get("kind") not in ("INTEGER", "NUMERIC"):
            raise unsupported("a quantile that is no literal number")
        return f"{_QUANTILES[name_of(node)]}({write_constant(part)})({self.write(value)})"

    def _mode(self, node: Node, filter_: str) -> str:
        """The value that is there most often; of several ones the least."""
        (value,) = arguments_of(node)
        counts = f"groupArray(toNullable({self.write(value)})){filter_}"
        values = f"arraySort(arrayFilter(x -> isNotNull(x), {counts}))"
        # The place of the longest run of equal values is where it ends.
        runs = f"arrayEnumerateUniq({values})"
        return f"arrayElementOrNull({values}, indexOf({runs}, arrayMax({runs})))"

    def _collect(self, node: Node, filter_: str, orders: Sequence[Node], distinct: bool) -> str:
        """A list of all values, NULL among them, or a text of those that are not NULL."""
        value, *others = arguments_of(node)
        if len(orders) > 1 or (orders and distinct):
            raise unsupported(f"ORDER BY of several values, or with DISTINCT, within {name_of(node)}")
        key = self.write(orders[0]["expression"]) if orders else "0"
        pairs = f"groupArray({'DISTINCT ' * distinct}tuple({self.write(value)}, {key})){filter_}"
        if orders:
            sort = "arrayReverseSort" if orders[0]["type"] == "DESCENDING" else "arraySort"
            pairs = f"{sort}(x -> x.2, {pairs})"
        values = f"arrayMap(x -> x.1, {pairs})"
        if name_of(node) in _LISTS:
            return values
        separator = text_of(others[0]) if others else ","
        if separator is None:
            raise unsupported(f"{name_of(node)} with a separator that is no literal")
        texts = f"arrayMap(x -> assumeNotNull(toString(x)), arrayFilter(x -> isNotNull(x), {values}))"
        return f"nullIf(arrayStringConcat({texts}, {quote_text(separator)}), '')"

    def _window(self, node: Node) -> str:
        if node.get("ignore_nulls") or node.get("exclude_clause") or node.get("arg_orders") or node.get("distinct"):
            raise unsupported("IGNORE NULLS, EXCLUDE, DISTINCT or ORDER BY within a window")
        name = name_of(node)
        if not is_aggregate(name):
            raise unsupported(f"the function {name[:60]} OVER a window")
        filter_ = node.get("filter_expr") or node.get("filter")
        call = fill(name, [self.write(one) for one in arguments_of(node)])
        where = f" FILTER (WHERE {self.write(filter_)})" if filter_ else ""
        partitions, orders = node.get("partitions", []), node.get("orders", [])
        parts = [f"PARTITION BY {self._list(partitions)}"] * bool(partitions)
        parts += [f"ORDER BY {self.write_orders(orders)}"] * bool(orders)
        parts += self._frame(node)
        return f"{call}{where} OVER ({' '.join(parts)})"

    def _frame(self, node: Node) -> list[str]:
        start, end = node["start"], node["end"]
        if (start, end) == _USUAL_FRAME:
            return []
        if start not in _BOUNDS or end not in _BOUNDS:
            raise unsupported("a window of GROUPS")
        kind = "ROWS" if "ROWS" in f"{start}{end}" else "RANGE"
        return [f"{kind} BETWEEN {self._bound(node, 'start')} AND {self._bound(node, 'end')}"]

    def _bound(self, node: Node, side: str) -> str:
        expression = node.get(f"{side}_expr")
        return f"{self.write(expression)} {_BOUNDS[node[side]]}" if expression else _BOUNDS[node[side]]

    def _comparison(self, node: Node) -> str:
        sign = _COMPARISONS.get(node["type"])
        if sign is None:
            raise unsupported(_readable(node["type"]))
        return f"({self.write(node['left'])} {sign} {self.write(node['right'])})"

    def _conjunction(self, node: Node) -> str:
        word = " AND " if node["type"] == "CONJUNCTION_AND" else " OR "
        return f"({word.join(self.write(child) for child in node['children'])})"

    def _operator(self, node: Node) -> str:
        children, kind = node["children"], node["type"]
        if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
            word = "IN" if kind == "COMPARE_IN" else "NOT IN"
            return f"({self.write(children[0])} {word} ({self._list(children[1:])}))"
        if kind == "OPERATOR_NOT":
            return f"(NOT {self.write(children[0])})"
        if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
            return f"({self.write(children[0])} IS {'NOT ' * (kind == 'OPERATOR_IS_NOT_NULL')}NULL)"
        names = {
            "OPERATOR_COALESCE": "coalesce",
            "OPERATOR_NULLIF": "nullIf",
            "GROUPING_FUNCTION": "grouping",
            "ARRAY_CONSTRUCTOR": "array",
            "ARRAY_EXTRACT": "arrayElementOrNull",
        }
        if kind not in names:
            raise unsupported(_readable(kind))
        return f"{names[kind]}({self._list(children)})"

    def _between(self, node: Node) -> str:
        value = self.write(node["input"])
        if node["type"] not in ("COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN"):
            raise unsupported(_readable(node["type"]))
        word = "NOT BETWEEN" if node["type"] == "COMPARE_NOT_BETWEEN" else "BETWEEN"
        return f"({value} {word} {self.write(node['lower'])} AND {self.write(node['upper'])})"

    def _case(self, node: Node) -> str:
        checks = " ".join(
            f"WHEN {self.write(check['when_expr'])} THEN {self.write(check['then_expr'])}"
            for check in node["case_checks"]
        )
        return f"(CASE {checks} ELSE {self.write(node['else_expr']) if 'else_expr' in node else 'NULL'} END)"

    def _cast(self, node: Node) -> str:
        if node["type_expr"]["qualified_name"]["path"][-1].lower() == "interval":
            return write_interval(text_of(node["child"]) or "")
        child, type_ = self.write(node["child"]), write_type(node["type_expr"])
        if node.get("try_cast"):
            return f"accurateCastOrNull({child}, '{type_.replace(chr(39), chr(92) + chr(39))}')"
        return f"CAST({child} AS {type_})"

    def _subquery(self, node: Node) -> str:
        query, kind = f"({self._write_query(node['subquery']['node'])})", node["subquery_type"]
        if kind == "SCALAR":
            return query
        if kind in ("EXISTS", "NOT_EXISTS"):
            return f"({'NOT ' * (kind == 'NOT_EXISTS')}EXISTS {query})"
        if kind != "ANY" or node["comparison_type"] != "COMPARE_EQUAL":
            raise unsupported("ANY or ALL with anything but =")
        return f"({self.write(node['child'])} IN {query})"

    def _write_argument(self, node: Node) -> str:
        return self._lambda(node) if node["class"] == "LAMBDA" else self.write(node)

    def _arrow(self, node: Node) -> str:
        """What the parser takes for a lambda, where there is no function that takes one, is the `->` of JSON."""
        return write_json_value((node["lhs"], node["expr"]), self.write)

    def _lambda(self, node: Node) -> str:
        left = node["lhs"]
        names = arguments_of(left) if left["class"] == "FUNCTION" else [left]
        if any(name["class"] != "COLUMN_REF" for name in names):
            raise unsupported("a lambda of this form")
        return f"({', '.join(self._column(name) for name in names)}) -> {self.write(node['expr'])}"


def _readable(kind: str) -> str:
    return kind.replace("_", " ")
