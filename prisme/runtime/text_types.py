"""Option types for choices, booleans, paths, names and patterns."""

import re
from pathlib import Path

from prisme.runtime.option_type import InvalidValueError, OptionType, quote_all, split_list

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
# The name of a query parameter as it appears in a URL: no blanks, and none of the characters that end a name.
_PARAMETER = r"[^\s=&#?]{1,64}"
# As it appears in a URL, without what browsers, proxies or shells would write in another way.
_PATH_SEGMENT = r"[A-Za-z0-9._~-]+"
_LONGEST_BASE_PATH = 128  # it is in each link of a page, of which there are hundreds


def choice(*values: str) -> OptionType:
    """One of the given texts."""

    def parse(text: str) -> str:
        if text in values:
            return text
        raise InvalidValueError

    return OptionType("|".join(values), f"one of {', '.join(values)}", parse)


def _parse_boolean(raw: object) -> bool:
    value = _BOOLEANS.get(str(raw).lower())
    if value is None:
        raise InvalidValueError
    return value


def _parse_trust(raw: object) -> str:
    return "auto" if raw == "auto" else str(_parse_boolean(raw)).lower()


def _parse_path(text: str) -> Path:
    if not text or "\0" in text:
        raise InvalidValueError
    if text.startswith("~"):
        raise ValueError(f"the ~ in {text!r} is not expanded: write the full path")
    return Path(text)


def _parse_log(text: str) -> Path | None:
    return _parse_path(text) if text else None


def _parse_file(text: str) -> Path | None:
    if not text:
        return None
    path = _parse_path(text)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise ValueError(f"{text!r} cannot be read ({error.strerror}): give a file that this user can read") from None
    raise ValueError(f"there is no file {text!r}: correct the path, or leave the option out")


def _parse_base_path(text: str) -> str:
    """`/stats` of `/stats`, `stats` or `/stats/`; empty for the root."""
    if "://" in text or text.startswith("//"):
        raise ValueError(f"{text!r} is a URL: write only its path, such as /stats")
    segments = text.strip("/").split("/") if text.strip("/") else []
    for segment in segments:
        _check_segment(text, segment)
    path = "".join(f"/{segment}" for segment in segments)
    if len(path) > _LONGEST_BASE_PATH:
        raise ValueError(f"the path has {len(path)} characters: write at most {_LONGEST_BASE_PATH}")
    return path


def _check_segment(path: str, segment: str) -> None:
    if not segment:
        raise ValueError(f"{path!r} has two slashes in a row: write one")
    if segment in {".", ".."}:
        raise ValueError(f"{path!r} has a segment {segment!r}, which browsers remove: write the path without it")
    if not re.fullmatch(_PATH_SEGMENT, segment):
        raise ValueError(f"{path!r} may only have letters, digits and . _ ~ - between its slashes, such as /stats")


def _parse_parameters(raw: str | list[object]) -> tuple[str, ...]:
    names = split_list(raw) if raw else []
    invalid = [name for name in names if not re.fullmatch(_PARAMETER, name)]
    if invalid:
        raise ValueError(f"{quote_all(invalid)}: write only the names, as they appear before the = in a URL")
    return tuple(dict.fromkeys(names))


def _parse_patterns(raw: str | list[object]) -> tuple[str, ...]:
    patterns = split_list(raw) if raw else []
    errors = [error for number, pattern in enumerate(patterns, 1) if (error := _pattern_error(number, pattern))]
    if errors:
        raise ValueError(f"{'; '.join(errors)}: correct this; if a pattern contains a comma, write a list in the file")
    return tuple(patterns)


def _pattern_error(number: int, pattern: str) -> str:
    if not pattern:
        return f"pattern {number} is empty and would match everything"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{pattern!r} is not a regular expression ({error})"
    return ""


BOOLEAN = OptionType("true|false", "true or false", _parse_boolean, (bool,), "true")
TRUST = OptionType("auto|true|false", "auto, true or false", _parse_trust, (bool,), "true")
BASE_PATH = OptionType("PATH", "a path such as /stats, or empty", _parse_base_path)
FOLDER = OptionType("FOLDER", "a path", _parse_path)
FILE = OptionType("FILE", "the path of a file, or empty", _parse_file)
LOG = OptionType("FILE", "the path of a file, or empty", _parse_log)
PARAMETERS = OptionType("NAMES", "names separated by commas, such as id,t", _parse_parameters, (list,))
PATTERNS = OptionType("PATTERNS", "regular expressions separated by commas", _parse_patterns, (list,))
