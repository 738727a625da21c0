"""Markdown whose `[n]` are links to sources, by mouse and by key, and whose doubtful sentences bear a sign; no other links."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content, Span
from textual.message import Message
from textual.style import Style
from textual.widgets import Markdown, Static
from textual.widgets._markdown import MarkdownBlock, MarkdownTable, MarkdownTableContent

from assistant.answering.findings import SIGNS
from assistant.records.prose import MARK, marked
from assistant.tui.verdicts import INK
from ingest.text import printable

if TYPE_CHECKING:
    from assistant.answering.answer import Sentence
    from assistant.answering.support import Verdict

_CITATION = re.compile(r"\[(\d{1,4})\](?!\()")
_CITE, _SIGN = "cite:", "sign:"
# A link's address: of a citation its source and, once known, its sentence; of a sign its verdict.
_LINK = re.compile(r"link\('(cite|sign):(\w+)(?::(\d+))?'\)")
# A model's links, images and HTML stay the characters they are: seen, never followed or loaded.
_NO_RULES = ["link", "image", "autolink", "html_inline", "html_block", "reference"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a citation stands: characters `start` to `end` of a block's content."""

    block: Static
    start: int
    end: int
    n: int
    sentence: int | None
    """Which of the answer's sentences it belongs to, from 0; None while the answer streams."""


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
        sentence: int | None = None
        """See `Place.sentence`."""

    def __init__(self, text: str = "", known: Collection[int] = ()) -> None:
        super().__init__(printable(text), parser_factory=self._parser, open_links=False)
        self.known = frozenset(known)
        self._sentences: Sequence[Sentence] = ()
        self._at = 0
        self._marked: tuple[Static, Content] | None = None

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Tables are ours: their tooltips would read the model's text as markup."""
        return _Table if block_name == "table_open" else super().get_block_class(block_name)

    async def settle(self, text: str, sentences: Sequence[Sentence] = ()) -> None:
        """Show the whole text, each citation tied to its sentence and a sign behind each that is in doubt.

        One update after the stream: links in tables that grew while streaming are dead without it.
        """
        shown = printable(text)
        # Of a text that had to be made harmless, the sentences' places are not known.
        self._sentences = sentences if shown == text else ()
        self._unmark()
        await self.update(shown)
        for block in self.query(Static):
            _ink(block)

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
        if event.href.startswith(_CITE):
            n, _, sentence = event.href.removeprefix(_CITE).partition(":")
            row = int(self.app.mouse_position.y)
            self.post_message(self.Opened(int(n), row, int(sentence) if sentence else None))

    def action_step(self, by: int) -> None:
        """Mark the next (1) or previous (-1) citation."""
        self._at += by
        self._mark()

    def action_open(self) -> None:
        """Open the marked citation."""
        places = self.places()
        if places:
            place = places[self._at % len(places)]
            self.post_message(self.Opened(place.n, place.block.region.y, place.sentence))

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
        return _Parser(self.known, self._sentences)


class _Parser(MarkdownIt):
    """What a model may write, no more, with citations and signs as links; made anew for every text."""

    def __init__(self, known: Collection[int], sentences: Sequence[Sentence]) -> None:
        super().__init__("commonmark")
        self.enable(["table", "strikethrough"]).disable(_NO_RULES)
        self.inline.ruler.before("link", "citation", self._citation)
        self.inline.ruler.before("escape", "sign", self._sign)
        self._known = known
        self._sentences = sentences
        self._open: list[Token] = []

    def parse(self, src: str, env: Any = None) -> list[Token]:
        """Parse it with a mark behind each sentence, where they are known; marks in code are taken out again."""
        tokens = super().parse(marked(src, self._sentences) if self._sentences else src, env)
        for token in tokens:
            for one in (token, *(token.children or ())):
                if one.type in ("fence", "code_block", "code_inline"):
                    one.content = MARK.sub("", one.content)
        self._tie_in_order()
        return tokens

    def _tie_in_order(self) -> None:
        """Where no place of a sentence is known, as in quotes: the citations stand in the order of the sentences."""
        cited = [(n, number) for number, sentence in enumerate(self._sentences) for n in sentence.citations]
        if [link.attrs["href"] for link in self._open] == [f"{_CITE}{n}" for n, _ in cited]:
            for link, (_, number) in zip(self._open, cited, strict=True):
                link.attrs["href"] = f"{link.attrs['href']}:{number}"

    def _citation(self, state: StateInline, silent: bool) -> bool:
        """Inline rule: `[n]` with a known `n` becomes a link to `cite:n`."""
        match = _CITATION.match(state.src, state.pos, state.posMax)
        if match is None or int(match[1]) not in self._known:
            return False
        if not silent:
            self._open.append(_link(state, f"{_CITE}{int(match[1])}", match[0]))
        state.pos = match.end()
        return True

    def _sign(self, state: StateInline, silent: bool) -> bool:
        """Inline rule: at the end of a sentence, its citations learn which it is; one in doubt gets its sign."""
        match = MARK.match(state.src, state.pos, state.posMax)
        if match is None:
            return False
        if not silent:
            number = int(match[1])
            for link in self._open:
                link.attrs["href"] = f"{link.attrs['href']}:{number}"
            self._open.clear()
            sentence = self._sentences[number]
            if sentence.judged_by and sentence.verdict not in ("supported", "unchecked"):
                # With no space before it: alone on the next line it would be taken for the next sentence's.
                _link(state, f"{_SIGN}{sentence.verdict}", SIGNS[sentence.verdict])
        state.pos = match.end()
        return True


def _link(state: StateInline, href: str, text: str) -> Token:
    opened = state.push("link_open", "a", 1)
    opened.attrs = {"href": href}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)
    return opened


def _links(content: object) -> Iterator[tuple[Span, re.Match[str]]]:
    for span in content.spans if isinstance(content, Content) else ():
        click = span.style.meta.get("@click", "") if isinstance(span.style, Style) else ""
        if match := _LINK.fullmatch(str(click)):
            yield span, match


def _places(block: Static) -> Iterator[Place]:
    for span, match in _links(block.content):
        if match[1] == "cite":
            yield Place(block, span.start, span.end, int(match[2]), int(match[3]) if match[3] else None)


def _ink(block: Static) -> None:
    """Signs are no links: each takes its verdict's colour."""
    content = block.content
    signs: Mapping[Span, Verdict] = {span: match[2] for span, match in _links(content) if match[1] == "sign"}  # type: ignore[misc]
    if signs and isinstance(content, Content):
        spans = [Span(one.start, one.end, INK[signs[one]]) if one in signs else one for one in content.spans]
        block.update(Content(content.plain, spans))


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
