"""The README's commands, as they stand, in a fresh clone: what it promises, it does."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.checkout import ROOT, copy_checkout
from tests.faults.load import LONG
from tests.requirements import need
from tests.server import PATIENCE, free_port

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
# A fresh environment is filled from the package index, which may be slow.
INSTALL_PATIENCE = 600.0


def command(part: str) -> str:
    """The README's only command that has `part` in it."""
    (found,) = (str(command).strip() for command in COMMANDS if part in command)
    return found


def environment(**more: str) -> dict[str, str]:
    """This one, without what this run of the tests brought into it."""
    own = re.compile(r"PRISME_.*|PYTEST_.*|PYTHON.*|VIRTUAL_ENV|COLUMNS")
    return {name: value for name, value in os.environ.items() if not own.fullmatch(name)} | more


def shell(line: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=INSTALL_PATIENCE,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone."""
    need("git", "git")
    return copy_checkout(tmp_path / "prisme")


@contextmanager
def started(clone: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The first command under way and healthy; at the end, whatever is left of it is killed."""
    with (clone.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", command("prisme serve")],
            cwd=clone,
            env=environment(PRISME_PORT=str(port), PRISME_ADMIN_HOSTPORT=f"127.0.0.1:{free_port()}"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + INSTALL_PATIENCE
        while not _is_healthy(port):
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline, Path(log.name).read_text()
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/healthcheck", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_each_setup_is_one_line() -> None:
    assert [len(command(part).splitlines()) for part in ("prisme serve", "-m pytest")] == [1, 1]


def test_script_and_picture_name_their_endpoints() -> None:
    script, picture = re.findall(r"^```html\n(<(?:script|noscript).*>)\n```$", README, re.MULTILINE)
    assert script == '<script src="https://prisme.example.com/static/wa.js" defer></script>'
    assert "/api/v1/noscript/events/pageviews" in picture
    assert 'referrerpolicy="no-referrer-when-downgrade"' in picture


def test_figures_are_those_of_the_bench() -> None:
    """Those that it cites stand in the bench's own tables."""
    shown = [row.split(" | ") for row in re.findall(r"^\| (.*\d.*) \|$", README, re.MULTILINE)]
    kept = (ROOT / "bench" / "README.md").read_text()

    def latest(row: str) -> tuple[str, ...]:
        """Of runs on several machines, the latest is first."""
        found = re.search(row, kept, re.MULTILINE)
        assert found is not None, row
        return found.groups()

    (mixed,) = latest(r"^\| mixed \| ([\d.]+) \|")
    (first,) = latest(r"^\| 30 days, alone, for the first time .* ([\d.]+) \| - \|$")
    (again,) = latest(r"^\| 30 days, alone \|.* ([\d.]+) \| - \|$")
    (events,) = latest(r"^\| 30 days, 5 readers \|.* ([\d.]+) \| below 2: met \|$")
    loaded, at_once = latest(r"^\| disk: a pageview, bytes \| ([\d.]+) \| ([\d.]+) \|")
    assert [result for _, result, _ in shown] == [
        f"{float(mixed):.0%}",
        f"{again} times",
        f"{events} times",
        f"{float(loaded):.0f} bytes",
    ]
    assert f"{float(first):.1f} times for the first one" in shown[1][2]
    assert f"{float(at_once):.0f} bytes if" in shown[3][2]


def test_first_visit(clone: Path) -> None:
    need("curl", "curl")
    port = free_port()
    with started(clone, port) as process:
        sent = shell(command("-X POST").replace(":8000", f":{port}"), clone)
        assert sent.stdout.startswith("HTTP/1.1 200 OK"), sent
        assert f"http://localhost:{port}/setup?key=" in (clone.parent / "log").read_text()
        token = shell(command("token add"), clone).stdout.strip()
        ask = command("Bearer").replace(":8000", f":{port}")
        deadline = time.monotonic() + PATIENCE
        while '"keys":["/hello"],"values":[1]' not in (told := shell(ask, clone, TOKEN=token)).stdout:
            assert time.monotonic() < deadline, told
        seen = shell(command("prisme query"), clone)
        # The process itself, as the shell in front of it hands no signal on.
        os.kill(int((clone / "prisme-data" / "lock").read_text()), signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    (shown,) = re.findall(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert seen.stdout.strip() == shown.strip(), seen


def test_demo(clone: Path) -> None:
    """As it stands, but for the port, with this checkout's own environment in place of the clone's."""
    (clone / ".venv").symlink_to(Path(sys.prefix))
    port = free_port()
    line = f"exec {command('prisme demo')} --port {port}"
    process = subprocess.Popen(
        ["sh", "-c", line], cwd=clone, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _is_healthy(port):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}/setup?key=" in told


@pytest.mark.skipif(not LONG, reason="installs all for two minutes: .ci/run runs this command, PRISME_TEST_LONG=1 too")
def test_development(clone: Path) -> None:
    # Not all tests: these would run this one again.
    done = shell(command("-m pytest"), clone, PYTEST_ADDOPTS="tests/base")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert re.search(r"\b\d+ passed\b", done.stdout), done.stdout
