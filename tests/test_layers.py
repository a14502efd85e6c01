"""The contracts between modules in `pyproject.toml`: each is kept, and an import that breaks it is found."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.checkout import ROOT

LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
# An import for each contract, and the file to put it into. It is never run.
BREAKS = {
    "one way down": ("prisme/base/uri.py", "import prisme.runtime.clock"),
    "what records events never sees the database": ("prisme/ingest/hit.py", "import prisme.store.control"),
    "only the store imports DuckDB": ("prisme/web/app.py", "import duckdb"),
    "only one package of the store imports ClickHouse's client": (
        "prisme/store/loader.py",
        "import clickhouse_connect",
    ),
    "the services of a visit are strangers to each other": ("prisme/visit/geo.py", "import prisme.visit.useragent"),
    "route files are strangers to each other": ("prisme/web/pages/login.py", "import prisme.web.pages.settings"),
}


def lint(folder: Path) -> list[str]:
    """The contracts that are broken in the code of a folder."""
    command = [sys.executable, "-c", LINT, "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    broken = re.findall(r"^(.+) BROKEN\b", done.stdout, re.MULTILINE)
    assert done.returncode == bool(broken), done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS) - len(broken)} kept, {len(broken)} broken." in done.stdout
    return broken


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "prisme", folder / "prisme", ignore=lambda _, names: {"__pycache__"} & set(names))
    return folder


def test_the_contracts_are_kept(copy: Path) -> None:
    assert lint(copy) == []
    assert list(BREAKS) == CONTRACTS


@pytest.mark.parametrize("name", BREAKS)
def test_an_import_breaks_its_contract(copy: Path, name: str) -> None:
    file, planted = BREAKS[name]
    path = copy / file
    whole = path.read_text()
    path.write_text(f"{whole}\n{planted}\n")
    try:
        assert name in lint(copy)
    finally:
        path.write_text(whole)
