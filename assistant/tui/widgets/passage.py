"""The chosen source: what it is, its passage whole with what the answer rests on marked, what stands around it, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content, Span
from textual.message import Message
from textual.widgets import Static

from assistant.tui import describe
from ingest.text import one_line, printable

if TYPE_CHECKING:
    from assistant.answering.answer import Source
    from assistant.answering.surroundings import Surroundings
    from assistant.tui.verdicts import Mark

# Refreshes after which a layout that has not come is not waited for: the pane is hidden.
_TRIES = 8
# Rows of the passage that stay in sight above what was scrolled to.
_ABOVE = 2
_LIGHT, _STRONG, _AGAINST = "on $mark", "bold on $mark-strong", "underline $warning"


class PassageView(VerticalScroll, inherit_bindings=False):
    """Scrolls up and down, and leaves left and right to the pane around it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j,space", "scroll_down", "Down", show=False),
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end", "scroll_end", "End", show=False),
    ]

    @dataclass
    class Opened(Message):
        """A source is on show, and what stands around it is not yet known."""

        source: Source

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self._stored = ""
        self._source: Source | None = None
        self._known = False
        """Whether what stands around it was asked for and came."""
        self._revealing = False
        """Whether it is about to scroll to a mark."""

    def compose(self) -> ComposeResult:
        """What it is, where on the web, the passage amid the text around it, the rest."""
        for part in ("head", "address", "before", "where", "text", "after", "rest"):
            yield Static(id=f"passage-{part}")

    def show(self, source: Source | None, marks: Sequence[Mark] = (), opened: int | None = None) -> None:
        """Show a source and mark what sentences of the answer rest on, strongly for sentence `opened`."""
        if source != self._source:
            self._source, self._known = source, False
            self._put_around("", "")
            self.ask_around()
        self._stored = source.text if source else ""
        text = _passage(source, marks, opened) if source else Content("")
        self._part("head").update(_head(source) if source else Content(""))
        address = (describe.web_address(source) if source else None) or ""
        self._part("address").update(Content(address))
        self._part("address").display = bool(address)
        self._part("text").update(text)
        self._part("rest").update(_rest(source, _opened(marks, opened)) if source else Content(""))

    def ask_around(self) -> None:
        """Ask for what stands around the source, if that is not known."""
        if self._source is not None and not self._known:
            self.post_message(self.Opened(self._source))

    def surround(self, source: Source, found: Surroundings) -> None:
        """Show what stands around a source, if it is still the one on show; its passage stays where it is on screen."""
        if source != self._source or self._known:
            return
        if self._revealing:
            self.call_after_refresh(self.surround, source, found)
            return
        self._known = True
        text = self._part("text")
        above = text.virtual_region.y - self.scroll_y if text.size.height else _ABOVE
        self._put_around(found.before, found.after)
        if found.before:
            self.call_after_refresh(self._stay, above, _TRIES)

    def _stay(self, above: float, tries: int) -> None:
        """Scroll until the passage has so many rows above it again, once the layout knows what came there."""
        wanted = self._part("text").virtual_region.y - above
        if laid_out := self._part("before").size.height > 0:
            self.scroll_to(y=wanted, animate=False, immediate=True)
        if tries and (not laid_out or self.scroll_y < wanted):  # how far it can scroll is known a refresh later
            self.call_after_refresh(self._stay, above, tries - 1)

    def _put_around(self, before: str, after: str) -> None:
        where = one_line(self._source.where()) if self._source and before else ""
        for name, text in (("before", before), ("where", where), ("after", after)):
            self._part(name).update(Content(printable(text)))
            self._part(name).display = bool(text)

    def reveal(self, marks: Sequence[Mark], opened: int | None) -> None:
        """After the next layout, scroll as far as it takes to have the marked words of a sentence in sight."""
        wanted = _opened(marks, opened) or list(marks)
        if wanted:
            first = min(wanted, key=lambda mark: mark.start)
            self._revealing = True
            self.call_after_refresh(self._bring_up, *_as_shown(self._stored, first))
        else:
            self.scroll_home(animate=False, immediate=True)

    def _bring_up(self, start: int, end: int) -> None:
        self._revealing = False
        text = self._part("text")
        content, width = text.content, text.content_size.width
        if not isinstance(content, Content) or not width:
            return
        above = text.virtual_region.y
        first, last = (above + content[:offset].get_height({}, width) for offset in (start + 1, end))
        fits = last <= self.scrollable_content_region.height
        wanted = first - 1 - _ABOVE
        where = self._part("where")
        if where.display and 0 <= wanted - where.virtual_region.y <= _ABOVE:
            wanted = where.virtual_region.y  # so near that its section and page can stand above it
        self.scroll_to(y=0 if fits else wanted, animate=False, immediate=True)

    def _part(self, name: str) -> Static:
        return self.query_one(f"#passage-{name}", Static)


def _opened(marks: Sequence[Mark], opened: int | None) -> list[Mark]:
    return [mark for mark in marks if mark.sentence == opened]


def _head(source: Source) -> Content:
    lines = [Content.styled(f"[{source.n}] {describe.title(source)}", "bold")]
    told = [(describe.flags(source), "bold $error"), (describe.byline(source), "")]
    if badges := [Content.styled(text, style) for text, style in told if text]:
        lines.append(Content(" · ").join(badges))
    return Content("\n").join(lines)


def _passage(source: Source, marks: Sequence[Mark], opened: int | None) -> Content:
    """The passage; the strong marks come last, so that they lie over the light ones."""
    ordered = sorted(marks, key=lambda mark: mark.sentence == opened)
    return Content(printable(source.text)).add_spans(
        [
            Span(
                *_as_shown(source.text, mark),
                _AGAINST if mark.against else _STRONG if mark.sentence == opened else _LIGHT,
            )
            for mark in ordered
        ]
    )


def _rest(source: Source, opened: Sequence[Mark]) -> Content:
    lines = [f"marked: {describe.place(source, source.start + one.start, source.start + one.end)}" for one in opened]
    further = (f"{name}: {value}" for name, value in describe.further(source))
    return Content("\n".join([*lines, describe.provenance(source), *further]))


def _as_shown(text: str, mark: Mark) -> tuple[int, int]:
    """Where the marked words of a stored text stand in what is left of it on screen."""
    return len(printable(text[: mark.start])), len(printable(text[: mark.end]))
