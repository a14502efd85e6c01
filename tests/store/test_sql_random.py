"""Random SQL in the words of DuckDB itself, run against a real file: refused, or without any effect or secret."""

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from prisme.journal.record import PageviewLine
from prisme.store.errors import SqlError, UnavailableError
from prisme.store.sql_runner import Limits, SqlRunner
from tests.store.segments import Store, session

LONG = os.environ.get("PRISME_TEST_LONG") == "1"
SECRET = "secret-of-the-test"
LIMITS = Limits(2.0, 20, 10_000)
_ALL = "SELECT DISTINCT function_name, function_type FROM duckdb_functions() ORDER BY ALL"


class World(NamedTuple):
    """A database with users' SQL on it, beside a file that nothing may read, and what it was like before."""

    folder: Path
    store: Store
    runner: SqlRunner
    words: tuple[str, ...]

    def run(self, text: str) -> bool:
        """Whether a text was run; its result holds no secret."""
        try:
            result = self.runner.fetch(text, LIMITS)
        except (SqlError, UnavailableError) as error:
            shown, has_run = str(error).replace(text, ""), False
        else:
            shown, has_run = repr(result), True
        assert SECRET not in shown, text
        return has_run

    def state(self) -> dict[str, object]:
        """All that a statement could change, but for the file of the database itself, whose tables are in it."""
        settings = self.store.rows("SELECT name, value FROM duckdb_settings() ORDER BY ALL")
        tables = "SELECT database_name, schema_name, table_name, estimated_size FROM duckdb_tables() ORDER BY ALL"
        others = (
            "SELECT count(*) FROM duckdb_views() UNION ALL SELECT count(*) FROM duckdb_sequences() "
            "UNION ALL SELECT count(*) FROM duckdb_functions() UNION ALL SELECT count(*) FROM duckdb_databases() "
            "UNION ALL SELECT count(*) FROM duckdb_variables() "
            "UNION ALL SELECT count(*) FROM duckdb_schemas() UNION ALL SELECT count(*) FROM duckdb_types()"
        )
        return {
            "files": sorted(path.relative_to(self.folder) for path in self.folder.rglob("*")),
            "canary": (self.folder / "canary.csv").read_bytes(),
            "environment": dict(os.environ),
            "sessions": self.store.rows("FROM sessions"),
            "state": self.store.rows("FROM state.segments"),
            **{query: self.store.rows(query) for query in (tables, others)},
            **{str(name): value for name, value in settings},
        }

    def changes(self, before: dict[str, object]) -> dict[str, object]:
        """What is not as before."""
        return {what: (before[what], now) for what, now in self.state().items() if now != before[what]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("random")
    (folder / "canary.csv").write_text(f"a,b\n{SECRET},1\n")
    os.environ["PRISME_CANARY"] = SECRET
    store = Store(folder)
    store.load(1, PageviewLine(1, session(1)), PageviewLine(2, session(2)))
    with store.database.cursor() as cursor:
        cursor.execute(f"CREATE TABLE state.secret AS SELECT '{SECRET}' AS a")
    store.database.restore_memory()  # as any query does
    runner = SqlRunner(store.database, folder / "tmp")
    keywords = [word for word, _ in _keywords()]
    yield World(folder, store, runner, (*keywords, *_arguments(folder)))
    runner.close()
    store.close()
    del os.environ["PRISME_CANARY"]


def _keywords() -> list[tuple[str, str]]:
    return (
        duckdb.connect().execute("SELECT keyword_name, keyword_category FROM duckdb_keywords() ORDER BY ALL").fetchall()
    )


def _arguments(folder: Path) -> tuple[str, ...]:
    """What functions may be given: numbers, texts, columns, and names of what must not be read."""
    canary = folder / "canary.csv"
    return (
        f"'{canary}'", f"['{canary}']", f"'{folder}/*'", "'PRISME_CANARY'", "'state.secret'", "'state'", "'secret'",
        "'sessions'", "'FROM state.secret'", "'memory_limit'", "'a'", "'{}'", "'[1]'", "'$'", "'day'", "'sum'", "0",
        "1", "-1", "3", "1.5", "true", "NULL", "[1, 2]", "['a']", "{'a': 1}", "MAP {'a': 1}", "DATE '2026-01-01'",
        "TIMESTAMP '2026-01-01'", "INTERVAL 1 DAY", "domain", "visitor_id", "entry_timestamp", "pageviews", "is_bounce",
        "session_uuid", "lambda x: x", "(FROM state.secret)", "x => 1", "*", "'\\x00'::BLOB", "DISTINCT domain",
    )  # fmt: skip


def _calls(chance: random.Random, name: str, kind: str, arguments: tuple[str, ...]) -> Iterator[str]:
    """Some calls of a function, where one of its kind can stand; rarely where it cannot."""
    quoted = f'"{name}"'
    for _ in range(20 if LONG else 1):
        given = ", ".join(chance.choices(arguments, k=chance.choice((0, 1, 1, 2, 3))))
        if "table" in kind or kind == "pragma" or chance.random() < 0.05:
            yield f"SELECT * FROM {quoted}({given})"
            yield f"SELECT * FROM sessions, LATERAL {quoted}({given})"
            yield f"CALL {quoted}({given})"
            yield f"PRAGMA {quoted}"
        if "table" not in kind:
            over = " OVER (ORDER BY entry_timestamp)" if kind == "window" else ""
            yield f"SELECT {quoted}({given}){over} FROM sessions"


def test_no_function_has_an_effect(world: World) -> None:
    """Each of DuckDB's functions, with arguments of all kinds."""
    chance = random.Random(20)
    arguments = _arguments(world.folder)
    before = world.state()
    ran: set[str] = set()
    for name, kind in duckdb.connect().execute(_ALL).fetchall():
        for text in _calls(chance, name, kind, arguments):
            if world.run(text):
                ran.add(name)
    assert world.changes(before) == {}
    assert len(ran) > 50  # the walk does get past the check


TEMPLATES = (
    "SELECT {} FROM sessions", "FROM {}", "FROM sessions {}", "SELECT domain FROM sessions WHERE {}",
    "WITH a AS ({}) FROM a", "SELECT ({})", "DESCRIBE {}", "SUMMARIZE {}", "{}", "SELECT 1; {}",
    "FROM sessions ORDER BY {}", "SELECT * {} FROM sessions", "SELECT 1 UNION {}", "FROM sessions, {}", "EXPLAIN {}",
    "COPY ({}) TO '{canary}'",
)  # fmt: skip


def test_no_words_have_an_effect(world: World) -> None:
    """Statements of random keywords, names and values, within sound ones: a walk over DuckDB's own grammar."""
    chance = random.Random(21)
    before = world.state()
    count = 0
    words = (
        *world.words,
        "sessions",
        "pageviews",
        "state.secret",
        "(",
        ")",
        ",",
        "=",
        ";",
        "a",
        "AS a",
        "FROM",
        "SELECT",
    )
    for _ in range(60_000 if LONG else 500):
        body = " ".join(chance.choices(words, k=chance.randint(1, 6)))
        text = chance.choice(TEMPLATES).replace("{canary}", str(world.folder / "canary.csv")).replace("{}", body)
        count += world.run(text)
    for word, _ in _keywords():
        rests = ("", "sessions", "state.secret", "'x'", "x AS SELECT 1", f"'{world.folder / 'canary.csv'}'")
        for rest in rests if LONG else chance.sample(rests, 1):
            count += world.run(f"{word} {rest}")
    assert world.changes(before) == {}
    assert count > 3


class Questions:
    """Random queries that are sound in grammar, over tables and functions of which some are not allowed."""

    COLUMNS = ("domain", "visitor_id", "session_uuid", "is_anon", "1", "2.5", "'a'", "'2026-01-01'", "[1, 2]", "NULL")
    TABLES = ("sessions", "pageviews", "events_custom", "file_downloads", "range(3)", "sessions s", "a")
    FORBIDDEN = ("state.secret", "duckdb_settings()", "'canary.csv'", "read_text('canary.csv')", "schema_version")
    OPERATORS = ("+", "||", "=", "<", "AND", "OR", "LIKE", "->>", "IS DISTINCT FROM", "<@", "//")

    def __init__(self, chance: random.Random, functions: list[str]) -> None:
        self._chance = chance
        self._functions = functions

    def expression(self, depth: int) -> str:
        pick = self._chance.random() if depth else 0
        if pick < 0.4:
            return self._chance.choice(self.COLUMNS)
        if pick < 0.6:
            given = ", ".join(self.expression(depth - 1) for _ in range(self._chance.randint(0, 2)))
            return f'"{self._chance.choice(self._functions)}"({given})'
        if pick < 0.8:
            return f"({self.expression(depth - 1)} {self._chance.choice(self.OPERATORS)} {self.expression(depth - 1)})"
        if pick < 0.9:
            return f"(SELECT count(*) FROM {self.table(depth - 1)})"
        return f"CASE WHEN is_anon THEN {self.expression(depth - 1)} END"

    def table(self, depth: int) -> str:
        pick = self._chance.random()
        if depth and pick < 0.2:
            return f"({self.query(depth - 1)})"
        return self._chance.choice(self.FORBIDDEN if pick < 0.25 else self.TABLES)

    def query(self, depth: int) -> str:
        begin = "WITH a AS (FROM sessions) " if self._chance.random() < 0.5 else ""
        end = self._chance.choice(("", "GROUP BY ALL", "ORDER BY ALL", "LIMIT 3", f"WHERE {self.expression(depth)}"))
        return f"{begin}SELECT {self.expression(depth)}, {self.expression(depth)} FROM {self.table(depth)} {end}"


def test_no_question_has_an_effect(world: World) -> None:
    """Random queries: near enough to what is allowed that many run."""
    chance = random.Random(22)
    questions = Questions(
        chance, [name for name, kind in duckdb.connect().execute(_ALL).fetchall() if kind != "pragma"]
    )
    before = world.state()
    count = sum(world.run(questions.query(chance.randint(0, 3))) for _ in range(40_000 if LONG else 500))
    assert world.changes(before) == {}
    assert count > 50


def test_a_read_only_transaction_is_the_second_line(world: World) -> None:
    """What would come past the check still could not write."""
    with world.runner._reader(LIMITS, None) as reader:
        with pytest.raises(duckdb.Error, match="read-only mode"):
            reader.call(lambda cursor: cursor.execute("DELETE FROM sessions"))
        for statement in (f"FROM '{world.folder / 'canary.csv'}'", "SET threads = 9", "INSTALL httpfs"):
            with pytest.raises(duckdb.Error):
                reader.call(partial(_execute, statement))


def _execute(statement: str, cursor: duckdb.DuckDBPyConnection) -> object:
    return cursor.execute(statement)
