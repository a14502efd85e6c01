"""`prisme user`, `token` and `share`, as processes, beside a server that runs."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.access import audit
from prisme.store.control import Control
from tests.checkout import ROOT
from tests.server import LiveServer

PASSWORD = "correct horse battery"
# A terminal of its own for a command, as a person has it.
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("people")) as server:
        yield server


def prisme(server: LiveServer, *words: str, typed: str = "", folder: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prisme", *words, "--data-dir", folder or str(server.folder)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)


def test_users(server: LiveServer) -> None:
    assert (
        prisme(server, "user", "list").stderr
        == "no accounts yet: create one with `prisme user add NAME --role admin`\n"
    )
    added = prisme(server, "user", "add", "Ada", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    assert (added.returncode, added.stdout) == (0, "created admin ada\n")
    viewer = ("user", "add", "bob", "--domain", "Example.com", "--domain", "a.example", "--password-stdin")
    assert prisme(server, *viewer, typed=PASSWORD).returncode == 0
    listed = prisme(server, "user", "list").stdout.splitlines()
    assert [line.split()[:-1] for line in listed] == [
        ["name", "role", "domains"],
        ["ada", "admin", "all"],
        ["bob", "viewer", "a.example", "example.com"],
    ]
    fields = {"name": "bob", "password": PASSWORD}
    assert server.http.post("/login", data=fields).status_code == 303
    assert server.http.get("/api/v1/me").json()["domains"] == ["a.example", "example.com"]
    token = {"Authorization": f"Bearer {server.http.post('/api/v1/tokens', json={'name': 'x'}).json()['token']}"}
    changed = prisme(server, "user", "passwd", "bob", "--password-stdin", "--keep-tokens", typed="another good one")
    assert changed.stdout == "changed the password of bob\n"
    assert server.http.get("/api/v1/me").status_code == 401
    assert server.http.get("/api/v1/me", headers=token).status_code == 200
    changed = prisme(server, "user", "passwd", "bob", "--password-stdin", typed="another good one")
    assert changed.stdout == "changed the password of bob, and revoked its tokens (1)\n"
    assert server.http.get("/api/v1/me", headers=token).status_code == 401
    assert server.http.post("/login", data=fields).status_code == 401
    assert prisme(server, "user", "remove", "bob").stdout == "removed bob\n"
    assert server.http.post("/login", data={**fields, "password": "another good one"}).status_code == 401
    with Control(server.folder).read() as connection:
        told = [(one.actor.partition(":")[0], one.action, one.subject) for one in audit.read(connection, 10, 0)]
    assert [one for one in told if one[1] != "login"] == [
        ("anonymous", "login.failed", "(unknown name)"),
        ("cli", "user.remove", "bob"),
        ("anonymous", "login.failed", "bob"),
        ("cli", "user.passwd", "bob"),
        ("cli", "user.passwd", "bob"),
        ("user", "token.add", "token:1"),
        ("cli", "user.add", "bob"),
        ("cli", "user.add", "ada"),
    ]


def type_password(command: list[str], *typed: str, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal, type at each of its prompts, and give its exit code and all that it showed."""
    ours, its = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *command],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    os.close(its)
    shown = b""
    waiting = list(typed)
    with contextlib.suppress(OSError), os.fdopen(ours, "r+b", buffering=0) as terminal:  # an error is its end
        while part := terminal.read(1024):
            shown += part
            if waiting and shown.endswith(b": "):
                terminal.write(waiting.pop(0).encode() + b"\n")
    return process.wait(60), shown.decode()


def test_passwords_are_asked_for(server: LiveServer) -> None:
    command = [
        sys.executable,
        "-m",
        "prisme",
        "user",
        "add",
        "eve",
        "--domain",
        "a.b",
        "--data-dir",
        str(server.folder),
    ]
    code, shown = type_password(command, PASSWORD, "another one")
    assert (code, shown.endswith("prisme: the two passwords do not match: try again\r\n")) == (1, True)
    code, shown = type_password(command, PASSWORD, PASSWORD)
    assert (code, shown.endswith("created viewer eve\r\n")) == (0, True)
    assert PASSWORD not in shown
    assert server.http.post("/login", data={"name": "eve", "password": PASSWORD}).status_code == 303
    assert prisme(server, "user", "remove", "eve").returncode == 0


def test_commands_of_the_documentation(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "stats-api.md").read_text()
    (block,) = re.findall(r"^```sh\n((?:prisme .*\n)+)```$", page, re.MULTILINE)
    assert len(block.splitlines()) == 5
    for line in block.splitlines():
        command = [sys.executable, "-m", *shlex.split(line)]
        code, shown = type_password(command, PASSWORD, PASSWORD, PRISME_DATA_DIR=str(tmp_path))
        assert code == 0, shown


