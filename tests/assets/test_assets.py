"""The shipped files are the ones that docs/data-files.md names, each with its licence beside it."""

import hashlib
from pathlib import Path

import pytest

from prisme import assets

FILES = [
    (
        assets.COUNTRIES,
        "4e7f53dd9c6ebe0e7244d5dd4cc03639bc9dbe0a5a83eca90db50eeaeea72024",
        "Creative Commons",
    ),
    (assets.BOT_PATTERNS, "c53d70859b9718c28c29c53f17ecb716956e7025a09a21b5c74d5d5f81b1e53d", "Unlicense"),
    (assets.WORLD, "b949fc046ba084dab53760740895aead855dfca81125737f83f4706d283cc9e5", "Permission to use"),
]


@pytest.mark.parametrize(("path", "sha256", "licence"), FILES, ids=lambda value: getattr(value, "name", None))
def test_shipped_files(path: Path, sha256: str, licence: str) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert licence in path.with_suffix(".LICENSE").read_text()


@pytest.mark.parametrize(("path", "sha256", "licence"), FILES, ids=lambda value: getattr(value, "name", None))
def test_the_page_about_them(path: Path, sha256: str, licence: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "data-files.md").read_text()
    assert path.name in page
    assert sha256 in page


def test_every_file_is_accounted_for() -> None:
    known = {path.name for path, *_ in FILES}
    known |= {path.with_suffix(".LICENSE").name for path, *_ in FILES}
    known |= {"pages", "script", "sources.txt", "channels.txt", "words.pot"}
    known |= {"icon.svg", "favicon.ico"}  # our own
    known |= {f"{name}.js{end}" for name in ("wa", "dashboard") for end in ("", ".gz", ".br")}  # our own
    assert {path.name for path in assets.COUNTRIES.parent.iterdir()} - {"__init__.py", "__pycache__"} == known


def test_the_gif_is_one_transparent_pixel() -> None:
    assert len(assets.GIF) == 35
    assert assets.GIF.startswith(b"GIF89a\x01\x00\x01\x00")
    # A graphic control extension whose first flag says that colour 0 is transparent.
    assert b"\x21\xf9\x04\x01\x00\x00\x00\x00" in assets.GIF
