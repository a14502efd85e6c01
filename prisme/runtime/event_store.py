"""Checks of the options that say where events are stored."""

from collections.abc import Sequence

OPTIONS = STORE, URL = "eventstore", "clickhouse_url"


def find_fault(store: str, endpoints: Sequence[object]) -> tuple[str, str] | None:
    """The option that is wrong, and a sentence with the remedy; None if both are valid."""
    if store == "clickhouse" and not endpoints:
        return URL, f"the value is missing: with {STORE} = clickhouse, set the URL of at least one host"
    return None
