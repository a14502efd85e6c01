"""What the engines write differently: the texts of queries, and the expressions that Python puts into them.

Texts are in `sql/`. Where one serves both engines, it is `NAME.sql`, and otherwise `NAME.duckdb.sql` and
`NAME.clickhouse.sql`.
"""
# Only SQL made here is composed; values from requests are bound.

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from prisme.stats.sources import CHANNEL, SOURCE
from prisme.stats.sql import load_sql
from prisme.store.query_reader import Engine


class Dialect(ABC):
    """The SQL of an engine. All arguments are expressions, and so is what the methods return."""

    engine: Engine
    # Whether a query may leave a temporary table to those that follow in the same transaction.
    has_temporary_tables: bool
    # What tells one row of `pageviews` from all others; of two rows of a session at one time, the earlier one has less.
    row_id: str
    # Columns of `sessions` that are none in the engine's table, as expressions.
    _columns: Mapping[str, str]

    def sql(self, name: str) -> str:
        """The text of a query by its name in `sql/`."""
        return load_sql(name, self.engine)

    def column(self, name: str) -> str:
        """A column of `sessions` by its name, or any other expression as it is."""
        return self._columns.get(name, name)

    @property
    def duration(self) -> str:
        """How long a session took, in microseconds; never negative, although the clock may have been set back."""
        exit_, entry = map(self.microseconds, ("exit_timestamp", "entry_timestamp"))
        return f"greatest({exit_} - {entry}, 0)"

    @abstractmethod
    def moment(self, microseconds: str) -> str:
        """The time so many microseconds after the Unix epoch."""

    @abstractmethod
    def day(self, time: str) -> str:
        """The day of a time (UTC)."""

    @abstractmethod
    def microseconds(self, time: str) -> str:
        """The microseconds from the Unix epoch to a time."""

    @abstractmethod
    def signed(self, number: str) -> str:
        """A whole number as one of a type with a sign, where such ones do not go together with others."""

    @abstractmethod
    def divide(self, value: str, by: int) -> str:
        """The whole part of a quotient."""

    @abstractmethod
    def earliest(self, time: str) -> str:
        """The least of the times of a group, NULL if it has no rows."""

    @abstractmethod
    def starts_with(self, text: str, prefix: str) -> str:
        """Whether a text starts with another one."""

    @abstractmethod
    def ends_with(self, text: str, suffix: str) -> str:
        """Whether a text ends with another one."""

    @abstractmethod
    def like(self, text: str, pattern: str) -> str:
        """Whether a text is like a pattern, in which a backslash escapes the next character."""

    @abstractmethod
    def matches(self, text: str, expression: str) -> str:
        """Whether a whole text matches a regular expression."""

    @abstractmethod
    def before_colon(self, text: str) -> str:
        """The text before the first colon, or all of it."""

    @abstractmethod
    def contains(self, values: str, value: str) -> str:
        """Whether a list has a value."""

    @abstractmethod
    def unnest(self, values: str) -> str:
        """The values of a list, in a row each."""

    @abstractmethod
    def hash(self, text: str) -> str:
        """A text as a number of 64 bits."""

    @abstractmethod
    def amount(self, text: str, digits: int) -> str:
        """A number in decimal notation, rounded to so many digits after the point, half away from zero.

        It is NULL if it takes more than 18 digits together.
        """


class _DuckDb(Dialect):
    engine = "duckdb"
    has_temporary_tables = True
    row_id = "rowid"
    _columns: Mapping[str, str] = {"source": SOURCE, "channel": CHANNEL}

    def moment(self, microseconds: str) -> str:
        return f"make_timestamp({microseconds})"

    def day(self, time: str) -> str:
        return f"CAST({time} AS DATE)"

    def microseconds(self, time: str) -> str:
        return f"epoch_us({time})"

    def signed(self, number: str) -> str:
        return number

    def divide(self, value: str, by: int) -> str:
        return f"{value} // {by}"

    def earliest(self, time: str) -> str:
        return f"min({time})"

    def starts_with(self, text: str, prefix: str) -> str:
        return f"starts_with({text}, {prefix})"

    def ends_with(self, text: str, suffix: str) -> str:
        return f"ends_with({text}, {suffix})"

    def like(self, text: str, pattern: str) -> str:
        return f"{text} LIKE {pattern} ESCAPE '\\'"

    def matches(self, text: str, expression: str) -> str:
        return f"regexp_full_match({text}, {expression})"

    def before_colon(self, text: str) -> str:
        return f"split_part({text}, ':', 1)"

    def contains(self, values: str, value: str) -> str:
        return f"list_contains({values}, {value})"

    def unnest(self, values: str) -> str:
        return f"unnest({values})"

    def hash(self, text: str) -> str:
        return f"hash({text})"

    def amount(self, text: str, digits: int) -> str:
        return f"TRY_CAST({text} AS DECIMAL(18, {digits}))"


class _ClickHouse(Dialect):
    engine = "clickhouse"
    has_temporary_tables = False
    row_id = "(node, segment, number)"
    _columns: Mapping[str, str] = {}

    def moment(self, microseconds: str) -> str:
        return f"fromUnixTimestamp64Micro({microseconds}, 'UTC')"

    def day(self, time: str) -> str:
        return f"toDate32({time})"

    def microseconds(self, time: str) -> str:
        return f"toUnixTimestamp64Micro({time})"

    def signed(self, number: str) -> str:
        return f"toInt64({number})"

    def divide(self, value: str, by: int) -> str:
        return f"intDiv({value}, {by})"  # what follows two slashes is a comment

    def earliest(self, time: str) -> str:
        return f"minOrNull({time})"

    def starts_with(self, text: str, prefix: str) -> str:
        return f"startsWith({text}, {prefix})"

    def ends_with(self, text: str, suffix: str) -> str:
        return f"endsWith({text}, {suffix})"

    def like(self, text: str, pattern: str) -> str:
        return f"{text} LIKE {pattern} ESCAPE '\\\\'"

    def matches(self, text: str, expression: str) -> str:
        return f"match({text}, concat('^(?:', {expression}, ')$'))"

    def before_colon(self, text: str) -> str:
        return f"substringIndex({text}, ':', 1)"

    def contains(self, values: str, value: str) -> str:
        return f"{value} IN {values}"

    def unnest(self, values: str) -> str:
        return f"arrayJoin({values})"

    def hash(self, text: str) -> str:
        return f"cityHash64({text})"

    def amount(self, text: str, digits: int) -> str:
        # Digits beyond those of the type are cut off: after 40 of them, that changes no rounding.
        rounded = f"round(toDecimal256OrNull({text}, 40), {digits})"
        return f"CASE WHEN abs({rounded}) < {10 ** (18 - digits)} THEN CAST({rounded} AS DECIMAL(38, {digits})) END"


DUCKDB: Final[Dialect] = _DuckDb()
CLICKHOUSE: Final[Dialect] = _ClickHouse()
DIALECTS: Final[Mapping[Engine, Dialect]] = {"duckdb": DUCKDB, "clickhouse": CLICKHOUSE}
