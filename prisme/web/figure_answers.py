"""Answers a question for a figure, for all that ask as a program: the stats API, and MCP."""

from collections.abc import Mapping

import msgspec

from prisme.access.goals import GoalList
from prisme.access.grants import Grant
from prisme.base import refusal
from prisme.base.domains import allows
from prisme.base.errors import InputError
from prisme.base.goals import Definitions
from prisme.base.refusal import Refusal
from prisme.stats.cache.responses import ResponseCache
from prisme.stats.figures import compute, read_figure_query
from prisme.stats.filters import DOMAIN
from prisme.stats.frames import Frame
from prisme.stats.funnels import FunnelFigures
from prisme.stats.goals import GoalFigures
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.store.errors import UnavailableError
from prisme.web.parsed_request import ParsedRequest
from prisme.web.stats_source import StatsSource


class FigureDeps(msgspec.Struct, frozen=True):
    """What figures are computed from."""

    source: StatsSource
    goals: GoalList
    cache: ResponseCache


class Question(msgspec.Struct, frozen=True):
    """A question for a figure by its name; `parameters` are as in a URL, without credentials."""

    name: str
    parameters: Mapping[str, str]
    grant: Grant
    request: ParsedRequest
    as_csv: bool = False


class _Query(msgspec.Struct, frozen=True):
    """A question whose sender may see the result; `now` is in microseconds."""

    question: Question
    read: StatsQuery
    definitions: Definitions
    now: int


def answer(deps: FigureDeps, question: Question) -> bytes | Refusal:
    """The figure as JSON or CSV, or why there is none. It may take seconds: in a thread of a pool."""
    query = _read_query(deps, question)
    if isinstance(query, Refusal):
        return query
    # By their hash, as definitions may be long.
    definitions, domains = hash(query.definitions), question.grant.domains
    key = (question.name, question.as_csv, domains, definitions, *sorted(question.parameters.items()))
    try:
        return deps.cache.find(key, lambda: _compute(deps.source, query))
    except UnavailableError as error:
        return deps.source.refuse(error)


def _read_query(deps: FigureDeps, question: Question) -> _Query | Refusal:
    now, definitions = deps.source.now, deps.goals.read(question.grant.domains)
    try:
        read = read_figure_query(question.name, question.parameters, now, definitions.goals)
    except InputError as error:
        return refusal.QUESTION_INVALID.with_reason(str(error))
    forbidden = _find_forbidden_domain(read, question.grant)
    if forbidden:
        return refusal.DOMAIN_NOT_ALLOWED.with_reason(f"domain: you do not have access to {forbidden[:128]!r}")
    return _Query(question, read, definitions, now)


def _find_forbidden_domain(query: StatsQuery, grant: Grant) -> str:
    """The first domain in the filters that is in full and that the grant does not allow; empty if there is none."""
    if grant.domains is None or DOMAIN not in query.filters:
        return ""
    in_full = (pattern[0] for pattern in query.filters[DOMAIN].includes if len(pattern) == 1)
    return next((domain for domain in in_full if not allows(grant.domains, domain)), "")


def _compute(source: StatsSource, query: _Query) -> bytes:
    question = query.question
    with source.open_reader(question.request) as reader:
        stats = Stats(reader, question.grant.domains, query.definitions)
        result = compute(question.name, stats, query.read, query.now, source.cache)
    if question.as_csv and isinstance(result, Frame | GoalFigures | FunnelFigures):
        return result.to_csv(query.read.spreadsheet).encode("utf-8", "surrogatepass")
    return msgspec.json.encode(result)
