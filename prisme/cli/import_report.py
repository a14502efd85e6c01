"""What an import has found and stored, for people and for programs."""

import argparse
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from prisme.base.domains import host_of
from prisme.imports.tally import NOT_REGISTERED, BadLine
from prisme.runtime.terminal import escape
from prisme.visit.origins import Hosts

if TYPE_CHECKING:
    from prisme.imports.pipeline import Pipeline
    from prisme.imports.tally import Tally
    from prisme.operations.import_data import Imported
    from prisme.operations.import_rules import ImportRules

_SITES_SHOWN: Final = 20


class Report(msgspec.Struct):
    """What is printed as JSON; times are in UTC, `sites` has visits, or days of figures, by domain."""

    name: str | None
    format: str
    rows: int
    visits: int
    pageviews: int
    events: int
    figures: int
    first: str | None
    last: str | None
    days: int
    sites: dict[str, int]
    already_there: int
    grown: int
    overlap_days: int
    skipped: dict[str, int]
    bad: int
    bad_lines: list[BadLine]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is new."""
        return not (self.visits or self.figures or self.grown)


def make_report(name: str, done: "Imported | None", pipeline: "Pipeline", tally: "Tally") -> Report:
    """What was found, and what came of it; without `done`, for what the import keeps of itself."""
    found, merged = pipeline.found, done.merged if done else None
    return Report(
        name=done.name or None if done else None,
        format=name,
        rows=tally.rows,
        visits=merged.visits if merged else found.visits,
        pageviews=merged.pageviews if merged else found.pageviews,
        events=merged.events if merged else found.events,
        figures=merged.figures if merged else found.figures,
        first=_show(found.first),
        last=_show(found.last),
        days=len(found.days),
        sites=dict(found.sites.most_common()),
        already_there=merged.known if merged else 0,
        grown=merged.grown if merged else 0,
        overlap_days=done.overlap_days if done else 0,
        skipped=dict(tally.skipped.most_common()),
        bad=tally.bad,
        bad_lines=tally.bad_lines,
    )


def _show(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.datetime.fromtimestamp(moment // 1_000_000, datetime.UTC).isoformat().replace("+00:00", "Z")


def print_report(report: Report, flags: argparse.Namespace, rules: "ImportRules", is_done: bool, file: TextIO) -> None:
    """The report for people, or as JSON with `--json`, or nothing with `--quiet`."""
    if flags.json:
        file.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    elif not flags.quiet:
        lines = [*_describe_files(report), *_describe_rows(report, is_done), *_describe_rest(report)]
        if flags.site and host_of(flags.site.lower()) not in Hosts([*rules.sites, *rules.aliases]):
            lines.append(f"{flags.site} is not a site of this Prisme yet: `prisme site add {flags.site}`")
        days = rules.retention_days
        if days and report.first and report.first[:10] < _oldest_kept(days):
            lines.append(f"retention_days is {days}: what is older is deleted again within a day")
        if is_done and report.name:
            lines.append(f"its name is {report.name}: `prisme import undo {report.name}` deletes it again")
        print("\n".join(lines), file=file)


def _describe_files(report: Report) -> Iterator[str]:
    yield f"{report.format}: {_count(report.rows, 'row')}"
    if report.first and report.last:
        of_what = " with visits" if report.visits or not report.figures else ""
        yield f"from {report.first[:10]} to {report.last[:10]}, {_count(report.days, 'day')}{of_what}"
    for site, visits in list(report.sites.items())[:_SITES_SHOWN]:
        yield f"  {visits:>12,}  {site}"
    if len(report.sites) > _SITES_SHOWN:
        yield f"  and {_count(len(report.sites) - _SITES_SHOWN, 'more site')}"


def _describe_rows(report: Report, is_done: bool) -> Iterator[str]:
    numbers = {
        "visit": report.visits, "pageview": report.pageviews, "event": report.events, "figure": report.figures
    }  # fmt: skip
    new = [_count(number, noun) for noun, number in numbers.items() if number]
    yield f"{'imported' if is_done else 'new'}: {', '.join(new) or 'nothing'}"
    if report.already_there:
        yield f"there already, and left as they are: {report.already_there:,}"
    if report.grown:
        yield f"there already, with more rows now: {report.grown:,}"
    if report.overlap_days:
        days = _count(report.overlap_days, "day")
        has = "has" if report.overlap_days == 1 else "have"
        yield f"{days} of these {has} visits or figures of other origin already: both are counted"


def _describe_rest(report: Report) -> Iterator[str]:
    if report.skipped:
        yield "skipped:"
        yield from (f"  {count:>12,}  {why}" for why, count in report.skipped.items())
    if NOT_REGISTERED in report.skipped:
        yield "add the sites first, with `prisme site add HOST`, or name one with --site"
    if report.bad:
        yield f"cannot be read: {_count(report.bad, 'row')}"
        yield from (f"  {one.file}, line {one.number}: {one.why}: {escape(one.text)}" for one in report.bad_lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _oldest_kept(days: int) -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)).date().isoformat()
