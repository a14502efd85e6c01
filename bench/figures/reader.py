"""Who looks at dashboards: questions, answers, and one who asks over a connection that is kept open."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterable
from urllib.parse import urlencode

import duckdb
import msgspec

from bench.seed import DOMAINS
from prisme.base.timexpr import SECOND
from prisme.stats.parameters import COMPARE, read_query
from prisme.stats.selection import Span

MONTH, YEAR = "now-30d/d", "now-12M/d"
_PATIENCE = 60.0


class Question(msgspec.Struct, frozen=True):
    """A dashboard from `since` until now, of one domain (all where empty); `pageviews` were seeded since `start`."""

    since: str
    domain: str
    start: int
    pageviews: int

    @property
    def path(self) -> str:
        """What is asked for: until this very moment, so that no answer is one that the server remembers."""
        words = {"from": self.since, "to": f"{time.time():.6f}", "tz": "UTC"}
        words |= {"domain": self.domain} if self.domain else {}
        return f"/api/v1/stats/dashboard?{urlencode(words)}"


class Answer(msgspec.Struct, frozen=True):
    """When it was asked for (monotonic), how long that took, and what is wrong with it: empty for nothing."""

    asked: float
    seconds: float
    fault: str


def spans(since: str, now: int) -> tuple[Span, Span | None]:
    """The span that a dashboard shows, and the one that it compares with."""
    found = read_query({"from": since, "to": "now", "tz": "UTC"}, now, COMPARE)
    return found.span, found.compared


def questions(tables: duckdb.DuckDBPyConnection, since: str, now: int) -> list[Question]:
    """One of each domain, and one of all."""
    start = spans(since, now)[0].start
    query = 'SELECT domain, count(*) FROM pageviews WHERE "timestamp" >= make_timestamp(?) GROUP BY domain'
    counts: dict[str, int] = dict(tables.execute(query, [start]).fetchall())
    of_domains = [Question(since, domain, start, counts.get(domain, 0)) for domain in DOMAINS]
    return [Question(since, "", start, sum(counts.values())), *of_domains]


class Reader:
    """Asks one question after another; `think` is the seconds from an answer to the next one."""

    def __init__(self, port: int, token: str, think: float) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._think = think

    def read(self, some: Iterable[Question], quiet: bool) -> list[Answer]:
        """Ask these."""
        return [self.ask(one, quiet) for one in some]

    def read_until(self, stop: threading.Event, some: list[Question]) -> list[Answer]:
        """Ask these in turn while events come in, until the stop, or until an answer is none."""
        answers = []
        for one in itertools.cycle(some):
            answers.append(self.ask(one, quiet=False))
            if answers[-1].fault or stop.wait(self._think):
                break
        return answers

    def ask(self, question: Question, quiet: bool) -> Answer:
        """One answer; where all is quiet, it has to have exactly what was seeded."""
        began = time.monotonic()
        try:
            self._connection.request("GET", question.path, headers=self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(began, time.monotonic() - began, f"{question.path}: {error!r}")
        seconds = time.monotonic() - began
        fault = judge(question, response.status, body, quiet)
        return Answer(began, seconds, fault and f"{question.path}: {fault}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def judge(question: Question, status: int, body: bytes, quiet: bool) -> str:
    """What is wrong with an answer."""
    if status != 200:
        return f"status {status}: {body[:300].decode(errors='replace')}"
    try:
        answer = json.loads(body)
        start, count = answer["period"]["from"] * SECOND, answer["totals"]["pageviews"]
    except (ValueError, LookupError, TypeError) as error:
        return f"no dashboard: {error!r}"
    if start != question.start:  # midnight has passed, there is nothing to compare with
        return "" if count > 0 else "no pageviews"
    least = max(question.pageviews, 1)
    return "" if count == least or (count > least and not quiet) else f"{count} pageviews, {least} were seeded"
