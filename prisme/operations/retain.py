"""Deletes the visits and imported figures that are older than the options and the sites' rules say."""

import datetime
from collections import defaultdict
from typing import Any, Final

import msgspec

from prisme.access.retention import days_of, read_rules
from prisme.base import timexpr
from prisme.base.domains import host_of
from prisme.operations import compact
from prisme.operations.compact import Compaction
from prisme.operations.context import Context
from prisme.operations.delete import Deleted, compact_after, day_before, delete
from prisme.operations.job import Job
from prisme.stats.dialect import DIALECTS, Dialect
from prisme.store import compaction
from prisme.store.deletion import Choice
from prisme.store.schema import FIGURES
from prisme.visit.origins import Hosts

# Of the file, above which it is rewritten.
_FREE_SHARE: Final = 0.25
_DAY: Final = 86_400 * timexpr.SECOND
_DEADLINE: Final = 600.0  # seconds
_DOMAINS: Final = f"""
SELECT DISTINCT domain FROM (SELECT domain FROM sessions UNION ALL SELECT domain FROM {FIGURES})
"""  # noqa: S608  # names of ours


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """With a `site`, only count what would be deleted of it if its rule was `days`; None for no rule."""

    site: str | None = None
    days: int | None = None
    dry_run: bool = False


def run(context: Context, arguments: Arguments, job: Job) -> Deleted:
    """Delete, and rewrite the file where a quarter of it is free. Raises StoreError, UnavailableError and the like.

    Of several nodes with one ClickHouse, those that only accept events leave it to the other one, which has the rules.
    """
    if context.store.engine == "clickhouse" and context.config.mode == "ingestion":
        return Deleted()
    choice = _choose(context, arguments, job)
    dry_run = arguments.dry_run or arguments.site is not None
    deleted = Deleted()
    if choice is not None:
        delete(context, choice, job, dry_run, deleted)
    if not dry_run:
        compact_after(context, deleted, lambda: _compact(context, deleted, job))
    return deleted


def _compact(context: Context, deleted: Deleted, job: Job) -> Compaction | None:
    """Rewrite the file where it is worth it; a rewrite that did not succeed before is tried again."""
    room = compaction.measure(context.loader, settles=not deleted.is_nothing)
    return compact.rewrite(context, job) if compact.is_worth_it(room, _FREE_SHARE) else None


def _choose(context: Context, arguments: Arguments, job: Job) -> Choice | None:
    """The visits that are too old; None if all are kept for ever."""
    rules = read_rules(context.control)
    if arguments.site is not None:
        rules.pop(arguments.site, None)
        if arguments.days is not None:
            rules[arguments.site] = arguments.days
    if not any((context.config.retention_days, *rules.values())):
        return None
    context.settle()  # it may have the first events of a domain
    with context.store.open_reader(_DEADLINE, cancellation=job.cancellation) as reader:
        domains = [domain for (domain,) in reader.ask(_DOMAINS, {})]
    by_days: dict[int, list[str]] = defaultdict(list)
    for domain in domains:
        if arguments.site is None or host_of(domain) in Hosts.of_normal([arguments.site]):
            by_days[days_of(domain, rules, context.config.retention_days)].append(domain)
    by_days.pop(0, None)
    today = timexpr.floor(context.clock(), "d", datetime.UTC)
    return _write(by_days, today, DIALECTS[context.store.engine]) if by_days else None


def _write(by_days: dict[int, list[str]], today: int, dialect: Dialect) -> Choice:
    """The conditions of what was more than so many days before the one that begins at `today`."""
    of_visit, of_figure, parameters = [], [], dict[str, Any]()
    for number, (days, domains) in enumerate(by_days.items()):
        parameters |= {f"domains{number}": domains, f"before{number}": today - days * _DAY}
        of_site, before = dialect.contains(f"$domains{number}", "domain"), f"$before{number}"
        of_visit.append(f"({of_site} AND entry_timestamp < {dialect.moment(before)})")
        of_figure.append(f"({of_site} AND {day_before(before, dialect)})")
    return Choice(" OR ".join(of_visit), None, None, " OR ".join(of_figure), parameters)
