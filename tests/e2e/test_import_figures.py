"""Figures of the past are right at once after an import and after its undo, although they were asked for before."""

from pathlib import Path
from typing import Any

from prisme.cli.main import main
from tests.imports.log_lines import text
from tests.server import LiveServer, browser

SITE = "example.com"
PERIODS = (
    "from=2026-09-01&to=2026-09-02",
    "from=2026-08-01&to=2026-09-01",
    "from=2026-08-30&to=2026-09-03&interval=day&tz=Asia/Tokyo",
    "from=2026-08-01&to=2026-10-01&domain=example.com",
)
FIGURES = ("visitors", "sessions", "pageviews", "bounces", "top-pages", "top-sources", "top-browsers", "dashboard")


def ask(server: LiveServer, token: dict[str, str]) -> dict[str, Any]:
    """All figures of all periods; those of the dashboard with the periods that they are compared with."""
    found = {}
    for figure in FIGURES:
        for period in (*PERIODS, "from=2026-09-02&to=2026-09-03&compare=previous"):
            if figure == "dashboard" or "compare" not in period:
                answer = server.http.get(f"/api/v1/stats/{figure}?{period}", headers=token)
                assert answer.status_code == 200, (figure, period, answer.text)
                found[f"{figure}?{period}"] = answer.json()
    return found


def test_figures_that_were_asked_for_before(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(4000)))
    with LiveServer(tmp_path / "data") as server:
        page = f"https://{SITE}/live"
        assert server.http.post("/api/v1/events/pageviews", headers=browser(page)).status_code == 200
        server.settle()
        token = server.make_token()
        before = ask(server, token)
        assert ask(server, token) == before
        words = ["--quiet", "--yes", "--data-dir", str(server.folder)]
        assert main(["import", "access-log", str(log), "--site", SITE, *words]) == 0
        after = ask(server, token)
        assert after[f"pageviews?{PERIODS[0]}"] != before[f"pageviews?{PERIODS[0]}"]
        assert sum(after[f"pageviews?{PERIODS[0]}"]["values"]) == 4000
    with LiveServer(tmp_path / "data") as server:
        assert ask(server, token) == after, "a server that has kept nothing says the same"
        assert main(["import", "undo", "access-log-1", *words]) == 0
        assert ask(server, token) == before
