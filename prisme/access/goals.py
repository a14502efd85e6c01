"""Goals and funnels of sites, in the control database. Admins change those of the sites that their grant includes."""

from collections.abc import Collection, Sequence
from sqlite3 import Connection
from typing import Any, Final, Literal

import msgspec

from prisme.access import audit
from prisme.access.grants import ADMIN, AccessError, Grant, NotFoundError
from prisme.base.domains import allows
from prisme.base.errors import Words
from prisme.base.goals import EVENT, PAGE, Definitions, Funnel, Goal, concerns
from prisme.store.control import Control

# Each is a condition of its own in queries: DuckDB plans 100 of them in some 50 ms.
MOST_GOALS: Final = 100
MOST_FUNNELS: Final = 20
# Of all sites together: whoever may see all of them has these in one query.
MOST_GOALS_OF_ALL: Final = 500
MOST_FUNNELS_OF_ALL: Final = 100
MOST_STEPS: Final = 4
_LEAST_STEPS: Final = 2
MOST_NAME: Final = 64
# Of a pattern, of the names of properties, and of a value.
MOST_TEXT: Final = 500
_COLUMNS: Final = ("site", "name", "kind", "pattern", "property", "value", "sum_property", "currency_property")
_SELECT: Final = f"SELECT id, {', '.join(_COLUMNS)} FROM goals"  # noqa: S608  # names of columns
_STEPS: Final = (
    "SELECT funnels.id, funnels.site, funnels.name, goals.name FROM funnels "
    "JOIN funnel_steps ON funnel_steps.funnel = funnels.id JOIN goals ON goals.id = funnel_steps.goal "
    "ORDER BY funnels.site, funnels.name, funnel_steps.step"
)
_Table = Literal["goals", "funnels"]
_WHAT: Final[dict[_Table, Words]] = {"goals": Words("goal"), "funnels": Words("funnel")}
_ALL: Final[dict[_Table, Words]] = {"goals": Words("goals"), "funnels": Words("funnels")}


