"""Which visitor ids Prisme has generated, by their form alone."""

from typing import Final

# An SQL expression on the rows of any table with visitors: whether an id is `prisme_` and 16 hex digits in upper case
# (`visit/identity.py`). It looks at the length and the first digit only: to look at all digits takes ten times as long
# as to hash the id.
GENERATED_FORM: Final = "(visitor_id BETWEEN 'prisme_0' AND 'prisme_G' AND strlen(visitor_id) = 23)"
