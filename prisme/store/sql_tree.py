"""What DuckDB's parser made of a user's SQL, checked node by node: what is not known to be harmless is refused."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prisme.store.errors import RefusedSqlError
from prisme.store.schema import ALL_TABLES
from prisme.store.sql_functions import FUNCTIONS, TABLE_FUNCTIONS, TYPES
from prisme.store.sql_width import check_width

Node = Mapping[str, Any]

# A dashboard's largest query has some 200 nodes. DuckDB plans this many in a second, and cannot be interrupted there.
_MOST_NODES = 5_000
_MOST_DEPTH = 150
_MOST_TABLES = 50  # the search for the order of joins
_MOST_QUERIES = 200  # subqueries, CTEs, parts of a UNION
_MOST_PARTS = 8  # of a name; with 1000, DuckDB looks for its column for seconds
# Nodes that hold nothing but other nodes, names of columns and constants.
_PLAIN: Final = frozenset(
    {
        "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER",
        "ORDER_MODIFIER", "DISTINCT_MODIFIER", "ASCENDING", "DESCENDING", "ORDER_DEFAULT", "JOIN", "SUBQUERY",
        "EXPRESSION_LIST", "EMPTY", "PIVOT", "BETWEEN", "CASE", "CAST", "COLLATE", "COMPARISON", "CONJUNCTION",
        "CONSTANT", "POSITIONAL_REFERENCE", "STAR",
    }
)  # fmt: skip
_OPERATORS: Final = frozenset(
    {
        "ARRAY_CONSTRUCTOR", "ARRAY_EXTRACT", "ARRAY_SLICE", "STRUCT_EXTRACT", "COMPARE_IN", "COMPARE_NOT_IN",
        "GROUPING_FUNCTION", "OPERATOR_COALESCE", "OPERATOR_IS_NOT_NULL", "OPERATOR_IS_NULL", "OPERATOR_NOT",
        "OPERATOR_NULLIF", "OPERATOR_TRY", "OPERATOR_UNPACK",
    }
)  # fmt: skip
# The place of the argument that says how long the result becomes.
_LENGTHS: Final = {"repeat": 1, "lpad": 1, "rpad": 1}
_LONGEST = 1_000
_RANGES: Final = frozenset({"range", "generate_series"})
_LARGEST_RANGE = 100_000
_TIME = re.compile(r"(19|20)\d\d-\d\d-\d\d")
_STEPS: Final = frozenset({"to_hours", "to_days", "to_weeks", "to_months", "to_quarters", "to_years", "trunc"})
_TEMPLATES: Final = frozenset({"format", "printf"})
_WIDE = re.compile(r"\d{4}|\*|\{[^}]*\{")
_BY_NAME: Final = frozenset({"aggregate", "list_aggr", "list_aggregate", "array_aggr", "array_aggregate"})
_SHOWN: Final = frozenset({"DESCRIBE", "SUMMARY"})
# Planned in a time that grows with the square of its depth, or more.
_STRUCTURES: Final = frozenset({"from_json", "from_json_strict", "json_transform", "json_transform_strict"})
_LONGEST_STRUCTURE: Final = 2_000
_DEEPEST_STRUCTURE: Final = 10


class Scope:
    """What a node may refer to: names of CTEs, in lower case; whether it is within a lambda; how deep it is."""

    __slots__ = ("depth", "in_lambda", "names")

    def __init__(self, names: frozenset[str] = frozenset(), in_lambda: bool = False, depth: int = 0) -> None:
        self.names = names
        self.in_lambda = in_lambda
        self.depth = depth

    def within(self, *names: str, in_lambda: bool = False) -> "Scope":
        """The scope of a child."""
        return Scope(self.names | {name.lower() for name in names}, self.in_lambda or in_lambda, self.depth + 1)


def check_tree(statement: Node) -> None:
    """Check the one statement of a text. Raises RefusedSqlError."""
    _Walk().visit(statement, Scope())
    check_width(statement)


class _Walk:
    """Visits all nodes of a tree. Raises RefusedSqlError at the first that is not allowed."""

    def __init__(self) -> None:
        self._nodes = 0
        self._tables = 0
        self._queries = 0
        self._rules: dict[str, Callable[[Node, Scope], None]] = {
            "BASE_TABLE": self._table,
            "TABLE_FUNCTION": self._table_function,
            "SHOW_REF": self._show,
            "FUNCTION": self._function,
            "WINDOW": self._function,
            "LAMBDA": self._lambda,
            "OPERATOR": self._operator,
            "TYPE": self._type,
            "COLUMN_REF": self._column,
            "PARAMETER": self._parameter,
        }

    def visit(self, value: object, scope: Scope) -> None:
        if isinstance(value, list):
            for item in value:
                self.visit(item, scope)
        elif isinstance(value, dict):
            self._node(value, scope)

    def _node(self, node: Node, scope: Scope) -> None:
        kind = node.get("class") or node.get("type")
        if not isinstance(kind, str):  # a part of another node, or a constant with its type
            self._children(node, scope)
            return
        self._count(scope)
        if kind in self._rules:
            self._rules[kind](node, scope)
        elif kind not in _PLAIN:
            raise RefusedSqlError(f"{_readable(kind)} is not allowed here: a query may only read")
        elif "cte_map" in node:
            self._query(node, scope)
        else:
            self._children(node, scope.within())

    def _count(self, scope: Scope) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES or scope.depth > _MOST_DEPTH:
            raise RefusedSqlError("the query is too large, or too deeply nested: write it in fewer steps")

    def _children(self, node: Node, scope: Scope) -> None:
        for value in node.values():
            self.visit(value, scope)

    def _query(self, node: Node, scope: Scope) -> None:
        """A CTE sees those before it, and itself only where it is recursive, in the part that repeats."""
        self._queries += 1
        if self._queries > _MOST_QUERIES:
            raise RefusedSqlError(f"a query may have at most {_MOST_QUERIES} subqueries and parts")
        scope = scope.within()
        for entry in node["cte_map"].get("map", ()):
            if entry["value"].get("materialized") == "CTE_MATERIALIZE_NEVER":
                raise RefusedSqlError("NOT MATERIALIZED is not allowed: leave it out")  # planned for each mention
            self.visit(entry["value"], scope)
            scope = scope.within(entry["key"])
        recursive = node.get("cte_name")
        for name, value in node.items():
            if name != "cte_map":
                self.visit(value, scope.within(recursive) if recursive and name == "right" else scope)

    def _table(self, node: Node, scope: Scope) -> None:
        *schema, name = node["qualified_name"]["path"]
        self._tables += 1
        if self._tables > _MOST_TABLES:
            raise RefusedSqlError(f"a query may name at most {_MOST_TABLES} tables")
        is_known = name.lower() in ALL_TABLES and [part.lower() for part in schema] in ([], ["main"])
        if not is_known and (schema or name.lower() not in scope.names):
            raise RefusedSqlError(_unknown_table(".".join((*schema, name)), scope))
        self._children(node, scope.within())

    def _table_function(self, node: Node, scope: Scope) -> None:
        function = node["function"]
        name = _name(function)
        if name not in TABLE_FUNCTIONS:
            raise RefusedSqlError(_unknown("table function", name, TABLE_FUNCTIONS))
        self._count(scope)
        rest = {key: value for key, value in node.items() if key != "function"}
        self._children(rest, scope.within())
        self._children(function, scope.within().within())

    def _show(self, node: Node, scope: Scope) -> None:
        if node["show_type"] not in _SHOWN or "query" not in node:
            raise RefusedSqlError(f"only DESCRIBE and SUMMARIZE of a table or query are allowed; {_THE_TABLES}")
        self.visit(node["query"], scope.within())

    def _function(self, node: Node, scope: Scope) -> None:
        name = _name(node)
        if name not in FUNCTIONS or len(node["qualified_name"]["path"]) > _MOST_PARTS:
            raise RefusedSqlError(_unknown("function", name, FUNCTIONS))
        if node.get("export_state"):
            raise RefusedSqlError("EXPORT_STATE is not allowed")
        _check_arguments(name, node)
        self._children(node, scope.within())

    def _lambda(self, node: Node, scope: Scope) -> None:
        if scope.in_lambda:
            raise RefusedSqlError("a lambda within a lambda is not allowed: use UNNEST and a subquery")
        self._children(node, scope.within(in_lambda=True))

    def _operator(self, node: Node, scope: Scope) -> None:
        if node["type"] not in _OPERATORS:
            raise RefusedSqlError(f"the operator {_readable(node['type'])} is not allowed")
        self._children(node, scope.within())

    def _type(self, node: Node, scope: Scope) -> None:
        *schema, name = node["qualified_name"]["path"]
        if schema or name.lower() not in TYPES:
            raise RefusedSqlError(_unknown("type", ".".join((*schema, name)), TYPES))
        self._children(node, scope.within())

    def _column(self, node: Node, scope: Scope) -> None:
        if len(node["column_names"]) > _MOST_PARTS:
            raise RefusedSqlError(f"a name of more than {_MOST_PARTS} parts is not allowed")
        self._children(node, scope.within())

    def _parameter(self, node: Node, _: Scope) -> None:
        raise RefusedSqlError(f"${node.get('identifier', '')} has no value: parameters are not supported, write values")


def _name(function: Node) -> str:
    """A function's name; what stands before it, a schema or a column, changes nothing about what it does."""
    path: Sequence[str] = function["qualified_name"]["path"]
    return path[-1].lower()


