"""The files of the journal's segments, as the loader takes them: grouped into batches, and removed once loaded."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prisme.journal.segment import Segment
from prisme.runtime.disk import Disk


def split_into_batches(segments: Iterable[Segment], most_bytes: int) -> Iterator[list[Segment]]:
    """Batches of at most so many bytes, in the order of the segments; a larger segment is a batch of its own."""
    batch: list[Segment] = []
    size = 0
    for segment in segments:
        added = segment.path.stat().st_size
        if batch and size + added > most_bytes:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += added
    if batch:
        yield batch


def remove(segment: Segment, rejected: int, disk: Disk) -> None:
    """Remove a loaded segment. If `rejected` lines include any but a torn last one, rename it to `<name>.rejected`.

    A complete line that is not an event is a defect somewhere, and must not vanish.
    """
    if rejected > _torn_lines(segment.path):
        disk.replace(segment.path, segment.path.with_name(segment.path.name + ".rejected"))
    else:
        disk.unlink(segment.path)


def _torn_lines(path: Path) -> int:
    """1 if the file ends in the middle of a line, as after a power cut; else 0."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return 0
        file.seek(-1, os.SEEK_END)
        return int(file.read() != b"\n")
