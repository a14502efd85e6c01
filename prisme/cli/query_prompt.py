"""The prompt of `prisme query`: statements over several lines, with history and completion."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from prisme.base.errors import InputError
from prisme.cli.operate import Operator, describe
from prisme.operations import query
from prisme.store.sql_functions import FUNCTIONS, KEYWORDS, TABLE_FUNCTIONS, TYPES

_LEAVE: Final = frozenset({"exit", "quit", "\\q"})
_HELP: Final = frozenset({"help", "\\h", "?"})
_ABOUT: Final = """\
End a query with a semicolon. Tab completes, the arrow keys bring earlier
queries back, Ctrl-C stops a query, Ctrl-D or `exit` leaves.
  DESCRIBE sessions;    the columns of a table
  SUMMARIZE pageviews;  what is in them
The tables are sessions, pageviews, events_custom, file_downloads,
outbound_link_clicks and imported_figures."""


class SqlCompleter(Completer):
    """Completes the word before the cursor: after `table.`, only by that table's columns."""

    def __init__(self, columns: Iterable[query.TableColumn]) -> None:
        self._tables: dict[str, list[query.TableColumn]] = {}
        for column in columns:
            self._tables.setdefault(column.table, []).append(column)
        every = {column.name: column for column in columns}
        self._words = [
            *((table, "table") for table in self._tables),
            *((name, column.type) for name, column in every.items()),
            *((name.upper(), "keyword") for name in sorted(KEYWORDS | TYPES)),
            *((name, "function") for name in sorted(FUNCTIONS | TABLE_FUNCTIONS) if name.isidentifier()),
        ]

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        """What may stand there."""
        word = document.get_word_before_cursor(WORD=True).rpartition("(")[2].rpartition(",")[2]
        before, dot, last = word.rpartition(".")
        if dot:
            found = [(column.name, column.type) for column in self._tables.get(before.lower(), ())]
        else:
            found = self._words if last else []
        for text, kind in found:
            if text.lower().startswith(last.lower()) and text.lower() != last.lower():
                yield Completion(text, -len(last), display_meta=kind)


def converse(operator: Operator, answer: Callable[[str], None]) -> None:
    """Answer queries until the end of input."""
    session: PromptSession[str] = PromptSession(
        history=open_history(os.environ), completer=SqlCompleter(_find_columns(operator)), complete_while_typing=False
    )
    multiline = Condition(lambda: not is_complete(session.default_buffer.text))
    print("`help` says what to type.")
    while True:
        try:
            text = session.prompt("prisme> ", multiline=multiline, prompt_continuation="     -> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text.rstrip(";") in _LEAVE:
            return
        if text.rstrip(";") in _HELP:
            print(_ABOUT)
        elif text:
            _answer_one(answer, text)


def is_complete(text: str) -> bool:
    """Whether Enter runs it: it ends with a semicolon, or is a word of the prompt itself, or empty."""
    text = text.strip()
    return not text or text.endswith(";") or text in _LEAVE | _HELP


def _answer_one(answer: Callable[[str], None], text: str) -> None:
    try:
        answer(text)
    except (InputError, OSError, ValueError) as error:
        print(f"prisme: {describe(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("prisme: cancelled", file=sys.stderr)


def _find_columns(operator: Operator) -> list[query.TableColumn]:
    return operator.run("tables", query.NoArguments(), list[query.TableColumn])


def open_history(environ: dict[str, str] | os._Environ[str]) -> History:
    """The user's history, in the state folder of the XDG Base Directory Specification; in memory without one."""
    state = Path(environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local/state")
    try:
        (state / "prisme").mkdir(parents=True, exist_ok=True)
        (state / "prisme" / "query_history").touch(0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(state / "prisme" / "query_history"))
