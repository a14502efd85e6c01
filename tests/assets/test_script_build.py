"""The scripts and the map that ship are the ones that their sources make, and they are small."""

import gzip
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from prisme import assets
from tests.requirements import miss, need

HERE = Path(assets.__file__).parent
SOURCE = HERE / "script"
LIMITS = {"wa.js": 1100, "dashboard.js": 6000}  # bytes of gzip -9


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that a build in a fresh copy has written to, and what it printed."""
    need("node", "nodejs")
    folder = tmp_path_factory.mktemp("assets")
    copy = shutil.copytree(SOURCE, folder / "script", ignore=shutil.ignore_patterns("node_modules"))
    npm = [need("npm", "npm"), "--no-audit", "--no-fund", "--no-update-notifier"]
    # No package need run code of its own to be installed.
    installed = subprocess.run([*npm, "ci", "--ignore-scripts"], cwd=copy, capture_output=True, text=True)
    if installed.returncode:
        miss(f"npm cannot install what the script is built with: {installed.stderr}")
    done = subprocess.run([*npm, "run", "build"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.mark.parametrize("name", [*LIMITS, "world.json"])
def test_source_makes_the_file_that_ships(built: tuple[Path, str], name: str) -> None:
    folder, _ = built
    assert (folder / name).read_bytes() == (HERE / name).read_bytes()


@pytest.mark.parametrize(
    ("suffix", "unpack"),
    [
        pytest.param("gz", "gunzipSync", id="gzip"),
        pytest.param("br", "brotliDecompressSync", id="brotli"),
    ],
)
@pytest.mark.parametrize("name", LIMITS)
def test_prepared_files_unpack_to_it(name: str, suffix: str, unpack: str) -> None:
    # Not compared byte by byte: another version of Node.js may pack better.
    code = f"process.stdout.write(require('zlib').{unpack}(require('fs').readFileSync(process.argv[1])))"
    command = [need("node", "nodejs"), "-e", code, str(HERE / f"{name}.{suffix}")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == (HERE / name).read_bytes()


def test_build_prints_the_sizes(built: tuple[Path, str]) -> None:
    folder, printed = built
    found = re.findall(r"^(\S+): raw (\d+), gzip (\d+), brotli (\d+) bytes$", printed, re.MULTILINE)
    assert [name for name, *_ in found] == list(LIMITS)
    for name, *sizes in found:
        assert [int(size) for size in sizes] == [(folder / f"{name}{end}").stat().st_size for end in ("", ".gz", ".br")]


@pytest.mark.parametrize("name", LIMITS)
def test_scripts_are_small(name: str) -> None:
    raw = (HERE / name).read_bytes()
    assert len((HERE / f"{name}.gz").read_bytes()) <= LIMITS[name]
    assert len(gzip.compress(raw, 9, mtime=0)) <= LIMITS[name]
    assert len((HERE / f"{name}.br").read_bytes()) < len(zlib.compress(raw, 9))


@pytest.mark.parametrize("name", LIMITS)
def test_gzip_tells_nothing_of_when_and_where(name: str) -> None:
    header = (HERE / f"{name}.gz").read_bytes()[:10]  # RFC 1952: flags, time, system
    assert (header[3], header[4:8], header[9]) == (0, bytes(4), 255)


def test_tools_are_pinned_and_come_from_no_named_place() -> None:
    wanted = json.loads((SOURCE / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    text = (SOURCE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(entry.get("integrity") for name, entry in packages.items() if name)
    assert "resolved" not in text
    assert "://" not in text
