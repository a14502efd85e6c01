"""Answers to questions: two columns, keys and their values, between two moments."""

import csv
import io

import msgspec

Key = int | str


class Frame(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """`from` and `to` are Unix seconds. A series has the Unix seconds at which its buckets begin as keys."""

    start: int
    end: int
    keys: list[Key]
    values: list[int | float]

    def to_csv(self) -> str:
        """RFC 4180, with a head."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("key", "value"))
        writer.writerows(zip(self.keys, self.values, strict=True))
        return text.getvalue()
