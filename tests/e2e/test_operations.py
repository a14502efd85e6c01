"""What else an operator sees and does: Prisme's own log, the units of systemd, copies."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from prisme.cli.backup import make_parser
from prisme.runtime.config import load
from tests.certificate import make_pair
from tests.e2e.counted_requests import HEALTH, HOME, VIEWS
from tests.e2e.operations_page import BACKUP, PAGE, block
from tests.faults.load import LONG
from tests.process import Process
from tests.requirements import need
from tests.server import PATIENCE, browser, wait_until

# ----- Prisme's own log


def test_own_log_is_bunyans(tmp_path: Path) -> None:
    """All levels that an operator meets: a start, a warning, an error, a start that fails."""
    (tmp_path / "logs").mkdir()
    odd = ("env", "PRISME_ORIGIN=example.org")
    with Process(tmp_path / "data", prefix=odd, access_log=str(tmp_path / "logs" / "log")) as server:
        process = server.start()
        (tmp_path / "logs").rename(tmp_path / "elsewhere")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: any(line["level"] == 50 for line in server.log()), "an error")
        with Process(tmp_path / "data") as second:
            failed = second.start(ready=False)
            assert failed.wait(PATIENCE) == 1
        assert server.http.get(HEALTH).status_code == 200
        assert server.stop() == 0
    told = server.log()
    for line in told:
        assert list(line)[:7] == ["name", "hostname", "pid", "level", "time", "msg", "v"]
        assert (line["name"], line["hostname"], line["v"]) == ("prisme", socket.gethostname(), 0)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (fatal,) = (line for line in told if line["level"] == 60)
    assert fatal["pid"] == failed.pid
    assert "in use by another prisme" in fatal["msg"]
    (warning,) = (line for line in told if line["level"] == 40)
    assert "PRISME_ORIGIN" in warning["msg"]
    (error,) = (line for line in told if line["level"] == 50)
    assert "access log" in error["msg"]
    infos = [line for line in told if line["level"] == 30]
    assert len(infos) + 3 == len(told)
    assert {line["pid"] for line in told} == {process.pid, failed.pid}
    assert infos[-1] == infos[-1] | {"msg": "stopped", "events_stored": 0}


# ----- units and copies


def test_unit_is_systemds_and_prismes(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    unit = block("ini", "ExecStart=")
    given = dict(re.findall(r"^Environment=(PRISME_\w+)=(.*)$", unit, re.MULTILINE))
    config, notices = load({}, given, tmp_path)
    assert notices == []
    assert config.trust_proxy
    assert (config.host, config.data_dir) == ("127.0.0.1", Path("/var/lib/prisme"))
    assert config.access_log == Path("/var/log/prisme/access.log")
    program = "/opt/prisme/.venv/bin/prisme"
    assert f"ExecStart={program} serve\n" in unit
    (tmp_path / "prisme").write_text("#!/bin/sh\n")
    (tmp_path / "prisme").chmod(0o755)
    (tmp_path / "prisme.service").write_text(
        unit.replace(program, str(tmp_path / "prisme")).replace("User=prisme", "User=root")
    )
    done = subprocess.run([verify, "verify", tmp_path / "prisme.service"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_units_addition_for_https_is_systemds_and_prismes(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    addition, unit = block("ini", "LoadCredential="), block("ini", "ExecStart=")
    program = tmp_path / "prisme"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service = tmp_path / "prisme.service"
    # As systemd puts the two together: what comes later counts.
    service.write_text(
        unit.replace("/opt/prisme/.venv/bin/prisme", str(program)).replace("User=prisme", "User=root") + addition
    )
    done = subprocess.run([verify, "verify", service], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pair = make_pair(tmp_path)
    given = dict(re.findall(r"^Environment=(PRISME_\w+)=(.*)$", unit + addition, re.MULTILINE))
    config, notices = load({}, {name: text.replace("%d", str(tmp_path)) for name, text in given.items()}, tmp_path)
    assert notices == []
    assert (config.tls_certificate, config.tls_key) == pair
    assert (config.port, config.trust_proxy) == (443, "false")
    assert set(re.findall(r"^LoadCredential=([\w.]+):", addition, re.MULTILINE)) == {path.name for path in pair}


def test_units_of_backups_are_systemds(tmp_path: Path) -> None:
    verify = need("systemd-analyze", "systemd")
    program = tmp_path / "prisme"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit, timer = block("ini", "Type=oneshot", BACKUP), block("ini", "OnCalendar=", BACKUP)
    (words,) = re.findall(r"^ExecStart=/opt/prisme/.venv/bin/prisme backup (.*)$", unit, re.MULTILINE)
    assert make_parser().parse_args(words.split()).keep == 14
    unit = unit.replace("/opt/prisme/.venv/bin/prisme", str(program)).replace("User=prisme", "User=root")
    for name, text in (("service", unit), ("timer", timer)):
        (tmp_path / f"prisme-backup.{name}").write_text(text)
    units = [tmp_path / f"prisme-backup.{name}" for name in ("service", "timer")]
    done = subprocess.run([verify, "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def shell(text: str, folder: Path, archive: str = "") -> None:
    """Run a page's commands on another folder, without systemd; `archive` is the name of the backup."""
    text = re.sub(r"prisme-\d{4}-\d\d-\d\dT\d{6}Z\.tar", archive, text)
    text = re.sub(r"^prisme ", f"{sys.executable} -m prisme ", text, flags=re.MULTILINE)
    for told, here in (("/var/lib", folder / "lib"), ("/var/backups", folder / "backups")):
        text = text.replace(told, str(here))
    commands = [line for line in text.splitlines() if not line.startswith("systemctl ")]
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True)


