"""The order of rotated files, oldest first, without those that are given twice."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from prisme.imports.files import open_input
from prisme.imports.tally import Tally

TWICE: Final = "files given twice"
_COMPRESSED: Final = re.compile(r"\.(?:gz|bz2|zst)$")
# `access.log.1`; a higher number is older.
_NUMBER: Final = re.compile(r"(.*)\.([0-9]{1,4})")
# `access.log-20261128`, `access-2026-11-28T22-46-45.123.log`, `E2ABC.2026-11-28-22.1a2b3c4d`.
_DATE: Final = re.compile(r"(?<![0-9])(20[0-9]{2})-?([01][0-9])-?([0-3][0-9])")
# IIS: `u_ex261128.log`, and `u_ex26112822.log` by the hour.
_SHORT_DATE: Final = re.compile(r"(?<=_ex)([0-9]{2})([01][0-9])([0-3][0-9])")
# Of each file, in memory at once: a CDN makes a hundred thousand files in a year.
_HEAD: Final = 256
_HEAD_LINES: Final = 16


def order_files(files: Sequence[Path], tally: Tally | None = None) -> list[Path]:
    """The files by what their names say: by the log, then by date or number, and the one without either last.

    A file that is given twice, as itself, as a copy, compressed, or as an earlier state, counts once; `tally` gets to
    know how many are left out. Raises OSError.
    """
    once = _drop_links(files)
    kept = _drop_copies(once)
    if tally is not None and len(kept) < len(files):
        tally.skip(TWICE, len(files) - len(kept))
    return sorted(kept, key=_rank)


def _rank(path: Path) -> tuple[str, bool, str, int, str]:
    """The log's name, whether it is the file that is written, its date, its number from the highest on, the rest."""
    name, number, rest = _COMPRESSED.sub("", path.name), 0, ""
    if found := _NUMBER.fullmatch(name):
        name, number = found[1], int(found[2])
    if dated := _DATE.search(name) or _SHORT_DATE.search(name):
        # What follows is the time of day, or says nothing.
        name, rest = name[: dated.start()], name[dated.end() :]
    log = str(path.parent / name.rstrip("-._").removesuffix(".log"))
    date = "".join(dated.groups()) if dated else ""
    return log, not number and not dated, date, -number, rest


def _drop_links(files: Sequence[Path]) -> list[Path]:
    """The files without those that are the same on disk."""
    known: dict[tuple[int, int], Path] = {}
    for path in files:
        status = path.stat()
        known.setdefault((status.st_dev, status.st_ino), path)
    return list(known.values())


def _drop_copies(files: Sequence[Path]) -> list[Path]:
    """The files without those whose lines are the same as, or the beginning of, those of another one.

    Sorted by how they begin, backwards, what has a common beginning stands together, right before that beginning.
    """
    heads = sorted(((_read_head(path), -position, path) for position, path in enumerate(files)), reverse=True)
    kept: list[tuple[bytes, Path]] = []
    dropped: set[Path] = set()
    for head, _, path in heads:
        for index in range(len(kept) - 1, -1, -1):
            begins, other = kept[index]
            if not head or not begins.startswith(head):
                kept.append((head, path))
                break
            if (order := _compare(path, other)) is not None:
                dropped.add(path if order <= 0 else other)
                kept[index] = (head, path) if order > 0 else kept[index]
                break
        else:
            kept.append((head, path))
    return [path for path in files if path not in dropped]


def _read_head(path: Path) -> bytes:
    """How a file's lines begin, without comments, which may be the same in many; nothing for what is no file."""
    head: list[bytes] = []
    if path.is_file():
        lines = (line for line in _read_lines(path) if line and not line.startswith(b"#"))
        head += islice(lines, _HEAD_LINES)
    return b"\n".join(head)[:_HEAD]


def _compare(first: Path, second: Path) -> int | None:
    """0 for the same lines, -1 where those of the first one are the beginning of the second one's, 1 for the reverse.

    None where they differ. What follows a damage is not compared.
    """
    lines, others = _read_lines(first), _read_lines(second)
    for one, other in zip_longest(lines, others):
        if one == other:
            continue
        # The last line of a copy can be cut.
        if one is None or (other is not None and other.startswith(one) and next(lines, None) is None):
            return -1
        return 1 if other is None or (one.startswith(other) and next(others, None) is None) else None
    return 0


def _read_lines(path: Path) -> Iterator[bytes]:
    with open_input(path) as file:
        yield from file.lines(Tally())
