"""One node with each event store: DuckDB in its process, and ClickHouse beside it."""
