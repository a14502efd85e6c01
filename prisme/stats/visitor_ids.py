"""Which visitor ids Prisme generates, and ids as numbers that say so.

A generated id is `prisme_` and 16 upper-case hexadecimal digits. It is of one UTC day, and the visit that has it lasts
24 hours at most: it is seen on that day and perhaps the next one, and never again. Ids of any other form may come back
at any time. So of all visitors before a day, only those with other ids, and those seen the day before, can come back.
"""

from typing import Final

# An SQL expression: whether a row's `visitor_id` is generated. It looks at the length and the first digit alone: to
# look at all digits takes ten times as long as to hash the id.
GENERATED: Final = "(visitor_id BETWEEN 'prisme_0' AND 'prisme_G' AND strlen(visitor_id) = 23)"
# The visitor of a row as a number: a hash of 63 bits, and a bit that says whether the id is generated.
VISITOR: Final = f"((hash(visitor_id) & 18446744073709551614) | CAST({GENERATED} AS UBIGINT))"
# Whether such a number, in a column `id`, is that of a generated id.
IS_GENERATED: Final = "(id & 1) = 1"
