"""Which package of Prisme imports which, read from the code, for the table and the diagram of `docs/development.md`.

`python -m tests.module_map` writes both anew.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.checkout import ROOT

PAGE: Final = ROOT / "docs" / "development.md"
_PACKAGE: Final = ROOT / "prisme"
_DIAGRAM: Final = re.compile(r"(?<=^```mermaid\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
# Package, what it is for, what it imports.
_ROW: Final = re.compile(r"^(\| `(\w+)(?:/|\.py)` \|.*\| )[^|]*( \|)$", re.MULTILINE)

# The packages, and modules, that each one imports.
Imports = dict[str, set[str]]


def read_imports() -> Imports:
    """The imports between the packages and modules directly below `prisme`, those for types included."""
    found: Imports = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE).parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, set()).update(_imported(path))
    return {name: imported & found.keys() - {name} for name, imported in found.items()}


def _imported(path: Path) -> Iterator[str]:
    """The second parts of all names of `prisme` that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (parts[1] for name in names if (parts := name.split("."))[0] == "prisme" and len(parts) > 1)


def reduce(imports: Imports) -> Imports:
    """Without imports that others imply: where A imports B and B imports C, that of C by A."""
    reached = {name: _reach(imports, name) for name in imports}
    return {
        name: {one for one in direct if not any(one in reached[other] for other in direct)}
        for name, direct in imports.items()
    }


def _reach(imports: Imports, name: str) -> set[str]:
    return imports[name].union(*(_reach(imports, one) for one in imports[name]))


def draw(imports: Imports) -> str:
    """A Mermaid flowchart of the imports that no others imply."""
    arrows = [f"    {name} --> {one}" for name, direct in sorted(reduce(imports).items()) for one in sorted(direct)]
    return "\n".join(["flowchart TD", *arrows, ""])


def update(page: str, imports: Imports) -> str:
    """The page with the diagram, and the last column of the table of packages, as the code has them."""

    def fill(row: re.Match[str]) -> str:
        imported = ", ".join(f"`{one}`" for one in sorted(imports[row[2]]))
        return f"{row[1]}{imported or 'nothing'}{row[3]}"

    return _ROW.sub(fill, _DIAGRAM.sub(draw(imports), page))


def packages(page: str) -> list[str]:
    """The packages that the page's table explains."""
    return [row[2] for row in _ROW.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(update(PAGE.read_text(), read_imports()))
