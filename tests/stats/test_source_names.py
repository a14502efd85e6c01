"""The names of sources, and the table that they are in."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme import assets
from prisme.base.sections import read_entries
from prisme.stats.source_names import find_section, is_host, name_network, name_source
from prisme.visit.click_ids import CLICK_IDS

ENTRIES = read_entries(assets.SOURCES.read_text())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.google.com", "Google"), ("google.co.uk", "Google"), ("mail.google.com", "Gmail"),
        ("google.example.com", "google.example.com"), ("l.facebook.com", "Facebook"), ("t.co", "X"),
        ("news.ycombinator.com", "Hacker News"), ("www.example.com", "example.com"),
        ("notfacebook.com", "notfacebook.com"), ("localhost:8080", "localhost:8080"),
        ("chatgpt.com", "ChatGPT"), ("com.slack", "Slack"), ("www.www.example.com", "example.com"),
        # As links name them.
        ("google", "Google"), ("Google", "Google"), ("GOOGLE.com", "Google"), ("fb", "Facebook"), ("IG", "Instagram"),
        ("hacker_news", "Hacker News"), ("HackerNews", "Hacker News"), ("Hacker News", "Hacker News"),
        ("https://www.Google.de/search?q=x", "Google"), ("http://blog.example", "blog.example"), ("x", "X"),
        ("newsletter", "newsletter"), ("Newsletter", "newsletter"), ("Spring Letter", "spring letter"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"), ("\u00dcBER", "\u00fcber"),
        ("direct", "Direct"), ("(direct)", "Direct"), ("www.", "www"), ("www.com", "com"), ("com", "com"),
        ("https://", ""), (".", "."), ("googlemail", "googlemail"), ("google.", "Google"), ("gclid", "gclid"),
    ],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert name_source(text) == name


@given(
    st.text() | st.sampled_from([word for entry in ENTRIES for word in entry.words]) | st.from_regex(r"(www\.)*[\w.-]+")
)
def test_a_name_is_its_own_name(text: str) -> None:
    """So that a filter finds the row that it was made from."""
    assert name_source(name_source(text)) == name_source(text)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_name_is_found_by_all_that_is_known_of_it(entry: tuple[str, str, tuple[str, ...]]) -> None:
    section, name, words = entry
    assert name_source(name) == name
    assert find_section(name) == section
    assert words
    for word in words:
        if word.startswith("?"):
            assert name_network(word[1:]) == name
        elif word.endswith("."):
            assert (name_source(f"{word}de"), name_source(f"www.{word}co.uk")) == (name, name)
        else:
            assert (name_source(word), name_source(word.upper())) == (name, name)


def test_nothing_is_in_the_table_twice() -> None:
    words = Counter(word for entry in ENTRIES for word in entry.words)
    squeezed = Counter("".join(filter(str.isalnum, entry.name.lower())) for entry in ENTRIES)
    assert [one for one, count in (words + squeezed).items() if count > 1] == []
    assert all(word == word.lower() for word in words)


def test_only_hosts_are_hosts() -> None:
    assert is_host("example.com")
    assert not any(map(is_host, ("newsletter", "Mail.ru", "v. 2", "Google", "")))


def test_networks_of_click_ids() -> None:
    assert {name_network(click_id) for click_id in CLICK_IDS} >= {"Google", "Bing", "TikTok", "X", "LinkedIn"}
    assert name_network("") == name_network("fbclid") == ""
