"""The page of imports: upload, look, import, undo; with forms alone, and what it refuses."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.wiring import reading
from tests.e2e import import_program
from tests.e2e.dashboard import add_people, logged_in
from tests.server import LiveServer, wait_until

PAGE = "/settings/imports"
UPLOAD = f"{PAGE}/upload"


@pytest.fixture(autouse=True, scope="module")
def program() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "IMPORT_COMMAND", import_program.COMMAND)
        yield


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path) as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


def upload(client: httpx.Client, *files: tuple[str, Any], **fields: str) -> httpx.Response:
    """Files by their names and what they say."""
    parts = [("files", (name, said if isinstance(said, bytes) else json.dumps(said).encode())) for name, said in files]
    return client.post(UPLOAD, files=parts, data={"format": "auto", "site": "", "zone": "", **fields})


def do(client: httpx.Client, does: str, **fields: str) -> httpx.Response:
    return client.post(PAGE, data={"do": does, **fields})


def shown(client: httpx.Client) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.text)))


def wait_for(client: httpx.Client, text: str) -> str:
    pages: list[str] = []

    def is_shown() -> bool:
        pages.append(shown(client))
        return text in pages[-1]

    wait_until(is_shown, f"{text!r} on the page")
    return pages[-1]


def calls(server: LiveServer) -> list[dict[str, Any]]:
    path = server.folder / import_program.CALLS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def leftovers(server: LiveServer) -> list[Path]:
    return list((server.folder / "tmp").glob("upload-*"))


def test_files_are_read_looked_at_and_imported(server: LiveServer, ada: httpx.Client) -> None:
    answer = upload(ada, ("log.csv", {"rows": 12}), ("more.csv", {}), format="goatcounter", site="example.com")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = wait_for(ada, "What would be imported")
    for text in ("log.csv, more.csv", "Rows read 13", "1 Jan 2026 to 3 Feb 2026", "example.com (1)", "bots: 7"):
        assert text in page
    assert "Already there 2" in page
    assert "log.csv:9 no time <b>odd</b>" in page
    (call,) = calls(server)
    assert call["format"] == "goatcounter"
    assert call["options"] == {
        "data-dir": str(server.folder), "site": "example.com", "json": "", "dry-run": ""
    }  # fmt: skip
    assert [Path(file).name for file in call["files"]] == ["log.csv", "more.csv"]
    assert call["nice"] == 19
    assert do(ada, "import").status_code == 303
    page = wait_for(ada, "Imported")
    assert "Show it on the dashboard" in page
    assert f"imported={import_program.NAME}" in ada.get(PAGE).text
    assert "yes" in calls(server)[-1]["options"]
    wait_until(lambda: not leftovers(server), "the files to be removed")
    entries = ada.get("/api/v1/audit").json()["audit"]
    told = [(one["actor"], one["subject"], one["detail"]) for one in entries if one["action"] == "data.import"]
    assert told == [("user:ada", "goatcounter", "log.csv, more.csv")]
