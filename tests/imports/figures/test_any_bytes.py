"""Whatever a file has, readers of figures give figures, or say what is wrong with it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.imports.figures import ga4, matomo, plausible
from prisme.imports.reading import Format
from prisme.stats.filters import FIELDS
from tests.imports.figures.reading import make_zip, read_files

FORMATS = [plausible.FORMAT, matomo.FORMAT, ga4.FORMAT]
HEADERS = {
    "plausible": [
        "date,visitors,visits,pageviews,bounces,visit_duration",
        "date,source,referrer,utm_source,utm_medium,utm_campaign,utm_content,utm_term,visitors,visits",
        "date,hostname,page,visitors,visits,pageviews",
        "date,country,region,city,visitors,visits",
        "date,name,link_url,path,visitors,events",
        "date,browser,visitors",
        "date,device,visitors",
    ],
    "matomo": ["date,label,nb_visits,nb_uniq_visitors,metadata_url,metadata_country", "date,nb_visits,bounce_rate"],
    "ga4": [
        "Date,Session source / medium,Session campaign,Country,Region,City,Sessions,Bounce rate",
        "Date,Page path,Views,Active users",
        "# Start date: 20260801\n# End date: 20260801\nNth day,Event name,Event count",
    ],
}
NAMES = [
    "Referrers.getWebsites.csv", "Referrers.getReferrerType.csv", "Actions.getPageUrls.csv", "UserCountry.getCity.csv",
    "Actions.getOutlinks.csv", "DevicesDetection.getBrowsers.csv", "Events.getAction_2026-08-01.csv",
]  # fmt: skip
CELLS = st.sampled_from(
    ["2026-08-01", "20260801", "2026-13-01", "0", "7", "0.5", "5%", "-1", "1e9", "", r"\N", '"', "/", "//a/../b?c#d"]
) | st.sampled_from(
    [
        "google / cpc",
        "(direct) / (none)",
        "US-TX",
        "US",
        "Others",
        "https://example.org/\u00e9",
        "http://[",
        "\u202e",
        "a,b",
    ]
)
TEXTS = st.lists(st.lists(CELLS | st.text(max_size=5), max_size=9).map(",".join), max_size=12).map("\n".join)


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_rows(format_: Format, data: st.DataObject) -> None:
    """Rows under headers of the format: every row is taken, counted, or refused."""
    text = data.draw(st.sampled_from(HEADERS[format_.name])) + "\n" + data.draw(TEXTS)
    name = data.draw(st.sampled_from(NAMES))
    with TemporaryDirectory() as folder:
        try:
            result = read_files(format_, Path(folder), {name: text})
        except InputError:
            return
    assert result.dimensions <= {*FIELDS, ""}
    for one in result.figures:
        assert bool(one.value) == bool(one.dimension)
        assert one.value.isprintable()
        assert one.value == one.value.strip()
    keys = [(one.day, one.domain, one.dimension, one.value) for one in result.figures]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=50).map(lambda data: make_zip({"a.csv": "x"})[:70] + data))
def test_any_bytes(format_: Format, content: bytes) -> None:
    """No exception but InputError."""
    format_.recognise("Actions.getPageUrls_2026-08-01.csv", content)
    with TemporaryDirectory() as folder:
        try:
            result = read_files(format_, Path(folder), {"a_20260801.zip": content})
        except InputError:
            return
    assert result.figures == []


@pytest.mark.parametrize("name", list(HEADERS))
def test_recognised_once(name: str) -> None:
    """A header is of one format at most."""
    for header in HEADERS[name]:
        found = [
            one.name for one in FORMATS if one.recognise("imported_pages_20260801_20260831.csv", f"{header}\n".encode())
        ]
        assert found == [name]