def test_copy_goes_on_where_it_was_made(tmp_path: Path) -> None:
    for name in ("lib", "backups"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "lib" / "prisme"

    def view(server: Process, page: str, referrer: str = "") -> int:
        headers = browser(f"{HOME}/{page}", X_Prisme_Document_Referrer=referrer)
        return server.http.post(VIEWS, headers=headers).status_code

    with Process(folder) as server:
        server.start()
        assert view(server, "a") == 200
        assert server.stop() == 0
        shell(block("sh", "tar -czf", BACKUP), tmp_path)
        server.start()
        assert view(server, "lost", f"{HOME}/a") == 200
        server.kill()
        shell(block("sh", "prisme.old", BACKUP), tmp_path)
        server.start()
        assert view(server, "b", f"{HOME}/a") == 200
        assert server.stop() == 0
        columns = "entry_path, exit_path, pageviews"
        assert server.rows(f"SELECT {columns} FROM sessions") == [("/a", "/b", 2)]
        assert server.rows("SELECT path FROM pageviews ORDER BY path") == [("/a",), ("/b",)]
    shutil.rmtree(tmp_path / "lib")


@pytest.mark.parametrize("has_backup", [True, *([False] if LONG else [])])
def test_a_backup_takes_the_place_of_a_damaged_database(tmp_path: Path, has_backup: bool) -> None:
    for name in ("backups/prisme", "lib"):
        (tmp_path / name).mkdir(parents=True)
    folder = tmp_path / "lib" / "prisme"
    with Process(folder, eventstore_max_batch_timeout="1m") as server:
        for page in ("copied", "between"):
            server.start()
            assert server.http.post(VIEWS, headers=browser(f"{HOME}/{page}")).status_code == 200
            if page == "copied":
                shell(block("sh", "--keep 14", BACKUP), tmp_path)
            assert server.stop() == 0
        server.start()
        assert server.http.post(VIEWS, headers=browser(f"{HOME}/waits")).status_code == 200
        server.kill()
        (folder / "prisme.duckdb").write_bytes(b"this is no database" * 1000)
        assert server.start(ready=False).wait(PATIENCE) == 1
        (archive,) = (tmp_path / "backups" / "prisme").iterdir()
        command = block("sh", "restore", PAGE.partition("## When Prisme cannot start")[2])
        shell(command if has_backup else block("sh", "mkdir damaged"), tmp_path, archive.name)
        server.start()
        assert server.stop() == 0
        paths = [path for (path,) in server.rows("SELECT path FROM pageviews ORDER BY path")]
        assert paths == (["/copied", "/waits"] if has_backup else ["/waits"])
