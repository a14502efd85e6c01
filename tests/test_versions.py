"""What pyproject.toml says of versions is said elsewhere too: each place says the same."""

import re
import tomllib

from tests.checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GRANIAN = next(one for one in PROJECT["project"]["dependencies"] if one.startswith("granian"))
CLASSIFIERS = PROJECT["project"]["classifiers"]
PYTHONS = [tuple(map(int, found)) for one in CLASSIFIERS for found in re.findall(r":: Python :: (\d+)\.(\d+)$", one)]
LOWEST = "{}.{}".format(*min(PYTHONS))


def test_the_server_advises_the_allowed_granians() -> None:
    advised = re.findall(r"granian>=[\d.]+\d,<=[\d.]+\d", (ROOT / "prisme/web/server.py").read_text())
    assert advised == [GRANIAN]


def test_the_locked_granian_is_allowed() -> None:
    lowest, highest, locked = (
        tuple(map(int, version.split(".")))
        for version in (
            *re.findall(r"=([\d.]+\d)", GRANIAN),
            *re.findall(r"^granian==(\S+)$", (ROOT / ".ci/lock.txt").read_text(), re.MULTILINE),
        )
    )
    assert lowest <= locked <= highest


def test_the_lowest_python_is_one_everywhere() -> None:
    """Types, format and lock are for the lowest version, and the README names it."""
    assert PROJECT["project"]["requires-python"] == f">={LOWEST}"
    assert PROJECT["tool"]["mypy"]["python_version"] == LOWEST
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{LOWEST.replace('.', '')}"
    assert f"--python-version {LOWEST} " in (ROOT / ".ci/lock.txt").read_text()
    assert f"Python {LOWEST} or newer" in (ROOT / "README.md").read_text()


def test_the_image_has_a_python_that_is_tested() -> None:
    bases = re.findall(r"^FROM \S+/python:(\d+)\.(\d+)-", (ROOT / "Containerfile").read_text(), re.MULTILINE)
    assert bases
    assert {tuple(map(int, base)) for base in bases} <= set(PYTHONS)
