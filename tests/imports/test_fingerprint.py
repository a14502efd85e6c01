"""What an import is found again by: the same for the same files, and nothing of it depends on an address."""

import gzip
from pathlib import Path

import pytest

from prisme.imports.pipeline import fingerprint
from tests.imports.log_lines import line, text

ADDRESSES = [
    "203.0.113.7", "198.51.100.254", "203.0.113.7:4711", "2001:db8::1", "2001:DB8:0:0:0:0:0:9", "[2001:db8::77]:443",
    "::ffff:203.0.113.9", "::ffff:198.51.100.1", "64:ff9b::192.0.2.33", "::1",
]  # fmt: skip


def make(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    "template", ["{} - - x", '"{}" "GET /"', '{{"ip":"{}","x":1}}', "h ({}) y", "p{}.isp.example x"]
)
def test_it_knows_no_address(template: str, tmp_path: Path) -> None:
    bare = {fingerprint([make(tmp_path / "log", template.format(one))], "", "") for one in ADDRESSES[:2]}
    assert len(bare) == 1
    # Brackets and ports say nothing of a client.
    others = [one.replace("[", "").partition("]")[0].removesuffix(":4711") for one in ADDRESSES]
    assert {fingerprint([make(tmp_path / "log", template.format(one))], "", "") for one in others} == bare


def test_names_of_addresses_are_none_either(tmp_path: Path) -> None:
    names = ["203-0-113-7.dyn.isp.example", "198-51-100-8.dyn.isp.example"]
    assert len({fingerprint([make(tmp_path / "log", f"{name} - - x")], "", "") for name in names}) == 1


def test_it_is_that_of_the_content(tmp_path: Path) -> None:
    log = make(tmp_path / "access.log", text(range(20)))
    known = fingerprint([log], "example.com", "")
    assert fingerprint([make(tmp_path / "grown.log", text(range(40)))], "example.com", "") == known
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert fingerprint([packed], "example.com", "") == known
    assert fingerprint([log], "other.example", "") != known
    assert fingerprint([log], "example.com", "Europe/Berlin") != known
    assert fingerprint([make(tmp_path / "other.log", line(1, "/other") + "\n")], "example.com", "") != known


def test_long_lines_take_no_time_to_speak_of(tmp_path: Path) -> None:
    """Not the square of their length, that is: it would be minutes."""
    for piece in ("a", "1", ":", "1.", "1-", "ab:"):
        fingerprint([make(tmp_path / "log", piece * (60_000 // len(piece)))], "", "")
