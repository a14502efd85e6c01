"""What every reader is given, and the table of readers has to be filled with."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from prisme.imports.items import Item
from prisme.imports.tally import Tally


class Reading(NamedTuple):
    """How to read: `site` is the host for rows that name none, or for all rows; `zone` is for times without a zone.

    `tell` is called now and then with the bytes of the files (as they are on disk) that are done. `temporary` is a
    folder for what does not fit into memory. A reader raises InputError where an option is missing or a file is not of
    its format; a row that it cannot read goes to `tally`, and is never fatal.
    """

    tally: Tally
    temporary: Path
    site: str = ""
    zone: datetime.tzinfo | None = None
    tell: Callable[[int], None] = lambda _: None


class Format(NamedTuple):
    """A format: whether the files look like it (`recognise` never raises), and its items, roughly in order of time.

    `recognise` gets a file's name and its first bytes (at most 64 KiB, decompressed). `follow` is for files that grow:
    it reads them to their end, and then what is added, until the last argument says that it is enough; it gives None
    where nothing new has come for a moment.
    """

    name: str
    recognise: Callable[[str, bytes], bool]
    read: Callable[[Sequence[Path], Reading], Iterator[Item]]
    follow: Callable[[Sequence[Path], Reading, Callable[[], bool]], Iterator[Item | None]] | None = None
