"""Of which days there are figures that imports brought: read again after each load, so that most queries need not look.

Few servers have any, and those that do have some for each site.
"""

import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from prisme.store.query_reader import QueryReader

_DAYS: Final = 'SELECT domain, min("day"), max("day") FROM imported_figures GROUP BY domain'


class DomainDays(NamedTuple):
    """The first and the last day of a domain's figures."""

    domain: str
    first: datetime.date
    last: datetime.date


class ImportedDays:
    """The days by domain. For any threads, of which several may read them at once."""

    def __init__(self) -> None:
        self._known: tuple[int, list[DomainDays]] = (-1, [])

    def find(self, reader: "QueryReader") -> list[DomainDays]:
        """The days that the reader sees, perhaps those of a load that is just being committed. Raises UnavailableError.

        An import is a load: what was read after as many loads still holds.
        """
        loads, days = self._known
        if loads != reader.loads:
            days = [DomainDays(*row) for row in reader.ask(_DAYS, {})]
            self._known = reader.loads, days
        return days
