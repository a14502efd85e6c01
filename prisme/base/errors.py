"""Errors caused by what a user sent or typed."""


class InputError(Exception):
    """Invalid input of a user; the message says what is wrong, with an example of valid input.

    Code that responds to the user catches this error and no other: any other error is a defect of Prisme.
    """
