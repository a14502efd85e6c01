"""Time zones: those of `tzdata`, whatever files the system has, and opened in one place."""

import ast
import datetime
import zoneinfo
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import prisme
from prisme.base.errors import InputError
from prisme.stats.parameters import read_zone
from prisme.stats.zones import list_zones, open_zone

OF_A_SYSTEM = ["localtime", "posixrules", "right/UTC", "posix/Europe/Berlin"]
NO_ZONES = [
    "Europe",
    "europe/berlin",
    "Europe/Berlin/",
    "zones",
    "tzdata.zi",
    "../zones",
    "./UTC",
    "UTC\0",
    "__init__.py",
]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[None]:
    """Zone files of a system: by them, Vancouver's clock is that of Kathmandu."""
    for name in ("America/Vancouver", *OF_A_SYSTEM):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((files("tzdata") / "zoneinfo/Asia/Kathmandu").read_bytes())
    zoneinfo.reset_tzpath([tmp_path])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("system")
def test_files_of_the_system_do_not_matter() -> None:
    summer = datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC)
    assert summer.astimezone(read_zone("America/Vancouver")).utcoffset() == datetime.timedelta(hours=-7)
    for name in OF_A_SYSTEM:
        with pytest.raises(InputError, match="is no time zone, such as tz=Europe/Berlin"):
            read_zone(name)


@pytest.mark.parametrize("name", NO_ZONES)
def test_other_files_are_no_zones(name: str) -> None:
    with pytest.raises(InputError, match="is no time zone, such as tz=Europe/Berlin"):
        read_zone(name)


def test_each_zone_is_read_once() -> None:
    assert len(list_zones()) > 500
    for name in list_zones():
        zone = open_zone(name)
        assert zone.key == name
        assert zone is open_zone(name)


def test_zones_are_opened_in_one_place() -> None:
    """Everywhere else, `zoneinfo` is imported for annotations alone."""
    root = Path(prisme.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text()
        if path == root / "stats" / "zones.py" or "zoneinfo" not in text.lower():
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert "zoneinfo" not in {alias.name for alias in node.names}, path
            if isinstance(node, ast.ImportFrom) and node.module == "zoneinfo":
                assert {alias.name for alias in node.names} == {"ZoneInfo"}, path
            if isinstance(node, ast.Call):
                assert not ast.unparse(node.func).startswith("ZoneInfo"), (path, node.lineno)
