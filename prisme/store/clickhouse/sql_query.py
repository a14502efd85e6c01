"""A checked query, written in ClickHouse's SQL, so that its server reads nothing that a user has written.

DuckDB's parser has made a tree of the text, of which each node is known (`store/sql_tree.py`). All names and literals
of it are quoted again, and the names marked, so that none is one of ClickHouse's own; all functions are those of
`sql_functions.txt`, and all tables are ours, with the columns that DuckDB has of them: what only ClickHouse stores, as
`node` and `segment`, is not shown. There are no settings and no formats in it, and no table function but `numbers`.
"""

# What users write is quoted, or one of a list; the rest is ours.
# ruff: noqa: S608

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from prisme.store.clickhouse.sql_calls import arguments_of, name_of
from prisme.store.clickhouse.sql_expressions import ExpressionWriter
from prisme.store.clickhouse.sql_text import Node, decode_name, encode_name, quote_name, unsupported, write_constant
from prisme.store.clickhouse.tables import Place
from prisme.store.comments import COMMENTS
from prisme.store.errors import RefusedSqlError

# ClickHouse puts a CTE in the place of each mention of it.
_MOST_TABLES: Final = 200
_JOINS: Final[Mapping[str, str]] = {
    "INNER": "INNER JOIN",
    "LEFT": "LEFT JOIN",
    "RIGHT": "RIGHT JOIN",
    "OUTER": "FULL JOIN",
    "SEMI": "LEFT SEMI JOIN",
    "ANTI": "LEFT ANTI JOIN",
}
_COLUMNS: Final = frozenset().union(*COMMENTS.values())
_RANGES: Final = frozenset({"range", "generate_series"})


class Written(NamedTuple):
    """A query for ClickHouse, and the names of its columns by those that they have there."""

    text: str
    names: Mapping[str, str]

    def name(self, column: str) -> str:
        """The name of a column that ClickHouse names so."""
        return self.names.get(column) or decode_name(column)


class _Cte(NamedTuple):
    """A CTE: its name in ClickHouse, and how many tables it reads."""

    name: str
    tables: int


_Ctes = Mapping[str, _Cte]


def columns_of(table: str) -> list[str]:
    """The columns of a table that queries see, in DuckDB's order."""
    return [name for name in COMMENTS[table] if name != "table"]


