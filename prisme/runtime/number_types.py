"""Option types for numbers, ports, durations and sizes."""

import re
from collections.abc import Callable

from prisme.runtime.machine import Machine
from prisme.runtime.option_type import InvalidValueError, OptionType

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_DURATION_PART = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h)"
# As in DuckDB: MB is 10^6 bytes, MiB is 2^20.
_BYTES = {
    unit.lower(): base**power
    for base, units in ((1000, "KB MB GB TB"), (1024, "KiB MiB GiB TiB"))
    for power, unit in enumerate(units.split(), start=1)
}
_SIZE = rf"([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?) ?({'|'.join(_BYTES)})"
_INTEGER = r"-?[0-9]{1,18}"
# A percentage of the memory is at least this many bytes, however small the machine: DuckDB needs them.
_MIN_SHARE = 128_000_000


def whole_number(least: int, most: int = 1_000_000) -> OptionType:
    """An int from `least` to `most`. The default maximum is far above any sensible value, and catches typos."""

    def parse(raw: object) -> int:
        if re.fullmatch(_INTEGER, str(raw)) and least <= int(str(raw)) <= most:
            return int(str(raw))
        raise InvalidValueError

    return OptionType("NUMBER", f"a whole number from {least} to {most}", parse, (int,))


def parse_port(raw: object) -> int:
    """A port from 1 to 65535. Raises InvalidValueError, or a ValueError that explains a likely cause."""
    if str(raw).startswith("tcp://"):
        raise ValueError(
            f"{raw!r} was set by Kubernetes for a service of the same name: "
            "set enableServiceLinks: false in the pod, or set the port with a flag"
        )
    if str(raw) == "0":
        raise ValueError(
            "0 would take a different free port at every start, so pages could not know it: "
            "write a port from 1 to 65535"
        )
    port: int = whole_number(1, 65535).parse_value(raw)
    return port


def duration(least: str, most: str) -> OptionType:
    """Seconds, as a float, from a text such as 500ms, 10s or 1h30m."""
    low, high = _milliseconds(least), _milliseconds(most)

    def parse(text: str) -> float:
        if low <= _milliseconds(text) <= high:
            return _milliseconds(text) / 1000
        raise InvalidValueError

    return OptionType("DURATION", f"a duration from {least} to {most}, such as 500ms, 10s, 1m or 24h", parse)


def _milliseconds(text: str) -> float:
    if not re.fullmatch(f"(?:{_DURATION_PART})+", text):
        raise InvalidValueError
    return sum(float(amount) * _MILLISECONDS[unit] for amount, unit in re.findall(_DURATION_PART, text))


def memory(least: str, most: str) -> OptionType:
    """Bytes, as an int, from a text such as 512MB; a text such as 25% gives a function of the Machine instead."""
    low, high = _bytes(least), _bytes(most)

    def parse(text: str) -> int | Callable[[Machine], int]:
        if re.fullmatch("[1-9][0-9]?%|100%", text):
            percent = int(text.removesuffix("%"))
            return lambda machine: max(_MIN_SHARE, machine.memory * percent // 100)
        if low <= _bytes(text) <= high:
            return _bytes(text)
        raise InvalidValueError

    expected = f"a size from {least} to {most}, such as 512MB, or a percentage of the memory, such as 25%"
    return OptionType("SIZE", expected, parse)


def size(most: str) -> OptionType:
    """Bytes, as an int, from a text such as 512MB; 0 needs no unit."""
    high = _bytes(most)

    def parse(raw: object) -> int:
        if str(raw) == "0":
            return 0
        if isinstance(raw, str) and _bytes(raw) <= high:
            return _bytes(raw)
        raise InvalidValueError

    return OptionType("SIZE", f"a size up to {most}, such as 512MB, or 0", parse, (int,))


def _bytes(text: str) -> int:
    found = re.fullmatch(_SIZE, text.lower())
    if not found:
        raise InvalidValueError
    return int(float(found[1]) * _BYTES[found[2]])


def _parse_threads(raw: object) -> int | Callable[[Machine], int]:
    if raw == "all":
        return lambda machine: machine.cores
    threads: int = whole_number(1, 1024).parse_value(raw)
    return threads


PORT = OptionType("NUMBER", "a port from 1 to 65535", parse_port, (int,))
THREADS = OptionType("NUMBER", "a whole number from 1 to 1024, or all", _parse_threads, (int,))
