"""The sources of an answer: a line each, and the chosen one's passage, whole, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from assistant.tui import describe
from assistant.tui.widgets.passage import PassageView
from ingest.text import one_line, printable

if TYPE_CHECKING:
    from textual.visual import Visual

    from assistant.answering.answer import Answer, Source
    from assistant.tui.verdicts import Mark

_SHORTEST_TITLE = 32
_APART = "  "
_EMPTY = "The sources of an answer appear here."


class SourceLine(Static):
    """One source in the list: its number and title; only the number where the pane is a drawer."""

    @dataclass
    class Chosen(Message):
        """It was clicked."""

        n: int

    def __init__(self, source: Source) -> None:
        flags = describe.flags(source)
        told = Content.styled(f"! {flags}  ", "bold $error") if flags else Content("  ")
        super().__init__(Content.assemble(str(source.n), told, describe.title(source)))
        self.n = source.n
        self._badges = describe.badges(source)

    def render(self) -> Visual:
        """Number and title; at the right end what kind of evidence it is, or when it appeared, as there is room."""
        width, line = self.content_size.width, self.visual
        badge = next((one for one in self._badges if width - len(one) >= _SHORTEST_TITLE), "")
        if not badge or not isinstance(line, Content):
            return line
        room = width - len(badge) - len(_APART)
        return Content.assemble(line.truncate(room, ellipsis=True, pad=True), (f"{_APART}{badge}", "not bold $quiet"))

    def on_click(self) -> None:
        """Choose it."""
        self.post_message(self.Chosen(self.n))


class Sources(Vertical):
    """The pane (from 100 columns on) or drawer (below). Shows; what to show comes from the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "Source before", show=False),
        Binding("right,l", "turn(1)", "Source", key_display="←→"),
        Binding("o", "browse", "Open"),
        Binding("y", "copy", "Copy"),
        *(Binding(str(n), f"show({n})", show=False) for n in range(1, 10)),
    ]

    @dataclass
    class Browse(Message):
        """Open this http(s) address."""

        url: str

    @dataclass
    class Copy(Message):
        """Send this text to the clipboard."""

        text: str

    @dataclass
    class Said(Message):
        """Something for the status line."""

        text: str

    def __init__(self) -> None:
        super().__init__()
        self.sources: tuple[Source, ...] = ()
        self.chosen = 0
        """Number of the source on show, 0 for none."""
        self._picked = 0
        self._opened: int | None = None
        self._answer: Answer | None = None

    def compose(self) -> ComposeResult:
        """Heading, list, what was found in the chosen one, its passage."""
        with Vertical(id="sources-top"):
            yield Static(Content(_EMPTY), id="sources-heading")
            yield Vertical(id="source-lines")
        yield Static(id="finding")
        yield PassageView(id="passage")

    async def show(self, sources: tuple[Source, ...], answer: Answer | None, question: str = "") -> None:
        """Show these sources; of an earlier answer, `question` says whose they are."""
        cited = {source.n for source in answer.cited} if answer else set()
        heading = _heading(len(sources), len(cited), answer)
        asked = f"\n{one_line(question)}" if question else ""
        self.query_one("#sources-heading", Static).update(Content.assemble((heading, "bold"), (asked, "$quiet")))
        if not (answer and self._answer) or len(answer.sentences) != len(self._answer.sentences):
            self._opened = None  # a second opinion may have had sentences withheld since
        self._answer = answer
        if sources != self.sources:
            self.sources = sources
            lines = self.query_one("#source-lines")
            with self.app.batch_update():
                await lines.remove_children()
                await lines.mount_all(SourceLine(source) for source in sources)
        for line in self.query(SourceLine):
            line.set_class(line.n in cited, "-cited")
        self._present(self._picked or min(cited, default=sources[0].n if sources else 0))

    def forget(self) -> None:
        """Another answer's sources come: what the reader picked among these is of no matter."""
        self._picked = self.chosen = 0
        self._opened = None

    def choose(self, n: int, sentence: int | None = None) -> bool:
        """The reader picks source `n`, where sentence `sentence` of the answer cites it; False where there is none."""
        found = self._source(n) is not None
        if found:
            self._picked, self._opened = n, sentence
            self._present(n)
        return found

    def _present(self, n: int) -> None:
        turned, self.chosen = n != self.chosen, n
        for line in self.query(SourceLine):
            line.set_class(line.n == n, "-chosen")
            if line.n == n:
                line.scroll_visible(animate=False)
        source, passage, opened = self._source(n), self.query_one(PassageView), self._opened
        marks: list[Mark] = []
        told = Content("")
        if source and self._answer and self._answer.sentences:
            from assistant.tui import verdicts  # the first paint needs none of it

            marks = verdicts.marks(self._answer, source)
            if opened is not None and (found := verdicts.finding(self._answer, opened, source)):
                told = Content.styled(printable(f"[{n}] {found[1]}"), found[0])
        self.query_one("#finding", Static).update(told)
        self.set_class(bool(told.plain), "-found")
        passage.show(source, marks, opened)
        if self._picked == n:
            passage.reveal(marks, opened)
        elif turned:
            passage.scroll_home(animate=False, immediate=True)

    def on_source_line_chosen(self, event: SourceLine.Chosen) -> None:
        """A line was clicked."""
        event.stop()
        self.choose(event.n)
        self.query_one(PassageView).focus()

    def action_show(self, n: int) -> None:
        """Show source `n`, if there is one."""
        self.choose(n)

    def action_turn(self, by: int) -> None:
        """The next (1) or previous (-1) source, around the end."""
        numbers = [source.n for source in self.sources]
        if numbers:
            at = numbers.index(self.chosen) if self.chosen in numbers else 0
            self.choose(numbers[(at + by) % len(numbers)])

    def action_browse(self) -> None:
        """Ask for the source's address to be opened, if it is one for a browser."""
        source = self._source(self.chosen)
        url = describe.web_address(source) if source else None
        self.post_message(self.Browse(url) if url else self.Said("This source has no web address."))

    def action_copy(self) -> None:
        """Ask for the source's reference to be copied."""
        source = self._source(self.chosen)
        if source is not None:
            self.post_message(self.Copy(describe.reference(source)))

    def _source(self, n: int) -> Source | None:
        return next((source for source in self.sources if source.n == n), None)


def _heading(count: int, cited: int, answer: Answer | None) -> str:
    if not count:
        return _EMPTY if answer is None else "No passage came near the question."
    if answer is not None and answer.status == "abstained" and describe.STOPPED not in answer.warnings:
        return f"Nearest passages · {count}, none cited"
    return f"Sources · {cited} of {count} cited" if answer else f"Sources · {count} found"
