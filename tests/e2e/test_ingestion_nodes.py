"""An ingestion node learns of sites from another server: two real processes, of which either may be killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.grants import ADMIN, ANNOTATE, QUERY, SITES, STATS, AccessError, operator
from prisme.access.tokens import Tokens
from prisme.store.control import Control
from tests.certificate import make_pair
from tests.process import Process
from tests.server import LiveServer, browser, free_port, make_token, wait_until

API = "/api/v1/sites"
EVENTS = "/api/v1/events/pageviews"


def run(*words: str, folder: Path, fails: bool = False) -> str:
    """Run a command on a folder; gives what it prints, of a failure on standard error."""
    command = [sys.executable, "-m", "prisme", *words, "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def run_site(folder: Path, *words: str, fails: bool = False) -> str:
    return run("site", *words, folder=folder, fails=fails)


def write_token(path: Path, folder: Path, *scopes: str) -> Path:
    """A file with a new token for the server of a folder."""
    path.write_text(make_token(folder, scopes=scopes)["Authorization"].removeprefix("Bearer "))
    return path


class Node(Process):
    """An ingestion node whose only own site is `own.example`."""

    def __init__(self, folder: Path, url: str, token: Path) -> None:
        self.monitoring = free_port()
        super().__init__(
            folder,
            mode="ingestion",
            origins="own.example",
            sites_url=url,
            sites_token_file=str(token),
            admin_hostport=f"127.0.0.1:{self.monitoring}",
        )

    def view(self, host: str) -> int:
        return self.http.post(EVENTS, headers=browser(f"https://{host}/")).status_code

    def counts(self, *hosts: str) -> bool:
        return [self.view(host) for host in hosts] == [200] * len(hosts)

    def refuses(self, *hosts: str) -> bool:
        return [self.view(host) for host in hosts] == [400] * len(hosts)

    def hang_up(self) -> None:
        """Have it ask at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def warnings(self) -> list[str]:
        return [line["msg"] for line in self.log() if line["level"] == 40 and "list of sites" in line["msg"]]

    def read_age(self) -> float:
        text = httpx.get(f"http://127.0.0.1:{self.monitoring}/metrics").text
        (line,) = [line for line in text.splitlines() if line.startswith("sites_age_seconds ")]
        return float(line.partition(" ")[2])


@pytest.fixture
def main(tmp_path: Path) -> Iterator[Process]:
    """The server with the sites."""
    with Process(tmp_path / "main", origins="example.com", aliases="www.example.com=example.com") as server:
        server.start()
        yield server


@pytest.fixture
def node(tmp_path: Path, main: Process) -> Iterator[Node]:
    """A node of it, to be started."""
    token = tmp_path / "token"
    token.write_text(run("token", "add", "nodes", "--scope", "sites", folder=main.folder))
    with Node(tmp_path / "node", f"http://127.0.0.1:{main.port}", token) as made:
        yield made


def test_sites_come_and_go_without_a_restart(main: Process, node: Node) -> None:
    run_site(main.folder, "add", "early.example")
    node.start()
    # From the very first event on.
    assert node.counts("own.example", "example.com", "www.example.com", "early.example")
    assert node.refuses("late.example")
    run_site(main.folder, "add", "late.example", "--alias", "www.late.example")
    wait_until(lambda: node.counts("late.example", "www.late.example"), "the interval of some 30 seconds")
    listed = run_site(node.folder, "list").splitlines()
    url = f"http://127.0.0.1:{main.port}"
    # The command does not know of the node's option origins, and has its own default.
    assert [line.split()[:3] for line in listed[3:]] == [
        ["early.example", url, "-"],
        ["example.com", url, "www.example.com"],
        ["late.example", url, "www.late.example"],
    ]
    told = run_site(node.folder, "remove", "late.example", fails=True)
    assert told == f"prisme: late.example is from {url}: remove it there\n"
    run_site(node.folder, "add", "mine.example")
    run_site(main.folder, "remove", "late.example")
    node.hang_up()
    wait_until(lambda: node.refuses("late.example", "www.late.example"), "the site to be gone")
    assert node.counts("own.example", "example.com", "early.example", "mine.example")
    assert node.stop() == main.stop() == 0
    assert node.warnings() == []
    domains = [domain for (domain,) in node.rows("SELECT DISTINCT domain FROM sessions ORDER BY domain")]
    assert domains == ["early.example", "example.com", "late.example", "mine.example", "own.example"]


def test_a_node_goes_on_while_the_server_is_away(main: Process, node: Node) -> None:
    run_site(main.folder, "add", "early.example", "--alias", "www.early.example")
    node.start()
    known = ("example.com", "early.example", "www.early.example", "own.example")
    assert node.counts(*known)
    assert node.read_age() < 30
    main.kill()
    for _ in range(3):
        node.hang_up()
        wait_until(lambda: len(node.warnings()) == 1, "the warning")
        assert node.counts(*known)
    for life in (2, 3):
        node.kill() if life == 2 else node.stop()
        node.start()
        wait_until(lambda life=life: len(node.warnings()) == life, "a warning in each life")
        assert node.counts(*known)
        assert node.refuses("late.example")
        assert node.http.get("/api/v1/healthcheck").status_code == 200
    assert all("nothing listens on 127.0.0.1" in told for told in node.warnings())
    assert all("; 2 sites and 2 aliases, read at 20" in told for told in node.warnings())
    wait_until(lambda: node.read_age() > 1, "the age to grow")
    run_site(main.folder, "add", "late.example")
    main.start()
    node.hang_up()
    wait_until(lambda: node.counts("late.example"), "the new site")
    assert node.read_age() < 30
    again = f"the list of sites is read from http://127.0.0.1:{main.port} again"
    assert [line["msg"] for line in node.log()].count(again) == 1
    assert len(node.warnings()) == 3
    assert node.stop() == 0


