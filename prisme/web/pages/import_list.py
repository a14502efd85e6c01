"""The list of imports on their page, and how one is undone: admins see first what that would delete."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.access.grants import Grant
from prisme.base.errors import InputError
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.words import mark, translate
from prisme.operations.background import Background, Work
from prisme.web.pages.import_values import format_days, list_names, name_format

# The name under which the page finds what it began.
_PAGE: Final = "/settings/imports"


class _NoArguments(msgspec.Struct):
    """None."""


class _Undo(msgspec.Struct):
    """Which import; `by` is whom the audit log names."""

    name: str
    dry_run: bool
    by: str


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

    def read(self) -> list[dict[str, Any]]:
        """All imports, the newest first. Raises InputError if they cannot be read."""
        work = self._background.perform("imports", _NoArguments())
        found = _finish(work)
        imports: list[dict[str, Any]] = found["imports"] if isinstance(found, dict) else found
        return imports

    def ask(self, name: str, by: Grant) -> Question:
        """What would be deleted. Raises InputError."""
        found = _finish(self._background.perform("undo", _Undo(name, dry_run=True, by=by.actor)))
        return Question(name, _list_deleted(found))

    def undo(self, name: str, by: Grant) -> None:
        """Undo an import; `latest` tells how far it is."""
        self._background.perform("undo", _Undo(name, dry_run=False, by=by.actor), _PAGE)

    @property
    def latest(self) -> Work | None:
        """The latest undoing, if any."""
        return self._background.latest(_PAGE)


def _finish(work: Work) -> Any:
    """The result of an operation as plain values. Raises InputError without one."""
    if not work.has_ended:
        raise InputError("this takes too long: try again later")
    if work.fault:
        raise InputError(work.fault)
    return msgspec.to_builtins(work.result)


def make_rows(found: list[dict[str, Any]], root: str) -> list[Row]:
    """The rows of the list."""
    return [_make_row(one, root) for one in found]


def find_running(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest import that has not ended."""
    return next((one for one in found if not one.get("ended")), None)


def undo_values(work: Work | None) -> dict[str, Any]:
    """What became of the latest undoing."""
    if work is None:
        return {"undoing": None, "undone": [], "undo_share": 0}
    progress = work.progress
    share = 0 if progress is None or not progress.total else 100 * progress.done // progress.total
    done = [] if work.result is None else _list_deleted(msgspec.to_builtins(work.result))
    return {"undoing": work, "undone": done, "undo_share": share}


def _make_row(found: dict[str, Any], root: str) -> Row:
    query = urlencode({"period": "all", "imported": found["name"]})
    visits, pageviews, events, figures = (
        format_exact(found[count]) for count in ("visits", "pageviews", "events", "figures")
    )
    return Row(
        found["name"],
        name_format(found["format"]),
        list_names(list(found["files"])),
        format_days(found.get("first"), found.get("last")),
        visits,
        pageviews,
        events,
        figures,
        translate("Complete") if found.get("ended") else translate("Not complete"),
        f"{root}/dashboard?{query}",
    )


def _list_deleted(found: dict[str, Any]) -> list[tuple[str, str]]:
    names = {
        "visits": mark("Sessions"),
        "pageviews": mark("Pageviews"),
        "events": mark("Events"),
        "figures": mark("Figures of days"),
    }
    return [(translate(title), format_exact(found[name])) for name, title in names.items() if name in found]
