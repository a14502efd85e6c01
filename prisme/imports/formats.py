"""All formats, and which one files are of."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.files import read_head
from prisme.imports.reading import Format

# By name, the module that has it: read late, as some take a while to import.
_MODULES: Final = {
    "prisme": "prisme.imports.own.prisme",
    "prisme-go": "prisme.imports.own.prisme_go",
    "goatcounter": "prisme.imports.peers.goatcounter",
    "umami": "prisme.imports.peers.umami",
    "plausible": "prisme.imports.figures.plausible",
    "matomo": "prisme.imports.figures.matomo",
    "ga4": "prisme.imports.figures.ga4",
    "medama": "prisme.imports.peers.medama",
    "liwan": "prisme.imports.peers.liwan",
    "access-log": "prisme.imports.logs.access_log",
}
NAMES: Final = tuple(_MODULES)
AUTO: Final = "auto"


def find_format(name: str, files: Sequence[Path]) -> Format:
    """The format of that name, or for `auto` the one that all files look like. Raises InputError and OSError."""
    if name != AUTO:
        return load_format(name)
    first = _recognise(files[0])
    for path in files[1:]:
        if (other := _recognise(path)) is not first:
            raise InputError(
                f"{files[0]} looks like {first.name} and {path} like {other.name}: import them one after the other"
            )
    return first


def load_format(name: str) -> Format:
    """The format of a name."""
    found: Format = importlib.import_module(_MODULES[name]).FORMAT
    return found


def _recognise(path: Path) -> Format:
    head = b"" if path.is_dir() else read_head(path)
    if not head and not path.is_dir():
        raise InputError(f"{path} is empty")
    for name in NAMES:
        one = load_format(name)
        if one.recognise(str(path), head):
            return one
    raise InputError(f"{path} looks like no format that Prisme reads: name it, one of {', '.join(NAMES)}")
