"""Follows the links of pages, and tells which leave a path."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tests.faults.load import LONG

Get = Callable[[str], httpx.Response]
_URLS = ("href", "src", "action", "data-exclude", "data-add", "data-live")


class Link(NamedTuple):
    """An address in a page, resolved, and the element that has it; `method` is that of a form."""

    url: str
    element: str
    method: str


class _Links(HTMLParser):
    """Collects the links of a page."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self._base = base

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in _URLS:
            if given.get(name):
                self.links.append(Link(urljoin(self._base, given[name]), tag, (given.get("method") or "get").lower()))


def find_links(page: httpx.Response) -> list[Link]:
    """All addresses in a page."""
    parser = _Links(str(page.url))
    parser.feed(page.text)
    return parser.links


def crawl(get: Get, host: str, root: str, *starts: str) -> tuple[set[str], set[str]]:
    """Request all that the pages from `starts` on link to on `host`, and check that it is below `root`.

    The paths of pages that were found, and those of forms that change something. A link is
    followed if its path is new, or one of its parameters is: whatever the path, but for the long version.
    """
    queue, seen, pages, forms = [*starts], set[tuple[str, str]](), set[str](), set[str]()
    while queue:
        url = queue.pop()
        answer = get(url)
        assert answer.status_code in {200, 303}, (url, answer.status_code, answer.text[-300:])
        found = [Link(urljoin(url, answer.headers["location"]), "redirect", "get")] if answer.status_code == 303 else []
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages.add(urlsplit(url).path)
            found += find_links(answer)
        for link in found:
            parts = urlsplit(link.url)
            if parts.netloc != host:
                continue
            assert parts.path.startswith(f"{root}/"), (url, link)
            if link.element == "form":
                forms |= {parts.path} if link.method == "post" else set()
                continue
            path = parts.path if LONG else ""
            new = {(parts.path, ""), *((path, name) for name in parse_qs(parts.query))} - seen
            if new:
                seen |= new
                queue.append(link.url)
    return pages, forms
