"""The paths of the data files that are shipped with the code. Sources, versions and licences: docs/data-files.md."""

from pathlib import Path

_HERE = Path(__file__).parent

COUNTRIES = _HERE / "dbip-country.mmdb"
BOT_PATTERNS = _HERE / "isbot-patterns.json"
WORLD = _HERE / "world.json"
SOURCES = _HERE / "sources.txt"
CHANNELS = _HERE / "channels.txt"

# One transparent pixel, GIF89a: the response to every noscript event.
GIF = bytes.fromhex("4749463839610100010000000021f90401000000002c00000000010001000002010000")
