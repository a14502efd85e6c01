"""The badge of a site: a label and a number as SVG, legible on any background."""

from html import escape
from typing import Final

_HEIGHT: Final = 20
_PADDING: Final = 7
# Widths of letters at 11 pixels, about; `textLength` fits the text of any font into their sum.
_LETTER: Final = 6.3
_OTHERS: Final = dict.fromkeys(" .,ijlt", 3.4) | dict.fromkeys("frs", 4.9) | dict.fromkeys("mwM", 9.3)
_BOLD: Final = 1.06
_SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" aria-label="{title}">'
    "<title>{title}</title>"
    '<rect width="{width}" height="{height}" rx="4" fill="#2b2f3a"/>'
    '<path d="M{split} 0H{inner}a4 4 0 0 1 4 4V16a4 4 0 0 1-4 4H{split}Z" fill="#3a4fc4"/>'
    '<rect x=".5" y=".5" width="{edge}" height="19" rx="3.5" fill="none" stroke="#fff" stroke-opacity=".3"/>'
    '<g fill="#fff" font-family="system-ui,Verdana,Arial,sans-serif" font-size="11">'
    '<text x="{padding}" y="14" textLength="{label_length}">{label}</text>'
    '<text x="{value_at}" y="14" textLength="{value_length}" font-weight="600">{value}</text></g></svg>'
)


def draw_badge(label: str, value: str) -> str:
    """The SVG with a label at the left and a value at the right."""
    lengths = [_measure(label), round(_measure(value) * _BOLD, 1)]
    split = round(lengths[0] + 2 * _PADDING)
    width = round(split + lengths[1] + 2 * _PADDING)
    return _SVG.format(
        width=width,
        height=_HEIGHT,
        inner=width - 4,
        edge=width - 1,
        split=split,
        padding=_PADDING,
        value_at=split + _PADDING,
        label_length=lengths[0],
        value_length=lengths[1],
        label=escape(label),
        value=escape(value),
        title=escape(f"{label}: {value}"),
    )


def _measure(text: str) -> float:
    """About how wide a text is, in pixels."""
    return round(sum(_OTHERS.get(letter, _LETTER) for letter in text), 1)
