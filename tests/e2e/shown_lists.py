"""What pages show of lists: in a page's text, or in a browser."""

import html
import re
from typing import NamedTuple

from playwright.sync_api import Page, expect


class Shown(NamedTuple):
    """What a panel shows: the heads of its columns, the texts of its rows' cells, and where its JSON is."""

    heads: list[str]
    rows: list[list[str]]
    json: str


def show_list(text: str, panel: str) -> Shown:
    part = cut_panel(text, panel)
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', part)
    rows = [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part.partition("<tbody>")[2], re.DOTALL)
    ]
    (json,) = re.findall(r'<a href="([^"]+)">JSON', part)
    return Shown(heads, [row[: len(heads)] for row in rows], html.unescape(json))


def cut_panel(text: str, panel: str) -> str:
    """The HTML of one panel."""
    part = text[text.index(f'<section class="panel" id="{panel}"') :]
    return part[: part.index("</section>")]


def find_links(text: str, panel: str, name: str) -> list[str]:
    """Where the panel's links with this text lead."""
    links = re.findall(r'<a\b[^>]*?\bhref="([^"]+)"[^>]*>(.*?)</a>', cut_panel(text, panel), re.DOTALL)
    return [html.unescape(url) for url, shown in links if html.unescape(re.sub(r"<[^>]+>", "", shown)).strip() == name]


def sorted_by(page: Page, head: str, direction: str) -> None:
    expect(page.locator("thead [aria-sort]")).to_have_attribute("aria-sort", direction)
    expect(page.locator("thead [aria-sort]")).to_contain_text(head)


def column(page: Page, head: str) -> list[str]:
    heads = page.locator("thead th").all_inner_texts()
    place = next(number for number, text in enumerate(heads) if text.startswith(head))
    return page.locator(f"tbody tr td:nth-child({place + 1})").all_inner_texts()
