"""How far a long piece of work has come, on standard error: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant.commands import output

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def counted(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yields what is told `(done, of how many)`; the bar is gone at the end."""
    if sys.stderr.isatty():
        # Imported here: a pipe has no bar and need not wait for rich.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    last = time.monotonic()

    def told(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            output.complain(f"{label} {done:,} of {total:,}")

    yield told
