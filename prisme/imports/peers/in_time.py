"""Requests in the order of time, as the rule of visits wants them, of sources that have them in any order."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from prisme.imports.items import Request
from prisme.imports.peers.sorting import Sorter, number_key

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Request).decode


def sort_requests(requests: Iterable[Request], folder: Path) -> Iterator[Request]:
    """The requests by their time; those of one microsecond keep their order. `folder` takes what memory cannot."""
    with Sorter(folder) as by_time:
        for number, request in enumerate(requests):
            by_time.add((number_key(max(request.at, 0)), number_key(number)), _encode(request))
        for row in by_time.take(2):
            yield _decode(row[2])
