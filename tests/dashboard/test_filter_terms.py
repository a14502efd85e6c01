"""Terms of filters: what they match, and how links add and remove them."""

from hypothesis import given
from hypothesis import strategies as st

from prisme.dashboard import filter_terms
from prisme.stats import filters

TEXTS = st.text(min_size=1, max_size=20)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.booleans())
def test_terms_are_what_filters_read(texts: list[str], excludes: bool) -> None:
    raw = ",".join(filter_terms.make_term(text, excludes=excludes) for text in texts)
    found = filters.read({"event": raw})["event"]
    assert (found.excludes if excludes else found.includes) == tuple((text,) for text in texts)
    assert [filter_terms.describe(term)[1] for term in filter_terms.split(raw)] == texts
    assert {filter_terms.describe(term)[0] for term in filter_terms.split(raw)} == {"is not" if excludes else "is"}


@given(st.lists(TEXTS, max_size=4, unique=True), TEXTS)
def test_a_term_comes_and_goes(texts: list[str], text: str) -> None:
    raw, term = ",".join(map(filter_terms.make_term, texts)), filter_terms.make_term(text)
    more = filter_terms.add(raw, term)
    assert filter_terms.split(more).count(term) == 1
    assert set(filter_terms.split(more)) == {*filter_terms.split(raw), term}
    assert term not in filter_terms.split(filter_terms.toggle(more, term))
    assert filter_terms.toggle("", term) == term
    opposite = "!" + term
    assert filter_terms.split(filter_terms.add(more, opposite))[-1] == opposite
    assert term not in filter_terms.split(filter_terms.add(more, opposite))


@given(TEXTS, st.booleans())
def test_a_part_is_contained(text: str, excludes: bool) -> None:
    term = filter_terms.make_part_term(text, excludes=excludes)
    found = filters.read({"event": term})["event"]
    assert (found.excludes if excludes else found.includes) == (("", text, ""),)
    assert filter_terms.describe(term) == ("does not contain" if excludes else "contains", text)
    assert filter_terms.split(term) == [term]
