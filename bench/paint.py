"""`python -m bench.paint`: how soon Chromium shows the dashboard over a year of pageviews.

Needs Playwright and Debian's Chromium, as the tests do.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
from playwright.sync_api import Page, sync_playwright

from bench import machine
from bench.figures.scan import MEMORY, THREADS
from bench.markdown import grid, mark, tell_place
from bench.seed import DOMAINS, PAGEVIEWS, SeedError, seed
from bench.server import Server, ServerError, database, running, start_prisme
from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.store.control import Control

TARGET_MS = 200.0
VISITS = 15
# The page that the ratios are relative to: it shows how long a browser needs for any page.
PLAIN = "/login"
PAGES = {
    "log-in page": PLAIN,
    "28 days": "/dashboard",
    "7 days": "/dashboard?period=7d",
    "this year": "/dashboard?period=year",
}
_PASSWORD = "only for the bench"
# For root, and without a screen or network access.
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
# Milliseconds from the start of the navigation. The browser reports a paint a moment later.
_PAINTED = """() => new Promise((told) => {
  const look = () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0]
    const page = performance.getEntriesByType("navigation")[0]
    if (paint) told([page.responseStart, paint.startTime])
    else setTimeout(look, 5)
  }
  look()
})"""


class Paint(msgspec.Struct, frozen=True):
    """One kind of page: milliseconds to its first byte and to its first contentful paint, of each visit in turn."""

    what: str
    first_byte: list[float]
    painted: list[float]


def run(folder: Path, pageviews: int, visits: int) -> list[Paint]:
    """Seed `folder` if needed, serve a copy of it, and open each page once and then `visits` times."""
    folder.mkdir(parents=True, exist_ok=True)
    seed(folder, pageviews, time.time_ns() // 1000)
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder) as name, _serving(folder, Path(name)) as server:
        url = f"http://127.0.0.1:{server.port}"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            stranger, reader = browser.new_context().new_page(), browser.new_context().new_page()
            answer = reader.request.post(f"{url}/login", form={"name": "ada", "password": _PASSWORD})
            if not answer.ok:
                raise ServerError("nobody could log in")
            paints = [
                _open(stranger if path == PLAIN else reader, what, url + path, visits) for what, path in PAGES.items()
            ]
            browser.close()
            return paints


@contextmanager
def _serving(seeded: Path, folder: Path) -> Iterator[Server]:
    data = database(folder).parent
    data.mkdir(mode=0o700)
    shutil.copyfile(seeded / "prisme.duckdb", database(folder))
    options = {"duckdb-memory-limit": MEMORY, "duckdb-threads": str(THREADS), "origins": ",".join(DOMAINS)}
    with running(start_prisme(folder, options)) as server:
        Accounts(Control(data)).add(operator("bench"), "ada", "admin", (), _PASSWORD, int(time.time()))
        yield server
        server.stop()


def _open(page: Page, what: str, url: str, visits: int) -> Paint:
    first_byte, painted = [], []
    for visit in range(visits + 1):
        answer = page.goto(url)
        if answer is None or answer.status != 200:
            raise ServerError(f"{url} was answered with {answer and answer.status}: {page.inner_text('body')[:300]}")
        times = page.evaluate(_PAINTED)
        if visit:
            first_byte.append(round(times[0], 1))
            painted.append(round(times[1], 1))
    return Paint(what, first_byte, painted)


def render(paints: list[Paint], place: dict[str, str], versions: dict[str, str]) -> str:
    """The table, as Markdown."""
    plain = median(paints[0].painted)
    rows = []
    for one in paints:
        paint = median(one.painted)
        target = "-" if one is paints[0] else f"{TARGET_MS:g} ms: {mark(paint < TARGET_MS)}"
        figures = [f"{median(one.first_byte):,.0f}", f"{paint:,.0f}", f"{paint / plain:.2f}"]
        rows.append([one.what, str(len(one.painted)), *figures, target])
    head = ["page", "visits", "first byte, ms", "first contentful paint, ms", "by the log-in page", "target"]
    return f"{grid(head, rows)}\n- Medians; {tell_place(place, versions)}\n"


def _main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench.paint", description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the seeded database here, and use it again on the same day")
    parser.add_argument("--pageviews", type=int, default=PAGEVIEWS, help=f"about so many (default: {PAGEVIEWS:,})")
    parser.add_argument("--visits", type=int, default=VISITS, help=f"of each page (default: {VISITS})")
    flags = parser.parse_args(words)
    if shutil.which("chromium") is None:
        print("bench: chromium is needed: apt install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="prisme-bench-") as name:
        folder = flags.folder or Path(name)
        try:
            paints = run(folder, flags.pageviews, flags.visits)
        except (SeedError, ServerError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        print(render(paints, machine.describe(folder), machine.versions()))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
