from hypothesis import given
from hypothesis import strategies as st

from prisme.runtime.terminal import escape


@given(st.text())
def test_no_text_controls_the_terminal(text: str) -> None:
    assert escape(text).isprintable()


def test_escaped_texts_stay_readable() -> None:
    assert escape("/a b/ü") == "/a b/ü"
    assert escape("\x1b[31m\n\u202e") == "\\x1b[31m\\n\\u202e"
