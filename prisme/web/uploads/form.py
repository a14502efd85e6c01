"""The body of a form with files (multipart/form-data, RFC 7578), written into a folder as it arrives."""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from prisme.base.errors import InputError

# Logs of each day, for some years.
MOST_FILES: Final = 2000
_MOST_PARTS: Final = MOST_FILES + 100
_LONGEST_FIELD: Final = 1024
_LONGEST_NAME: Final = 100
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class UploadedFile(msgspec.Struct):
    """A file by its name in the folder, and its bytes so far."""

    name: str
    size: int = 0


class UploadForm:
    """Takes the pieces of a body. `fields` has those of the form that are `wanted`, `files` those with a name.

    For one thread at a time.
    """

    def __init__(self, content_type: str, folder: Path, wanted: Collection[str]) -> None:
        """Raises InputError if the content type is another one."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
            raise InputError("the upload is not a form with files")
        self.fields: dict[str, str] = {}
        self.files: list[UploadedFile] = []
        self._folder = folder
        self._wanted = wanted
        self._names: Counter[str] = Counter()
        self._parts = 0
        self._is_whole = False
        self._header = [b"", b""]
        self._disposition = b""
        self._file: BinaryIO | None = None
        self._field = ""
        self._text = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._take_name,
                "on_header_value": self._take_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        """Take a piece. Raises InputError where it is no such form, and OSError where it cannot be written."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InputError("the upload is not a form with files") from error

    def finish(self) -> None:
        """The body has ended. Raises InputError if the form has not, or has no file with something in it."""
        if not self._is_whole:
            raise InputError("the upload was cut off: try again")
        if not any(file.size for file in self.files):
            raise InputError("choose at least one file that is not empty")

    def close(self) -> None:
        """Close the file that is open, if any."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise InputError("at most {most} files can be uploaded at once", most=MOST_FILES)
        self._header, self._disposition = [b"", b""], b""

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [b"", b""]

    def _open_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        given = options.get(b"filename")
        if given is None:
            self._field, self._text = (name if name in self._wanted else ""), b""
        elif given:  # without one, nothing was chosen
            self._open_file(given.decode("utf-8", "replace"))

    def _open_file(self, given: str) -> None:
        if len(self.files) >= MOST_FILES:
            raise InputError("at most {most} files can be uploaded at once", most=MOST_FILES)
        name = self._choose_name(clean_name(given))
        self._file = (self._folder / name).open("xb", buffering=0)
        self.files.append(UploadedFile(name))

    def _choose_name(self, clean: str) -> str:
        """A name that no file has yet."""
        while True:
            self._names[clean] += 1
            name = clean if self._names[clean] == 1 else f"{self._names[clean]}-{clean}"
            if not (self._folder / name).exists():
                return name

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            with memoryview(data) as view:
                piece = view[start:end]
                while piece:
                    piece = piece[self._file.write(piece) :]
            self.files[-1].size += end - start
        elif self._field:
            self._text += data[start:end]
            if len(self._text) > _LONGEST_FIELD:
                raise InputError("the field {name} is too long", name=self._field)

    def _end_part(self) -> None:
        self.close()
        if self._field:
            self.fields[self._field] = self._text.decode("utf-8", "replace").strip()
            self._field = ""

    def _end(self) -> None:
        self._is_whole = True


def clean_name(given: str) -> str:
    """A file's name without folders, and of letters that mean nothing to any program; its end tells the format."""
    name = _STRANGE.sub("_", given.replace("\\", "/").rpartition("/")[2])
    return name[-_LONGEST_NAME:].lstrip(".-") or "file"