def test_a_node_that_knows_nothing_yet_starts_without_the_server(main: Process, node: Node) -> None:
    main.kill()
    node.start()
    assert node.counts("own.example")
    assert node.refuses("example.com")
    (told,) = node.warnings()
    assert told.endswith("no sites of that server are known yet")
    main.start()
    node.hang_up()
    wait_until(lambda: node.counts("example.com"), "the sites")


def test_wrong_tokens_say_what_to_do(main: Process, node: Node, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("prtok_wrong")
    node.start()
    for scopes in ((STATS,), (ADMIN,), (SITES,)):
        before = len(node.warnings())
        write_token(file, main.folder, *scopes)
        node.hang_up()
        if scopes != (SITES,):
            wait_until(lambda before=before: len(node.warnings()) > before, "another reason")
            assert node.refuses("example.com")
    wait_until(lambda: node.counts("example.com"), "the sites")
    reasons = ("it does not know the token", "the token lacks the scope sites", "the token has the scope admin")
    for told, reason in zip(node.warnings(), reasons, strict=True):
        assert f": {reason}" in told
        assert "scope sites" in told
    assert "prtok_" not in node.text()


def test_a_reload_changes_the_server(main: Process, tmp_path: Path) -> None:
    with Process(tmp_path / "other", origins="other.example") as other:
        other.start()
        token = write_token(tmp_path / "token", main.folder, SITES)
        file = tmp_path / "prisme.toml"

        def write(url: str, token: Path) -> None:
            file.write_text(f'mode = "ingestion"\nsites_url = "{url}"\nsites_token_file = "{token}"\n')

        write(f"http://127.0.0.1:{main.port}", token)
        with Node(tmp_path / "node", "", token) as node:
            node.options |= {"mode": None, "sites_url": None, "sites_token_file": None, "config": str(file)}
            node.start()
            assert node.counts("example.com")
            write(f"http://127.0.0.1:{other.port}/", write_token(tmp_path / "second", other.folder, SITES))
            node.hang_up()
            wait_until(lambda: node.counts("other.example"), "the other server's site")
            assert node.refuses("example.com")
            file.write_text('mode = "ingestion"')
            node.hang_up()
            wait_until(lambda: node.refuses("other.example"), "the site to be forgotten")
            assert node.counts("own.example")
            assert node.stop() == 0
        assert f"1 site and 0 aliases of http://127.0.0.1:{other.port} are forgotten" in node.text()


def test_https_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = make_pair(tmp_path)
    with LiveServer(tmp_path / "main", base_path="/stats", **pair.options()) as main:
        token = write_token(tmp_path / "token", main.folder, SITES)
        with Node(tmp_path / "node", f"{main.url}/stats/", token) as node:
            node.start()
            assert "is not valid (self-signed certificate)" in node.warnings()[0]
            assert node.refuses("example.com")
            node.kill()
            monkeypatch.setenv("SSL_CERT_FILE", str(pair.tls_certificate))
            node.start()
            assert node.counts("example.com")


def test_the_scope_reads_names_and_nothing_else(tmp_path: Path) -> None:
    with LiveServer(tmp_path, aliases="www.example.com=example.com") as server:
        node: dict[str, Any] = {"headers": server.make_token(scopes=(SITES,))}
        admin: dict[str, Any] = {"headers": server.make_token(scopes=(ADMIN,))}
        listed = server.http.get(API, **node)
        assert listed.json() == {
            "sites": [{"name": "example.com"}, {"name": "*.example.com"}],
            "aliases": [{"host": "www.example.com", "site": "example.com"}],
        }
        assert listed.headers["cache-control"] == "private, no-cache"
        known = {"If-None-Match": listed.headers["etag"]}
        same = server.http.get(API, headers=node["headers"] | known)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", listed.headers["etag"])
        assert server.http.post(API, json={"name": "new.example"}, **admin).status_code == 201
        changed = server.http.get(API, headers=node["headers"] | known)
        assert (changed.status_code, changed.json()["sites"][-1]) == (200, {"name": "new.example"})
        run_site(tmp_path, "remove", "new.example")  # by another process
        assert server.http.get(API, headers=node["headers"] | known).status_code == 304
        for path in ("users", "tokens", "shares", "audit", "annotations", "stats/visitors"):
            assert server.http.get(f"/api/v1/{path}", **node).status_code in {400, 403}, path
        assert server.http.post("/mcp", json={}, **node).status_code == 403
        assert server.http.post("/api/v1/query", json={"sql": "SELECT 1"}, **node).status_code == 403
        for method, path in (("POST", API), ("PATCH", f"{API}/example.com"), ("DELETE", f"{API}/example.com")):
            assert server.http.request(method, path, json={}, **node).status_code == 403, path
        for scope in (STATS, ANNOTATE, QUERY):
            other = server.http.get(API, headers=server.make_token(scopes=(scope,)))
            assert (other.status_code, other.text) == (403, "this needs a token with the scope sites, or an admin\n")
        with pytest.raises(AccessError, match="the scope sites includes all domains"):
            Tokens(Control(tmp_path)).add(operator("test"), "t", 1, scopes=(SITES,), domains=("example.com",))
