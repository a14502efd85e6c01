"""A database with its loader, and segments of visits for it."""

from pathlib import Path

import msgspec

from prisme.base.events import Client, Place, Session, Utm
from prisme.journal.record import Line, encode
from prisme.journal.segment import Segment, segment_path
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.loader import Loaded, Loader
from prisme.visit.sessions import new_id

NOW = 1_795_471_000_000_000
LIMITS = Limits(256 * 2**20, 2)
MOST_OPEN = 32


class Store:
    """A database with its loader, and a folder to put segments into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self.folder.mkdir(exist_ok=True)
        self.database = Database(folder / "prisme.duckdb", LIMITS, folder / "tmp")
        self.loader = Loader(self.database, MOST_OPEN)

    def segment(self, number: int, *lines: Line, raw: bytes = b"") -> Segment:
        path = segment_path(self.folder, number)
        path.write_bytes(encode(lines) + raw)
        return Segment(number, path)

    def load(self, number: int, *lines: Line) -> Loaded:
        return self.loader.load(self.segment(number, *lines), NOW)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.cursor() as cursor:
            return cursor.execute(query).fetchall()

    def open(self, active: int = 0, entry: int = 0, at_most: int = 100) -> list[tuple[int, Session]]:
        """Open visits with their devices, the least recently active first."""
        found = self.loader.open_sessions(active, entry, at_most, 8)
        return sorted(((device, session) for device, session, _ in found), key=lambda one: one[1].exit)

    def close(self) -> None:
        self.loader.close()
        self.database.close()


def session(number: int, path: str = "/") -> Session:
    utm = Utm("news", "mail", 'a "quoted" \\ \N{SNOWMAN}', "", "\x00\x1f\u2028")
    client = Client("Linux", "Firefox", "Other", "desktop")
    uuid = new_id(NOW + number, number)
    return Session(
        uuid, "a.example:81", NOW + number, path, NOW + number, path, 200, "v", client, "FR", "direct", utm, 1, 0,
        "gclid", Place("Île-de-France", "Paris"),
    )  # fmt: skip


def begun(number: int) -> Session:
    """A visit that an event began."""
    return msgspec.structs.replace(session(number), pageviews=0, events=1, utm=Utm(), click_id="")
