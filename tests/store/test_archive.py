"""Archives of backups: what is written is read, and nothing else."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from prisme.base.errors import InputError
from prisme.store import archive
from prisme.store.archive import CONTROL, DATABASE, MANIFEST, ArchiveReader

NAMES = (DATABASE, CONTROL)


def tell(name: str, done: int, total: int) -> None:
    assert name in NAMES
    assert done <= total


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    """The members of a sound archive, the manifest first."""
    files = {name: tmp_path / f"from-{name}" for name in NAMES}
    files[DATABASE].write_bytes(b"rows" * 300_000)
    files[CONTROL].write_bytes(b"accounts")
    manifest = archive.describe("0.2.0", "2.0.0", "2026-11-29T16:40:00Z", {"events": 3, "control": 8}, {}, files, tell)
    whole = io.BytesIO(b"".join(archive.write(manifest, files, 0, tell)))
    with tarfile.open(fileobj=whole) as opened:
        return {one.name: (opened.extractfile(one) or whole).read() for one in opened.getmembers()}


def pack(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as opened:
        for given, text in members:
            info = tarfile.TarInfo(given) if isinstance(given, str) else given
            info.size = len(text)
            opened.addfile(info, io.BytesIO(text))
    return target.getvalue()


def read(text: bytes, folder: Path, step: int = 1000) -> dict[str, bytes]:
    reader = ArchiveReader(text[start : start + step] for start in range(0, len(text), step))
    for name in NAMES:
        reader.unpack(name, folder / name, tell)
    reader.end()
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.mark.parametrize("step", [1, 512, 1 << 20])
def test_what_any_tar_wrote_is_read(members: dict[str, bytes], tmp_path: Path, step: int) -> None:
    small = members | {DATABASE: b"few"}
    manifest = msgspec.json.decode(small[MANIFEST])
    manifest["files"][DATABASE] = {"bytes": 3, "sha256": hashlib.sha256(b"few").hexdigest()}
    text = pack(*(small | {MANIFEST: msgspec.json.encode(manifest)}).items())
    assert read(text, tmp_path, step) == {name: small[name] for name in NAMES}


def test_what_is_written_is_read(members: dict[str, bytes], tmp_path: Path) -> None:
    assert read(pack(*members.items()), tmp_path) == {name: members[name] for name in NAMES}


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(DATABASE)
    info.type, info.linkname = kind, "/etc/hostname"
    return info


def renamed(members: dict[str, bytes], old: str, new: tarfile.TarInfo | str) -> bytes:
    return pack(*((new if name == old else name, text) for name, text in members.items()))


FOREIGN: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes]]] = {
    "above": (r"it has '\.\./prisme\.duckdb' in place", lambda m: renamed(m, DATABASE, "../prisme.duckdb")),
    "absolute": ("it has '/tmp/x' in place", lambda m: renamed(m, CONTROL, "/tmp/x")),
    "manifest is elsewhere": ("manifest.json", lambda m: renamed(m, MANIFEST, "./manifest.json")),
    "symbolic link": ("in place of the file", lambda m: renamed(m, DATABASE, link(tarfile.SYMTYPE))),
    "hard link": ("in place of the file", lambda m: renamed(m, DATABASE, link(tarfile.LNKTYPE))),
    "device": ("in place of the file", lambda m: renamed(m, DATABASE, link(tarfile.CHRTYPE))),
    "sparse": ("in place of the file", lambda m: renamed(m, DATABASE, link(tarfile.GNUTYPE_SPARSE))),
    "other order": ("in place of the file", lambda m: pack(*[(n, m[n]) for n in (MANIFEST, CONTROL, DATABASE)])),
    "no manifest": ("in place of the file", lambda m: pack(*[(n, m[n]) for n in NAMES])),
    "one file is missing": ("control.sqlite is missing", lambda m: pack(*[(n, m[n]) for n in (MANIFEST, DATABASE)])),
    "one more file": ("more follows", lambda m: pack(*m.items(), ("secrets.sqlite", b"x"))),
    "something after it": ("more follows", lambda m: pack(*m.items()) + b"x" * 512),
    "shorter": ("another size", lambda m: pack(*(m | {DATABASE: m[DATABASE][:-1]}).items())),
    "changed": ("another checksum", lambda m: pack(*(m | {CONTROL: b"Accounts"}).items())),
    "cut in a file": ("its end is missing", lambda m: pack(*m.items())[:100_000]),
    "cut in a head": ("its end is missing", lambda m: pack(*m.items())[:100]),
    "without its end": ("its end is missing", lambda m: pack(*m.items()).rstrip(b"\0") + bytes(512 - 8)),
    "empty": ("its end is missing", lambda m: b""),
    "compressed": ("manifest.json is missing", lambda m: b"\x1f\x8b\x08" + b"x" * 2000),
    "other files": ("names other files", lambda m: changed(m, lambda found: found["files"].pop(CONTROL))),
    "no size": ("names other files", lambda m: changed(m, lambda found: found["files"][CONTROL].update(bytes=-1))),
    "wrong types": ("manifest.json: ", lambda m: changed(m, lambda found: found.update(files=[]))),
    "no JSON": ("manifest.json: ", lambda m: pack(*(m | {MANIFEST: b"{]"}).items())),
    "large manifest": ("too large", lambda m: pack(*(m | {MANIFEST: b" " * (2 << 20)}).items())),
    "later form": ("another version of Prisme", lambda m: changed(m, lambda found: found.update(form=2))),
    "a list": ("manifest.json: ", lambda m: pack(*(m | {MANIFEST: b"[]"}).items())),
}


def changed(members: dict[str, bytes], change: Callable[..., object]) -> bytes:
    manifest = msgspec.json.decode(members[MANIFEST])
    change(manifest)
    return pack(*(members | {MANIFEST: msgspec.json.encode(manifest)}).items())


@pytest.mark.parametrize("name", FOREIGN)
def test_anything_else_is_refused(name: str, members: dict[str, bytes], tmp_path: Path) -> None:
    told, make = FOREIGN[name]
    folder = tmp_path / "inside"
    folder.mkdir()
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=told):
        read(make(members), folder)
    assert set(tmp_path.iterdir()) == before
    assert {path.name for path in folder.iterdir()} <= set(NAMES)


def test_an_existing_file_is_not_written_to(members: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / CONTROL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        read(pack(*members.items()), tmp_path)
    assert not (tmp_path / "elsewhere").exists()
