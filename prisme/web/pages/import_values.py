"""What the page of imports shows of an upload and of what was read: short texts for its template."""

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from prisme.dashboard.display import decode_host
from prisme.dashboard.number_format import format_duration, format_exact
from prisme.dashboard.periods import describe
from prisme.dashboard.words import mark, mark_count, translate, translate_count
from prisme.imports.tally import NOT_REGISTERED
from prisme.stats.zones import open_zone
from prisme.web.uploads.report import Report
from prisme.web.uploads.upload import Upload
from prisme.web.uploads.uploads import format_size

AUTO: Final = "auto"
FORMATS: Final = {
    AUTO: mark("Find out from the files"),
    "prisme": mark("Prisme (export)"),
    "prisme-go": mark("Prisme in Go (ClickHouse tables)"),
    "goatcounter": mark("GoatCounter (CSV)"),
    "umami": mark("Umami (CSV)"),
    "plausible": mark("Plausible (zip)"),
    "matomo": mark("Matomo (CSV reports)"),
    "ga4": mark("Google Analytics 4 (CSV reports)"),
    "access-log": mark("Access logs of a web server"),
    "medama": mark("Medama (database)"),
    "liwan": mark("Liwan (database)"),
}
# What the command says of its flags, and what that is on the page, which has fields.
_FLAGS: Final = (
    (re.compile(r"(?:name it with|add) --site \S+"), "fill in the field Site"),
    (re.compile(r"name the server's with --time-zone \S+"), "fill in the field Time zone"),
    (re.compile(r"name it, one of .*"), "choose the format"),
    (re.compile(r"^--site: "), "Site: "),
)
_UTC: Final = open_zone("UTC")
_DAY: Final = timedelta(days=1)
_MOST_SITES: Final = 20
_MOST_FILES: Final = 5
_FILES: Final = mark_count("{count} file", "{count} files")
_OTHER_SITES: Final = mark_count("{count} other site", "{count} other sites")
_OTHER_FILES: Final = mark_count("{count} other file", "{count} other files")


class Step(msgspec.Struct, frozen=True):
    """Where an upload is: a sentence, and a share in percent where it is known."""

    text: str
    share: int | None = None


def upload_values(upload: Upload | None, retention_days: int, is_registered: Callable[[str], bool]) -> dict[str, Any]:
    """The values of the latest upload; `is_open` is whether another one can begin."""
    if upload is None:
        return {"upload": None, "is_open": True, "step": None, "report": None, "upload_fault": "", "fault_sentence": ""}
    names, fault = [file.name for file in upload.files], explain_fault(upload.fault)
    return {
        "upload": upload,
        "is_open": not upload.is_under_way,
        "step": _describe_step(upload),
        "report": upload.report,
        "files": list_names(names),
        "counts": [] if upload.report is None else list_counts(upload.report),
        "advice": _list_all_advice(upload.report, retention_days, is_registered),
        "read_as": "" if upload.report is None else name_format(upload.report.format or upload.options.format),
        "upload_fault": fault,
        "fault_sentence": begin_sentence(fault, names),
    }


def explain_fault(fault: str) -> str:
    """What the command says of its flags, as the page says it of its fields."""
    for flag, field in _FLAGS:
        fault = flag.sub(field, fault)
    return fault


def begin_sentence(text: str, names: list[str]) -> str:
    """With a capital letter, unless it begins with one of these names of files."""
    return text if text.startswith(tuple(names)) else text[:1].upper() + text[1:]


def name_format(name: str) -> str:
    """The title of a format."""
    return translate(FORMATS[name]) if name in FORMATS else name


def list_names(names: list[str]) -> str:
    """The names of files, of many the first ones."""
    shown = ", ".join(names[:_MOST_FILES])
    if len(names) <= _MOST_FILES:
        return shown
    return translate(
        "{names} and {others}", names=shown, others=translate_count(_OTHER_FILES, len(names) - _MOST_FILES)
    )


def list_counts(report: Report) -> list[tuple[str, str]]:
    """What was read, or imported, as names and values."""
    found = [
        (translate("Rows read"), format_exact(report.rows)),
        (translate("Days"), format_days(report.first, report.last)),
        (translate("Sites"), _list_sites(report.sites)),
        (translate("Sessions"), format_exact(report.visits)),
        (translate("Pageviews"), format_exact(report.pageviews)),
        (translate("Events"), format_exact(report.events)),
    ]
    if report.figures:
        found.append((translate("Figures of days"), format_exact(report.figures)))
    if report.already_there:
        found.append((translate("Already there"), format_exact(report.already_there)))
    if report.grown:
        found.append((translate("There, with more rows now"), format_exact(report.grown)))
    if report.overlap_days:
        found.append((translate("Days with other data"), format_exact(report.overlap_days)))
    return found


def list_advice(report: Report, retention_days: int, now: datetime) -> list[str]:
    """What an admin should know before the import; days are 0 where everything is kept."""
    advice = []
    if NOT_REGISTERED in report.skipped:
        text = mark("Some sites are not registered: add them on the page of sites, or name one; then read again.")
        advice.append(translate(text))
    if retention_days and report.first is not None and report.first < now - timedelta(days=retention_days):
        text = mark(
            "Sessions that began more than {days} days ago are deleted again within a day, "
            "as the option retention_days says."
        )
        advice.append(translate(text, days=retention_days))
    return advice


def list_unknown(sites: Iterable[str], is_registered: Callable[[str], bool]) -> list[str]:
    """What an admin should know of sites that are imported though they are not registered."""
    unknown = [decode_host(site) for site in sites if not is_registered(site)]
    if not unknown:
        return []
    text = mark(
        "Not registered: {sites}. What the files have of them is imported, but events from their pages are refused "
        "until you add them on the page of sites."
    )
    return [translate(text, sites=", ".join(unknown[:_MOST_SITES]))]


def _list_all_advice(report: Report | None, days: int, is_registered: Callable[[str], bool]) -> list[str]:
    if report is None:
        return []
    return list_unknown(report.sites, is_registered) + list_advice(report, days, datetime.now(UTC))


def format_days(first: datetime | None, last: datetime | None) -> str:
    """The first and the last day; empty without any."""
    if first is None or last is None:
        return ""
    start, end = (datetime(moment.year, moment.month, moment.day, tzinfo=UTC) for moment in (first, last))
    return describe(int(start.timestamp()) * 1_000_000, int((end + _DAY).timestamp()) * 1_000_000, _UTC)


def _list_sites(sites: dict[str, int]) -> str:
    busiest = sorted(sites.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{decode_host(host)} ({format_exact(count)})" for host, count in busiest[:_MOST_SITES])
    if len(sites) <= _MOST_SITES:
        return shown
    others = translate_count(_OTHER_SITES, len(sites) - _MOST_SITES)
    return translate("{names} and {others}", names=shown, others=others)


def _describe_step(upload: Upload) -> Step | None:
    who, files = upload.by.account, translate_count(_FILES, len(upload.files))
    size = format_size(sum(file.size for file in upload.files))
    lasted = format_duration(time.monotonic() - upload.since)
    match upload.state:
        case "receiving":
            received = upload.receiving.received
            share = 100 * received // upload.size if upload.size else None
            return Step(translate("{who} uploads files: {size} so far.", who=who, size=format_size(received)), share)
        case "reading":
            text = mark("Reading {files} ({size}), for {time} so far. Nothing is imported yet.")
        case "importing":
            text = mark("Importing {files} ({size}), for {time} so far.")
        case _:
            return None
    return Step(translate(text, files=files, size=size, time=lasted))