def _readable(kind: str) -> str:
    return kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").replace("_", " ")


_THE_TABLES = f"the tables are {', '.join(ALL_TABLES[:-1])} and {ALL_TABLES[-1]}"


def _suggest(name: str, names: Sequence[str]) -> str:
    alike = [known for known in names if known[:1] == name[:1].lower()]  # to compare all takes milliseconds
    near = difflib.get_close_matches(name.lower(), alike, 1, 0.75)
    return f" (did you mean {near[0]}?)" if near else ""


def _unknown(what: str, name: str, names: frozenset[str]) -> str:
    return f"the {what} {name[:60]} is not among those allowed in a query{_suggest(name, sorted(names))}"


def _unknown_table(name: str, scope: Scope) -> str:
    if re.search(r"[./:*\\]", name):
        return f'"{name[:60]}" cannot be read, no files, addresses or other schemas can: {_THE_TABLES}'
    return f'there is no table "{name[:60]}"{_suggest(name, (*ALL_TABLES, *sorted(scope.names)))}; {_THE_TABLES}'


def _check_arguments(name: str, node: Node) -> None:
    """Bounds for functions whose results are as large as an argument says: DuckDB's memory limit has none of them."""
    if name in _LENGTHS:
        _check_length(name, node)
    elif name in _RANGES:
        _check_range(name, node)
    elif name in _STRUCTURES:
        _check_structure(name, node)
    elif name in _TEMPLATES:
        template = _literal(node, 0)
        if template is None or template["kind"] != "STRING" or _WIDE.search(template["text"]):
            raise RefusedSqlError(f"{name} takes a literal text first here, with widths below 1000 and without *")
    elif name in _BY_NAME:
        aggregate = _literal(node, 1)
        if aggregate is None or aggregate["text"].lower() not in FUNCTIONS:
            raise RefusedSqlError(f"{name} takes the name of an allowed aggregate as its second argument")


