"""Which visitor ids Prisme has generated, by their form alone.

Such an id is of one day (UTC) and one site. Its visits begin on that day and last for at most 24 hours: it is seen on
that day, and perhaps on the next one, but never again. Ids of any other form may come back at any time.
"""

from typing import Final

# An SQL expression on the rows of any table with visitors: `prisme_` and 16 hex digits (`visit/identity.py`).
GENERATED: Final = "(starts_with(visitor_id, 'prisme_') AND strlen(visitor_id) = 23)"
