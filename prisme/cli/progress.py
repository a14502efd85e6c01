"""The progress bar of long operations, on a terminal."""

import contextlib
from collections.abc import Callable, Iterator

from prisme.runtime.local_socket import Progress
from prisme.runtime.terminal import is_terminal

_STDERR = 2


@contextlib.contextmanager
def progress_bar(wanted: bool = True) -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error, shown once there is progress, and removed after the block; none without a terminal."""
    if not wanted or not is_terminal(_STDERR):
        yield lambda _: None
        return
    # Imported late: it takes 50 ms.
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("working", total=None, amount="")

        def show(progress: Progress) -> None:
            bars.update(
                task,
                description=progress.what,
                completed=progress.done,
                total=progress.total or None,
                amount=_amount(progress),
            )

        yield show


def _amount(progress: Progress) -> str:
    if progress.unit == "bytes":
        return f"{progress.done / 1e6:,.1f} MB" if progress.done else ""
    return f"{progress.done:,} {progress.unit}" if progress.done else ""
