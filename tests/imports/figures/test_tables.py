"""Opening tables: how they are encoded, compressed and packed, and what is damaged or too large."""

import bz2
import gzip
import io
import zipfile
from itertools import chain
from pathlib import Path

import pytest
from zstandard import ZstdCompressor

from prisme.base.errors import InputError
from prisme.imports.figures.tables import decode_head, list_names, open_tables
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally
from tests.imports.figures.reading import make_zip

TEXT = 'date,name\n2026-08-01,"caf\u00e9, ""x""\ny"\n2026-08-02,\U0001f4ca\n'
ROWS = [["date", "name"], ["2026-08-01", 'caf\u00e9, "x"\ny'], ["2026-08-02", "\U0001f4ca"]]


def read(path: Path, tally: Tally | None = None, told: list[int] | None = None) -> dict[str, list[list[str]]]:
    """The rows of all tables in a file or folder, by their names."""
    tell = (told if told is not None else []).append
    reading = Reading(tally or Tally(), path.parent, tell=tell)
    return {table.file: [row.cells for row in table.rows] for table in open_tables([path], reading)}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.encode(), id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + TEXT.encode(), id="UTF-8 with its mark"),
        pytest.param(b"\xff\xfe" + TEXT.encode("utf-16-le"), id="UTF-16 little-endian"),
        pytest.param(b"\xfe\xff" + TEXT.encode("utf-16-be"), id="UTF-16 big-endian"),
        pytest.param(TEXT.encode("utf-16-le"), id="UTF-16 without its mark"),
        pytest.param(gzip.compress(TEXT.encode()), id="gzip"),
        pytest.param(gzip.compress(TEXT[:20].encode()) + gzip.compress(TEXT[20:].encode()), id="gzip, two members"),
        pytest.param(gzip.compress(b"\xff\xfe" + TEXT.encode("utf-16-le")), id="gzip of UTF-16"),
        pytest.param(bz2.compress(TEXT.encode()), id="bzip2"),
        pytest.param(ZstdCompressor().compress(TEXT.encode()), id="Zstandard"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert read(path) == {"table.csv": ROWS}


def test_lines(tmp_path: Path) -> None:
    """Numbers are those of lines; bytes that are no text, and NULs, do not matter."""
    path = tmp_path / "table.csv"
    path.write_bytes(b'a,b\r\n"1\r\n2",3\r\n\r\n\xff\x80,x\x00y')
    [rows] = (list(table.rows) for table in open_tables([path], Reading(Tally(), tmp_path)))
    assert rows == [(1, ["a", "b"]), (3, ["1\r\n2", "3"]), (4, []), (5, ["\ufffd\ufffd", "xy"])]


def test_zip(tmp_path: Path) -> None:
    """Its tables, also those in folders; not what else is in it."""
    path = tmp_path / "export.zip"
    names = ["a.csv", "folder/b.CSV", "readme.txt", "__MACOSX/._a.csv", "folder/"]
    path.write_bytes(make_zip(dict.fromkeys(names, TEXT)))
    told: list[int] = []
    assert read(path, told=told) == {"export.zip/a.csv": ROWS, "export.zip/folder/b.CSV": ROWS}
    assert told == [path.stat().st_size]
    assert list_names("export.zip", path.read_bytes()[:250])[:2] == ["a.csv", "folder/b.CSV"]


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / "x" / name).write_text("a\n")
    assert list(read(tmp_path / "x")) == ["a.csv", "b.csv"]


def test_progress(tmp_path: Path) -> None:
    """It is told within a file, and never beyond its size."""
    path = tmp_path / "table.csv"
    path.write_text("2026-08-01,x\n" * 200_000)
    told: list[int] = []
    read(path, told=told)
    assert len(told) > 5
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def _encrypted() -> bytes:
    """A zip whose file says that it is encrypted."""
    data = bytearray(make_zip({"a.csv": TEXT}, zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _changed(data: bytes) -> bytes:
    """The same with other bytes in its middle."""
    return data[:60] + bytes(byte ^ 0x55 for byte in data[60:80]) + data[80:]


LONG = {"a.csv": "".join(f"2026-08-01,{number * 7919 % 10007}\n" for number in range(5000))}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        pytest.param("a.zip", make_zip(LONG)[:-40], "damaged, or cut", id="cut zip"),
        pytest.param("a.zip", make_zip(LONG)[:20] + make_zip(LONG)[30:], "damaged", id="a zip with a part missing"),
        pytest.param("a.zip", make_zip(LONG)[:30], "damaged, or cut", id="beginning of a zip"),
        pytest.param("a.zip", _changed(make_zip(LONG)), "a.zip/a.csv: ", id="changed zip"),
        pytest.param("a.zip", _changed(make_zip(LONG, zipfile.ZIP_STORED)), "a.zip/a.csv: ", id="changed stored zip"),
        pytest.param("a.zip", _encrypted(), "encrypted", id="encrypted zip"),
        pytest.param("a.csv.gz", gzip.compress(LONG["a.csv"].encode())[:500], "a.csv.gz: .*damaged", id="cut gzip"),
        pytest.param("a.csv.gz", _changed(gzip.compress(LONG["a.csv"].encode())), "a.csv.gz: ", id="changed gzip"),
        pytest.param("a.csv.bz2", bz2.compress(TEXT.encode())[:50], "a.csv.bz2: .*damaged", id="cut bzip2"),
    ],
)
def test_damage(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        read(path)


def test_bomb(tmp_path: Path) -> None:
    """A file that unpacks to far more than tables do is not read to its end."""
    path = tmp_path / "bomb.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as file:
        for _ in range(160):
            file.write(b"2026-08-01,%s\n" % (b"1" * 9988) * 50)
    path.write_bytes(buffer.getvalue())
    rows = chain.from_iterable(table.rows for table in open_tables([path], Reading(Tally(), tmp_path)))
    seen = [0]
    with pytest.raises(InputError, match=r"bomb.zip/a.csv: it unpacks to far more than an export has"):
        seen.extend(row.number for row in rows)
    assert 6_400 < seen[-1] < 6_800


def test_long_cells(tmp_path: Path) -> None:
    """Cells and lines that are too long are refused, and the next ones read."""
    path = tmp_path / "table.csv"
    path.write_text(f"a,b\n{'x' * 200_000},1\n{'y,' * 1_000_000}\nc,d\n")
    tally = Tally()
    rows = read(path, tally)["table.csv"]
    assert [row for row in rows if len(row) == 2] == [["a", "b"], ["c", "d"]]
    assert [(line.number, line.why) for line in tally.bad_lines] == [(2, "field larger than field limit (131072)")]


def test_heads() -> None:
    assert decode_head(b"\xef\xbb\xbfdate,a") == "date,a"
    assert decode_head(b"\xff\xfed\x00a\x00") == "da"
    assert decode_head(b"") == ""


def test_names(tmp_path: Path) -> None:
    """Of the files in a folder, or in as much of a zip as there is."""
    (tmp_path / "a.csv").touch()
    assert list_names(str(tmp_path), b"") == ["a.csv"]
    assert list_names(str(tmp_path / "a.csv"), b"") == list_names(str(tmp_path / "b.csv"), b"") == []
    assert list_names("a.csv", b"date,visitors") == []
    assert list_names("a.zip", b"PK\x03\x04") == []
    assert list_names("a.zip", make_zip({"a.csv": ""})) == ["a.csv"]
