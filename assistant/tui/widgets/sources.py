"""The sources of an answer: a line each, and the chosen one's passage, whole, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content, Span
from textual.message import Message
from textual.widgets import Static

from assistant.tui import describe
from ingest.text import one_line, printable

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Source

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

    def on_click(self) -> None:
        """Choose it."""
        self.post_message(self.Chosen(self.n))


class PassageView(VerticalScroll, inherit_bindings=False):
    """The chosen source; scrolls up and down, and leaves left and right to the pane."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j,space", "scroll_down", "Down", show=False),
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end", "scroll_end", "End", show=False),
    ]


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
        self._quotes: dict[int, list[str]] = {}

    def compose(self) -> ComposeResult:
        """Heading, list, passage."""
        with Vertical(id="sources-top"):
            yield Static(Content(_EMPTY), id="sources-heading")
            yield Vertical(id="source-lines")
        with PassageView(id="passage"):
            yield Static(id="passage-head")
            yield Static(id="passage-text")
            yield Static(id="passage-rest")

    async def show(self, sources: tuple[Source, ...], answer: Answer | None, question: str = "") -> None:
        """Show these sources; of an earlier answer, `question` says whose they are."""
        cited = {source.n for source in answer.cited} if answer else set()
        heading = _heading(len(sources), len(cited), answer)
        asked = f"\n{one_line(question)}" if question else ""
        self.query_one("#sources-heading", Static).update(Content.assemble((heading, "bold"), (asked, "$quiet")))
        self._quotes = _borne_out(answer) if answer else {}
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

    def choose(self, n: int) -> bool:
        """The reader picks source `n`; False where there is none."""
        found = self._source(n) is not None
        if found:
            self._picked = n
            self._present(n)
        return found

    def _present(self, n: int) -> None:
        if n != self.chosen:
            self.query_one(PassageView).scroll_home(animate=False)
        self.chosen = n
        for line in self.query(SourceLine):
            line.set_class(line.n == n, "-chosen")
            if line.n == n:
                line.scroll_visible(animate=False)
        source = self._source(n)
        head, text, rest = (self.query_one(f"#passage-{part}", Static) for part in ("head", "text", "rest"))
        head.update(_head(source) if source else Content(""))
        text.update(_passage(source, self._quotes.get(n, [])) if source else Content(""))
        rest.update(_rest(source) if source else Content(""))

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
    if answer is not None and describe.abstained(answer):
        return f"Nearest passages · {count}, none cited"
    return f"Sources · {cited} of {count} cited" if answer else f"Sources · {count} found"


def _borne_out(answer: Answer) -> dict[int, list[str]]:
    """By source, its own words that the answer's sentences rest on: these are marked in the passage."""
    texts = {source.n: source.text for source in answer.sources}
    found: dict[int, list[str]] = {}
    for sentence in answer.sentences:
        for check in sentence.checks:
            if check.n is not None and check.support.span is not None:
                found.setdefault(check.n, []).append(printable(texts[check.n][slice(*check.support.span)]))
    return found


def _head(source: Source) -> Content:
    lines = [Content.styled(f"[{source.n}] {describe.title(source)}", "bold")]
    if flags := describe.flags(source):
        lines.append(Content.styled(flags, "bold $error"))
    if byline := describe.byline(source):
        lines.append(Content(byline))
    if url := describe.web_address(source):
        lines.append(Content.styled(url, "$primary"))
    return Content("\n").join(lines)


def _passage(source: Source, quotes: list[str]) -> Content:
    text = printable(source.text)
    spans = [
        Span(start, start + len(quote), "on $mark") for quote in quotes if quote and (start := text.find(quote)) >= 0
    ]
    return Content(text).add_spans(spans)


def _rest(source: Source) -> Content:
    further = (f"{name}: {value}" for name, value in describe.further(source))
    return Content("\n".join([describe.provenance(source), *further]))
