"""The docs are true: examples run, tables are whole, links lead somewhere, versions agree."""

import contextlib
import re
import shlex
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prisme import __version__
from prisme.base import refusal, uri
from prisme.base.refusal import Refusal
from prisme.cli.main import main
from prisme.stats.parameters import MOST_BUCKETS, MOST_YEARS
from tests.checkout import ROOT
from tests.requirements import need
from tests.server import LiveServer, browser

DOCS = ROOT / "docs"
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "SECURITY")), *sorted(DOCS.glob("*.md"))]
HTTP_API = (DOCS / "http-api.md").read_text()
STATS_API = (DOCS / "stats-api.md").read_text()
TABLES = (DOCS / "tables.md").read_text()
PRIVACY = (DOCS / "privacy.md").read_text()

# An example, and the answer that follows it.
EXAMPLES = re.findall(r"^```sh\n(curl .*?)^```\n\n```text\n(.*?)^```$", HTTP_API, re.DOTALL | re.MULTILINE)
QUESTIONS = re.findall(r"^```sql\n(.*?)^```$", TABLES, re.DOTALL | re.MULTILINE)


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, its head left out; code marks are cut."""
    section = re.split(r"^#", text.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)[2:]
    assert lines, heading
    return [[cell.strip().strip("`") for cell in line.split("|")] for line in lines]


def project() -> dict[str, list[str]]:
    """The names of what `pyproject.toml` asks for, by purpose."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        "## To run": read["project"]["dependencies"],
        "### With the extra `clickhouse`": read["project"]["optional-dependencies"]["clickhouse"],
        "## To build": read["build-system"]["requires"],
        "## To test": read["project"]["optional-dependencies"]["test"],
        "### To test for longer": read["project"]["optional-dependencies"]["fuzz"],
    }
    return {purpose: [re.split(r"[^\w-]", line)[0] for line in lines] for purpose, lines in wanted.items()}


@pytest.mark.parametrize("purpose", project())
def test_dependencies_are_explained(purpose: str) -> None:
    explained = [name for name, _ in rows((DOCS / "dependencies.md").read_text(), purpose)]
    assert sorted(explained) == sorted(project()[purpose])


def test_dependencies_are_pinned() -> None:
    lock = (ROOT / ".ci" / "lock.txt").read_text()
    pinned = set(re.findall(r"^([\w-]+)==\S+", lock, re.MULTILINE))
    assert {name for purpose in project() if purpose != "## To build" for name in project()[purpose]} <= pinned
    assert not re.search(r"://|^-|@|file:", lock, re.MULTILINE), "names an index or a machine"


def test_changelog_begins_with_this_version() -> None:
    (head, *_) = re.findall(r"^## \[(.+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert head == __version__


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files of this repository that a page links to, with anchors."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = [(target, anchor) for target, anchor in links(page) if not _is_there(target, anchor)]
    assert lost == []


def _is_there(target: Path, anchor: str) -> bool:
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in links(page) if target.suffix == ".md" and target.exists()]
    assert set(PAGES) <= reached


def test_http_examples_answer_as_written(start: Callable[..., LiveServer]) -> None:
    need("curl", "curl")
    server = start(origins="example.com")
    assert len(EXAMPLES) == HTTP_API.count("\ncurl ")
    for command, answer in EXAMPLES:
        line = command.replace("http://localhost:8000", server.url)
        told = subprocess.run(["sh", "-c", line], capture_output=True, text=True).stdout.splitlines()
        missing = [expected for expected in answer.splitlines() if expected not in told]
        assert not missing, (command, told)


def test_http_examples_are_stored_as_written(asked: LiveServer) -> None:
    """One row for each example of an event, in the order of the page."""
    order = "ORDER BY timestamp"
    assert asked.rows(f"SELECT domain, path, status FROM pageviews {order}") == [
        ("example.com", "/pricing", 200),
        ("example.com", "/lost", 404),
    ]
    assert asked.rows(f"SELECT path, name, properties FROM events_custom {order}") == [
        ("/lost", "sign_up", '{"plan": "pro", "seats": 3}'),
        ("/lost", "sign_up", '{"plan":"pro","seats":3}'),
    ]
    assert asked.rows("SELECT path, url FROM file_downloads") == [("/lost", "https://example.com/brochure.pdf")]
    assert asked.rows(f"SELECT path, link FROM outbound_link_clicks {order}") == [
        ("/lost", "https://www.example.org/"),
        ("/lost", "https://www.example.org/a?b=c"),
    ]
    columns = "entry_path, exit_path, exit_status, pageviews, referrer_domain, utm_source, browser_family"
    assert asked.rows(f"SELECT {columns} FROM sessions") == [
        ("/pricing", "/lost", 404, 2, "www.example.org", "letter", "Firefox")
    ]


def test_every_endpoint_has_an_example() -> None:
    commands = [command.replace("custom/sign_up", "custom/:name").replace("\n", " ") for command, _ in EXAMPLES]
    endpoints = [cell for row in rows(f"\n{HTTP_API}", "# HTTP API") for cell in row[1:]]
    paths = {path for cell in endpoints for path in re.findall(r"/api/v1/[\w/:-]+", cell)} | {"/api/v1/healthcheck"}
    assert len(paths) == 8
    assert [path for path in paths if not any(f"8000{path} " in command for command in commands)] == []


