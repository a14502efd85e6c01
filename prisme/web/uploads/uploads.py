"""All uploads of a server: one at a time, and what an earlier process left is removed."""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from prisme.access.grants import Grant
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain, translate
from prisme.web.uploads.form import UploadForm
from prisme.web.uploads.receiving import Pieces, Receiving
from prisme.web.uploads.upload import OPTIONS, Upload, UploadDeps, read_options
from prisme.web.worker_pool import WorkerPool

_PREFIX: Final = "upload-"


class Uploads:
    """`current` is the latest upload, in whatever state. Files are written in a thread of their own."""

    def __init__(self, deps: UploadDeps) -> None:
        self.current: Upload | None = None
        self._deps = deps
        self._folder = deps.data_dir / "tmp"
        self._pool = WorkerPool("uploads", 1, 8, low_priority=True)
        self._is_stopped = False
        for path in self._folder.glob(f"{_PREFIX}*"):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def limit(self) -> int:
        """How many bytes an upload may have now: reading and importing them takes room as well."""
        return self._deps.disk.room() // 2

    async def receive(self, pieces: Pieces, content_type: str, length: int, by: Grant) -> Refusal | None:
        """Receive a body of so many bytes, 0 for unknown, and have it read; in the event loop.

        Gives a refusal if it is no such form, or does not come to its end.
        """
        limit = self.limit
        if self._is_stopped or (self.current is not None and self.current.is_under_way):
            return refusal.UPLOAD_BUSY
        if not limit:
            return refusal.UPLOAD_NO_ROOM
        if length > limit:
            return _too_large(limit)
        folder = self._make_folder()
        receiving = Receiving(pieces, limit, self._deps.disk)
        self.current = upload = Upload(self._deps, folder, by, length, receiving)
        form: UploadForm | None = None
        try:
            form = UploadForm(content_type, folder / "files", OPTIONS)
            fault = await receiving.run(form, self._pool)
            if fault is None:
                upload.begin(form.files, read_options(form.fields))
        except InputError as error:
            fault = refusal.UPLOAD_INVALID.with_reason(explain(error))
        finally:
            if upload.state == "receiving":
                upload.state = "removed"
                await self._pool.run(partial(_remove, upload, form))  # after what is still being written
        return _too_large(limit) if fault is refusal.UPLOAD_TOO_LARGE else fault

    def stop(self) -> None:
        """Interrupt what is under way, as the server stops."""
        self._is_stopped = True
        if self.current is not None:
            self.current.leave()

    def close(self) -> None:
        """Wait until all has ended."""
        self.stop()
        if self.current is not None:
            self.current.join()
        self._pool.close()

    def _make_folder(self) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._folder))
        (folder / "files").mkdir(mode=0o700)
        return folder


def _remove(upload: Upload, form: UploadForm | None) -> None:
    if form is not None:
        form.close()
    upload.remove()


def _too_large(limit: int) -> Refusal:
    reason = translate("the files are larger than {size}, half of the free space", size=format_size(limit))
    return refusal.UPLOAD_TOO_LARGE.with_reason(reason)


def format_size(count: int) -> str:
    """`0.5 kB`, `12.3 MB`, `4.5 GB`, of bytes."""
    if count < 1e6:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
