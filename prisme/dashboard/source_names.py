"""The names of sources: `l.facebook.com` and `m.facebook.com` are Facebook. The table is `assets/sources.txt`."""

from functools import lru_cache
from typing import Final

from prisme import assets
from prisme.dashboard import display

DIRECT: Final = "direct"


def _load() -> dict[str, str]:
    """The name of each suffix; `sources.txt` describes its format."""
    lines = assets.SOURCES.read_text().splitlines()
    named = [line.split(": ") for line in lines if line and not line.startswith("#")]
    return {suffix: name for name, suffixes in named for suffix in suffixes.split()}


_NAMES: Final = _load()


@lru_cache(4096)
def name_source(host: str) -> str:
    """The name of a referrer's host; the host itself without `www.` where the table has none."""
    labels = host.rpartition(":")[0].split(".") if ":" in host else host.split(".")
    for start in range(len(labels)):
        suffix = labels[start:]
        name = _NAMES.get(".".join(suffix))
        # google.de, google.co.uk, google.com.br, but not google.example.com.
        if name is None and (len(suffix) == 2 or (len(suffix) == 3 and len(suffix[1]) <= 3 and len(suffix[2]) == 2)):
            name = _NAMES.get(suffix[0] + ".")
        if name:
            return name
    return display.decode_host(host.removeprefix("www."))