class GoalList:
    """All goals and funnels. Its methods read a file, so they must not run on the event loop.

    Changes raise AccessError if they are not possible.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def read(self, domains: Collection[str] | None) -> Definitions:
        """Those of the sites that some entries of domains allow, at least in part; of all sites for None. By name."""

        def is_seen(site: str) -> bool:
            return domains is None or any(concerns(site, entry) for entry in domains)

        with self._control.read() as connection:
            goals = [Goal(*row) for row in connection.execute(_SELECT + " ORDER BY site, name")]
            steps = connection.execute(_STEPS).fetchall()
        return Definitions(
            tuple(goal for goal in goals if is_seen(goal.site)),
            tuple(funnel for funnel in _load_funnels(steps) if is_seen(funnel.site)),
        )

    def of_site(self, site: str) -> Definitions:
        """Those of one site, by name."""
        every = self.read(None)
        return Definitions(
            tuple(goal for goal in every.goals if goal.site == site),
            tuple(funnel for funnel in every.funnels if funnel.site == site),
        )

    def save_goal(self, by: Grant, goal: Goal, now: int) -> None:
        """Create a goal, or change the one with its `id` and `site`. Raises NotFoundError or AccessError."""
        goal = _validate(goal)
        _check_grant(by, goal.site)
        with self._control.change() as connection:
            _check_name(connection, "goals", goal.site, goal.name, goal.id)
            values = tuple(getattr(goal, column) for column in _COLUMNS)
            if goal.id:
                _find(connection, "goals", goal.site, goal.id)
                columns = ", ".join(f"{column} = ?" for column in _COLUMNS)
                connection.execute(f"UPDATE goals SET {columns} WHERE id = ?", (*values, goal.id))  # noqa: S608  # _COLUMNS
            else:
                _check_room(connection, "goals", goal.site)
                columns, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
                connection.execute(
                    f"INSERT INTO goals ({columns}, created, creator) VALUES ({marks}, ?, ?)",  # noqa: S608  # of _COLUMNS
                    (*values, now, by.actor),
                )
            audit.record(connection, now, by, "goal.change" if goal.id else "goal.add", goal.site, goal.name)

    def remove_goal(self, by: Grant, site: str, id_: int, now: int) -> None:
        """Delete a goal that no funnel has as a step. Raises NotFoundError or AccessError."""
        _check_grant(by, site)
        with self._control.change() as connection:
            name = _find(connection, "goals", site, id_)
            query = "SELECT name FROM funnels JOIN funnel_steps ON funnel = id WHERE goal = ? LIMIT 1"
            if used := connection.execute(query, (id_,)).fetchone():
                raise AccessError(
                    "the funnel {used} has the goal {name} as a step: change or delete it first",
                    used=used[0],
                    name=name,
                )
            connection.execute("DELETE FROM goals WHERE id = ?", (id_,))
            audit.record(connection, now, by, "goal.remove", site, name)

    def save_funnel(self, by: Grant, funnel: Funnel, now: int) -> None:
        """Create a funnel, or change the one with its `id` and `site`. Raises NotFoundError or AccessError."""
        _check_grant(by, funnel.site)
        funnel = msgspec.structs.replace(funnel, name=_check_text(Words("name"), funnel.name, MOST_NAME, least=1))
        with self._control.change() as connection:
            goals = _find_steps(connection, funnel)
            _check_name(connection, "funnels", funnel.site, funnel.name, funnel.id)
            id_ = _write_funnel(connection, funnel, now, by)
            connection.execute("DELETE FROM funnel_steps WHERE funnel = ?", (id_,))
            connection.executemany(
                "INSERT INTO funnel_steps VALUES (?, ?, ?)", [(id_, step, goal) for step, goal in enumerate(goals, 1)]
            )
            audit.record(connection, now, by, "funnel.change" if funnel.id else "funnel.add", funnel.site, funnel.name)

    def remove_funnel(self, by: Grant, site: str, id_: int, now: int) -> None:
        """Delete a funnel; its goals stay. Raises NotFoundError or AccessError."""
        _check_grant(by, site)
        with self._control.change() as connection:
            name = _find(connection, "funnels", site, id_)
            connection.execute("DELETE FROM funnels WHERE id = ?", (id_,))
            audit.record(connection, now, by, "funnel.remove", site, name)


def delete_of_site(connection: Connection, site: str) -> None:
    """Delete the goals and funnels of a site that is removed, within the caller's transaction."""
    connection.execute("DELETE FROM funnels WHERE site = ?", (site,))
    connection.execute("DELETE FROM goals WHERE site = ?", (site,))


def _load_funnels(rows: Sequence[tuple[int, str, str, str]]) -> list[Funnel]:
    """The funnels of rows that each have one step, in order."""
    steps: dict[tuple[int, str, str], list[str]] = {}
    for id_, site, name, goal in rows:
        steps.setdefault((id_, site, name), []).append(goal)
    return [Funnel(*key, tuple(goals)) for key, goals in steps.items()]


def _validate(goal: Goal) -> Goal:
    """The goal without white space around its texts. Raises AccessError, with what to correct."""
    name = _check_text(Words("name"), goal.name, MOST_NAME, least=1)
    if goal.kind not in (EVENT, PAGE):
        raise AccessError("choose whether the goal is a page or a custom event")
    pattern = _check_text(
        Words("page") if goal.kind == PAGE else Words("name of the event"), goal.pattern, MOST_TEXT, least=1
    )
    texts = {
        "property": _check_text(Words("property"), goal.property, MOST_TEXT),
        "value": _check_text(Words("value"), goal.value, MOST_TEXT),
        "sum_property": _check_text(Words("property to sum"), goal.sum_property, MOST_TEXT),
        "currency_property": _check_text(Words("property with the currency"), goal.currency_property, MOST_TEXT),
    }
    if goal.kind == PAGE and any(texts.values()):
        raise AccessError("only custom events have properties: leave those fields empty for a page")
    if texts["value"] and not texts["property"]:
        raise AccessError("name the property that has to have this value, such as plan")
    if texts["currency_property"] and not texts["sum_property"]:
        raise AccessError("name the property to sum, such as revenue, or leave the currency empty")
    return msgspec.structs.replace(goal, name=name, pattern=pattern, **texts)


