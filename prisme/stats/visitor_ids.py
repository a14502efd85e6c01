"""Which visitors may come back on another day, and visitors as numbers that say so.

An id that Prisme generates is of one site and one day (UTC), and the visits that have it begin on that day and last for
at most 24 hours: it is seen on that day, and perhaps on the next one, but never again. Ids of any other form may come
back at any time; so may ids that other servers generated, as far as that is known of them (`store/rollup_writer.py`).
"""

from typing import Final

from prisme.store.visitor_ids import GENERATED_FORM

# An SQL expression on the rows of any table with visitors: whether an id is generated, and does not come back.
GENERATED: Final = (
    f"({GENERATED_FORM} AND (SELECT knows_recurring FROM rollup.state) AND hash(visitor_id) NOT IN "  # noqa: S608
    "(SELECT visitor FROM rollup.recurring_visitors))"
)
# The visitor of a row as a number: a hash of 63 bits, and a bit that says whether the id is generated.
VISITOR: Final = f"((hash(visitor_id) & 18446744073709551614) | CAST({GENERATED} AS UBIGINT))"
# Whether such a number, in a column `id`, is that of a generated id.
IS_GENERATED: Final = "(id & 1) = 1"
