"""The chat, running in a terminal of a given size without one, over a scripted engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from assistant.answering.answer import Mode
from assistant.records.sessions import SessionStore
from assistant.tui.app import CitewellApp
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.conversation import Conversation
from assistant.tui.widgets.prompt import Prompt
from assistant.tui.widgets.sources import Sources
from configs.errors import CitewellError
from tests.assistant.tui.scripted import Opener, Script, ScriptedEngine
from tests.conftest import SettingsFactory

_PATIENCE_SECONDS = 20.0
NARROW, WIDE = (80, 24), (120, 40)


@dataclass
class Chat:
    """The app with its parts, and what a reader does with it."""

    app: CitewellApp
    pilot: Pilot[None]
    engine: ScriptedEngine
    opener: Opener

    @property
    def screen(self) -> ChatScreen:
        """The chat screen."""
        return self.app.chat

    @property
    def prompt(self) -> Prompt:
        """The input."""
        return self.screen.query_one(Prompt)

    @property
    def sources(self) -> Sources:
        """The pane or drawer."""
        return self.screen.query_one(Sources)

    @property
    def turns(self) -> list[AnswerView]:
        """The mounted turns."""
        return self.screen.query_one(Conversation).turns

    @property
    def status(self) -> str:
        """What the status line says."""
        return self.screen.status.said

    def shown(self, selector: str) -> str:
        """The text of a static widget, its last one where there are several."""
        return str(self.screen.query(selector).last(Static).visual)

    async def until(self, condition: Callable[[], object], press: str = "") -> None:
        """Let the app work, pressing a key all the while if one is given, until the condition holds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"in vain; the status line says: {self.status}"
            await (self.pilot.press(press) if press else self.pilot.pause(0.02))

    async def type(self, text: str) -> None:
        """Type into the prompt."""
        self.prompt.focus()
        self.prompt.insert(text)
        await self.pilot.pause()

    async def ask(self, question: str = "Does it help?") -> AnswerView:
        """Ask, and wait until the answer has ended one way or another."""
        await self.type(question)
        await self.pilot.press("enter")
        await self.until(lambda: self.turns and self.turns[-1].question == question and not self.screen.busy)
        await self.pilot.pause()
        return self.turns[-1]


OpenChat = Callable[..., AbstractAsyncContextManager[Chat]]


@pytest.fixture
def chat(settings: SettingsFactory) -> OpenChat:
    """What opens the chat over scripts: `async with … as c`, with the engine open and the status line at rest."""

    @asynccontextmanager
    async def run(
        *scripts: Script,
        size: tuple[int, int] = NARROW,
        errors: tuple[CitewellError, ...] = (),
        mode: Mode = "generated",
        session_id: str | None = None,
        notice: str = "",
        flags: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Chat]:
        own = settings(flags)
        engine = ScriptedEngine(own, *scripts, model="a-model" if mode == "generated" else None)
        opener = Opener(engine, *errors)
        app = CitewellApp(own, opener, notice)
        if session_id is not None:
            app.dialogue.resume(session_id)
        async with app.run_test(size=size) as pilot:
            opened = Chat(app, pilot, engine, opener)
            await opened.until(lambda: opener.calls and not opened.screen.status.has_class("-busy"))
            yield opened

    return run


@pytest.fixture
def store(settings: SettingsFactory) -> SessionStore:
    """The sessions of this test's chat."""
    return SessionStore(settings().data_dir / "sessions")
