"""Channels, and the table that they are in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme import assets
from prisme.base.sections import read_entries
from prisme.stats.channels import CHANNELS, find_channel, find_source, spell_channel
from prisme.store.arrivals import Arrival
from prisme.visit.click_ids import CLICK_IDS

TEXTS = st.sampled_from(["", "direct", "google", "Letter", "cpc", "x.example"]) | st.text()


def name(referrer: str, source: str = "", medium: str = "", click_id: str = "") -> tuple[str, str]:
    arrival = Arrival(referrer, source, medium, click_id)
    found = find_source(arrival)
    return found, find_channel(arrival, found)


@pytest.mark.parametrize(
    ("arrival", "source", "channel"),
    [
        (("direct",), "Direct", "Direct"),
        (("direct", "", "", "gclid"), "Google", "Paid search"),
        (("direct", "", "", "ttclid"), "TikTok", "Paid social"),
        (("direct", "", "", "tblci"), "Taboola", "Display"),
        (("direct", "", "", "awc"), "Awin", "Affiliates"),
        (("direct", "", "", "unknown"), "Direct", "Paid other"),
        (("www.google.de",), "Google", "Organic search"),
        (("www.google.de", "", "", "gclid"), "Google", "Paid search"),
        (("www.google.de", "google", "cpc"), "Google", "Paid search"),
        (("www.google.de", "google", "organic"), "Google", "Organic search"),
        (("www.google.de", "google", "organic", "gclid"), "Google", "Paid search"),
        (("www.youtube.com",), "YouTube", "Social"),
        (("www.youtube.com", "", "", "gclid"), "YouTube", "Paid social"),
        (("bbc.com", "", "", "gclid"), "BBC", "Paid search"),
        (("news.example", "", "", "gclid"), "news.example", "Paid search"),
        (("news.example", "letter", "email", "gclid"), "letter", "Paid search"),
        (("news.example", "letter", "display", "gclid"), "letter", "Display"),
        (("l.facebook.com",), "Facebook", "Social"),
        (("l.facebook.com", "fb", "paid"), "Facebook", "Paid social"),
        (("direct", "spring", "Paid Social"), "spring", "Paid social"),
        (("direct", "spring", "paid_search"), "spring", "Paid search"),
        (("direct", "spring", "CPC"), "spring", "Paid other"),
        (("direct", "spring", "retargeting"), "spring", "Paid other"),
        (("direct", "spring", "unpaid"), "spring", "Campaign"),
        (("direct", "spring", "banner"), "spring", "Display"),
        (("direct", "spring", "affiliate"), "spring", "Affiliates"),
        (("direct", "spring", "E-Mail"), "spring", "Email"),
        (("direct", "Newsletter"), "newsletter", "Email"),
        (("direct", "mailchimp"), "Mailchimp", "Email"),
        (("mail.google.com",), "Gmail", "Email"),
        (("direct", "spring", "push"), "spring", "Push and SMS"),
        (("direct", "chatgpt.com"), "ChatGPT", "AI assistants"),
        (("chatgpt.com", "chatgpt.com", "referral"), "ChatGPT", "AI assistants"),
        (("www.perplexity.ai",), "Perplexity", "AI assistants"),
        (("direct", "LinkedIn", "organic_social"), "LinkedIn", "Social"),
        (("direct", "mastodon", "social"), "Mastodon", "Social"),
        (("direct", "poster", "qr"), "poster", "Campaign"),
        (("direct", "poster"), "poster", "Campaign"),
        (("direct", "", "qr"), "Direct", "Campaign"),
        (("direct", "blog.example"), "blog.example", "Referral"),
        (("direct", "producthunt"), "Product Hunt", "Referral"),
        (("blog.example",), "blog.example", "Referral"),
        (("blog.example", "blog", "referral"), "blog", "Referral"),
        (("googleads.g.doubleclick.net",), "Google Display", "Display"),
    ],
)  # fmt: skip
def test_sources_and_channels(arrival: tuple[str, ...], source: str, channel: str) -> None:
    assert name(*arrival) == (source, channel)


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(["", "old", *CLICK_IDS]))
def test_every_visit_has_a_source_and_a_channel(referrer: str, source: str, medium: str, click_id: str) -> None:
    found, channel = name(referrer, source, medium, click_id)
    assert found or not referrer
    assert channel in CHANNELS
    if click_id:
        assert channel in ("Paid search", "Paid social", "Paid other", "Display", "Affiliates")


def test_the_table_names_only_what_there_is() -> None:
    entries = read_entries(assets.CHANNELS.read_text())
    sections = {entry.section for entry in read_entries(assets.SOURCES.read_text())} | {"direct", "internal"}
    mediums = [entry.name for entry in entries if entry.section == "mediums"]
    assert len(set(mediums)) == len(mediums)
    words = [word for entry in entries if entry.section == "mediums" for word in entry.words]
    assert len(set(words)) == len(words)
    for entry in entries:
        for word in entry.words if entry.section == "channels" else ():
            key, _, values = word.partition("=")
            known = {"medium": set(mediums), "source": sections, "campaign": {""}, "any": {""}}[key]
            assert set(values.split(",")) <= known, word
    assert entries[-1].words == ("any",)


def test_channels_are_spelled_in_any_case() -> None:
    assert spell_channel("ai ASSISTANTS") == "AI assistants"
    assert spell_channel("ai") == "ai"
