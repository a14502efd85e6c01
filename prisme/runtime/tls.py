"""A certificate and its key, looked at before anything starts: what is wrong with them, and how to mend it."""

import ssl
from pathlib import Path

CERTIFICATE, KEY = "tls_certificate", "tls_key"
_STRANGERS = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}


def find_fault(certificate: Path | None, key: Path | None) -> tuple[str, str] | None:
    """The option that is wrong, and a sentence; None where both are fine, or there is neither."""
    if certificate is None and key is None:
        return None
    if certificate is None:
        return CERTIFICATE, f"the value is missing: {KEY} is set, so name the certificate that it belongs to"
    if key is None:
        return KEY, f"the value is missing: {CERTIFICATE} is set, so name the file with its private key"
    return _find_in_file(CERTIFICATE, certificate) or _find_in_file(KEY, key) or _find_in_both(certificate, key)


def _find_in_file(option: str, path: Path) -> tuple[str, str] | None:
    try:
        text = path.read_bytes()
    except OSError as error:
        return option, f"'{path}' cannot be read ({error.strerror}): name a file that this user may read"
    if option == CERTIFICATE and b"-----BEGIN CERTIFICATE-----" not in text:
        return option, f"'{path}' has no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----"
    if option == KEY and b"PRIVATE KEY-----" not in text:
        return option, f"'{path}' has no private key in PEM: it begins with -----BEGIN PRIVATE KEY-----"
    if option == KEY and b"ENCRYPTED" in text:
        return option, f"'{path}' asks for a password: write it without one, with openssl pkey -in ... -out ..."
    return None


def _find_in_both(certificate: Path, key: Path) -> tuple[str, str] | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason in _STRANGERS:
            return (
                KEY,
                f"'{key}' does not belong to the certificate '{certificate}': name the two that were made together",
            )
        return CERTIFICATE, f"'{certificate}' and '{key}' cannot be used ({error.reason or 'damaged'}): make them anew"
    return None
