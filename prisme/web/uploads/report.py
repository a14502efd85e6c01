"""What an import says of itself at its end: one JSON object, which is the same for a dry run."""

import datetime

import msgspec

from prisme.imports.tally import BadLine


class Report(msgspec.Struct, frozen=True):
    """What was read, and what came of it, or would. Times are in UTC.

    `name` is that of the import, None for a dry run. `sites` are visits by host, `skipped` are rows by the reason;
    `already_there` are visits that are known, `grown` those of them that have more rows now, `overlap_days` days that
    have visits or figures of other origin.
    """

    name: str | None = None
    format: str = ""
    rows: int = 0
    visits: int = 0
    pageviews: int = 0
    events: int = 0
    figures: int = 0
    first: datetime.datetime | None = None
    last: datetime.datetime | None = None
    sites: dict[str, int] = {}
    already_there: int = 0
    grown: int = 0
    overlap_days: int = 0
    skipped: dict[str, int] = {}
    bad: int = 0
    bad_lines: list[BadLine] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to import."""
        return not (self.visits or self.figures or self.grown)


def read_report(output: bytes) -> Report | None:
    """The report that a process wrote, alone or as the last line; None if there is none."""
    for text in (output, output.strip().rpartition(b"\n")[2]):
        try:
            return msgspec.json.decode(text, type=Report)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return None
