"""One line each: what is asked (header), and what is happening (status)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from ingest.text import one_line, printable

if TYPE_CHECKING:
    from assistant.answering.engine import Engine


class TitleLine(Static):
    """The program, the index and what writes the answers."""

    def __init__(self, index: str) -> None:
        super().__init__()
        self._index = one_line(index)

    def on_mount(self) -> None:
        """Before the engine is there, the index is all that is known."""
        self.describe(None)

    def describe(self, engine: Engine | None, where: str = "") -> None:
        """Name the index, the model or that answers are quotes, and which records are searched, where not all are."""
        parts = [
            Content.styled("citewell", "bold $primary"),
            Content(f"   index {one_line(engine.index_name) if engine else self._index}"),
        ]
        if engine is not None:
            parts.append(Content(f" · {one_line(engine.model) if engine.model else 'verbatim quotes'}"))
        if where:
            parts.append(Content.styled(f" · filter {one_line(where)}", "$warning"))
        self.update(Content("").join(parts))


class Status(Static):
    """What is happening; while it lasts, the seconds it has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""
        """What it says, without the seconds."""
        self._since = 0.0
        self._timer: Timer | None = None

    def say(self, text: str, kind: str = "", after: str | None = None) -> None:
        """Say something that stays until the next thing; `kind` is `busy`, `warning`, `error` or nothing.

        It is put on one line, unless there is something to come after it on a line of its own.
        """
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.said = one_line(text) if after is None else printable(f"{text}\n{after}")
        self.set_classes(f"-{kind}" if kind else "")
        self.update(Content(self.said))

    def busy(self, text: str) -> None:
        """Say what is under way, and count its seconds."""
        if self._timer is not None and self.said == text:
            return
        started = self._since if self._timer is not None else time.monotonic()
        self.say(text, "busy")
        self._since = started
        self._timer = self.set_interval(1.0, self._count)

    def _count(self) -> None:
        self.update(Content(f"{self.said}  {time.monotonic() - self._since:.0f} s"))
