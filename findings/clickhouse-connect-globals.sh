#!/bin/sh
# clickhouse-connect: importing it changes two settings of Python's own library for the whole process:
# `io.DEFAULT_BUFFER_SIZE`, by which `gzip` and `bz2` read (256 KiB in place of 8 KiB), and how many headers
# `http.client` accepts of any server (10,000 in place of 100).
#
# One would guess that importing a client changes nothing elsewhere. What reads a compressed file piece by piece, and
# tells how far it is, is done with a smaller file at once; and a bound against servers that send too much is a hundred
# times as high. `prisme/store/clickhouse/client.py` sets the size back, and the tests know of the headers.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check clickhouse-connect==1.12.0

"$folder/venv/bin/python" - <<'PYTHON'
import gzip
import http.client
import importlib.metadata
import io
import random

data = gzip.compress(random.Random(1).randbytes(1_000_000))


def show():
    file = io.BytesIO(data)
    gzip.open(file).read(1)
    return io.DEFAULT_BUFFER_SIZE, file.tell(), http.client._MAXHEADERS


before = show()
import clickhouse_connect  # noqa: E402, F401

after = show()
print(f"clickhouse-connect {importlib.metadata.version('clickhouse-connect')}")
for name, old, new in zip(("default buffer", "read by gzip for one byte", "headers accepted"), before, after):
    print(f"{name}: {old:,}, after the import {new:,}")
assert after[0] == 256 * 1024 > before[0], "changed: the size of buffers"
assert after[1] > before[1], "changed: what gzip reads ahead"
assert after[2] == 10_000 > before[2], "changed: the number of headers"
PYTHON
