"""Files with bytes that are changed, lost or doubled are read as far as they go, and raise InputError alone."""

import random
from pathlib import Path

import pytest

from prisme.base.errors import InputError
from prisme.imports.peers import goatcounter, umami
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally
from tests.imports.peers import test_goatcounter, test_umami

_WORDS = [
    b'"',
    b"\n",
    b"\r\n",
    b",",
    b"\0",
    b"\xff",
    b"\t",
    b"\\N",
    b"-1",
    b"9" * 400,
    b"2026-02-30T25:00:00Z",
    b"{}[]",
]


def damage(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(data))
        end = start + rng.choice((0, 0, 1, 3, 40))
        data = data[:start] + rng.choice((b"", data[start:end] * 2, rng.choice(_WORDS))) + data[end:]
        if not data:
            return b"\n"
    return data


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        (goatcounter.FORMAT, [test_goatcounter.EXPORT]),
        (umami.FORMAT, [test_umami.CLOUD, test_umami.DATA]),
    ],
    ids=["goatcounter", "umami"],
)
def test_damaged_files(tmp_path: Path, form: Format, texts: list[str]) -> None:
    rng = random.Random(7)
    refused = read = 0
    for _ in range(400):
        files = [tmp_path / f"{number}.csv" for number in range(len(texts))]
        for path, text in zip(files, texts, strict=True):
            path.write_bytes(damage(text.encode(), rng))
            form.recognise(path.name, path.read_bytes())
        tally = Tally()
        try:
            items = list(form.read(files, Reading(tally, tmp_path, "www.example.com")))
        except InputError:
            continue
        read += len(items)
        refused += tally.bad
    assert read > 400
    assert refused > 100
