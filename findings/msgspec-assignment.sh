#!/bin/sh
# msgspec: assigning to a field of a `Struct` takes several times as long as to an attribute of a class with
# `__slots__`, though a `Struct` is made in a fraction of the time.
#
# One would guess that both are a store at a fixed offset. But a `Struct` has a `__setattr__` of its own, in C, which
# looks the field up by its name at each assignment, while CPython's interpreter specializes stores to `__slots__`. So
# in Prisme, what is made for each event and never changes is a `Struct` (`prisme/ingest/hit.py`); what is changed often
# has `__slots__`, such as a body with its pieces (`prisme/web/body.py`). A request, with many fields and few
# assignments, is still better off as a `Struct` (`prisme/web/request.py`).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0

"$folder/venv/bin/python" - <<'PYTHON'
import platform
import timeit

import msgspec


class Struct(msgspec.Struct, gc=False):
    path: bytes
    status: int
    size: int


class Slots:
    __slots__ = ("path", "size", "status")

    def __init__(self, path, status, size):
        self.path = path
        self.status = status
        self.size = size


def nanoseconds(statement, kind):
    names = {"kind": kind, "one": kind(b"/", 200, 0)}
    return min(timeit.repeat(statement, globals=names, number=200_000, repeat=9)) / 200_000 * 1e9


print(f"msgspec {msgspec.__version__}, Python {platform.python_version()}")
ratios = {}
for what, statement in (("create", "kind(b'/', 200, 0)"), ("assign", "one.size = 1"), ("read", "one.size")):
    struct, slots = nanoseconds(statement, Struct), nanoseconds(statement, Slots)
    ratios[what] = struct / slots
    print(f"{what}: Struct {struct:.0f} ns, __slots__ {slots:.0f} ns, ratio {struct / slots:.2f}")
assert ratios["create"] < 0.8, "changed: a Struct is not made faster"
assert ratios["assign"] > 1.5, "changed: assigning to a Struct is as fast"
PYTHON
