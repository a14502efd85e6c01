"""What the page of imports shows of an upload and of what was read: short texts for its template."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from prisme.dashboard.dates import format_date
from prisme.dashboard.display import decode_host
from prisme.dashboard.number_format import format_duration, format_exact
from prisme.dashboard.words import mark, mark_count, translate, translate_count
from prisme.imports.tally import NOT_REGISTERED
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
_MOST_SITES: Final = 20
_MOST_FILES: Final = 5
_FILES: Final = mark_count("{count} file", "{count} files")
_OTHER_SITES: Final = mark_count("{count} other site", "{count} other sites")
_OTHER_FILES: Final = mark_count("{count} other file", "{count} other files")


class Step(msgspec.Struct, frozen=True):
    """Where an upload is: a sentence, and a share in percent where it is known."""

    text: str
    share: int | None = None


def upload_values(upload: Upload | None, retention_days: int) -> dict[str, Any]:
    """The values of the latest upload; `is_open` is whether another one can begin."""
    if upload is None:
        return {"upload": None, "is_open": True, "step": None, "report": None, "upload_fault": ""}
    return {
        "upload": upload,
        "is_open": not upload.is_under_way,
        "step": _describe_step(upload),
        "report": upload.report,
        "files": list_names([file.name for file in upload.files]),
        "counts": [] if upload.report is None else list_counts(upload.report),
        "advice": [] if upload.report is None else list_advice(upload.report, retention_days, datetime.now(UTC)),
        "read_as": "" if upload.report is None else name_format(upload.report.format or upload.options.format),
        "upload_fault": upload.fault,
    }


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


def format_days(first: datetime | None, last: datetime | None) -> str:
    """The first and the last day; empty without any."""
    days = [format_date(moment) for moment in (first, last) if moment is not None]
    if not days:
        return ""
    return days[0] if days[0] == days[-1] else translate("{first} to {last}", first=days[0], last=days[-1])


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
