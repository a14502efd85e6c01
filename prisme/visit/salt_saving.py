"""Saves the keys of `salts.py` in a worker thread, so that a slow disk delays no event."""

import asyncio

from prisme.visit.salts import Salts, erase


class SaltSaving:
    """For the event loop. From its creation until `close`, changed keys are saved here, one write at a time."""

    def __init__(self, salts: Salts) -> None:
        self._salts = salts
        self._writing: asyncio.Task[None] | None = None
        self._again = False
        salts.on_change = self._save

    async def close(self) -> None:
        """Wait until all is saved, or failed; later changes are saved at once."""
        if self._writing is not None:
            await self._writing
        self._salts.on_change = lambda _: self._salts.save()

    def _save(self, is_urgent: bool) -> None:
        """Save what there is now. If `is_urgent`, wait for it, unless the disk is busy with an earlier write."""
        if self._writing is not None:
            self._again = True
        elif is_urgent:
            self._salts.save()
        else:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            keys = self._salts.copy()
            try:
                self._salts.saved = await asyncio.to_thread(self._salts.write, keys)
            finally:
                for _, key in keys.values():
                    erase(key)
        self._writing = None
