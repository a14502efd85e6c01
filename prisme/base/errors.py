"""Errors whose cause is what a person sent or typed."""


class InputError(Exception):
    """Something that a person sent or typed cannot be used; the message tells them what, and shows what would do.

    Whoever answers that person catches it, and nothing else: any other error is a defect of ours.
    """
