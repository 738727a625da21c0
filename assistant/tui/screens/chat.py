"""The one screen of the chat: title, conversation beside or above its sources, status, prompt, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from assistant.tui.widgets.conversation import Conversation
from assistant.tui.widgets.passage import PassageView
from assistant.tui.widgets.prompt import Prompt
from assistant.tui.widgets.sources import Sources
from assistant.tui.widgets.status import Status, TitleLine
from ingest.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.answering.answer import Answer
    from assistant.tui.widgets.answer import AnswerView
    from configs.errors import CitewellError

WIDE = 100
_WELCOME = """Ask a question; the answer comes from this index alone, and every citation opens the passage it rests on.

F1 shows all keys and commands."""


class ChatScreen(Screen[None]):
    """Lays out, moves the focus, shows sources. What is asked and answered is the app's business."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - the base class types it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012 - the base class types it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "go(1)", "Next area", show=False, priority=True),
        Binding("shift+tab", "go(-1)", "Area before", show=False, priority=True),
        Binding("escape", "stop", "Stop"),
        Binding("escape", "back", "Back"),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
        *(Binding(f"alt+{n}", f"open_source({n})", show=False, priority=True) for n in range(1, 10)),
    ]

    busy = reactive(False, bindings=True)
    """Whether an answer is on its way."""

    def __init__(self, index: str, notice: str) -> None:
        super().__init__()
        self._index = index
        self._notice = one_line(notice)
        self._shown: AnswerView | None = None

    def compose(self) -> ComposeResult:
        """Top to bottom."""
        yield TitleLine(self._index)
        if self._notice:
            yield Static(Content(self._notice), id="notice")
        with Container(id="body"):
            yield Conversation(_WELCOME)
            yield Sources()
        problem = Static(id="problem")
        problem.display = False
        yield problem
        yield Status()
        yield Prompt()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Prompt).focus()

    @property
    def status(self) -> Status:
        """The status line."""
        return self.query_one(Status)

    @property
    def drawer(self) -> bool:
        """Whether the sources are a drawer here, and not a pane."""
        return self.size.width < WIDE

    async def show_turns(self, answers: Sequence[Answer]) -> None:
        """Replace the conversation by these answers; without any, by the welcome."""
        conversation = self.query_one(Conversation)
        await conversation.show(answers)
        await self.show_sources(conversation.turns[-1] if answers else None)
        self.query_one(Prompt).focus()

    async def show_sources(self, view: AnswerView | None) -> None:
        """The sources of this turn from now on; the pane says whose they are, unless they are the latest's."""
        sources = self.query_one(Sources)
        if view is not self._shown:
            self._shown = view
            sources.forget()
        self.query_one(Prompt).openable = len(view.sources) if view else 0
        if view is None:
            await sources.show((), None)
        else:
            latest = view is self.query_one(Conversation).turns[-1]
            await sources.show(view.sources, view.answer, "" if latest else view.question)

    async def refresh_sources(self, view: AnswerView) -> None:
        """A turn's sources changed: show them, unless the reader has turned to another's."""
        if view is self._shown:
            await self.show_sources(view)

    def show_problem(self, error: CitewellError | None) -> None:
        """Say why nothing can be asked, and what to do; None takes it away."""
        problem = self.query_one("#problem", Static)
        problem.display = error is not None
        if error is not None:
            what = error.what[:1].upper() + error.what[1:]
            rest = [line for line in (error.where, error.fix) if line]
            lines = [Content.styled(printable(what), "bold"), *(Content(printable(line)) for line in rest)]
            problem.update(Content("\n").join([*lines, Content.styled("Ctrl+R tries again.", "$quiet")]))

    async def on_answer_view_citation_opened(self, event: AnswerView.CitationOpened) -> None:
        """Show the source among those of its answer; by name, since the class is not imported before it is needed."""
        if event.view is not self._shown:
            await self.show_sources(event.view)
        self.query_one(Conversation).keep_in_sight(event.row)
        self.open_source(event.n, event.sentence)

    @on(Prompt.SourceWanted)
    def _source_wanted(self, event: Prompt.SourceWanted) -> None:
        self.action_open_source(event.n)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape stops an answer from the prompt; from elsewhere it leads back there."""
        if action == "back":
            return not self.query_one(Prompt).has_focus or (self.has_class("-drawer") and not self.busy)
        if action == "stop":
            return self.busy and self.query_one(Prompt).has_focus
        return True

    async def action_stop(self) -> None:
        """Have the answer stopped."""
        await self.run_action("app.stop")

    def action_open_source(self, n: int) -> None:
        """Open source `n` of the turn whose sources are shown."""
        self.open_source(n)

    def open_source(self, n: int, sentence: int | None = None) -> None:
        """Open source `n`, where this sentence of the answer cites it."""
        if self.query_one(Sources).choose(n, sentence):
            self._reveal(True)
            self.query_one(PassageView).focus()

    def toggle_sources(self) -> None:
        """Show or hide the pane or drawer."""
        self._reveal(not self.query_one(Sources).display)

    def action_back(self) -> None:
        """From anywhere to the prompt; a drawer closes."""
        if self.drawer:
            self._reveal(False)
        self.query_one(Prompt).focus()

    def action_go(self, by: int) -> None:
        """The next area: prompt, citations, sources, around."""
        areas = self._areas()
        at = next((n for n, area in enumerate(areas) if area.has_focus), 0)
        areas[(at + by) % len(areas)].focus(scroll_visible=False)

    def action_turn(self, by: int) -> None:
        """The citations of the turn before (-1) or after (1)."""
        views = [
            view for view in self.query_one(Conversation).turns if view.markdown.has_focus or view.markdown.places()
        ]
        at = next((n for n, view in enumerate(views) if view.markdown.has_focus), None)
        if at is not None and 0 <= at + by < len(views):
            views[at + by].markdown.focus(scroll_visible=False)

    def action_page(self, by: int) -> None:
        """Scroll the passage where it has the focus, else the conversation."""
        passage = self.query_one(PassageView)
        if not passage.has_focus:
            self.query_one(Conversation).page(by)
        elif by < 0:
            passage.scroll_page_up(animate=False)
        else:
            passage.scroll_page_down(animate=False)

    def _areas(self) -> list[Widget]:
        cited = self._cited()
        current = (
            [view for view in cited if view.markdown.has_focus]
            or [view for view in cited if view is self._shown]
            or cited[-1:]
        )
        areas: list[Widget] = [self.query_one(Prompt), *(view.markdown for view in current)]
        if self.query_one(Sources).display:
            areas.append(self.query_one(PassageView))
        return areas

    def _cited(self) -> list[AnswerView]:
        return [view for view in self.query_one(Conversation).turns if view.markdown.places()]

    def _reveal(self, revealed: bool) -> None:
        self.set_class(revealed, "-drawer") if self.drawer else self.set_class(not revealed, "-no-pane")
        if not revealed and self.query_one(PassageView).has_focus:
            self.query_one(Prompt).focus()
        self.refresh_bindings()
