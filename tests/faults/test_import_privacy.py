"""Nothing of a visitor stays of an imported log: every byte of the data folder and of the server's log is searched."""

import subprocess
import sys
import time
from pathlib import Path

from prisme.cli.main import main
from tests.checkout import ROOT
from tests.faults.leak_search import PLANTED, needles_of, read_folder, read_tables, search
from tests.imports.log_lines import START
from tests.process import Process
from tests.server import wait_until

SITE = "example.com"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.7) Gecko/20100101 Firefox/140.7 Marked"
BOT = "Mozilla/5.0 (compatible; Markedbot/2.7; +http://marked.example/)"
ADDRESSES: dict[str, tuple[str, ...]] = {
    "198.51.100.77": ("198.51.100.",),
    "203.0.113.201": ("203.0.113.",),
    "2001:db8:aa55:1::77": ("2001:db8:aa55",),
    "::ffff:192.0.2.66": ("192.0.2.",),
}
NEEDLES = needles_of(ADDRESSES) | {text: text.encode() for text in ("Marked", "marked-user", "marked-query")}
LINES = 20_000


def make_log(path: Path) -> Path:
    """Lines of visitors and bots, and lines that cannot be read, all of which name whom they are of."""
    lines = []
    for number in range(LINES):
        address = list(ADDRESSES)[number % 4]
        at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(START + number * 60))
        agent = BOT if number % 7 == 0 else AGENT
        lines.append(
            f'{address} - marked-user [{at}] "GET /p/{number % 50}?q=marked-query HTTP/1.1" 200 102 '
            f'"https://search.example/?q=marked-query" "{agent}"'
        )
        if number % 999 == 0:
            lines.append(f'{address} - marked-user [not a time] "{agent}"')
    path.write_text("\n".join(lines) + "\n")
    return path


def find_leaks(server: Process) -> set[tuple[str, str]]:
    files = read_folder(server.folder) | {"server.log": server.folder.with_suffix(".log").read_bytes()}
    planted = {"planted": PLANTED.encode()}
    assert search(files | {"log": PLANTED.encode()}, NEEDLES | planted) >= {("planted", "log")}
    return search(files, NEEDLES)


def test_nothing_of_whom_a_log_names_stays(tmp_path: Path) -> None:
    log = make_log(tmp_path / "access.log")
    words = ["import", "access-log", str(log), "--site", SITE, "--json", "--data-dir", str(tmp_path / "data")]
    command = [sys.executable, "-m", "prisme", *words]
    with Process(tmp_path / "data", debug="true", access_log=str(tmp_path / "data" / "access.log")) as server:
        server.start()
        begun = subprocess.Popen([*command, "--yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        wait_until(lambda: any((server.folder / "tmp").glob("import-*")), "it to read")
        assert not find_leaks(server)
        begun.kill()
        begun.communicate()
        assert not find_leaks(server)
        tried = subprocess.run([*command, "--dry-run"], capture_output=True, cwd=ROOT, check=True)
        assert b"203.0.113." in tried.stdout, "bad lines are shown to whoever imports"
        assert not find_leaks(server)
        done = subprocess.run([*command, "--yes"], capture_output=True, cwd=ROOT, check=True)
        assert b'"access-log-1"' in done.stdout
        assert not find_leaks(server)
        server.kill()
        assert not find_leaks(server)
    tables = read_tables(tmp_path / "data")
    assert "state.imports" in tables
    assert b"marked-user" not in tables["state.imports"]
    assert not search(tables, NEEDLES)
    assert main(["import", "undo", "access-log-1", "--yes", "--quiet", "--data-dir", str(tmp_path / "data")]) == 0
    assert not search(read_tables(tmp_path / "data"), NEEDLES)
