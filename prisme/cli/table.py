"""Results of queries as tables of text, for people."""

import json
from collections.abc import Sequence
from decimal import Decimal

from wcwidth import wcswidth

from prisme.runtime.terminal import escape

# A longer text would leave nothing of the other columns.
_WIDEST = 60
_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")


def format_table(result: bytes, is_cut_to_fit: bool) -> str:
    """The table of a result in JSON, as `query` sends it; long texts are shortened where they have to fit."""
    # Numbers with a point keep their digits: DuckDB's may have more than a float.
    read = json.loads(result, parse_float=Decimal)
    columns, rows = read["columns"], read["rows"]
    heads = [escape(column["name"]) for column in columns]
    cells = [[_cell(value, is_cut_to_fit) for value in row] for row in rows]
    widths = [max(map(_width, texts)) for texts in zip(heads, *cells, strict=True)]
    right = [any(name in column["type"] for name in _NUMBERS) and "[" not in column["type"] for column in columns]
    lines = [
        _line(heads, widths, [False] * len(widths)),
        "-+-".join("-" * width for width in widths),
        *(_line(row, widths, right) for row in cells),
        f"({len(rows)} row{'' if len(rows) == 1 else 's'}{', and there are more' if read['truncated'] else ''})",
    ]
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return " | ".join(_pad(*cell) for cell in zip(texts, widths, right, strict=True)).rstrip()


def _pad(text: str, width: int, is_right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if is_right else text + space


def _width(text: str) -> int:
    """Columns of the terminal; escaped texts have no character without a width."""
    return len(text) if text.isascii() else max(wcswidth(text), 0)


def _cell(value: object, is_cut_to_fit: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = escape(_text(value))
    return f"{text[: _WIDEST - 1]}…" if is_cut_to_fit and _width(text) > _WIDEST else text


def _text(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)
    return "" if value is None else str(value)
