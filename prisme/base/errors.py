"""Errors caused by what a user sent or typed."""


class Words(str):
    """A text of the table of words, as a value in the message of an error: `goal`."""

    __slots__ = ()


class InputError(Exception):
    """Invalid input of a user; the message says what is wrong, with an example of valid input.

    The message is `text` with `values` in place of `{name}`. Pages look up `text` in the table of words, and those
    values that are `Words` or an InputError themselves (`dashboard/words.py`).

    Code that responds to the user catches this error and no other: any other error is a defect of Prisme.
    """

    def __init__(self, text: str, /, **values: object) -> None:
        super().__init__(text.format(**values) if values else text)
        self.text = text
        self.values = values