def _check_length(name: str, node: Node) -> None:
    number = _literal(node, _LENGTHS[name])
    if number is None or not number["text"].isdecimal() or int(number["text"][:9]) > _LONGEST:
        raise RefusedSqlError(f"{name} takes a literal number here, of at most {_LONGEST}")


def _check_range(name: str, node: Node) -> None:
    """As a table function it has no such bounds, as its rows are made one batch after the other."""
    for kind, child in _walk(node.get("arguments", [])):
        if not _is_bounded(kind, child):
            raise RefusedSqlError(
                f"{name} takes literal values in an expression, numbers up to {_LARGEST_RANGE}, or times from 1900 to "
                "2099 and steps of an hour or more: use it in FROM for others"
            )


def _is_bounded(kind: str, node: Node) -> bool:
    if kind == "CONSTANT":
        literal = node.get("literal", {})
        if literal.get("kind") == "INTEGER":
            return int(literal["text"].replace("_", "")) <= _LARGEST_RANGE
        return literal.get("kind") == "STRING" and _TIME.match(literal["text"]) is not None
    if kind == "FUNCTION":
        return _name(node) in _STEPS or (_name(node) == "-" and len(node.get("arguments", ())) == 1)
    return kind in ("CAST", "TYPE")


def _check_structure(name: str, node: Node) -> None:
    text = (_literal(node, 1) or {}).get("text")
    if text is None or len(text) > _LONGEST_STRUCTURE or text.count("{") + text.count("[") > _DEEPEST_STRUCTURE:
        raise RefusedSqlError(
            f"{name} takes a literal text as its structure here, of at most {_LONGEST_STRUCTURE} characters, "
            f"{_DEEPEST_STRUCTURE} objects and lists"
        )


def _literal(node: Node, place: int) -> Node | None:
    """The constant at this place of a call in the usual form, name(…, …), with unnamed arguments."""
    arguments = node.get("arguments", [])
    is_usual = len(node["qualified_name"]["path"]) == 1 and not any("name" in argument for argument in arguments)
    if not is_usual or len(arguments) <= place:
        return None
    expression = arguments[place]["expression"]
    literal: Node | None = expression.get("literal") if expression.get("class") == "CONSTANT" else None
    return literal if literal is not None and "text" in literal else None


def _walk(value: object) -> list[tuple[str, Node]]:
    """All nodes of a part of a tree, with their classes."""
    if isinstance(value, list):
        return [found for item in value for found in _walk(item)]
    if not isinstance(value, dict):
        return []
    own = [(value["class"], value)] if isinstance(value.get("class"), str) else []
    return own + [found for item in value.values() for found in _walk(item)]
