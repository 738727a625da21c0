"""The terminal chat as a program: keys, commands, palette, themes; paints first, and leaves the terminal clean."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import WorkerFailed

from assistant.tui import dialogue, themes
from assistant.tui.conductor import Conductor
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.widgets.passage import PassageView
from assistant.tui.widgets.prompt import Prompt
from assistant.tui.widgets.sources import Sources
from configs.errors import CitewellError

if TYPE_CHECKING:
    from configs.settings import Settings

_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)
_ACTIONS = {"help": "help", "new": "new", "quit": "quit", "sessions": "sessions", "sources": "sources", "why": "why"}
_QUIT_WITHIN_SECONDS = 3.0


class CitewellApp(App[None]):
    """Turns what is typed and pressed into what the conductor does."""

    TITLE = "citewell"
    CSS_PATH = "citewell.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+o", "sources", "Sources"),
        Binding("f3", "sessions", "Sessions"),
        Binding("f4", "edit", "Edit the search", show=False),
        Binding("ctrl+n", "new", "New session", show=False),
        Binding("ctrl+r", "retry", "Retry"),
        Binding("ctrl+t", "toggle_theme", "Dark/light", show=False),
        Binding("f1", "help", "Help"),
    ]

    def __init__(
        self, settings: Settings, opener: dialogue.OpenEngine = dialogue.open_engine, notice: str = ""
    ) -> None:
        super().__init__()
        self.dialogue = dialogue.Dialogue(settings, opener)
        self.chat = ChatScreen(settings.index.name, notice)
        self.conductor = Conductor(self, self.chat, self.dialogue)
        self.crash: BaseException | None = None
        """The bug that ended it, if one did."""
        self._quit_asked = -_QUIT_WITHIN_SECONDS
        self._warned = ""
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = themes.usable(settings.chat.theme, no_color=self.no_color)

    def get_default_screen(self) -> Screen[None]:
        """The chat."""
        return self.chat

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What the style sheet asks of themes that are not ours."""
        return themes.DEFAULTS

    def on_mount(self) -> None:
        """First paint, then the engine, and the session that was asked for."""
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        if self.dialogue.answers:
            await self.conductor.show()
        self.conductor.open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers to try again only where something failed."""
        return self.conductor.failed and not self.chat.busy if action == "retry" else True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette."""
        yield SystemCommand("New session", "Begin again with no history", self.action_new)
        yield SystemCommand("Sessions", "Go on with an earlier session", self.action_sessions)
        yield SystemCommand("Export to Markdown", "Write this session with all its sources", self.action_export)
        yield SystemCommand("Export to HTML", "The same as a page for a browser", lambda: self.action_export("html"))
        yield SystemCommand("Export to BibTeX", "Write what this session cites", lambda: self.action_export("bib"))
        yield SystemCommand("Search only …", "By year, kind of evidence, journal, language", self.action_filter)
        yield SystemCommand("Sources", "Show or hide the sources", self.action_sources)
        yield SystemCommand("Edit the search", "Change what the last question was searched for", self.action_edit)
        yield SystemCommand("Why these sources", "How each source was found and ranked", self.action_why)
        yield SystemCommand("Try again", "Open the index, or ask the failed question, once more", self.action_retry)
        yield SystemCommand("Dark or light", "Switch between the two", self.action_toggle_theme)
        yield SystemCommand("Theme", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Help", "All keys and commands", self.action_help)
        yield SystemCommand("Quit", "Leave citewell", self.action_quit)

    def _handle_exception(self, error: Exception) -> None:
        """Keep a bug for `run_chat` to raise: Textual would print local variables, the reader's questions among them."""
        super()._handle_exception(error)
        self._exit_renderables.clear()
        self.crash = self.crash or (error.error if isinstance(error, WorkerFailed) else error)

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        prompt = self.chat.query_one(Prompt)
        if command := _COMMAND.fullmatch(event.text):
            await self._command(prompt, command[1], command[2] or "")
        elif self.chat.busy:
            self.conductor.say("An answer is on its way; Esc stops it.", "warning")
        elif not self._held(event.text):
            prompt.accept(event.text)
            self.conductor.ask(event.text, alone=event.alone)

    @on(Prompt.Changed)
    def _typed(self, event: Prompt.Changed) -> None:
        typed = event.text_area.text
        if typed.startswith("/filter ") and not self.chat.busy:
            self.conductor.preview(typed.removeprefix("/filter "))

    def _held(self, question: str) -> bool:
        """Whether it stays in the prompt, because it seems to name a patient: until sent again, or for good."""
        # Imported here: the first paint needs none of it.
        from assistant.answering.safety import privacy

        try:
            concern = privacy.checked(question, self.dialogue.settings)
        except CitewellError as error:
            self.conductor.complain(error)
            return True
        warned, self._warned = self._warned, question
        if concern is None or warned == question:
            return False
        self.conductor.say(f"Not sent yet: {concern}. Enter sends it all the same.", "warning")
        return True

    async def _command(self, prompt: Prompt, name: str, argument: str) -> None:
        if name == "filter":
            if not await self.conductor.narrow(argument):
                return  # it stays, to be mended
        elif name == "edit":
            self.action_edit()
            return  # what it put there stays
        elif name == "export":
            self.action_export(argument.strip())
        elif name in _ACTIONS:
            await self.run_action(_ACTIONS[name])
        else:
            self.conductor.say(f"There is no command /{name}; /help lists them.", "warning")
            return
        prompt.clear()

    async def action_stop(self) -> None:
        """Stop the answer that is on its way."""
        await self.conductor.stop()

    async def action_retry(self) -> None:
        """Try again what failed."""
        await self.conductor.retry()

    def action_edit(self) -> None:
        """Put the question as it was searched for into the prompt; what is then sent is asked as it stands."""
        searched = self.conductor.searched()
        if searched:
            self.chat.query_one(Prompt).amend(searched)
            self.conductor.say("What the last search was for. Edit it; Enter asks it as it then stands.")
        else:
            self.conductor.say("There is no question to edit yet.", "warning")

    def action_filter(self) -> None:
        """Begin a filter in the prompt; what it means is told as it is typed."""
        prompt = self.chat.query_one(Prompt)
        prompt.load_text("/filter ")
        prompt.move_cursor(prompt.document.end)
        prompt.focus()

    def action_why(self) -> None:
        """Show why the last answer has its sources."""
        self.conductor.explain()

    async def action_new(self) -> None:
        """Begin a new session."""
        await self.conductor.begin()

    def action_sessions(self) -> None:
        """Choose an earlier session to go on with."""
        from assistant.tui.screens.sessions import SessionsScreen

        async def chosen(session_id: str | None) -> None:
            if session_id is not None:
                await self.conductor.resume(session_id)

        self.push_screen(SessionsScreen(self.dialogue.sessions(), self.conductor.delete), chosen)

    def action_export(self, path: str = "") -> None:
        """Write the session to a file."""
        self.conductor.export(path)

    def action_sources(self) -> None:
        """Show or hide the sources."""
        self.chat.toggle_sources()

    def action_help(self) -> None:
        """All keys and commands."""
        from assistant.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_toggle_theme(self) -> None:
        """Dark to light and back."""
        self.theme = themes.LIGHT.name if self.current_theme.dark else themes.DARK.name

    async def action_quit(self) -> None:
        """Leave citewell."""
        await self.leave()

    async def leave(self, status: int = 0) -> None:
        """Exit with this status; an answer on its way is first stopped as by Esc, so that what came is kept."""
        await self.conductor.stop()
        self.exit(return_code=status)

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected: asks, and quits when pressed again."""
        now = time.monotonic()
        if now - self._quit_asked < _QUIT_WITHIN_SECONDS:
            self.call_later(self.leave)
        self._quit_asked = now
        self.conductor.say("Ctrl+C once more quits; so does Ctrl+Q.", "warning")

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52, which some terminals ignore."""
        super().copy_to_clipboard(text)
        self.conductor.say("Sent to the clipboard, if the terminal allows it.")

    @on(Sources.Copy)
    def _copy(self, event: Sources.Copy) -> None:
        self.copy_to_clipboard(event.text)

    @on(PassageView.Opened)
    @work(group="around", exclusive=True)
    async def _look_around(self, event: PassageView.Opened) -> None:
        await self.conductor.look_around(event.source)

    @on(Sources.Said)
    def _repeat(self, event: Sources.Said) -> None:
        self.conductor.say(event.text)

    @on(Sources.Browse)
    @work(group="browser")
    async def _browse(self, event: Sources.Browse) -> None:
        # Without a desktop, webbrowser would start a text browser over this very screen.
        desktop = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
        if desktop and await asyncio.to_thread(webbrowser.open, event.url):
            self.conductor.say(f"Opened {event.url}")
        else:
            self.conductor.say(f"No browser could be opened here: {event.url}", "warning")


def run_chat(
    settings: Settings,
    *,
    session_id: str | None = None,
    notice: str = "",
    filtered: bool = False,
    open_engine: dialogue.OpenEngine = dialogue.open_engine,
) -> int:
    """Run the chat until the reader leaves; returns the process's exit status.

    Args:
        settings: what is asked, and where sessions are kept.
        session_id: an earlier session to go on with.
        notice: a line that stays in sight, such as what kind of corpus this is.
        filtered: the settings' filter was given for this run, and goes before that of an earlier session.
        open_engine: what opens the engine, called after the first paint.

    Raises:
        InputError: no such session, or it cannot be read.
        Exception: a bug ended the chat; the terminal is by then as it was.
    """
    app = CitewellApp(settings, open_engine, notice)
    if session_id is not None:
        app.dialogue.resume(session_id)
        if filtered:
            app.dialogue.where = None
    asyncio.run(_run(app))
    if app.crash is not None:
        raise app.crash
    return app.return_code or 0


async def _run(app: CitewellApp) -> None:
    """Run the app; a signal ends it as a key would, so that the terminal is left as it was found."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        # Windows has no SIGHUP, and its event loop takes no handlers.
        with suppress(AttributeError, NotImplementedError):
            number = getattr(signal, name)
            loop.add_signal_handler(number, app.call_later, app.leave, 128 + number)
    try:
        await app.run_async()
    finally:
        await app.dialogue.close()
