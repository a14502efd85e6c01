"""Files for readers, and what readers make of them."""

import bz2
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import zstandard

from prisme.imports.files import read_head
from prisme.imports.items import Item
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally

COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def write(folder: Path, name: str, text: str) -> Path:
    """A file of a text, compressed as its name says."""
    path = folder / name
    path.write_bytes(COMPRESS.get(path.suffix, bytes)(text.encode()))
    return path


def read_all(form: Format, files: Sequence[Path], site: str = "") -> tuple[list[Item], Tally]:
    """The items of files that the format recognises, unless they are empty, and what was counted."""
    for path in files:
        head = read_head(path)
        assert not head or form.recognise(path.name, head)
    tally = Tally()
    temporary = files[0].parent / "temporary"
    items = list(form.read(files, Reading(tally, temporary, site)))
    assert not temporary.exists() or list(temporary.iterdir()) == []
    return items, tally
