"""The page of imports by forms alone: upload, look, import, stop, and whom it lets in."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.grants import ADMIN, STATS
from prisme.web.uploads import upload as uploads
from prisme.wiring import reading
from tests.e2e import import_program
from tests.e2e.dashboard import add_people, logged_in
from tests.e2e.uploading import PAGE, UPLOAD, do, leftovers, shown, text_of, upload, wait_for
from tests.server import LiveServer, wait_until

LONG = 600  # seconds


@pytest.fixture(autouse=True, scope="module")
def program() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "IMPORT_COMMAND", import_program.COMMAND)
        yield


@pytest.fixture
def server(program: None, tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path) as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


def calls(server: LiveServer) -> list[dict[str, Any]]:
    path = server.folder / import_program.CALLS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_files_are_read_looked_at_and_imported(server: LiveServer, ada: httpx.Client) -> None:
    answer = upload(ada, ("log.csv", {"rows": 12}), ("more.csv", {}), format="goatcounter", site="example.com")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = wait_for(ada, "What would be imported")
    for text in ("log.csv, more.csv", "Rows read 13", "1 Jan to 3 Feb 2026", "example.com (1)", "bots: 7"):
        assert text in page
    assert "Already there 2" in page
    assert "Days with other data 4" in page
    assert "log.csv:9 no time <b>odd</b>" in page
    (call,) = calls(server)
    assert call["format"] == "goatcounter"
    given = {"data-dir": str(server.folder), "site": "example.com"}
    assert call["options"] == given | {"json": "", "dry-run": ""}
    assert [Path(file).name for file in call["files"]] == ["log.csv", "more.csv"]
    assert call["nice"] == 19
    assert do(ada, "import").status_code == 303
    page = wait_for(ada, "Imported")
    assert "Show it on the dashboard" in page
    assert f"imported={import_program.NAME}" in ada.get(PAGE).text
    assert calls(server)[-1]["options"] == given | {"json": "", "yes": ""}
    wait_until(lambda: not leftovers(server), "the files to be removed")
    entries = ada.get("/api/v1/audit").json()["audit"]
    told = [(one["actor"], one["subject"], one["detail"]) for one in entries if one["action"] == "data.import"]
    assert told == [("user:ada", "goatcounter", "log.csv, more.csv")]


def test_many_sites_and_files_are_cut(ada: httpx.Client) -> None:
    sites = {f"{number}.example.com": number for number in range(1, 31)}
    upload(ada, ("0.csv", {"report": {"sites": sites}}), *((f"{number}.csv", {}) for number in range(1, 8)))
    page = wait_for(ada, "What would be imported")
    assert "0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 3 other files" in page
    assert "Sites 30.example.com (30), 29.example.com (29)" in page
    assert "11.example.com (11) and 10 other sites" in page


def test_files_are_read_again_in_another_way(server: LiveServer, ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {}), zone="Europe/Berlin")
    assert "Read as: GoatCounter (CSV)" in wait_for(ada, "What would be imported")
    do(ada, "read", format="umami", site="example.com", zone="")
    assert "What would be imported" in wait_for(ada, "Read as: Umami (CSV)")
    assert [call["format"] for call in calls(server)] == ["auto", "umami"]
    assert [call["options"].get("time-zone") for call in calls(server)] == ["Europe/Berlin", None]


def test_files_that_cannot_be_read(server: LiveServer, ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {"fault": "a.csv is <odd>"}))
    page = wait_for(ada, "The files cannot be read")
    assert "a.csv is <odd>" in page
    assert "What would be imported" not in page
    assert 'value="import"' not in ada.get(PAGE).text
    do(ada, "discard")
    wait_until(lambda: "The files cannot be read" not in shown(ada), "the upload to be gone")
    assert leftovers(server) == []


def test_a_fault_names_files_without_folders(server: LiveServer, ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {"fault": "{file} is odd"}))
    page = wait_for(ada, "The files cannot be read")
    assert "a.csv is odd" in page
    assert "upload-" not in page


def test_a_defect_of_the_command_is_told_without_details(ada: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    upload(ada, ("a.csv", b"no JSON"))
    assert "error of Prisme itself" in wait_for(ada, "The files cannot be read")
    assert "JSONDecodeError" in caplog.text


def test_nothing_to_import(ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {"visits": 0, "report": {"bad": 0}}))
    page = wait_for(ada, "There is nothing to import.")
    assert "cannot be read" not in page
    assert 'value="import"' not in ada.get(PAGE).text


def test_discarding_ends_what_reads(server: LiveServer, ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {"wait": LONG, "waits-for": "dry-run"}))
    assert "Nothing is imported yet." in wait_for(ada, "Reading 1 file")
    wait_until(lambda: calls(server), "the program to begin")
    assert is_running(calls(server)[0]["pid"])
    do(ada, "discard")
    wait_until(lambda: "Upload files" in shown(ada), "the form")
    wait_until(lambda: not leftovers(server), "the files to be removed")
    assert not is_running(calls(server)[0]["pid"])


def test_an_import_is_stopped_and_goes_on(server: LiveServer, ada: httpx.Client) -> None:
    upload(ada, ("a.csv", {"wait": LONG, "waits-for": "yes"}))
    wait_for(ada, "What would be imported")
    do(ada, "import")
    wait_for(ada, "Importing 1 file")
    wait_until(lambda: len(calls(server)) == 2, "the program to begin")
    do(ada, "discard")  # which is for what is not imported yet
    assert is_running(calls(server)[1]["pid"])
    do(ada, "cancel")
    page = wait_for(ada, "The import stopped")
    assert "it was cancelled. What was whole of it is there" in page
    assert "Rows read" in page
    assert not is_running(calls(server)[1]["pid"])
    do(ada, "import")
    wait_for(ada, "Importing 1 file")
    do(ada, "cancel")
    wait_for(ada, "The import stopped")
    do(ada, "discard")
    wait_until(lambda: not leftovers(server), "the files to be removed")


def test_a_program_that_ignores_the_interrupt_is_ended(
    server: LiveServer, ada: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prisme.runtime.child._STEP_SECONDS", 0.1)
    upload(ada, ("a.csv", {"wait": LONG, "waits-for": "dry-run", "ignores": True}))
    wait_until(lambda: calls(server), "the program to begin")
    do(ada, "discard")
    wait_until(lambda: not leftovers(server), "the files to be removed")
    assert not is_running(calls(server)[0]["pid"])


@pytest.mark.parametrize("state", ["dry-run", "yes", "read"])
def test_a_stop_leaves_nothing(tmp_path: Path, state: str) -> None:
    with LiveServer(tmp_path) as server:
        add_people(server, "example.com")
        with logged_in(server, "ada") as ada:
            upload(ada, ("a.csv", {} if state == "read" else {"wait": LONG, "waits-for": state}))
            if state != "dry-run":
                wait_for(ada, "What would be imported")
            if state == "yes":
                do(ada, "import")
            wait_until(lambda: len(calls(server)) == (2 if state == "yes" else 1), "the program to begin")
    assert [is_running(call["pid"]) for call in calls(server)] == [False] * len(calls(server))
    assert leftovers(server) == []


def test_leftovers_are_removed_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "tmp" / "upload-abc" / "files"
    left.mkdir(parents=True)
    (left / "a.csv").write_text("x")
    (tmp_path / "tmp" / "other").mkdir()
    with LiveServer(tmp_path):
        assert not left.parent.exists()
        assert (tmp_path / "tmp" / "other").exists()


def test_files_are_removed_after_a_while(
    server: LiveServer, ada: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "KEPT_SECONDS", 0.1)
    upload(ada, ("a.csv", {}))
    wait_until(lambda: calls(server) and not leftovers(server), "the files to be removed")
    page = shown(ada)
    assert "Upload files" in page
    assert "What would be imported" not in page


def test_only_admins_import(server: LiveServer) -> None:
    """Nobody else's files are even read."""
    file = [("files", ("a.csv", b"{}"))]
    assert server.http.post(UPLOAD, files=file).status_code == 401
    assert server.http.post(PAGE, data={"do": "discard"}).status_code == 401
    token = server.make_token(scopes=(STATS, ADMIN))
    for path in (UPLOAD, PAGE):
        assert server.http.post(path, files=file, headers=token).status_code == 403
    with logged_in(server, "vic") as vic:
        assert vic.post(UPLOAD, files=file).status_code == 403
        for answer in (vic.get(PAGE), do(vic, "discard"), do(vic, "undo", name="x", sure="1")):
            assert answer.status_code == 403
    assert (calls(server), leftovers(server)) == ([], [])


def test_other_sites_upload_nothing(server: LiveServer, ada: httpx.Client) -> None:
    file = [("files", ("a.csv", b"{}"))]
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ada.post(UPLOAD, files=file, headers=headers).status_code == 403
    assert (calls(server), leftovers(server)) == ([], [])


def test_odd_actions_are_refused(ada: httpx.Client) -> None:
    assert do(ada, "dance").status_code == 400
    for does in ("read", "import", "discard", "cancel"):
        assert do(ada, does).status_code == 303
    answer = do(ada, "undo", name="goatcounter-9")
    assert answer.status_code == 400
    assert "there is no import goatcounter-9" in text_of(answer)
    do(ada, "undo", name="goatcounter-9", sure="1")
    assert "The latest undoing failed: there is no import" in wait_for(ada, "The latest undoing")
