"""Earlier sessions, newest first: choose one to go on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.records.sessions import SessionSummary

_HINT = "Enter goes on with it · D deletes it · Esc closes"


class SessionsScreen(ModalScreen[str | None]):
    """Answers with the id of the chosen session, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f3", "dismiss(None)", "Close"),
        Binding("d,delete", "delete", "Delete"),
    ]

    def __init__(self, sessions: Sequence[SessionSummary], delete: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._sessions = list(sessions)
        self._delete = delete
        self._sure = ""

    def compose(self) -> ComposeResult:
        """The list, and what can be done with it."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Sessions"
            if self._sessions:
                yield OptionList(*(Option(_row(session), id=session.id) for session in self._sessions), markup=False)
            yield Static(
                Content(_HINT if self._sessions else "No session has been saved yet. Esc closes"), id="sessions-hint"
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go on with it."""
        self.dismiss(event.option.id)

    def on_option_list_option_highlighted(self) -> None:
        """Another one is marked: an unconfirmed deletion is off."""
        self._sure = ""
        self._say(_HINT)

    async def action_delete(self) -> None:
        """Delete the marked session, after a second press."""
        options = self.query_one(OptionList) if self._sessions else None
        option = options.highlighted_option if options else None
        if options is None or option is None or option.id is None:
            return
        if self._sure != option.id:
            self._sure = option.id
            self._say("Press D again to delete this session for good.")
            return
        await self._delete(option.id)
        options.remove_option(option.id)
        self._say(_HINT)

    def _say(self, text: str) -> None:
        self.query_one("#sessions-hint", Static).update(Content(text))


def _row(session: SessionSummary) -> Content:
    when = session.updated.astimezone().strftime("%Y-%m-%d %H:%M")
    turns = "1 answer" if session.turns == 1 else f"{session.turns} answers"
    return Content.assemble(one_line(session.title) or "(untitled)", (f"\n{when} · {turns}", "$quiet"))
