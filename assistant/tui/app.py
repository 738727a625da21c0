"""The terminal chat: joins the dialogue with the engine to the chat screen, and leaves the terminal clean."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
import webbrowser
from collections.abc import Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerCancelled

from assistant.tui import describe, themes
from assistant.tui import dialogue as dialogues
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.conversation import Conversation
from assistant.tui.widgets.prompt import Prompt
from assistant.tui.widgets.sources import Sources
from assistant.tui.widgets.status import TitleLine
from configs.errors import CitewellError

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Event
    from configs.settings import Settings

_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)
_QUIT_WITHIN_SECONDS = 3.0


class CitewellApp(App[None]):
    """Paints first, opens the engine after; turns the engine's events into what the reader sees."""

    TITLE = "citewell"
    CSS_PATH = "citewell.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "sessions", "Sessions"),
        Binding("ctrl+n", "new", "New session", show=False),
        Binding("ctrl+r", "retry", "Retry"),
        Binding("ctrl+t", "toggle_theme", "Dark/light", show=False),
        Binding("f1", "help", "Help"),
    ]

    def __init__(
        self, settings: Settings, opener: dialogues.OpenEngine = dialogues.open_engine, notice: str = ""
    ) -> None:
        super().__init__()
        self.dialogue = dialogues.Dialogue(settings, opener)
        self.chat = ChatScreen(settings.index.name, notice)
        self._asking: Worker[None] | None = None
        self._turn: AnswerView | None = None
        self._failed = False
        self._quit_asked = -_QUIT_WITHIN_SECONDS
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = themes.usable(settings.chat.theme, no_color=self.no_color)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers to try again only where something failed."""
        return self._failed if action == "retry" else True

    def get_default_screen(self) -> Screen[None]:
        """The chat."""
        return self.chat

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What the style sheet asks of themes that are not ours."""
        return themes.DEFAULTS

    def on_mount(self) -> None:
        """First paint, then the engine and the session that was asked for."""
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        if self.dialogue.answers:
            await self._show_session()
        self._open()

    @work(group="open", exclusive=True)
    async def _open(self) -> None:
        self.chat.status.busy("Opening the index …")
        try:
            await self.dialogue.open()
        except CitewellError as error:
            self.chat.show_problem(error)
            self._fail("The index is not open.")
        else:
            self._opened()
            self._say("Ready." if not self.dialogue.answers else "Ready to go on with this session.")

    def _opened(self) -> None:
        self._failed = False
        self.chat.show_problem(None)
        self.chat.query_one(TitleLine).describe(self.dialogue.engine)

    # What is typed.

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        if command := _COMMAND.fullmatch(event.text):
            await self._command(command[1], command[2] or "")
        elif self.chat.busy:
            self._say("An answer is on its way; Esc stops it.", "warning")
        else:
            self.chat.query_one(Prompt).accept(event.text)
            self._ask(event.text)

    async def _command(self, name: str, argument: str) -> None:
        actions = {
            "export": lambda: self.action_export(argument.strip()),
            "help": self.action_help,
            "new": self.action_new,
            "quit": self.exit,
            "sessions": self.action_sessions,
            "sources": self.chat.action_toggle_sources,
        }
        if name not in actions:
            self._say(f"There is no command /{name}; /help lists them.", "warning")
            return
        self.chat.query_one(Prompt).clear()
        done = actions[name]()
        if done is not None:
            await done

    # An answer on its way.

    def _ask(self, question: str) -> None:
        self.chat.busy = True
        self._failed = False
        self._asking = self._answer(question)

    @work(group="answer")
    async def _answer(self, question: str) -> None:
        try:
            self._turn = view = await self.chat.query_one(Conversation).add(question)
            await self.chat.show_sources(view)
            self.chat.status.busy("Searching …" if self.dialogue.engine else "Opening the index …")
            async with aclosing(self.dialogue.ask(question)) as events:
                async for event in events:
                    await self._take(view, event)
        finally:
            self.chat.busy = False

    async def _take(self, view: AnswerView, event: Event) -> None:
        from assistant.answering.answer import Answered, Failed, Retrieved, Token

        match event:
            case Retrieved():
                self._opened()
                view.retrieved(event)
                await self.chat.refresh_sources(view)
                self.chat.status.busy("Reading the passages …")
            case Token(text):
                view.token(text)
                self.chat.status.busy("Writing …")
            case Answered(answer):
                await view.finish(answer)
                await self.chat.refresh_sources(view)
                if answer.mode == "quotes":
                    self.chat.query_one(Conversation).read_from_top(view)
                self._say(*self._kept(answer))
            case Failed(error, partial):
                await view.fail(error, partial)
                self._fail("No answer. Ctrl+R tries again.")

    def _kept(self, answer: Answer) -> tuple[str, str]:
        """Store the answer; what to say of it, and how."""
        said = describe.summary(answer)
        try:
            self.dialogue.keep(answer)
        except CitewellError as error:
            return f"{said} · not saved: {error.what}", "error"
        amiss = answer.status == "abstained" or any(sentence.unknown for sentence in answer.sentences)
        return said, "warning" if amiss else ""

    async def action_stop(self) -> None:
        """Stop the answer that is on its way; what came stays, marked."""
        worker, self._asking = self._asking, None
        if worker is None or not self.chat.busy:
            return
        worker.cancel()
        with suppress(WorkerCancelled):
            await worker.wait()
        view = self._turn
        if view is None:
            return
        await view.stop()
        self._say("Stopped. What came is kept, unchecked." if view.text else "Stopped.", "warning")
        if view.text:
            try:
                self.dialogue.keep_stopped(view.question, view.text, view.sources)
            except CitewellError as error:
                self._complain(error)

    async def action_retry(self) -> None:
        """Ask the failed question again, else open the index again."""
        view = self._turn
        if view is not None and view.has_class("-failed"):
            if not view.text:
                await view.remove()
            self._ask(view.question)
        else:
            self._open()

    # Sessions.

    async def action_new(self) -> None:
        """Begin a new session."""
        await self.action_stop()
        self.dialogue.begin()
        self._turn = None
        await self.chat.show_turns(())
        self._say("A new session.")

    def action_sessions(self) -> None:
        """Choose an earlier session to go on with."""
        from assistant.tui.screens.sessions import SessionsScreen

        self.push_screen(SessionsScreen(self.dialogue.sessions(), self._delete), self._chosen)

    async def _chosen(self, session_id: str | None) -> None:
        if session_id is None:
            return
        await self.action_stop()
        try:
            self.dialogue.resume(session_id)
        except CitewellError as error:
            self._complain(error)
            return
        await self._show_session()

    async def _show_session(self) -> None:
        self._turn = None
        await self.chat.show_turns(self.dialogue.answers)
        self._say("Going on with this session.")

    def _delete(self, session_id: str) -> None:
        try:
            if self.dialogue.delete(session_id):
                self.call_later(self.action_new)
        except CitewellError as error:
            self._complain(error)

    def action_export(self, path: str = "") -> None:
        """Write the session to a file."""
        try:
            self._say(f"Saved to {self.dialogue.export(path)}")
        except CitewellError as error:
            self._complain(error)

    # The rest.

    def action_help(self) -> None:
        """All keys and commands."""
        from assistant.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_toggle_theme(self) -> None:
        """Dark to light and back."""
        self.theme = themes.LIGHT.name if self.current_theme.dark else themes.DARK.name

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected: asks, and quits when pressed again."""
        now = time.monotonic()
        if now - self._quit_asked < _QUIT_WITHIN_SECONDS:
            self.exit()
        self._failed = False
        self._quit_asked = now
        self._say("Ctrl+C once more quits; so does Ctrl+Q.", "warning")

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52, which some terminals ignore."""
        super().copy_to_clipboard(text)
        self._say("Sent to the clipboard, if the terminal allows it.")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette."""
        yield SystemCommand("New session", "Begin again with no history", self.action_new)
        yield SystemCommand("Sessions", "Go on with an earlier session", self.action_sessions)
        yield SystemCommand("Export to Markdown", "Write this session with all its sources", self.action_export)
        yield SystemCommand("Sources", "Show or hide the sources", self.chat.action_toggle_sources)
        yield SystemCommand("Try again", "Open the index, or ask the failed question, once more", self.action_retry)
        yield SystemCommand("Dark or light", "Switch between the two", self.action_toggle_theme)
        yield SystemCommand("Theme", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Help", "All keys and commands", self.action_help)
        yield SystemCommand("Quit", "Leave citewell", self.action_quit)

    @on(Sources.Copy)
    def _copy(self, event: Sources.Copy) -> None:
        self.copy_to_clipboard(event.text)

    @on(Sources.Said)
    def _repeat(self, event: Sources.Said) -> None:
        self._say(event.text)

    @on(Sources.Browse)
    @work(group="browser")
    async def _browse(self, event: Sources.Browse) -> None:
        # Without a desktop, webbrowser would start a text browser over this very screen.
        desktop = sys.platform in ("darwin", "win32") or any(
            os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        opened = desktop and await asyncio.to_thread(webbrowser.open, event.url)
        self._say(
            f"Opened {event.url}" if opened else f"No browser could be opened here: {event.url}",
            "" if opened else "warning",
        )

    def _fail(self, text: str) -> None:
        self._failed = True
        self.refresh_bindings()
        self._say(text, "error")

    def _say(self, text: str, kind: str = "") -> None:
        self.chat.status.say(text, kind)

    def _complain(self, error: CitewellError) -> None:
        self._say(" · ".join(part for part in (error.what, error.where, error.fix) if part), "error")


def run_chat(
    settings: Settings,
    *,
    session_id: str | None = None,
    notice: str = "",
    open_engine: dialogues.OpenEngine = dialogues.open_engine,
) -> int:
    """Run the chat until the reader leaves; returns the process's exit status.

    Args:
        settings: what is asked, and where sessions are kept.
        session_id: an earlier session to go on with.
        notice: a line that stays in sight, such as what kind of corpus this is.
        open_engine: what opens the engine, called after the first paint.

    Raises:
        InputError: no such session, or it cannot be read.
    """
    app = CitewellApp(settings, open_engine, notice)
    if session_id is not None:
        app.dialogue.resume(session_id)
    asyncio.run(_run(app))
    return app.return_code or 0


async def _run(app: CitewellApp) -> None:
    """Run the app; a signal ends it as a key would, so that the terminal is left as it was found."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        # Windows has no SIGHUP, and its event loop takes no handlers.
        with suppress(AttributeError, NotImplementedError):
            number = getattr(signal, name)
            loop.add_signal_handler(number, app.exit, None, 128 + number)
    try:
        await app.run_async()
    finally:
        await app.dialogue.close()
