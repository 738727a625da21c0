"""The input: several lines, Enter sends, Ctrl+J breaks the line; with nothing typed, a digit opens that source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from ingest.text import printable


class Prompt(TextArea):
    """Where questions and /commands are typed. Enter and Ctrl+J, because Shift+Enter reaches few programs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send"),
        Binding("ctrl+j", "newline", "New line"),
        Binding("shift+enter,alt+enter", "newline", "New line", show=False),
        Binding("up", "recall(-1)", "Earlier question", show=False),
        Binding("down", "recall(1)", "Later question", show=False),
    ]

    @dataclass
    class Sent(Message):
        """Something was typed and sent; `alone` as in `Prompt.alone`."""

        text: str
        alone: bool = False

    @dataclass
    class SourceWanted(Message):
        """A digit was typed into the empty prompt."""

        n: int

    def __init__(self) -> None:
        super().__init__(placeholder="Ask a question, or type /help", highlight_cursor_line=False, tab_behavior="focus")
        self.openable = 0
        """How many sources a digit can open."""
        self.asked: list[str] = []
        """What was sent before, for the up key."""
        self.alone = False
        """Whether what stands here is to be asked as it stands, whatever came before: an edited search."""
        self._back = 0

    def amend(self, text: str) -> None:
        """Put a question here for editing, to be asked as it then stands."""
        self.load_text(text)
        self.move_cursor(self.document.end)
        self.alone = True
        self.focus()

    def on_text_area_changed(self) -> None:
        """An edited search that is deleted is given up."""
        self.alone = self.alone and bool(self.text)

    def action_send(self) -> None:
        """Send what is typed, if it is anything."""
        text = self.text.strip()
        if text:
            self.post_message(self.Sent(text, self.alone))

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    def action_recall(self, by: int) -> None:
        """Bring back an earlier question from the first line, a later one from the last; else move the cursor."""
        row, last = self.cursor_location[0], self.document.line_count - 1
        back = self._back - by
        if (by < 0 and row == 0 and back <= len(self.asked)) or (by > 0 and row == last and back >= 0):
            self._back = back
            self.alone = False
            self.load_text(self.asked[-back] if back else "")
            self.move_cursor(self.document.end)
        elif by < 0:
            self.action_cursor_up()
        else:
            self.action_cursor_down()

    def accept(self, text: str) -> None:
        """What was sent is being answered: empty the input and remember it."""
        self.asked.append(text)
        self._back = 0
        self.alone = False
        self.clear()

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            # Here and not by a priority binding, which would overtake letters that are still queued.
            event.stop()
            event.prevent_default()
            self.action_send()
            return
        if (
            not self.text
            and event.character
            and event.character in "123456789"
            and int(event.character) <= self.openable
        ):
            event.stop()
            event.prevent_default()
            self.post_message(self.SourceWanted(int(event.character)))

    async def _on_paste(self, event: events.Paste) -> None:
        """Line breaks stay; escapes and control characters, which a pasted text may carry, do not."""
        event.stop()
        event.prevent_default()
        await super()._on_paste(events.Paste(printable(event.text)))
