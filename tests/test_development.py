"""docs/development.md is true of the code: its paths, names, commands, imports and diagram. findings/ is complete."""

import ast
import re
from pathlib import Path

import pytest

from bench.crossings import MOST_FILES, MOST_SWITCHES
from tests.checkout import ROOT
from tests.module_map import PAGE, packages, read_imports, reduce, update

TEXT = PAGE.read_text()
FINDINGS = ROOT / "findings"
# What is between backticks, outside of blocks of code.
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE))))
_NAMED = re.compile(r"([\w./-]+\.py):([\w.]+)")
_PATH = re.compile(r"[\w.-]*(?:/[\w.-]+)*(?:/|\.(?:py|sql|md|toml|html|css|ts|sh|yaml|txt|json))")
NAMED = [match.groups() for span in SPANS if (match := _NAMED.fullmatch(span))]
PATHS = [span for span in SPANS if _PATH.fullmatch(span)]
# Commands, in blocks and in lines.
COMMANDS = [
    *re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE),
    *(span for span in SPANS if " " in span),
]


def find(path: str) -> Path:
    """The file or folder that the page means."""
    return ROOT / path if (ROOT / path).exists() else ROOT / "prisme" / path


def defines(body: list[ast.stmt], name: str) -> list[ast.stmt] | None:
    """The body of a class or function that a body defines, empty for a variable; None if there is no such name."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node.body
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return []
    return None


def test_the_page_names_much() -> None:
    assert len(NAMED) > 50
    assert len(PATHS) > 50
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("path", PATHS)
def test_paths_exist(path: str) -> None:
    assert find(path).exists()


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_names_exist(path: str, name: str) -> None:
    body: list[ast.stmt] | None = ast.parse(find(path).read_text()).body
    for part in name.split("."):
        body = None if body is None else defines(body, part)
    assert body is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_exists(command: str) -> None:
    for path in re.findall(r"(?<![\w./-])(?:tests|bench|findings)/[\w./-]+", command):
        assert (ROOT / path).exists()
    for module in re.findall(r"-m ((?:tests|bench|prisme)[\w.]*)", command):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def test_packages_and_diagram_are_those_of_the_code() -> None:
    imports = read_imports()
    assert sorted(packages(TEXT)) == sorted(imports)
    assert update(TEXT, imports) == TEXT, "run: python -m tests.module_map"


def test_packages_are_in_the_order_of_their_layers() -> None:
    order = packages(TEXT)
    for name, imported in read_imports().items():
        assert [one for one in imported if order.index(one) <= order.index(name)] == []


def test_arrows_that_others_imply_are_left_out() -> None:
    assert reduce({"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}) == {
        "a": {"b"},
        "b": {"c"},
        "c": {"d"},
        "d": set(),
    }


def test_the_most_crossings_are_told() -> None:
    assert f"above {MOST_FILES} and {MOST_SWITCHES}." in " ".join(TEXT.split())


def test_words_are_in_order() -> None:
    words = re.findall(r"^\| ([\w ]+) \| ", TEXT.partition("## Our own words")[2], re.MULTILINE)[1:]
    assert words == sorted(words)


def test_findings_are_listed_and_pinned() -> None:
    scripts = sorted(path.name for path in FINDINGS.glob("*.sh"))
    assert re.findall(r"^\| \[`([\w-]+\.sh)`\]\(\1\) \|", (FINDINGS / "README.md").read_text(), re.MULTILINE) == scripts
    for path in (FINDINGS / name for name in scripts):
        script = path.read_text()
        assert path.stat().st_mode & 0o111, path
        assert "prisme" not in re.sub(r"^#.*$", "", script, flags=re.MULTILINE), path
        assert "trap 'rm -rf" in script, path
        (installed,) = re.findall(r"pip\" install --quiet --disable-pip-version-check (.+)$", script, re.MULTILINE)
        assert all("==" in package for package in installed.split()), path
