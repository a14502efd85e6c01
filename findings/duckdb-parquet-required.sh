#!/bin/sh
# DuckDB: whether a column of a Parquet file is required or optional depends on the rows, so that two files of one table
# have two schemas, which pyarrow does not concatenate; and its datasets say "not null" of a column that has a null.
#
# One would guess that it depends on the table, whose columns are the same for every file: on NOT NULL, or on nothing,
# so that all are optional. But DuckDB writes a column as required where its statistics say that the rows written have
# no NULL. Files by month of one table differ then. What depends on a random number has no such statistics: `prisme/store/parquet.py` writes every column
# through one, so that all are optional in all files.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0 pyarrow==26.0.1

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

connection = duckdb.connect()
connection.execute("CREATE TABLE events (month INTEGER, amount INTEGER)")
connection.execute("INSERT INTO events SELECT 1, range FROM range(10)")
connection.execute("CREATE TABLE others (month INTEGER, amount INTEGER)")
connection.execute("INSERT INTO others SELECT 2, CASE WHEN range > 0 THEN range END FROM range(10)")


def write(name: str, query: str) -> str:
    connection.execute(f"COPY ({query}) TO '{name}' (FORMAT parquet)")
    rows = connection.execute(
        f"SELECT repetition_type FROM parquet_schema('{name}') WHERE name = 'amount'"
    ).fetchall()
    return rows[0][0]


def concatenate() -> str:
    try:
        table = pyarrow.concat_tables([pyarrow.parquet.read_table(name) for name in ("1.parquet", "2.parquet")])
    except pyarrow.ArrowInvalid as error:
        return str(error).splitlines()[0]
    return f"{table.num_rows} rows"


plain = write("1.parquet", "FROM events"), write("2.parquet", "FROM others")
together = concatenate()
dataset = pyarrow.dataset.dataset(["1.parquet", "2.parquet"]).to_table()
nulls, is_nullable = dataset.column("amount").null_count, dataset.schema.field("amount").nullable
random = "SELECT month, CASE WHEN random() >= 0 THEN amount END AS amount FROM"
same = write("1.parquet", f"{random} events"), write("2.parquet", f"{random} others")
after = concatenate()

print(f"duckdb {duckdb.__version__}, pyarrow {pyarrow.__version__}")
print(f"without and with a NULL: {' and '.join(plain)}")
print(f"pyarrow concatenates both: {together}")
print(f"a dataset of both has {nulls} null in a column that may have nulls: {is_nullable}")
print(f"through a random number: {' and '.join(same)}")
print(f"pyarrow concatenates both: {after}")
assert plain == ("REQUIRED", "OPTIONAL"), "changed: it does not depend on the rows"
assert "rows" not in together, "changed: pyarrow concatenates both"
assert (nulls, is_nullable) == (1, False), "changed: the dataset tells the truth"
assert same == ("OPTIONAL", "OPTIONAL"), "changed: a random number has statistics"
assert after == "20 rows", "changed: pyarrow does not concatenate files with one schema"
PYTHON
