"""Files as they are found: compressed, cut, damaged, and with holes."""

import bz2
import gzip
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import zstandard

from prisme.base.errors import InputError
from prisme.imports.files import LONGEST_LINE, open_input, read_head
from prisme.imports.tally import Tally

LINES: Final = [f"line {number} {number * 7919 % 104729:x}".encode() for number in range(40_000)]
TEXT: Final = b"".join(line + b"\n" for line in LINES)
Compress = Callable[[bytes], bytes]
COMPRESSORS: Final[dict[str, Compress]] = {
    "gz": gzip.compress,
    "bz2": lambda data: bz2.compress(data, 1),
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
EACH: Final = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test writes its file."""
    return tmp_path / "access.log"


def read(path: Path, tally: Tally | None = None) -> list[bytes]:
    """All lines."""
    with open_input(path) as found:
        return list(found.lines(tally))


@EACH
def test_compressed(file: Path, compress: Compress) -> None:
    file.write_bytes(compress(TEXT))
    assert read(file) == LINES
    assert read_head(file) == TEXT[:65_536]


@EACH
def test_joined(file: Path, compress: Compress) -> None:
    """As `cat a.gz b.gz` makes them; a line goes on from one to the other."""
    file.write_bytes(compress(TEXT[:100_005]) + compress(b"") + compress(TEXT[100_005:]))
    assert read(file) == LINES


@EACH
def test_compressed_nothing(file: Path, compress: Compress) -> None:
    file.write_bytes(compress(b""))
    assert read(file) == []


@EACH
def test_cut(file: Path, compress: Compress) -> None:
    """The lines before the end come, and the rest is one refused line."""
    data = compress(TEXT)
    file.write_bytes(data[: len(data) // 2])
    tally = Tally()
    found = read(file, tally)
    assert LINES[: len(found)] == found
    assert len(found) > 1000
    assert (tally.bad, tally.bad_lines[0].number, tally.bad_lines[0].file) == (1, len(found) + 1, "access.log")
    assert "damaged" in tally.bad_lines[0].why
    with pytest.raises(InputError, match="damaged"):
        read(file)


@EACH
def test_cut_at_once(file: Path, compress: Compress) -> None:
    file.write_bytes(compress(TEXT)[:4])
    tally = Tally()
    assert (read(file, tally), tally.bad) == ([], 1)


@EACH
def test_damaged(file: Path, compress: Compress) -> None:
    """Wrong bytes in the middle, which each format notices in its way: at once, or by the checksum at the end."""
    data = bytearray(compress(TEXT))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xa5" * 40
    file.write_bytes(data)
    tally = Tally()
    found = read(file, tally)
    assert found[:1000] == LINES[:1000]
    assert tally.bad == 1


def test_frames_to_skip(file: Path) -> None:
    """`pzstd` begins with one."""
    file.write_bytes(b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc" + COMPRESSORS["zst"](TEXT))
    assert read(file) == LINES


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\n\r\nb\r\n", [b"a", b"", b"b"]),
        (b"a\r", [b"a"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"\0\0\0a\nb\0c\n\0\0d", [b"a", b"b\0c", b"d"]),
        (b"\0" * 700_000 + b"a\n", [b"a"]),
        (b"\0" * 700_000, []),
        (b"\x1f", [b"\x1f"]),
    ],
)
def test_lines(file: Path, content: bytes, lines: list[bytes]) -> None:
    file.write_bytes(content)
    assert read(file) == lines


@pytest.mark.parametrize("more", [0, 1, 300_000, 3 * LONGEST_LINE])
def test_long_lines(file: Path, more: int) -> None:
    long = b"x" * (LONGEST_LINE + more)
    file.write_bytes(b"a\n" + long + b"\nb\n" + long)
    assert read(file) == [b"a", long[:LONGEST_LINE], b"b", long[:LONGEST_LINE]]


def test_hole(file: Path) -> None:
    """A log of 8 TiB, of which all but the end was never written: it is as if it were not there."""
    with file.open("wb") as stream:
        stream.seek(8 << 40)
        stream.write(b"a\nb\n")
    assert read(file) == [b"a", b"b"]
    with file.open("r+b") as stream:
        stream.truncate(8 << 40)
    assert read(file) == []


@pytest.mark.parametrize("compress", [bytes, *COMPRESSORS.values()], ids=["plain", *COMPRESSORS])
def test_memory(file: Path, compress: Compress) -> None:
    """Neither a line without an end, nor NULs that were written, are ever in memory as a whole."""
    file.write_bytes(compress(b"\0" * (48 << 20) + b"a\n" + b"x" * (48 << 20)))
    tracemalloc.start()
    try:
        assert [len(line) for line in read(file)] == [1, LONGEST_LINE]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 36 << 20


def test_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted in bytes of the disk."""
    monkeypatch.setattr(io, "DEFAULT_BUFFER_SIZE", 8192)  # ClickHouse's client changes it for the whole process
    file.write_bytes(gzip.compress(TEXT))
    with open_input(file) as found:
        seen = [found.done for _ in found.lines()]
        assert seen == sorted(seen)
        assert 0 < seen[0] < seen[-1]
        assert found.done == file.stat().st_size
