"""SQL that counts a table's rows by each of several columns in one pass."""

from collections.abc import Mapping


class GroupingSets:
    """A grouping set for each of some columns, which are expressions by name.

    `columns` belongs into an inner SELECT; `key` and `sets` into the outer SELECT and GROUP BY. `each` has the sets one
    by one.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._names = tuple(columns)
        self._aliases = [f"c{number}" for number in range(len(columns))]
        self.columns = ", ".join(
            f"{column} AS {alias}" for alias, column in zip(self._aliases, columns.values(), strict=True)
        )
        # In each set, all columns but its own are NULL, and GROUPING has a 1 for each of them.
        self._grouping = f"grouping({', '.join(self._aliases)})"
        self.key = f"coalesce({', '.join(f'CAST({alias} AS VARCHAR)' for alias in self._aliases)})"
        self.each = [f"({alias})" for alias in self._aliases]
        self.sets = f"GROUPING SETS ({', '.join(self.each)})"

    def sets_with(self, column: str) -> str:
        """Return the sets with another column in each of them."""
        return f"GROUPING SETS ({', '.join(f'({alias}, {column})' for alias in self._aliases)})"

    def number(self, numbers: Mapping[str, int]) -> str:
        """Return an expression: the number, as given by column name, of the column by which a row is grouped."""
        everything, last = (1 << len(self._names)) - 1, len(self._names) - 1
        cases = (
            f"WHEN {everything - (1 << last - place)} THEN {numbers[name]}" for place, name in enumerate(self._names)
        )
        return f"CASE {self._grouping} {' '.join(cases)} END"
