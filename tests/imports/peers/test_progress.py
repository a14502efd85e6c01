"""Readers report how far they are: at the end, all bytes of the files on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prisme.imports.peers import goatcounter, liwan, medama, umami
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally
from tests.imports.peers import test_goatcounter, test_liwan, test_medama, test_umami
from tests.imports.peers.reading import write

MAKE: dict[str, tuple[Format, Callable[[Path], Path]]] = {
    "goatcounter": (goatcounter.FORMAT, lambda folder: write(folder, "a.csv.gz", test_goatcounter.EXPORT)),
    "umami": (umami.FORMAT, lambda folder: write(folder, "website_event.csv", test_umami.CLOUD)),
    "medama": (medama.FORMAT, lambda folder: test_medama.make(folder / "analytics.db", test_medama.ROWS)),
    "liwan": (liwan.FORMAT, lambda folder: test_liwan.make(folder / "liwan.duckdb")),
}


@pytest.mark.parametrize("name", MAKE)
def test_the_progress_ends_with_all_bytes(tmp_path: Path, name: str) -> None:
    form, make = MAKE[name]
    assert form.name == name
    path = make(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    files = [path, make(other)]
    told: list[int] = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert list(form.read(files, Reading(Tally(), temporary, "www.example.com", tell=told.append)))
    assert told == sorted(told)
    assert told[-1] == sum(file.stat().st_size for file in files)