def _check_text(what: Words, text: str, most: int, least: int = 0) -> str:
    text = text.strip()
    if not least <= len(text) <= most or not text.isprintable():
        raise AccessError(
            "the {what} must have {least} to {most} characters, all of them visible", what=what, least=least, most=most
        )
    return text


def _check_grant(by: Grant, site: str) -> None:
    if ADMIN not in by.scopes or (by.domains is not None and not allows(by.domains, site)):
        raise AccessError("only admins of {site} may change its goals and funnels", site=site)


def _check_name(connection: Connection, table: _Table, site: str, name: str, id_: int) -> None:
    query = f"SELECT 1 FROM {table} WHERE site = ? AND name = ? AND id <> ?"  # noqa: S608  # one of two names
    if connection.execute(query, (site, name, id_)).fetchone():
        raise AccessError(
            "there is already a {what} {name} of {site}: choose another name", what=_WHAT[table], name=name, site=site
        )


def _check_room(connection: Connection, table: _Table, site: str) -> None:
    most, most_of_all = {
        "goals": (MOST_GOALS, MOST_GOALS_OF_ALL),
        "funnels": (MOST_FUNNELS, MOST_FUNNELS_OF_ALL),
    }[table]
    query = f"SELECT count(*) FILTER (WHERE site = ?), count(*) FROM {table}"  # noqa: S608  # one of two names
    own, all_ = connection.execute(query, (site,)).fetchone()
    if own >= most:
        raise AccessError(
            "there are already {most} {what} of {site}, the maximum: delete one first",
            most=most,
            what=_ALL[table],
            site=site,
        )
    if all_ >= most_of_all:
        raise AccessError(
            "there are already {most} {what} of all sites, the maximum: delete one first",
            most=most_of_all,
            what=_ALL[table],
        )


def _find(connection: Connection, table: _Table, site: str, id_: int) -> str:
    """The name of a site's goal or funnel. Raises NotFoundError."""
    query = f"SELECT name FROM {table} WHERE id = ? AND site = ?"  # noqa: S608  # one of two names
    row: tuple[Any, ...] | None = connection.execute(query, (id_, site)).fetchone()
    if row is None:
        raise NotFoundError("{site} has no {what} {id}: it may have been deleted", site=site, what=_WHAT[table], id=id_)
    return str(row[0])


def _find_steps(connection: Connection, funnel: Funnel) -> list[int]:
    """The ids of the goals that are a funnel's steps. Raises AccessError."""
    if not _LEAST_STEPS <= len(funnel.steps) <= MOST_STEPS:
        raise AccessError(
            "a funnel has {least} to {most} steps: choose a goal for each", least=_LEAST_STEPS, most=MOST_STEPS
        )
    known = dict(connection.execute("SELECT name, id FROM goals WHERE site = ?", (funnel.site,)).fetchall())
    for name in funnel.steps:
        if name not in known:
            raise AccessError(
                "{site} has no goal {name}: add it first, or choose another step",
                site=funnel.site,
                name=name[:MOST_NAME],
            )
    return [known[name] for name in funnel.steps]


def _write_funnel(connection: Connection, funnel: Funnel, now: int, by: Grant) -> int:
    """Store the funnel without its steps; gives its id."""
    if funnel.id:
        _find(connection, "funnels", funnel.site, funnel.id)
        connection.execute("UPDATE funnels SET name = ? WHERE id = ?", (funnel.name, funnel.id))
        return funnel.id
    _check_room(connection, "funnels", funnel.site)
    query = "INSERT INTO funnels (site, name, created, creator) VALUES (?, ?, ?, ?)"
    return connection.execute(query, (funnel.site, funnel.name, now, by.actor)).lastrowid or 0
