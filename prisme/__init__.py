"""Prisme: privacy-friendly web analytics in one process and one folder."""

__version__ = "0.2.0"
