"""The turns of a session, top to bottom; earlier ones are mounted when the reader scrolls up to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from assistant.answering.answer import Answer
    from assistant.tui.widgets.answer import AnswerView

# Fifty long answers at once are 1,350 widgets and 3.5 s: a few are enough to fill any screen.
_AT_ONCE = 4


class Conversation(VerticalScroll, can_focus=False):
    """Follows the stream at its end until the reader scrolls away. Imports Markdown only when there is a turn."""

    def __init__(self, welcome: str) -> None:
        # At least as tall as the view, so that the first turns stand at its top and not, anchored, at its foot.
        self._turns = Vertical(Static(Content(welcome), id="welcome"), id="turns")
        super().__init__(self._turns)
        self._welcome = welcome
        self._earlier: list[Answer] = []
        self._mounting = False

    @property
    def turns(self) -> list[AnswerView]:
        """The mounted turns, oldest first."""
        return cast("list[AnswerView]", list(self._turns.query_children("AnswerView")))

    async def add(self, question: str) -> AnswerView:
        """A new turn at the end, in view."""
        from assistant.tui.widgets.answer import AnswerView

        await self._turns.query_children("#welcome").remove()
        view = AnswerView(question)
        await self._turns.mount(view)
        self.anchor()
        return view

    def read_from_top(self, view: AnswerView) -> None:
        """What came all at once is read from its beginning, if it is longer than the view."""

        def scroll() -> None:
            if view.outer_size.height > self.size.height:
                self.scroll_to_widget(view, top=True, animate=False)

        self.call_after_refresh(scroll)

    def share(self, view: AnswerView) -> None:
        """Where notes came under an answer that was followed to its end, leave the answer half of the view."""

        def scroll() -> None:
            under = next((one for one in view.query(".meter, .notes") if one.display), None)
            if under is None:
                return
            hidden = self.region.y - view.region.y
            taken = self.region.y + self.size.height // 2 - under.region.y
            # The status line may have taken up to two rows since, which the anchor makes up for only later.
            followed = self.max_scroll_y - self.scroll_y <= 2
            if followed and min(hidden, taken) > 0:
                self.scroll_relative(y=-min(hidden, taken), animate=False)

        self.call_after_refresh(scroll)

    def keep_in_sight(self, row: int) -> None:
        """After the next layout, scroll so far that what stood on this row of the screen is still in view."""
        if (row := row - self.region.y) >= 0:
            self.call_after_refresh(lambda: self._follow(row))

    def _follow(self, row: int) -> None:
        hidden = row + 1 - self.scrollable_content_region.height
        if hidden > 0:
            self.scroll_relative(y=hidden, animate=False)

    async def show(self, answers: Sequence[Answer]) -> None:
        """Replace everything by these turns, the last of them mounted, the rest to come on scrolling up."""
        await self._turns.remove_children()
        self._earlier = list(answers)
        if answers:
            await self._mount_earlier()
        else:
            await self._turns.mount(Static(Content(self._welcome), id="welcome"))
        self.anchor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the top, mount the turns before."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value:
            self._reach_up()

    def page(self, by: int) -> None:
        """A page up (-1) or down (1)."""
        if by > 0:
            self.scroll_page_down(animate=False)
        elif self.scroll_y > 0:
            self.scroll_page_up(animate=False)
        else:
            self._reach_up()

    def _reach_up(self) -> None:
        if self._earlier and not self._mounting:
            self.run_worker(self._mount_above(), exclusive=True, group="earlier")

    async def _mount_above(self) -> None:
        """Mount earlier turns without moving what is being read."""
        below = self.max_scroll_y - self.scroll_y
        await self._mount_earlier()
        self.call_after_refresh(lambda: self.scroll_to(y=self.max_scroll_y - below, animate=False, immediate=True))

    async def _mount_earlier(self) -> None:
        from assistant.tui.widgets.answer import AnswerView

        self._mounting = True
        try:
            batch, self._earlier = self._earlier[-_AT_ONCE:], self._earlier[:-_AT_ONCE]
            await self._turns.query_children("#earlier").remove()
            views: list[Static | AnswerView] = [AnswerView(answer.question, answer) for answer in batch]
            if self._earlier:
                views.insert(0, Static(Content(f"↑ {len(self._earlier)} earlier"), id="earlier"))
            await self._turns.mount_all(views, before=0 if self._turns.children else None)
        finally:
            self._mounting = False
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        """A tall screen shows more than was mounted."""
        if self._earlier and self.max_scroll_y <= 0 and not self._mounting:
            self.run_worker(self._mount_earlier(), exclusive=True, group="earlier")
