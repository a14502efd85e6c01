"""`python -m tests.pictures`: makes the README's pictures of the dashboard, from the demo's visits of a fixed seed.

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


# Width and height in CSS pixels, and what the browser is told.
PICTURES: dict[str, tuple[int, int, Media]] = {
    "light": (1200, 1330, {"color_scheme": "light"}),
    "dark": (1200, 1330, {"color_scheme": "dark"}),
    "phone": (390, 844, {"color_scheme": "light"}),
    "print": (794, 1123, {"media": "print"}),
}


def main() -> None:
    """Make all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), time.time_ns() // 1000
        start, origins = (now - 90 * DAY) // DAY * DAY, ",".join(SITES)
        config = config_for(folder, free_port(), origins=origins)
        fill(config, make_traffic(start, now, 15_000, 1), start, lambda *_: None)
        with LiveServer(folder, origins=origins) as server:
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
        for name, (width, height, media) in PICTURES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(**media)
            page.goto(f"{url}/dashboard")
            path = FOLDER / f"{name}.png"
            page.screenshot(path=path)
            print(f"{path.name}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main()
