"""What files keep of a secret once it is replaced or its process is killed: nothing."""

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prisme.store.secrets import Secrets
from tests.checkout import ROOT
from tests.faults.leak_search import PLANTED
from tests.faults.lying_disk import LyingDisk
from tests.server import LiveServer


def test_the_unit_makes_no_core_dump() -> None:
    """Which would have the memory's addresses in it."""
    assert "\nLimitCORE=0\n" in (ROOT / "docs" / "operations.md").read_text()


def test_salts_are_overwritten_where_they_lie(tmp_path: Path) -> None:
    """SQLite's journal has the salt that is replaced: it is there, and says nothing any more."""
    secrets = Secrets(tmp_path / "secrets.sqlite", logging.getLogger())
    salts = [os.urandom(16) for _ in range(3)]
    for day, salt in enumerate(salts):
        assert secrets.write({"today": (day, bytearray(salt))})
        journal = tmp_path / "secrets.sqlite-journal"
        assert journal.stat().st_size > 512
        assert not any(journal.read_bytes())
        found = [one for one in salts if one in (tmp_path / "secrets.sqlite").read_bytes()]
        assert found == [salt]
    secrets.close()


def test_salts_are_synced_and_so_is_the_wipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut costs no salt, and brings none back."""
    lying, connect = LyingDisk(), sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def open_file(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", open_file)
    with contextlib.closing(Secrets(tmp_path / "secrets.sqlite", logging.getLogger(), lying.disk)) as secrets:
        assert tmp_path in lying.synced  # the names of both files
        assert opened[0].execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA
        for day in range(3):
            lying.synced.clear()
            assert secrets.write({"today": (day, bytearray(os.urandom(16)))})
            assert lying.synced == [tmp_path / "secrets.sqlite-journal"]
            safe = lying.left(tmp_path)["secrets.sqlite-journal"]
            assert len(safe) > 512
            assert not any(safe)


def test_a_torn_write_of_a_salt_is_undone_and_wiped(tmp_path: Path) -> None:
    """Killed in the middle of replacing a salt: the next start has the old one, and no copy of it."""
    path, salt = tmp_path / "secrets.sqlite", os.urandom(16)
    with contextlib.closing(Secrets(path, logging.getLogger())) as secrets:
        secrets.write({"today": (1, bytearray(salt))})
    torn = f"""
import os, sqlite3
c = sqlite3.connect({str(path)!r}, isolation_level=None)
c.execute("PRAGMA journal_mode = PERSIST")
c.execute("PRAGMA cache_size = 1")
c.execute("BEGIN")
c.execute("UPDATE salts SET salt = zeroblob(16)")
c.execute("CREATE TABLE much AS SELECT randomblob(9000)")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", torn])
    with (tmp_path / "secrets.sqlite-journal").open("rb") as torn_journal:  # by itself: SQLite may remove the name
        assert salt in torn_journal.read()
        with contextlib.closing(Secrets(path, logging.getLogger())) as secrets:
            assert secrets.read() == {"today": (1, bytearray(salt))}
            torn_journal.seek(0)
            assert not any(torn_journal.read())


def test_what_the_database_spilt_goes_with_the_next_start(tmp_path: Path) -> None:
    """DuckDB leaves its scratch files when it is killed."""
    left, other = tmp_path / "data" / "tmp" / "duckdb_temp_17_0_storage_DEFAULT-0.tmp", tmp_path / "data" / "tmp" / "x"
    left.parent.mkdir(parents=True)
    left.write_bytes(PLANTED.encode())
    other.touch()
    with LiveServer(tmp_path / "data"):
        assert (left.exists(), other.exists()) == (False, True)
