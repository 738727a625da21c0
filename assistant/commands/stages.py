"""What a long piece of work is at, on standard error: one line on a terminal, a line for each new stage elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant.commands import output


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """A function that is told the stage, as often as one likes; `Stage, detail` counts as the same stage."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda stage: status.update(Text(stage))


def _lines() -> Callable[[str], None]:
    latest = ""

    def tell(stage: str) -> None:
        nonlocal latest
        name = stage.partition(",")[0]
        if name != latest:
            latest = name
            output.complain(f"{name} …")

    return tell
