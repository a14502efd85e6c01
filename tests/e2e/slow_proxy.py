"""A TCP proxy that makes a connection as slow as one through the internet."""

import asyncio
import random
import threading
from collections.abc import Callable
from types import TracebackType

from tests.server import PATIENCE


class SlowProxy:
    """`with SlowProxy(port, delay) as proxy:` passes connections on to a port of this machine until the block ends.

    `delay` gives the seconds that each piece takes in either direction; the order within a connection stays.
    """

    def __init__(self, port: int, delay: Callable[[], float]) -> None:
        self._upstream = port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.url = ""

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65536):
                await asyncio.sleep(self._delay())
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    def _run(self) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._stop.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(serve())
        self._loop.close()

    def __enter__(self) -> "SlowProxy":
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


def steady(seconds: float) -> Callable[[], float]:
    """A delay that is the same for each piece."""
    return lambda: seconds


def jittery(seconds: float) -> Callable[[], float]:
    """A random delay of up to `seconds` for each piece, the same ones in each run."""
    source = random.Random(1)
    return lambda: source.uniform(0, seconds)
