"""The statistics: query parameters in, figures out.

`parameters.py` and `filters.py` read a request, `figures.py` names the figures, `queries.py` runs the SQL in `sql/`,
`dialect.py` has what differs between the engines, and `cache/` avoids running it again.
"""