def test_tokens(server: LiveServer) -> None:
    made = prisme(server, "token", "add", "report", "--domain", "a.example", "--expires", "90d")
    key = made.stdout.strip()
    answer = server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    number = answer.json()["name"].removeprefix("token:")
    assert answer.json() == {"name": f"token:{number}", "scopes": ["stats"], "domains": ["a.example"]}
    line = prisme(server, "token", "list").stdout.splitlines()[1].split()
    assert line[:4] == [number, "report", "stats", "a.example"]
    assert prisme(server, "token", "remove", number).stdout == f"revoked token {number}\n"
    assert server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_share_links(server: LiveServer) -> None:
    path = prisme(server, "share", "add", "example.com").stdout.strip()
    assert server.http.get(path).headers["location"] == path.replace("/share", "/dashboard")
    locked = prisme(server, "share", "add", "example.com", "--password-stdin", typed=PASSWORD).stdout.strip()
    assert "Password" in server.http.get(locked).text
    assert [line.split()[:3] for line in prisme(server, "share", "list").stdout.splitlines()[1:]] == [
        ["1", "example.com", "no"],
        ["2", "example.com", "yes"],
    ]
    prisme(server, "share", "remove", "1")
    assert server.http.get(path).status_code == 401


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["user"], 2, "prisme user: the following arguments are required: COMMAND\n`prisme user --help` shows"),
        (["user", "ad", "x"], 2, "prisme user: argument COMMAND: invalid choice: 'ad'"),
        (["user", "add", "x"], 1, "prisme: a viewer needs at least one domain, such as example.com"),
        (
            ["user", "add", "x", "--domain", "a.b"],
            1,
            "prisme: there is no terminal to ask for the password: use --pass",
        ),
        (["user", "add", "x", "--domain", "a/b"], 1, "prisme: 'a/b' is not a domain: "),
        (["user", "passwd", "x", "--password-stdin"], 1, "prisme: a password must have 10 to 256 characters"),
        (["user", "remove", "x"], 1, "prisme: there is no account 'x'"),
        (["token", "add", "x", "--expires", "soon"], 1, "prisme: 'soon' is no end, such as 30d, 12h, 2027-01-31"),
        (["token", "remove", "99"], 1, "prisme: there is no token 99"),
        (["token", "remove", "x"], 2, "prisme token remove: argument ID: invalid int value: 'x'"),
        (["share", "add", "a.b", "--password-stdin"], 1, "prisme: a password must have 10 to 256 characters"),
        (["share", "add", "*"], 1, "prisme: '*' is not a domain: "),
        (["share", "add", "*.a.b:80"], 1, "prisme: '*.a.b:80' has a port: write *.a.b, which includes every port"),
    ],
)
def test_mistakes_are_told(server: LiveServer, words: list[str], code: int, told: str) -> None:
    data = [] if words == ["user"] else words
    done = (
        prisme(server, *data)
        if data
        else subprocess.run([sys.executable, "-m", "prisme", *words], capture_output=True, text=True, timeout=60)
    )
    assert done.returncode == code
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_is_not_made(server: LiveServer) -> None:
    done = prisme(server, "user", "list", folder=str(server.folder / "nowhere"))
    assert done.returncode == 1
    assert done.stderr.startswith("prisme: there is no data folder ")
    assert not (server.folder / "nowhere").exists()


def test_the_file_is_for_its_owner_alone(server: LiveServer) -> None:
    assert (server.folder / "control.sqlite").stat().st_mode & 0o777 == 0o600
    stored = (server.folder / "control.sqlite").read_bytes()
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize("words", [["token", "list"], ["user", "list"], ["share", "list"]], ids=" ".join)
def test_commands_for_accounts_do_not_load_the_database(server: LiveServer, words: list[str]) -> None:
    """It would take most of their time."""
    code = (
        "import sys; from prisme.cli.main import main; status = main(sys.argv[1:]); "
        "print(*sorted({'duckdb', 'granian', 'prisme.store.control'} & set(sys.modules)), file=sys.stderr); "
        "sys.exit(status)"
    )
    command = [sys.executable, "-c", code, *words, "--data-dir", str(server.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "prisme.store.control")


def test_a_share_link_follows_the_base_path(
    server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRISME_BASE_PATH", "stats")
    made = prisme(server, "share", "add", "a.example", folder=str(tmp_path))
    assert made.stdout.startswith("/stats/share?share=")
