"""Checks of the options of an ingestion node that learns of sites from another server."""

from pathlib import Path

OPTIONS = MODE, URL, TOKEN_FILE = "mode", "sites_url", "sites_token_file"


def find_fault(mode: str, url: str, token_file: Path | None) -> tuple[str, str] | None:
    """The option that is wrong, and a sentence with the remedy; None if all are valid, or none of the two is set."""
    if not url and token_file is None:
        return None
    if not url:
        return URL, f"the value is missing: {TOKEN_FILE} is set, so set the URL of the server that has the sites"
    if token_file is None:
        return TOKEN_FILE, (
            f"the value is missing: {URL} is set, so set the file with the token that `prisme token add NAME "
            "--scope sites` prints on that server"
        )
    if mode != "ingestion":
        return URL, (
            f'only a node with {MODE} = "ingestion" learns of sites from another server: set this, or leave '
            f"{URL} and {TOKEN_FILE} out"
        )
    return None
