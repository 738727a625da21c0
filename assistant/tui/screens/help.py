"""All keys and commands on one page."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_WIDTH = 16
TOPICS: dict[str, tuple[tuple[str, str], ...]] = {
    "Asking": (
        ("Enter", "send the question"),
        ("Ctrl+J", "new line (Shift+Enter where the terminal passes it on)"),
        ("↑ ↓", "earlier and later questions"),
        ("F4", "edit the question as it was last searched for"),
        ("Esc", "stop the answer; what came stays"),
        ("Ctrl+R", "try again: open the index, or ask the failed question once more"),
        ("PgUp PgDn", "scroll the conversation"),
    ),
    "Sources": (
        ("1 … 9", "open that source, while nothing is typed"),
        ("Alt+1 … 9", "open that source at any time"),
        ("Tab Shift+Tab", "move between prompt, citations and sources"),
        ("← → Enter", "in an answer: step through its citations, open one (↑ ↓ other answers)"),
        ("← →", "in the sources: the source before or after"),
        ("O", "in the sources: open the web address in a browser"),
        ("Y", "in the sources: copy the reference"),
        ("F2 or Ctrl+O", "show or hide the sources"),
        ("Esc", "back to the prompt"),
    ),
    "Signs": (
        ("✓ supported", "the sources it cites bear the sentence out"),
        ("◐ partly", "they say some of it, or say it otherwise"),
        ("○ unsupported", "they do not say it"),
        ("✗ contradicted", "they say the opposite, or another figure"),
        ("? unchecked", "it cites nothing, or could not be compared"),
        ("≠ [2]", "that source says otherwise than one which bears the sentence out"),
        ("! [2]", "that source was retracted, doubted or corrected"),
    ),
    "Sessions and the rest": (
        ("F3", "earlier sessions (every answer is saved)"),
        ("Ctrl+N", "new session"),
        ("Ctrl+T", "dark or light"),
        ("Ctrl+P", "command palette"),
        ("Ctrl+C", "copy the selected text; twice, with nothing selected: quit"),
        ("Ctrl+Q", "quit"),
    ),
    "Commands": (
        ("/export [file]", "write the session: .md, .html, .json; what it cites: .bib, .ris, .csl.json"),
        ("/filter [what]", 'search only such records, e.g. year>=2020 type:rct -retracted; "off" for all'),
        ("/edit", "change the question as it was searched for (F4), and ask it so"),
        ("/why", "how each source of the last answer was found and ranked"),
        ("/new", "new session"),
        ("/sessions", "earlier sessions"),
        ("/sources", "show or hide the sources"),
        ("/help", "this page"),
        ("/quit", "quit"),
    ),
}


class HelpScreen(ModalScreen[None]):
    """Closes on Esc, Q or F1."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """Topics, one under the other."""
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = "Keys and commands"
            dialog.border_subtitle = "Esc closes"
            for topic, rows in TOPICS.items():
                yield Static(Content(topic), classes="topic")
                for key, what in rows:
                    yield Static(Content(key), classes="key")
                    yield Static(Content(what), classes="what")
