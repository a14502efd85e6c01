"""The queries of the dashboard that reads ClickHouse: each counts as the stats API does, within the dashboard's span.

What begins with `$` is replaced by Grafana and its plugin for ClickHouse: the macros `$__fromTime_ms`, `$__toTime_ms`
and `$__conditionalAll`, and the variables `site`, `interval` and `__timezone`. A text in braces is composed by Python.
Spans are half open, as those of the stats API: `$__timeFilter` has whole seconds and both ends. Buckets are of the
clock in the dashboard's zone: those of `$__timeInterval` would begin days at midnight of UTC.
"""
