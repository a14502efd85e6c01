"""Takes an import back: deletes all that it has added, and nothing else."""

from typing import Final

import msgspec

from prisme.access import audit
from prisme.access.grants import Grant
from prisme.base import timexpr
from prisme.base.errors import InputError
from prisme.operations import compact, imports
from prisme.operations.context import Context
from prisme.operations.delete import Deleted, compact_after, delete
from prisme.operations.job import Job
from prisme.store.deletion import of_import
from prisme.store.schema import FIGURES

_SHOWN: Final = 20


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """The name of an import, as `imports` lists it. `by` is whom the audit log names."""

    name: str
    dry_run: bool = False
    by: str = "cli"


def run(context: Context, arguments: Arguments, job: Job) -> Deleted:
    """Delete in steps, as `delete` does; the import is listed until all is done, so that the rest can be undone later.

    Raises InputError for a name that no import has, StoreError and the like.
    """
    names = [one.name for one in imports.run(context, imports.Arguments(), job)]
    if arguments.name not in names:
        raise _unknown(arguments.name, names)
    deleted, is_done = Deleted(), False
    try:
        delete(context, of_import(arguments.name), job, arguments.dry_run, deleted)
        if not arguments.dry_run:
            context.store.forget_import(arguments.name)
            is_done = True
    finally:
        if is_done or not (arguments.dry_run or deleted.is_nothing):
            _audit(context, arguments, deleted, is_done)
    if is_done and not deleted.is_nothing:
        compact_after(context, deleted, lambda: compact.run(context, compact.Arguments(), job))
    return deleted


def _unknown(name: str, names: list[str]) -> InputError:
    if not names:
        return InputError("there is no import {name}: nothing was imported, or all of it was undone", name=name)
    shown = ", ".join(names[:_SHOWN]) + (" and older ones" if len(names) > _SHOWN else "")
    return InputError("there is no import {name}; there are: {names}", name=name, names=shown)


def _audit(context: Context, arguments: Arguments, deleted: Deleted, is_done: bool) -> None:
    parts = [f"{deleted.rows['sessions']} sessions", f"{deleted.rows[FIGURES]} imported figures"]
    detail = ", ".join(parts if is_done else [*parts, "not all of it"])
    by = Grant(arguments.by, "", frozenset(), ())
    with context.control.change() as connection:
        audit.record(connection, context.clock() // timexpr.SECOND, by, "data.undo", arguments.name, detail)
