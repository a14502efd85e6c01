#!/bin/sh
# DuckDB: after an error inside a transaction, `commit()` returns without an error and stores nothing.
#
# One would guess that it raises, as each further statement of that transaction does, or that the statements before the
# error are stored, as in SQLite. Code that catches an error, goes on and commits loses its rows without a trace. So
# Prisme's loader (`prisme/store/loader.py`) catches nothing between `begin` and `commit`, except to roll back and
# raise: otherwise a segment of the journal would be removed that is in no table.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0

"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

connection = duckdb.connect()
connection.execute("CREATE TABLE visits (number INTEGER)")
connection.begin()
connection.execute("INSERT INTO visits VALUES (1)")
try:
    connection.execute("SELECT CAST('one' AS INTEGER)")
    raise SystemExit("changed: the cast succeeds")
except duckdb.ConversionException as error:
    failed = type(error).__name__
try:
    connection.execute("INSERT INTO visits VALUES (2)")
    further = "stored"
except duckdb.TransactionException as error:
    further = str(error)
try:
    connection.commit()
    committed = "no error"
except duckdb.Error as error:
    committed = f"{type(error).__name__}: {error}"
(stored,) = connection.execute("SELECT count(*) FROM visits").fetchone()

print(f"duckdb {duckdb.__version__}")
print(f"a statement that fails: {failed}")
print(f"the next statement: {further}")
print(f"commit(): {committed}")
print(f"rows stored: {stored}")
assert "aborted" in further, "changed: the transaction goes on"
assert committed == "no error", "changed: commit() raises"
assert stored == 0, "changed: rows are stored"
PYTHON