@pytest.mark.parametrize(("sent", "domain", "path"), rows(HTTP_API, "## URLs"))
def test_urls_are_stored_as_written(sent: str, domain: str, path: str) -> None:
    read = uri.parse(sent.encode())
    assert read is not None
    assert (read.domain, read.path) == (domain, path)


def test_limits_of_spans_are_explained() -> None:
    assert (
        f"at most {MOST_YEARS} years, between 1970 and 9998, and a series at most {MOST_BUCKETS:,} values" in STATS_API
    )


def test_refusals_are_all_explained() -> None:
    known = {(str(one.status), one.reason) for one in vars(refusal).values() if isinstance(one, Refusal)}
    tables = [*rows(HTTP_API, "## Refusals"), *rows(STATS_API, "## Errors")]
    explained = [(status, reason) for status, reason, _ in tables]
    assert sorted(explained) == sorted(known)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that has stored what the examples of the HTTP API send."""
    need("curl", "curl")
    with LiveServer(tmp_path_factory.mktemp("asked"), origins="example.com") as server:
        for command, _ in EXAMPLES:
            subprocess.run(["sh", "-c", command.replace("http://localhost:8000", server.url)], capture_output=True)
        yield server


def test_tables_have_the_columns_that_are_explained(asked: LiveServer) -> None:
    query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database()"
    tables = [name for (name,) in asked.rows(query)]
    assert set(tables) == {*re.findall(r"^## `(\w+)`$", TABLES, re.MULTILINE), "schema_version"}
    for table in set(tables) - {"schema_version"}:
        columns = [column[:2] for column in asked.rows(f"DESCRIBE {table}")]
        assert columns == [(name, kind) for name, kind, _ in rows(TABLES, f"## `{table}`")]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.partition("\n")[0])
def test_questions_have_answers(asked: LiveServer, question: str) -> None:
    assert asked.rows(question)


def test_questions_are_answered_among_odd_events(start: Callable[..., LiveServer]) -> None:
    server = start(origins="example.com")
    headers = {**browser("https://example.com/pricing"), "Content-Type": "application/json"}
    for seats in ("3", '"many"', '{"a": 1}', "[]", "null", "true", "1e300", '""'):
        body = f'{{"plan": {seats}, "seats": {seats}}}'.encode()
        assert server.http.post("/api/v1/events/custom/sign_up", headers=headers, content=body).is_success
    assert server.http.post("/api/v1/events/custom/sign_up", headers=headers, content=b"{}").is_success
    for question in QUESTIONS:
        server.rows(question)
    (found,) = (row for row in rows(TABLES, "## `events_custom`") if row[0] == "properties")
    text, number = (expression for expression in found[2].split("`") if "->>'" in expression)
    assert len(server.rows(f"SELECT {text} FROM events_custom")) == 9
    assert server.rows(f"SELECT sum({number}) FROM events_custom WHERE {number} IS NOT NULL") == [(3,)]


@pytest.mark.parametrize("deletion", re.findall(r"^prisme (delete .*)$", PRIVACY, re.MULTILINE))
def test_deletions_leave_nothing(start: Callable[..., LiveServer], deletion: str) -> None:
    """Of two visitors, the one that is old and has an id goes; the other one stays."""
    server = start(origins="example.com")

    def visit(page: str, visitor: str) -> None:
        headers = browser(f"https://example.com/{page}", X_Prisme_Visitor_Id=visitor)
        for path, body in (
            ("pageviews", b""),
            ("custom/x", b""),
            ("file-downloads", b"https://example.com/a"),
            ("outbound-links", b"https://example.org/a"),
        ):
            answer = server.http.post(f"/api/v1/events/{path}", headers=headers, content=body)
            assert answer.status_code == 200

    server.time.move(-400 * 86_400)
    visit("old", "member-17")
    server.time.move(400 * 86_400)
    visit("new", "member-18")
    server.settle()
    assert main([*shlex.split(deletion), "--yes", "--data-dir", str(server.folder)]) == 0
    for table in set(re.findall(r"^## `(\w+)`$", TABLES, re.MULTILINE)) - {"imported_figures"}:
        assert server.rows(f"SELECT visitor_id FROM {table}") == [("member-18",)], table


def test_privacy_names_what_is_there(asked: LiveServer) -> None:
    asked.settle()
    with contextlib.closing(sqlite3.connect(asked.folder / "secrets.sqlite")) as secrets:
        keys = secrets.execute("SELECT name, length(salt) FROM salts").fetchall()
    assert sorted(keys) == [("next", 16), ("previous", 16), ("today", 16)]
    places = " ".join(row[0] for row in rows(PRIVACY, "## What is where, and for how long"))
    kept = {path.name for path in asked.folder.iterdir()}
    unnamed = {name for name in kept if name not in places and not name.startswith("prisme.duckdb")}
    # The first has the process's id; DuckDB's scratch files go with it.
    assert unnamed <= {"lock", "tmp"}, "say in docs/privacy.md what is in it"
