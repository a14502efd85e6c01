"""Asks the targets of `fuzz.py` for as long as one likes, by atheris, which looks for what leads to code not seen yet.

`pip install -e '.[test,fuzz]'`, then `python -m tests.faults.fuzz_long TARGET -max_total_time=600`.
"""

import json.decoder
import json.scanner
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["prisme"]):
    from tests.faults.fuzz import TARGETS, WORDS, close

for module, names in {
    json.scanner: ["py_make_scanner"],
    json.decoder: ["py_scanstring", "JSONObject", "JSONArray"],
}.items():
    for name in names:
        setattr(module, name, atheris.instrument_func(getattr(module, name)))


def main(words: list[str]) -> None:
    """Ask one target; further words are libFuzzer's options, and a folder for what was found of interest."""
    name, *more = words or [""]
    if name not in TARGETS:
        sys.exit(f"python -m tests.faults.fuzz_long {'|'.join(TARGETS)} [CORPUS] [-max_total_time=SECONDS ...]")
    with tempfile.TemporaryDirectory(prefix="prisme-fuzz-") as folder:
        dictionary = Path(folder) / "words"
        dictionary.write_text("".join(f'"{_escape(word)}"\n' for word in WORDS if len(word) < 64))
        atheris.Setup([sys.argv[0], f"-dict={dictionary}", *more], TARGETS[name], internal_libfuzzer=True)
        try:
            atheris.Fuzz()
        finally:
            close()


def _escape(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1:])
