"""The list of imports on their page, and how one is undone: admins see first what that would delete."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import Grant
from prisme.base.errors import InputError
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.words import mark, translate
from prisme.operations import imports, undo
from prisme.operations.background import Background, Work
from prisme.operations.delete import Deleted
from prisme.operations.imports import Import
from prisme.store.schema import FIGURES
from prisme.web.pages.import_values import format_days, list_names, name_format

# The name under which the page finds what it began.
_PAGE: Final = "/settings/imports"


class Row(msgspec.Struct, frozen=True):
    """An import as the list shows it; `link` leads to the dashboard with its visits alone."""

    name: str
    format: str
    files: str
    days: str
    visits: str
    pageviews: str
    events: str
    figures: str
    state: str
    link: str


class Question(msgspec.Struct, frozen=True):
    """What an admin is asked before an import is undone."""

    name: str
    counts: list[tuple[str, str]]


class ImportList:
    """The imports of a server, by operations in the background. Its functions wait for them: for threads only."""

    def __init__(self, background: Background) -> None:
        self._background = background

    def read(self) -> list[Import]:
        """All imports, the newest first. Raises InputError if they cannot be read."""
        work = self._background.perform("imports", imports.Arguments())
        _check(work)
        found: list[Import] = work.result
        return found

    def ask(self, name: str, by: Grant) -> Question:
        """What would be deleted. Raises InputError."""
        work = self._background.perform("undo", undo.Arguments(name, dry_run=True, by=by.actor))
        _check(work)
        return Question(name, _list_deleted(work.result))

    def undo(self, name: str, by: Grant) -> None:
        """Undo an import; `latest` tells how far it is."""
        self._background.perform("undo", undo.Arguments(name, by=by.actor), _PAGE)

    @property
    def latest(self) -> Work | None:
        """The latest undoing, if any."""
        return self._background.latest(_PAGE)


def _check(work: Work) -> None:
    """Raise InputError for an operation without a result."""
    if not work.has_ended:
        raise InputError("this takes too long: try again later")
    if work.fault:
        raise InputError(work.fault)


def make_rows(found: list[Import], root: str, running: Import | None) -> list[Row]:
    """The rows of the list."""
    return [_make_row(one, root, one is running) for one in found]


def find_running(found: list[Import]) -> Import | None:
    """The newest import that has not ended."""
    return next((one for one in found if one.ended is None), None)


def undo_values(work: Work | None) -> dict[str, Any]:
    """What became of the latest undoing."""
    if work is None:
        return {"undoing": None, "undone": [], "undo_share": 0}
    progress = work.progress
    share = 0 if progress is None or not progress.total else 100 * progress.done // progress.total
    done = _list_deleted(work.result) if isinstance(work.result, Deleted) else []
    return {"undoing": work, "undone": done, "undo_share": share}


def _make_row(one: Import, root: str, is_running: bool) -> Row:
    visits, pageviews, events, figures = map(format_exact, (one.visits, one.pageviews, one.events, one.figures))
    state = mark("Complete") if one.ended else mark("Under way") if is_running else mark("Not complete")
    return Row(
        one.name,
        name_format(one.format),
        list_names(one.files),
        format_days(one.first, one.last),
        visits,
        pageviews,
        events,
        figures,
        translate(state),
        f"{root}/dashboard?{urlencode({'period': 'all', 'imported': one.name})}",
    )


def _list_deleted(deleted: Deleted) -> list[tuple[str, str]]:
    """What is deleted, as names and values."""
    rows = deleted.rows
    counts = {
        mark("Sessions"): rows["sessions"],
        mark("Pageviews"): rows["pageviews"],
        mark("Events"): rows["events_custom"] + rows["file_downloads"] + rows["outbound_link_clicks"],
        mark("Figures of days"): rows.get(FIGURES, 0),
    }
    return [(translate(name), format_exact(count)) for name, count in counts.items()]
