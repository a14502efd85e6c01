"""`python -m tests.pictures`: makes the pictures of the documentation, from the demo's visits of a fixed seed.

They differ from day to day, as the visits end with now; look at them before they are committed.
"""

import tempfile
import time
from pathlib import Path
from typing import Literal, TypedDict

from playwright.sync_api import sync_playwright

from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.demo.filling import fill
from prisme.demo.goals import define_goals
from prisme.demo.traffic import DAY, SITES, make_traffic
from prisme.store.control import Control
from tests.requirements import need
from tests.server import LiveServer, config_for, free_port

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PASSWORD = "only for the pictures"


class Media(TypedDict, total=False):
    """What a browser may be told of its screen or paper."""

    color_scheme: Literal["light", "dark"]
    media: Literal["screen", "print"]


LIGHT: Media = {"color_scheme": "light", "media": "screen"}
DASHBOARD = f"/dashboard?domain={SITES[0]}"
# The page, width and height in CSS pixels, and what the browser is told.
PICTURES: dict[str, tuple[str, int, int, Media]] = {
    "light": (DASHBOARD, 1200, 1330, LIGHT),
    "dark": (DASHBOARD, 1200, 1330, {"color_scheme": "dark"}),
    "phone": (DASHBOARD, 390, 844, LIGHT),
    "print": (DASHBOARD, 794, 1123, {"media": "print"}),
    "live": (f"/dashboard/live?domain={SITES[0]}", 1200, 800, LIGHT),
    "sites": ("/sites", 1200, 560, LIGHT),
    "site": (f"/site?host={SITES[0]}", 1200, 1330, LIGHT),
    "sites-phone": ("/sites", 390, 844, LIGHT),
    "site-phone": (f"/site?host={SITES[0]}", 390, 844, LIGHT),
}


def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), time.time_ns() // 1000
        start, origins = (now - 90 * DAY) // DAY * DAY, ",".join(SITES)
        config = config_for(folder, free_port(), origins=origins)
        fill(config, make_traffic(start, now, 15_000, 1), start, lambda *_: None)
        define_goals(folder, now // 1_000_000)
        with LiveServer(folder, origins=f"{origins},blog.example.com") as server:
            Accounts(Control(folder)).add(operator("pictures"), "ada", "admin", (), PASSWORD, int(time.time()))
            draw(server.url)


def draw(url: str) -> None:
    """Take each picture."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=["--no-sandbox"])
        context = browser.new_context(timezone_id="UTC", reduced_motion="reduce")
        context.request.post(f"{url}/login", form={"name": "ada", "password": PASSWORD})
        page = context.new_page()
        for name, (address, width, height, media) in PICTURES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(**media)
            page.goto(url + address)
            path = FOLDER / f"{name}.png"
            page.screenshot(path=path)
            print(f"{path.name}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main()
