#!/bin/sh
# DuckDB: `connect` to the path of a file that was replaced gives the old file's tables, as long as any connection of the
# process to that path is open.
#
# One would guess that it opens the file that has this name now. But all connections of a process to a path are one
# instance, which keeps the file that it opened first: what is written goes into a file that no longer has a name, and is
# gone when the process ends. It can be told by a setting that the first connection has changed. So
# `prisme/store/connection.py` raises an error where a file that was put in place turns out to be open already.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os

import duckdb


def make(name: str) -> None:
    with duckdb.connect(name) as connection:
        connection.execute(f"CREATE TABLE {name.partition('.')[0]} (number INTEGER)")


def tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute("SHOW TABLES").fetchall()]


make("old.duckdb")
make("new.duckdb")
first = duckdb.connect("old.duckdb")
first.execute("SET lock_configuration = true")
os.replace("new.duckdb", "old.duckdb")
second = duckdb.connect("old.duckdb")
beside = tables(second)
(is_locked,) = second.execute("SELECT current_setting('lock_configuration')").fetchone()
second.close()
first.close()
third = duckdb.connect("old.duckdb")
alone = tables(third)

print(f"duckdb {duckdb.__version__}")
print(f"tables while the first connection is open: {beside}, its setting: {is_locked}")
print(f"tables after it was closed: {alone}")
assert beside == ["old"], "changed: the new file is opened"
assert is_locked, "changed: a setting is of a connection"
assert alone == ["new"], "changed: the old file is kept"
PYTHON
