"""What a server leaves out of memory until somebody needs it."""

import subprocess
import sys
from pathlib import Path

# Ten megabytes, and 25 for the patterns of User-Agents.
LATE = ("jinja2", "prometheus_client", "segno", "ua_parser", "ua_parser_rs", "ua_parser_builtins")
SCRIPT = """
import pathlib, sys
from tests.server import CHROME, LiveServer

late, folder = sys.argv[2:], pathlib.Path(sys.argv[1])
with LiveServer(folder, origins="a.example") as server:
    print(*(name for name in late if name in sys.modules))
    told = {"User-Agent": CHROME, "Origin": "https://a.example", "X-Prisme-Referrer": "https://a.example/"}
    assert server.http.post("/api/v1/events/pageviews", headers=told).status_code == 200
    assert server.http.get("/login").status_code == 200
    print(*(name for name in late if name in sys.modules))
"""


def test_an_idle_server_has_imported_only_what_it_needs(tmp_path: Path) -> None:
    words = [sys.executable, "-c", SCRIPT, str(tmp_path), *LATE]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    idle, used = done.stdout.splitlines()[:2]
    assert idle == ""
    assert used.split() == ["jinja2", "ua_parser", "ua_parser_rs", "ua_parser_builtins"]
