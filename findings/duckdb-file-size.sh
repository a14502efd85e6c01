#!/bin/sh
# DuckDB: a file does not get smaller by DELETE, CHECKPOINT and VACUUM, and may even grow.
#
# One would guess that a checkpoint, or at least VACUUM, gives the blocks of deleted rows back to the disk. They become
# free within the file, and are used for later rows. Some deleted rows stay where they are, and `estimated_size` counts
# them. COPY FROM DATABASE into a new file leaves all of it out. `prisme/store/compaction.py` depends on this.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb

ESTIMATED = "SELECT estimated_size FROM duckdb_tables() WHERE table_name = 'events'"
connection = duckdb.connect("events.duckdb")
connection.execute("CREATE TABLE events AS SELECT i, hash(i) AS id FROM range(1_000_000) AS made(i)")
connection.execute("CHECKPOINT")
before = os.path.getsize("events.duckdb")
connection.execute("DELETE FROM events WHERE hash(i) % 4 > 0")
for statement in ("CHECKPOINT", "VACUUM", "CHECKPOINT"):
    connection.execute(statement)
after = os.path.getsize("events.duckdb")
(rows,) = connection.execute("SELECT count(*) FROM events").fetchone()
(estimated,) = connection.execute(ESTIMATED).fetchone()
connection.execute("ATTACH 'copy.duckdb' AS copy")
connection.execute("COPY FROM DATABASE events TO copy")
connection.execute("DETACH copy")
copied = os.path.getsize("copy.duckdb")

print(f"duckdb {duckdb.__version__}")
print(f"rows left: {rows / 1_000_000:.2f}, counted as held: {estimated / 1_000_000:.2f}")
print(f"size of the file: {after / before:.2f}, of a copy: {copied / before:.2f}")
assert after >= before, "changed: the file gets smaller"
assert estimated > rows, "changed: deleted rows are all gone after a checkpoint"
assert copied < before / 2, "changed: a copy is as large"
PYTHON
