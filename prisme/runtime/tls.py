"""Checks of a certificate and its key before the server starts."""

import ssl
from pathlib import Path

OPTIONS = CERTIFICATE, KEY = "tls_certificate", "tls_key"
_MISMATCHES = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}


def find_fault(certificate: Path | None, key: Path | None) -> tuple[str, str] | None:
    """The option that is wrong, and a sentence with the remedy; None if both are valid or neither is set."""
    if certificate is None and key is None:
        return None
    if certificate is None:
        return CERTIFICATE, f"the value is missing: {KEY} is set, so set the certificate that it belongs to"
    if key is None:
        return KEY, f"the value is missing: {CERTIFICATE} is set, so set the file with its private key"
    return _check_file(CERTIFICATE, certificate) or _check_file(KEY, key) or _check_pair(certificate, key)


def _check_file(option: str, path: Path) -> tuple[str, str] | None:
    try:
        text = path.read_bytes()
    except OSError as error:
        return option, f"'{path}' cannot be read ({error.strerror}): give a file that this user can read"
    if option == CERTIFICATE and b"-----BEGIN CERTIFICATE-----" not in text:
        return option, f"'{path}' has no certificate in PEM format, which starts with -----BEGIN CERTIFICATE-----"
    if option == KEY and b"PRIVATE KEY-----" not in text:
        return option, f"'{path}' has no private key in PEM format, which starts with -----BEGIN PRIVATE KEY-----"
    if option == KEY and b"ENCRYPTED" in text:
        return option, f"'{path}' needs a password: remove it with openssl pkey -in ... -out ..."
    return None


def _check_pair(certificate: Path, key: Path) -> tuple[str, str] | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            return (
                KEY,
                f"'{key}' does not belong to the certificate '{certificate}': "
                "use a certificate and a key that were created together",
            )
        return (
            CERTIFICATE,
            f"'{certificate}' and '{key}' cannot be used ({error.reason or 'damaged'}): create them again",
        )
    return None