class QueryWriter:
    """Writes one query. `name_value` gives the name that DuckDB has for an expression without an alias."""

    def __init__(self, place: Place, name_value: Callable[[Node], str]) -> None:
        self._place = place
        self._name_value = name_value
        self._tables = 0
        self._ctes = 0
        self._scopes: list[_Ctes] = [{}]
        self._names: Mapping[str, str] = {}
        self._expressions = ExpressionWriter(self.write_node)

    def write(self, node: Node, rows: int) -> Written:
        """The query of a statement's node, cut after some rows. Raises SqlError."""
        text = self._query(node, rows)
        return Written(text, self._names)

    def write_node(self, node: Node) -> str:
        """A query within another one."""
        return self._query(node, None)

    def _query(self, node: Node, rows: int | None) -> str:
        scope = self._scopes[-1]
        ctes = []
        is_recursive = False
        for entry in node.get("cte_map", {}).get("map", ()):
            name, value = entry["key"], entry["value"]
            query = value.get("query_node") or value["query"]["node"]
            is_recursive = is_recursive or query["type"] == "RECURSIVE_CTE_NODE"
            text, cte = self._cte(name, query, value.get("aliases", ()), scope)
            ctes.append(text)
            scope = {**scope, name.lower(): cte}
        self._scopes.append(scope)
        if node["type"] == "SELECT_NODE":
            body, names = self._select(node, rows)
        elif node["type"] == "SET_OPERATION_NODE":
            body, names = self._set_operation(node, rows)
        else:
            raise unsupported(_readable(node["type"]))
        self._scopes.pop()
        self._names = names  # in the end, those of the outermost query
        return f"WITH {'RECURSIVE ' * is_recursive}{', '.join(ctes)} {body}" if ctes else body

    def _cte(self, name: str, query: Node, aliases: Sequence[str], scope: _Ctes) -> tuple[str, _Cte]:
        self._ctes += 1
        own, before = f"cte{self._ctes}", self._tables
        recursive = query["type"] == "RECURSIVE_CTE_NODE"
        self._scopes.append({**scope, name.lower(): _Cte(own, 1)} if recursive else scope)
        if recursive:
            if not query.get("union_all"):
                raise unsupported("WITH RECURSIVE with UNION in place of UNION ALL")
            first = self._aliased(self.write_node(query["left"]), aliases)
            text = f"{first} UNION ALL ({self.write_node(query['right'])})"
        else:
            text = self._aliased(self.write_node(query), aliases)
        self._scopes.pop()
        cte = _Cte(own, self._tables - before)
        self._tables = before
        return f"{quote_name(own)} AS ({text})", cte

    def _aliased(self, query: str, aliases: Sequence[str]) -> str:
        if not aliases:
            return query
        return f"SELECT * FROM ({query}) AS {quote_name('named')}{_list_names(aliases)}"

    def _count(self, tables: int) -> None:
        self._tables += tables
        if self._tables > _MOST_TABLES:
            raise RefusedSqlError("the query reads too many tables, as it names some of its CTEs too often")

    def _select(self, node: Node, rows: int | None) -> tuple[str, Mapping[str, str]]:
        if node.get("sample"):
            raise unsupported("SAMPLE")
        write = self._expressions.write
        items, names = self._items(node["select_list"])
        modifiers = _Modifiers(node.get("modifiers", ()))
        parts = [f"SELECT {self._distinct(modifiers)}{', '.join(items)}"]
        source = node.get("from_table", {"type": "EMPTY"})
        if source["type"] != "EMPTY":
            parts.append(f"FROM {self._source(source)}")
        if "where_clause" in node:
            parts.append(f"WHERE {write(node['where_clause'])}")
        parts += self._groups(node)
        if "having" in node:
            parts.append(f"HAVING {write(node['having'])}")
        if "qualify" in node:
            parts.append(f"QUALIFY {write(node['qualify'])}")
        return " ".join((*parts, *self._ends(modifiers, node["select_list"], rows))), names

    def _items(self, select: Sequence[Node]) -> tuple[list[str], dict[str, str]]:
        """The items of a list, each with a name of its own in ClickHouse, and the right names by those."""
        items: list[str] = []
        names: dict[str, str] = {}
        taken: set[str] = set()
        for node in select:
            if node["class"] == "STAR":
                items.append(self._star(node))
                continue
            name = wanted = self._name_of(node)
            number = 0
            while name.lower() in taken:
                number += 1
                name = f"{wanted}_{number}"
            taken.add(name.lower())
            names[encode_name(name)] = wanted
            items.append(f"{self._expressions.write_value(node)} AS {quote_name(name)}")
        return items, names

    def _name_of(self, node: Node) -> str:
        if node.get("alias"):
            return str(node["alias"])
        if node["class"] != "COLUMN_REF":
            return self._name_value(node)
        name = str(node["column_names"][-1])
        return name.lower() if name.lower() in _COLUMNS else name

    def _star(self, node: Node) -> str:
        if node.get("columns") or node.get("rename_list") or node.get("expr") or node.get("qualified_exclude_list"):
            raise unsupported("COLUMNS, or * with anything but EXCLUDE and REPLACE")
        star = f"{quote_name(node['relation_name'])}.*" if node.get("relation_name") else "*"
        excluded = node.get("exclude_list", ())
        if not all(isinstance(name, str) for name in excluded):
            raise unsupported("EXCLUDE of this form")
        if excluded:
            star += f" EXCEPT {_list_names(excluded)}"
        replaced = ", ".join(
            f"{self._expressions.write(entry['value'])} AS {quote_name(entry['key'])}"
            for entry in node.get("replace_list", ())
        )
        return f"{star} REPLACE ({replaced})" if replaced else star

    def _distinct(self, modifiers: "_Modifiers") -> str:
        if modifiers.distinct is None:
            return ""
        targets = modifiers.distinct.get("distinct_on_targets", ())
        if not targets:
            return "DISTINCT "
        return f"DISTINCT ON ({', '.join(self._expressions.write(target) for target in targets)}) "

    def _groups(self, node: Node) -> list[str]:
        if node.get("aggregate_handling") == "FORCE_AGGREGATES":
            return ["GROUP BY ALL"]
        keys = [self._expressions.write(key) for key in node.get("group_expressions", ())]
        sets = node.get("group_sets", ())
        if len(sets) == 1 and len(sets[0]) == len(keys) and keys:
            return [f"GROUP BY {', '.join(keys)}"]
        if not sets:
            return []
        of = ", ".join(f"({', '.join(keys[place] for place in places)})" for places in sets)
        return [f"GROUP BY GROUPING SETS ({of})"]

    def _ends(self, modifiers: "_Modifiers", select: Sequence[Node], rows: int | None) -> list[str]:
        parts = []
        if modifiers.orders:
            parts.append(f"ORDER BY {self._orders(modifiers.orders, select)}")
        limit = modifiers.limit
        most = self._expressions.write(limit["limit"]) if "limit" in limit else None
        if rows is not None:
            most = str(rows) if most is None else f"least({most}, {rows})"
        if most is not None:
            parts.append(f"LIMIT {most}")
        if "offset" in limit:
            parts.append(f"OFFSET {self._expressions.write(limit['offset'])}")
        return parts

    def _orders(self, orders: Sequence[Node], select: Sequence[Node]) -> str:
        """An alias is named by its place: ClickHouse would take a column of that name."""
        places: dict[str, int] = {}
        for place, item in enumerate(select, 1):
            if item["class"] == "STAR":
                break
            if item.get("alias"):
                places.setdefault(item["alias"].lower(), place)
        if len(orders) == 1 and orders[0]["expression"]["class"] == "STAR":
            return "ALL"

        def write(node: Node) -> str:
            place = places.get(node["column_names"][-1].lower()) if node["class"] == "COLUMN_REF" else None
            if place is not None and len(node["column_names"]) == 1:
                return str(place)
            return self._expressions.write_key(node)

        return self._expressions.write_orders(orders, write)

    def _set_operation(self, node: Node, rows: int | None) -> tuple[str, Mapping[str, str]]:
        kind = node["setop_type"]
        if kind not in ("UNION", "EXCEPT", "INTERSECT"):
            raise unsupported(_readable(kind))
        # What is left out of the tree is true.
        word = f" {kind} {'ALL' if node.get('setop_all', True) else 'DISTINCT'} "
        texts, names = [], list[Mapping[str, str]]()
        for child in node["children"]:
            texts.append(f"({self.write_node(child)})")
            names.append(self._names)
        modifiers = _Modifiers(node.get("modifiers", ()))
        ends = self._ends(modifiers, (), rows)
        text = f"SELECT {self._distinct(modifiers)}* FROM ({word.join(texts)}) AS {quote_name('parts')}"
        return " ".join((text, *ends)), names[0]

    def _source(self, node: Node) -> str:
        kind = node["type"]
        if node.get("sample"):
            raise unsupported("SAMPLE")
        if kind == "JOIN":
            return self._join(node)
        alias = node.get("alias") or node.get("table_name") or "unnamed"
        names = node.get("column_name_alias", ())
        if kind == "BASE_TABLE":
            text = self._table(node["qualified_name"]["path"])
        elif kind == "SUBQUERY":
            text = f"({self.write_node(node['subquery']['node'])})"
        elif kind == "EXPRESSION_LIST":
            text = self._values(node["values"])
        elif kind == "TABLE_FUNCTION":
            alias = node.get("alias") or name_of(node["function"])
            text = self._table_function(node["function"])
        else:
            raise unsupported(f"{_readable(kind)} in FROM")
        return f"{text} AS {quote_name(alias)}{_list_names(names) if names else ''}"

    def _table(self, path: Sequence[str]) -> str:
        name = path[-1].lower()
        cte = self._scopes[-1].get(name) if len(path) == 1 else None
        if cte is not None:
            self._count(1 + cte.tables)
            return quote_name(cte.name)
        self._count(1)
        columns = ", ".join(f'"{column}" AS {quote_name(column)}' for column in columns_of(name))
        return f"(SELECT {columns} FROM {self._place.table(name)})"

    def _join(self, node: Node) -> str:
        left, right = self._source(node["left"]), self._source(node["right"])
        if node.get("ref_type") == "CROSS":
            return f"{left} CROSS JOIN {right}"
        word = _JOINS.get(node["join_type"])
        if word is None or node.get("ref_type") != "REGULAR":
            raise unsupported(f"{_readable(node.get('ref_type', ''))} {_readable(node['join_type'])} JOIN")
        if node["right"]["type"] == "JOIN":
            raise unsupported("a join in brackets on the right of another one")
        if node.get("using_columns"):
            return f"{left} {word} {right} USING {_list_names(node['using_columns'])}"
        return f"{left} {word} {right} ON {self._expressions.write(node['condition'])}"

    def _values(self, rows: Sequence[Sequence[Node]]) -> str:
        selects = (
            "SELECT "
            + ", ".join(
                f"{self._expressions.write(value)} AS {quote_name(f'col{place}')}" for place, value in enumerate(row)
            )
            for row in rows
        )
        return f"({' UNION ALL '.join(selects)})"

    def _table_function(self, function: Node) -> str:
        """Numbers, with literal bounds. DuckDB names the column as the function."""
        name = name_of(function)
        if name not in _RANGES:
            raise unsupported(f"the table function {name}")
        bounds = [_read_number(argument) for argument in arguments_of(function)]
        if not 1 <= len(bounds) <= 3:
            raise RefusedSqlError(f"{name} takes one to three numbers")
        start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        if step == 0:
            raise RefusedSqlError(f"{name} with steps of 0 has no end")
        last = stop + (1 if step > 0 else -1) * (name == "generate_series")
        count = max(0, -((start - last) // step))
        self._count(1)
        return f"(SELECT {start} + {step} * toInt64(number) AS {quote_name(name)} FROM numbers({count}))"


class _Modifiers:
    """What stands at the end of a query."""

    def __init__(self, modifiers: Sequence[Node]) -> None:
        self.orders: Sequence[Node] = ()
        self.limit: Node = {}
        self.distinct: Node | None = None
        for modifier in modifiers:
            if modifier["type"] == "ORDER_MODIFIER":
                self.orders = modifier["orders"]
            elif modifier["type"] == "LIMIT_MODIFIER":
                self.limit = modifier
            elif modifier["type"] == "DISTINCT_MODIFIER":
                self.distinct = modifier
            else:
                raise unsupported(_readable(modifier["type"]))


def _read_number(node: Node) -> int:
    if node["class"] == "CONSTANT" and node["literal"]["kind"] == "INTEGER":
        return int(re.sub(r"[()]", "", write_constant(node)))
    raise unsupported("a range with bounds that are no literal numbers")


def _list_names(names: Sequence[str]) -> str:
    return f"({', '.join(quote_name(name) for name in names)})"


def _readable(kind: str) -> str:
    return kind.removesuffix("_NODE").removesuffix("_MODIFIER").replace("_", " ")
