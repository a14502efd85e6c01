#!/bin/sh
# DuckDB: `allowed_directories` cannot be passed to `connect`, alone or together with `enable_external_access = false`.
#
# One would guess that "no files, except these folders" can be passed to `connect` like other settings, as external
# access can be turned off there. But the list can only be set once the file is open, and no more once external access
# is off. So Prisme (`prisme/store/connection.py`) opens the file first, then sets the list, turns external access off
# and locks the settings, except for those in `allowed_configs`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import duckdb

Path("allowed").mkdir()
for path in (Path("allowed/a.csv"), Path("b.csv")):
    path.write_text("number\n1\n")
folders = {"allowed_directories": ["allowed"]}
no_access = {"enable_external_access": False}
duckdb.connect("other.duckdb", config=no_access).close()
refused = 0
for config in (folders, folders | no_access, no_access | folders):
    try:
        duckdb.connect("never.duckdb", config=config)
    except duckdb.InvalidInputException as error:
        refused += 1
        reason = str(error)

connection = duckdb.connect("visits.duckdb")
connection.execute("SET allowed_directories = ['allowed']")
connection.execute("SET enable_external_access = false")
connection.execute("SET allowed_configs = ['memory_limit']")
connection.execute("SET lock_configuration = true")
rows = connection.execute("FROM 'allowed/a.csv'").fetchall()
connection.execute("SET memory_limit = '100MB'")
denied = 0
for statement in ("FROM 'b.csv'", "SET threads = 1"):
    try:
        connection.execute(statement)
    except (duckdb.PermissionException, duckdb.InvalidInputException):
        denied += 1

print(f"duckdb {duckdb.__version__}")
print(f"connect(config=...): refused {refused} times of 3: {reason}")
print(f"one after another: the folder can be read {rows}, {denied} of 2 others are denied")
assert refused == 3, "changed: connect() accepts the list"
assert rows == [(1,)], "changed: the folder cannot be read"
assert denied == 2, "changed: other files can be read, or other settings changed"
PYTHON
