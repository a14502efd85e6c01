"""What is logged of a journal that fails: once when it begins, and once when it is over."""

import asyncio
import logging
from pathlib import Path

import pytest

from prisme.ingest.availability import Availability
from prisme.journal.appender import Appender
from prisme.runtime.freespace import FreeSpace
from tests.faults.lying_disk import EIO, LyingDisk

LOG = logging.getLogger("prisme")


def test_a_failure_is_logged_until_it_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lying = LyingDisk()
    journal = Appender(tmp_path, 1, 100, disk=lying.disk)
    availability = Availability(journal, FreeSpace(tmp_path, 0), LOG)
    refused = "events are refused, or wait in the journal: journal: Input/output error"

    def check() -> list[str]:
        caplog.clear()
        availability.check()
        return caplog.messages

    assert check() == []
    lying.failing["write"] = EIO
    assert not journal.append(b"one\n")
    assert [check(), check()] == [[refused], []]
    lying.failing.clear()
    check()  # no event comes, so that it is tried here
    assert [check(), check()] == [["events are accepted again"], []]
    # One that is over before the next check.
    lying.failing["write"] = EIO
    assert not journal.append(b"two\n")
    lying.failing.clear()
    assert journal.append(b"three\n")
    assert [check(), check(), check()] == [[refused], ["events are accepted again"], []]
    asyncio.run(journal.close())
