"""What happens when something is asked, stopped, tried again or taken up: the engine's events become what is seen."""

from __future__ import annotations

from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.worker import Worker, WorkerError

from assistant.tui import describe
from assistant.tui.dialogue import Dialogue
from assistant.tui.widgets.conversation import Conversation
from assistant.tui.widgets.passage import PassageView
from assistant.tui.widgets.status import TitleLine
from configs.errors import CitewellError

if TYPE_CHECKING:
    from textual.app import App

    from assistant.answering.answer import Answer, Event, Source
    from assistant.tui.screens.chat import ChatScreen
    from assistant.tui.widgets.answer import AnswerView

_ALL = ("off", "none", "all", "-")
_FILTER_HELP = '/filter year>=2020 type:rct,review journal:"Lancet" lang:en -retracted; and any label of the records'


class Conductor:
    """Leads the dialogue on the chat screen, one question at a time. What goes wrong is said there, not raised."""

    def __init__(self, app: App[None], chat: ChatScreen, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self.failed = False
        """Whether there is something to try again."""
        self._app = app
        self._chat = chat
        self._worker: Worker[None] | None = None
        self._turn: AnswerView | None = None
        self._alone = False

    def open(self) -> None:
        """Open the engine, in the background."""
        self._app.run_worker(self._open(), group="open", exclusive=True)

    def ask(self, question: str, *, alone: bool = False) -> None:
        """Have a question answered, in the background; one that is `alone` is searched for as it stands."""
        self._chat.busy = True
        self._alone = alone
        self.failed, self._turn = False, None
        self._worker = self._app.run_worker(self._answer(question), group="answer")

    async def stop(self) -> None:
        """Stop the answer that is on its way; what came stays, marked, and is saved so."""
        worker, self._worker = self._worker, None
        if worker is None or not self._chat.busy:
            return
        worker.cancel()
        with suppress(WorkerError):
            await worker.wait()
        self._chat.busy = False
        view = self._turn
        if view is None:
            return
        try:
            if view.answer is not None:
                self.dialogue.keep(view.answer)
                self.say("Stopped: the answer is kept without the second opinion.", "warning")
                return
            await view.stop()
            if view.text:
                self.dialogue.keep_stopped(view.question, view.text, view.sources)
        except CitewellError as error:
            self.complain(error)
        else:
            self.say("Stopped. What came is kept, unchecked." if view.text else "Stopped.", "warning")

    async def retry(self) -> None:
        """Ask the failed question again; without one, open the index again."""
        view = self._turn
        if view is not None and view.has_class("-failed"):
            if not view.text:
                await view.remove()
            self.ask(view.question, alone=self._alone)
        else:
            self.open()

    async def begin(self) -> None:
        """A new session."""
        await self.stop()
        self.dialogue.begin()
        await self.show()
        self.say("A new session.")

    async def resume(self, session_id: str) -> None:
        """Go on with an earlier session."""
        await self.stop()
        try:
            lost = len(self.dialogue.resume(session_id).damaged)
        except CitewellError as error:
            self.complain(error)
            return
        await self.show()
        self._describe()
        if lost:
            self.say(f"{lost} answers of this session cannot be read. {self.dialogue.elsewhere}", "error")
        else:
            self._go_on()

    async def delete(self, session_id: str) -> None:
        """Remove a session; the one on screen begins anew."""
        try:
            if self.dialogue.delete(session_id):
                await self.begin()
        except CitewellError as error:
            self.complain(error)

    async def narrow(self, text: str) -> bool:
        """Search only what this filter lets pass from now on, `off` all; without text, say which it is. False if it is none."""
        barren = ""
        if text:
            try:
                barren = await self.dialogue.narrow("" if text.strip().lower() in _ALL else text)
            except CitewellError as error:
                self.complain(error)
                return False
            self._describe()
        now = self.dialogue.filter
        told = f"Filter: {now} · /filter off searches all" if now else f"All records are searched. {_FILTER_HELP}"
        self.say(f"{barren} · /filter off searches all" if barren else told, "warning" if barren else "")
        return True

    def preview(self, text: str) -> None:
        """Say of a filter that is being typed what it means so far, or what is missing."""
        from ingest.filters import parse

        try:
            told = f"Enter searches only {parse(text).text}" if text.strip() else _FILTER_HELP
        except CitewellError as error:
            told = f"{error.what.partition(chr(10))[0]} · {error.fix}"
        self.say(told)

    def export(self, path: str) -> None:
        """Write the session to a file."""
        try:
            written: Path = self.dialogue.export(path)
        except CitewellError as error:
            self.complain(error)
        else:
            self.say(f"Saved to {written}")

    def explain(self) -> None:
        """Show why the last answer has the sources it has, or hide that again."""
        view = self._last()
        if view is None:
            self.say("There is no answer to explain yet.", "warning")
        elif view.found is None:
            self.say("How this answer's sources were found is known only while the chat that asked runs.", "warning")
        else:
            view.toggle_why()

    def searched(self) -> str:
        """What the last question was searched for; empty where there is none yet."""
        view = self._last()
        if view is None:
            return ""
        return (view.answer.standalone if view.answer else "") or view.question

    def _last(self) -> AnswerView | None:
        turns = self._chat.query_one(Conversation).turns
        return turns[-1] if turns else None

    async def look_around(self, source: Source) -> None:
        """Bring what stands around a source into its pane."""
        found = await self.dialogue.around(source)
        if found is not None:
            self._chat.query_one(PassageView).surround(source, found)

    async def show(self) -> None:
        """The session at hand, on screen."""
        self._turn = None
        await self._chat.show_turns(self.dialogue.answers)

    def say(self, text: str, kind: str = "") -> None:
        """Put a line into the status line."""
        self._chat.status.say(text, kind)

    def complain(self, error: CitewellError) -> None:
        """Put an error there, with its remedy; what points at a character keeps its lines."""
        if "\n" in error.what:
            self._chat.status.say(error.what, "error", after=error.fix)
        else:
            self.say(" · ".join(part for part in (error.what, error.where, error.fix) if part), "error")

    def _describe(self) -> None:
        self._chat.query_one(TitleLine).describe(self.dialogue.engine, self.dialogue.filter)

    async def _open(self) -> None:
        self._chat.status.busy("Opening the index …")
        try:
            await self.dialogue.open()
        except CitewellError as error:
            self._chat.show_problem(error)
            self._fail("The index is not open.")
        else:
            self._opened()
            if self.dialogue.answers:
                self._go_on()
            else:
                self.say("Ready.")

    def _go_on(self) -> None:
        elsewhere = self.dialogue.elsewhere
        filtered = f" Filter: {self.dialogue.filter}" if self.dialogue.filter else ""
        self.say((elsewhere or "Going on with this session.") + filtered, "warning" if elsewhere else "")

    def _opened(self) -> None:
        self.failed = False
        self._chat.show_problem(None)
        self._describe()
        self._chat.query_one(PassageView).ask_around()

    async def _answer(self, question: str) -> None:
        try:
            self._turn = view = await self._chat.query_one(Conversation).add(question)
            await self._chat.show_sources(view)
            self._chat.status.busy("Searching …" if self.dialogue.engine else "Opening the index …")
            async with aclosing(self.dialogue.ask(question, alone=self._alone)) as events:
                async for event in events:
                    await self._take(view, event)
        finally:
            self._chat.busy = False

    async def _take(self, view: AnswerView, event: Event) -> None:
        from assistant.answering.answer import Answered, Cautioned, Checking, Failed, Retrieved, Token

        match event:
            case Cautioned(emergency):
                view.caution(emergency)
            case Retrieved():
                self._opened()
                view.retrieved(event)
                await self._chat.refresh_sources(view)
                self._chat.status.busy("Reading the passages …")
            case Token(text):
                view.token(text)
                self._chat.status.busy("Writing …")
            case Checking(answer):
                await view.finish(answer)
                await self._chat.refresh_sources(view)
                self._chat.status.busy("A second model reads the answer against its passages …")
            case Answered(answer):
                await view.finish(answer)
                await self._chat.refresh_sources(view)
                conversation = self._chat.query_one(Conversation)
                (conversation.read_from_top if answer.mode == "quotes" else conversation.share)(view)
                self.say(*self._kept(answer))
            case Failed(error, partial):
                await view.fail(error, partial)
                self._fail("No answer. Ctrl+R tries again.")

    def _kept(self, answer: Answer) -> tuple[str, str]:
        """Store the answer; what to say of it, and how."""
        from assistant.tui import verdicts  # the first paint needs none of it

        said = verdicts.summary(answer)
        try:
            self.dialogue.keep(answer)
        except CitewellError as error:
            return f"{said} · not saved: {error.what}", "error"
        if describe.ANEW in answer.warnings:
            said = f"{said} · the index was made anew; this is from the new one"
        amiss = answer.status == "abstained" or any(
            sentence.unknown or verdicts.grave(sentence) for sentence in answer.sentences
        )
        return said, "warning" if amiss else ""

    def _fail(self, text: str) -> None:
        self.failed = True
        self._app.refresh_bindings()
        self.say(text, "error")
