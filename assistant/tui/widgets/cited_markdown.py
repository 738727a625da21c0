"""Markdown whose `[n]` are links to sources, by mouse and by key; no other link in it leads anywhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content, Span
from textual.message import Message
from textual.style import Style
from textual.widgets import Markdown, Static
from textual.widgets._markdown import MarkdownBlock, MarkdownTable, MarkdownTableContent

from ingest.text import printable

_CITATION = re.compile(r"\[(\d{1,4})\](?!\()")
_SCHEME = "cite:"
# A model's links, images and HTML stay the characters they are: seen, never followed or loaded.
_NO_RULES = ["link", "image", "autolink", "html_inline", "html_block", "reference"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a citation stands: characters `start` to `end` of a block's content."""

    block: Static
    start: int
    end: int
    n: int


class CitedMarkdown(Markdown, can_focus=True):
    """An answer's text. With the focus on it, arrows step from citation to citation and Enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Citation before", show=False),
        Binding("right", "step(1)", "Citation", key_display="←→"),
        Binding("enter", "open", "Open"),
        Binding("up", "screen.turn(-1)", "Turn before", show=False),
        Binding("down", "screen.turn(1)", "Turn after", show=False),
    ]
    FOCUS_ON_CLICK = False

    @dataclass
    class Opened(Message):
        """The reader wants to see source `n`."""

        n: int
        row: int
        """The row of the screen on which the reader chose it."""

    def __init__(self, text: str = "", known: Collection[int] = ()) -> None:
        super().__init__(printable(text), parser_factory=self._parser, open_links=False)
        self.known = frozenset(known)
        self._at = 0
        self._marked: tuple[Static, Content] | None = None

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Tables are ours: their tooltips would read the model's text as markup."""
        return _Table if block_name == "table_open" else super().get_block_class(block_name)

    def places(self) -> list[Place]:
        """The citations in reading order."""
        return [place for block in self.query(Static) for place in _places(block)]

    def on_focus(self) -> None:
        """Show which citation Enter would open."""
        self._mark()

    def on_blur(self) -> None:
        """Take the mark away."""
        self._unmark()

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """A citation was clicked; there are no other links."""
        event.stop()
        if event.href.startswith(_SCHEME):
            self.post_message(self.Opened(int(event.href.removeprefix(_SCHEME)), int(self.app.mouse_position.y)))

    def action_step(self, by: int) -> None:
        """Mark the next (1) or previous (-1) citation."""
        self._at += by
        self._mark()

    def action_open(self) -> None:
        """Open the marked citation."""
        places = self.places()
        if places:
            place = places[self._at % len(places)]
            self.post_message(self.Opened(place.n, place.block.region.y))

    def _mark(self) -> None:
        self._unmark()
        places = self.places()
        if not places:
            return
        self._at %= len(places)
        place = places[self._at]
        content = place.block.content
        if isinstance(content, Content):
            self._marked = (place.block, content)
            place.block.update(content.add_spans([Span(place.start, place.end, Style(reverse=True))]), layout=False)
            place.block.scroll_visible(animate=False)

    def _unmark(self) -> None:
        if self._marked is not None:
            block, content = self._marked
            self._marked = None
            block.update(content, layout=False)

    def _parser(self) -> MarkdownIt:
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(_NO_RULES)
        parser.inline.ruler.before("link", "citation", self._citation)
        return parser

    def _citation(self, state: StateInline, silent: bool) -> bool:
        """Inline rule: `[n]` with a known `n` becomes a link to `cite:n`."""
        match = _CITATION.match(state.src, state.pos, state.posMax)
        if match is None or int(match[1]) not in self.known:
            return False
        if not silent:
            state.push("link_open", "a", 1).attrs = {"href": f"{_SCHEME}{int(match[1])}"}
            state.push("text", "", 0).content = match[0]
            state.push("link_close", "a", -1)
        state.pos = match.end()
        return True


def _places(block: Static) -> Iterator[Place]:
    content = block.content
    for span in content.spans if isinstance(content, Content) else ():
        click = span.style.meta.get("@click", "") if isinstance(span.style, Style) else ""
        if match := re.fullmatch(rf"link\('{_SCHEME}(\d+)'\)", str(click)):
            yield Place(block, span.start, span.end, int(match[1]))


class _TableContent(MarkdownTableContent):
    """Cells without tooltips."""

    def compose(self) -> ComposeResult:
        for cell in super().compose():
            cell.tooltip = None
            yield cell


class _Table(MarkdownTable):
    """A table of such cells."""

    def compose(self) -> ComposeResult:
        self._headers, self._rows = self._get_headers_and_rows()
        yield _TableContent(self._headers, self._rows)
