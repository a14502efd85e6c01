"""The Containerfile: what it promises, and that an image of its steps serves, is healthy and stops."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.checkout import ROOT, copy_checkout
from tests.container import Container, Stage, build, parse
from tests.requirements import miss, need
from tests.server import CHROME, PATIENCE, config_for, open_tables, wait_until

STAGES = parse((ROOT / "Containerfile").read_text())
IMAGE = STAGES[-1]
COPIES = [argument.split() for stage in STAGES for word, argument in stage.steps if word == "COPY"]
HEALTHCHECK = json.loads(IMAGE.last("HEALTHCHECK").partition("CMD ")[2])
PORT = int(IMAGE.last("EXPOSE"))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("USER", r"[1-9]\d+:[1-9]\d+", id="not root, by number"),
        pytest.param("VOLUME", "/data", id="data in a volume"),
        pytest.param("ENV", r".*PRISME_DATA_DIR=/data .*", id="data where the volume is"),
        pytest.param("EXPOSE", "80", id="port 80"),
        pytest.param("STOPSIGNAL", "SIGTERM", id="stop signal"),
        pytest.param("HEALTHCHECK", r'--interval=.+ CMD \[".*/healthcheck.*"\]', id="health check without a shell"),
        pytest.param("ENTRYPOINT", r'\["/opt/prisme/bin/prisme"\]', id="entry point without a shell"),
        pytest.param("CMD", r'\["serve"\]', id="serves"),
    ],
)
def test_image(word: str, expected: str) -> None:
    assert re.fullmatch(expected, IMAGE.last(word))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name or "image")
def test_base_images_are_one_and_pinned(stage: Stage) -> None:
    assert stage.base == IMAGE.base  # the venv's python is a link into the base image
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", stage.base)
    assert "latest" not in stage.base


def test_nothing_comes_from_elsewhere() -> None:
    assert "ADD" not in {word for stage in STAGES for word, _ in stage.steps}
    assert not [words for words in COPIES if "://" in " ".join(words)]


def test_ignore_file_keeps_what_is_copied_alone() -> None:
    kept = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {source for words in COPIES if "--from" not in words[0] for source in words[:-1]}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Container:
    """The image and its volume."""
    need("unshare", "util-linux")
    need("ip", "iproute2")
    need("curl", "curl")
    if os.geteuid() != 0:
        miss("file systems are mounted by root alone: run the tests as root")
    folder = tmp_path_factory.mktemp("container")
    return build(STAGES, copy_checkout(folder / "context"), folder)


def test_health_check_fails_where_nothing_runs(container: Container) -> None:
    assert subprocess.run(container.root.alone(*HEALTHCHECK), capture_output=True).returncode == 1


def test_container_serves_and_stops(container: Container, tmp_path: Path) -> None:
    event = ["curl", "-sf", "-X", "POST", f"http://127.0.0.1:{PORT}/api/v1/events/pageviews", "-A", CHROME]
    event += ["-H", "Origin: http://localhost", "-H", "X-Prisme-Referrer: http://localhost/contained"]
    log, user = tmp_path / "log", IMAGE.last("USER")

    with container.run(log) as process:

        def inside(*words: str, user: str = "0:0") -> int:
            return subprocess.run(container.root.beside(process, *words, user=user), capture_output=True).returncode

        wait_until(lambda: process.poll() is not None or inside(*HEALTHCHECK, user=user) == 0, "the health check")
        assert process.poll() is None, log.read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(rf"^Uid:(\t{user.partition(':')[0]}){{4}}$", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        # Not even root may write beside the volume, so Prisme has not either.
        assert [inside("touch", f"{folder}/written") for folder in ("", "/tmp", "/opt/prisme", "/data")] == [1, 1, 1, 0]
        assert inside(*event) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, log.read_text()

    with open_tables(config_for(container.volume, PORT)) as tables:
        assert tables.execute("SELECT path FROM pageviews").fetchall() == [("/contained",)]
    folder = container.volume.stat()
    assert (folder.st_uid, folder.st_mode & 0o777) == (10001, 0o700)
