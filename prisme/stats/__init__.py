"""The statistics: query parameters in, figures out.

`parameters.py` and `filters.py` read a request, `figures.py` names the figures, `queries.py` runs the SQL in `sql/`,
and `cache/` avoids running it again.
"""
