"""Click ids: the names of the parameters of ads, never their values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme import assets
from prisme.visit.click_ids import CLICK_IDS, find_click_id


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", ""), ("a=b", ""), ("gclid=x", "gclid"), ("a=b&wbraid=x", "wbraid"), ("GCLID=x", "gclid"),
        ("ScCid=x", "sccid"), ("a=1&amp;msclkid=x", "msclkid"), ("gclid=&ttclid=y", "ttclid"), ("gclid", ""),
        ("gclid=+%20&a=b", ""), ("gclid=+x", "gclid"), ("twclid=a&gclid=b", "twclid"), ("xgclid=a", ""),
        ("gclidx=a", ""), ("a=gclid=x", ""), ("fbclid=x&igshid=y&srsltid=z&epik=e", ""), ("li_fat_id=x", "li_fat_id"),
    ],
)  # fmt: skip
def test_click_ids(query: str, name: str) -> None:
    assert find_click_id(query) == name


def test_the_table_names_each_click_id_once() -> None:
    assert len(set(CLICK_IDS)) == len(CLICK_IDS)
    assert {"gclid", "gbraid", "wbraid", "msclkid", "ttclid", "twclid", "li_fat_id"} <= set(CLICK_IDS)
    # The comments say why the others are not in it.
    assert "fbclid" not in CLICK_IDS
    assert "`fbclid`" in assets.SOURCES.read_text()
    assert all(re.fullmatch(r"[a-z_]+", name) for name in CLICK_IDS)


@given(st.binary())
def test_any_query_is_read(raw: bytes) -> None:
    assert find_click_id(raw.decode("latin-1")) in ("", *CLICK_IDS)
