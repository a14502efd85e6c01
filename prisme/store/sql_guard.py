"""What SQL of users may do: read the tables of events, and compute. Checked on the tree of DuckDB's own parser.

DuckDB has no users or rights: https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview.
"""

import re
import threading
from typing import Any

import duckdb
import msgspec

from prisme.store.errors import RefusedSqlError, SqlError
from prisme.store.sql_tree import Node, check_tree

MOST_CHARACTERS = 20_000
# Brackets within brackets: the parser refuses expressions deeper than its own limit, but takes long for each level.
_MOST_BRACKETS = 100
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*")
_PARSE = "SELECT json_serialize_sql($text::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)"
_WRITE = "SELECT json_deserialize_sql($tree::JSON)"
_BARE_SELECT = {
    "type": "SELECT_NODE",
    "cte_map": {},
    "from_table": {"type": "EMPTY"},
    "aggregate_handling": "STANDARD_HANDLING",
}
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "128MB",
    "enable_external_access": False,
    "python_enable_replacements": False,
    "max_expression_depth": 250,
    "lock_configuration": True,
}
_CLASS = re.compile(r"\A[A-Z][A-Za-z ]+ Error: ")
_ONLY_SELECT = "a query is one SELECT, WITH, FROM, VALUES, DESCRIBE or SUMMARIZE: nothing can be changed or called"


class SqlGuard:
    """Checks texts, from any thread, in a database of its own without tables, opened by the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def check(self, text: str) -> str:
        """The statement without a semicolon or comments at its end. Raises SqlError.

        That is a RefusedSqlError if it may not run, rather than no SQL.
        """
        _check_size(text)
        self._check(text)
        statement = _without_end(text)
        self._check(f"FROM ({statement}\n)")  # what is put around it, to limit its rows, does not change how it is read
        return statement

    def read(self, text: str) -> Node:
        """What the parser made of the one statement, checked, for who writes it in other words. Raises SqlError."""
        _check_size(text)
        return self._check(text)

    def name(self, expression: Node) -> str:
        """The name that DuckDB has for a column of this expression, where it has no alias. Raises SqlError."""
        tree = {"error": False, "statements": [{"node": {**_BARE_SELECT, "select_list": [expression]}}]}
        try:
            with self._lock:
                row = self._open().execute(_WRITE, {"tree": msgspec.json.encode(tree).decode()}).fetchone()
        except duckdb.Error as error:
            raise SqlError(first_line(error)) from None
        return str(row[0]).removeprefix("SELECT ") if row else ""

    def _check(self, text: str) -> Node:
        statements = self._parse(text)
        if len(statements) != 1:
            raise RefusedSqlError(f"a query is one statement, and here are {len(statements)}")
        try:
            check_tree(statements[0])
        except RecursionError:
            raise RefusedSqlError("the query is too deeply nested: write it in fewer steps") from None
        return statements[0]

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(config=_SETTINGS)
        return self._connection

    def _parse(self, text: str) -> list[dict[str, Any]]:
        try:
            with self._lock:
                row = self._open().execute(_PARSE, {"text": text}).fetchone()
            tree = msgspec.json.decode(row[0] if row else "")
        except (duckdb.Error, msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise SqlError(f"this is no SQL that can be read: {first_line(error)}") from None
        if tree["error"]:
            if tree["error_type"] == "not implemented":
                raise RefusedSqlError(_ONLY_SELECT)
            raise SqlError(tree["error_message"].partition("\n")[0])
        statements: list[dict[str, Any]] = tree["statements"]
        return statements


def _without_end(text: str) -> str:
    """The text up to its last token that is no semicolon."""
    encoded = text.encode()
    end = len(encoded)
    for offset, kind in reversed(duckdb.tokenize(text)):
        if kind != duckdb.token_type.comment and encoded[offset : offset + 1] != b";":
            break
        end = offset
    return encoded[:end].decode().rstrip()


def first_line(error: BaseException) -> str:
    """The first line of DuckDB's message, without the class of the error and the lines of the query below it."""
    return _CLASS.sub("", str(error).partition("\n")[0])


def _check_size(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise RefusedSqlError(f"the query has {len(text)} characters, and at most {MOST_CHARACTERS} are allowed")
    if not text.strip():
        raise SqlError("the query is empty: write a SELECT, such as SELECT count(*) FROM pageviews")
    if "\0" in text:
        raise RefusedSqlError("a zero byte is not allowed in a query")
    depth = 0
    for bracket in re.findall(r"[\[({\])}]", _QUOTED.sub("", text)):
        depth += 1 if bracket in "[({" else -1
        if depth > _MOST_BRACKETS:
            raise RefusedSqlError(f"brackets are nested deeper than {_MOST_BRACKETS}: write the query in fewer steps")
