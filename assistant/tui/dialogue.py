"""The dialogue behind the screen: the engine, opened when first needed, and the session its answers are kept in."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from assistant.tui import describe
from configs.errors import CitewellError, IndexReplaced

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Answered, Event, Mode, Source, Turn
    from assistant.answering.engine import Engine
    from assistant.answering.surroundings import Surroundings
    from assistant.records.sessions import Session, SessionStore, SessionSummary
    from configs.settings import Settings
    from ingest.filters import Filter

OpenEngine = Callable[["Settings"], Awaitable["Engine"]]


async def open_engine(settings: Settings) -> Engine:
    """`Engine.open`, imported in a thread so that the screen answers meanwhile; errors as there."""
    module = await asyncio.to_thread(importlib.import_module, "assistant.answering.engine")
    return cast("Engine", await module.Engine.open(settings))


class Dialogue:
    """Questions and answers of one session at a time. Knows no widget."""

    def __init__(self, settings: Settings, opener: OpenEngine) -> None:
        self.settings = settings
        self.engine: Engine | None = None
        self.answers: list[Answer] = []
        self.where: Filter | None = None
        """Which records are searched; None: as the settings say."""
        self._opener = opener
        self._opening = asyncio.Lock()
        self._session: Session | None = None

    async def open(self) -> Engine:
        """The engine, opened if it is not; callers at the same time wait for one opening.

        Raises:
            CitewellError: it cannot be opened; the next call tries again.
        """
        async with self._opening:
            if self.engine is None:
                self.engine = await self._opener(self.settings)
            return self.engine

    async def ask(self, question: str, *, alone: bool = False) -> AsyncGenerator[Event, None]:
        """The events of an answer, as `Engine.ask` yields them; that the engine cannot be opened is a `Failed`.

        A question that is `alone` is searched for as it stands, whatever came before.
        """
        from assistant.answering.answer import Answered, Turn

        history = [] if alone else [Turn(answer.question, answer.text) for answer in self.answers]
        async with aclosing(self._events(question, history)) as events:
            async for event in events:
                yield self._noted(event.answer) if isinstance(event, Answered) and not alone else event

    async def _events(self, question: str, history: list[Turn]) -> AsyncGenerator[Event, None]:
        """What the engine yields; where the index was made anew since it was opened, that of the new one, with a note."""
        from assistant.answering.answer import Answered, Failed

        followed = False
        while True:
            try:
                engine = await self.open()
            except CitewellError as error:
                yield Failed(error)
                return
            async with aclosing(engine.ask(question, history, self.where)) as events:
                async for event in events:
                    if isinstance(event, Failed) and isinstance(event.error, IndexReplaced) and not followed:
                        await self.close()
                        if not event.partial:
                            break
                    if followed and isinstance(event, Answered):
                        event = Answered(replace(event.answer, warnings=(*event.answer.warnings, describe.ANEW)))
                    yield event
                else:
                    return
            followed = True

    async def around(self, source: Source) -> Surroundings | None:
        """The text around a source in its document; None where the index is not open, or cannot be read."""
        if self.engine is None:
            return None
        with suppress(CitewellError):
            return await self.engine.around(source)
        return None

    @property
    def filter(self) -> str:
        """Which records are searched, as text; empty: all."""
        return self.settings.retrieval.filter if self.where is None else self.where.text

    async def narrow(self, text: str) -> str:
        """Search only the records that this filter lets pass from now on; an empty one lets all. Says if none passes.

        Raises:
            CitewellError: it is no filter, or none for this index; the one before stays.
        """
        from ingest.filters import parse

        where = parse(text)
        try:
            barren = await (await self.open()).check(where)
        except IndexReplaced:
            await self.close()
            barren = await (await self.open()).check(where)
        self.where = where
        return barren

    @property
    def elsewhere(self) -> str:
        """A line that says so where answers of this session are from another index than what is asked next."""
        index = self.settings.index.name
        others = sorted({answer.index for answer in self.answers} - {index, ""})
        asked = f"This session was asked of index {', '.join(others)}; new questions go to index {index}."
        return asked if others else ""

    def keep(self, answer: Answer) -> None:
        """Add an answer to the session and store it.

        Raises:
            CitewellError: it is in the dialogue, but could not be stored.
        """
        self.answers.append(answer)
        if self._session is None:
            self._session = self._store().create()
        self._store().append(self._session.id, answer)

    def keep_stopped(self, question: str, text: str, sources: tuple[Source, ...]) -> None:
        """Keep what came of an answer that the reader stopped, marked as unchecked; errors as `keep`."""
        from assistant.answering.answer import Answer

        model, index = (self.engine.model, self.engine.index_name) if self.engine else (None, "")
        mode: Mode = "generated" if model else "quotes"
        marked = (describe.STOPPED,)
        self.keep(Answer(question, text, (), sources, mode, model, warnings=marked, index=index, filter=self.filter))

    def begin(self) -> None:
        """A new session; it is created on disk with its first answer."""
        self.answers, self._session = [], None

    def resume(self, session_id: str) -> Session:
        """Take up an earlier session, by its id or how that begins, and the filter of its last answer.

        Raises:
            CitewellError: there is none of that id, or several, or it cannot be read.
        """
        from ingest.filters import parse

        store = self._store()
        self._session = store.load(store.find(session_id))
        self.answers = list(self._session.answers)
        if last := self.answers[-1].filter if self.answers else "":
            with suppress(CitewellError):  # of another citewell's grammar
                self.where = parse(last)
        return self._session

    def sessions(self) -> list[SessionSummary]:
        """Earlier sessions, newest first."""
        return self._store().list()

    def delete(self, session_id: str) -> bool:
        """Remove a session for good; says whether it was the one at hand, which then begins anew.

        Raises:
            CitewellError: there is none of that id, or it cannot be removed.
        """
        self._store().delete(session_id)
        current = self._session is not None and self._session.id == session_id
        if current:
            self.begin()
        return current

    def export(self, path: str) -> Path:
        """Write the session to a file in the form of its suffix, and say where.

        Without a path it is Markdown, with only the name of a form (“html”) that; the file is then named by when
        the session was begun and how many answers it has.

        Raises:
            CitewellError: nothing to export yet, another suffix, the file exists, or cannot be written.
        """
        from assistant.records.sessions import title_of, utc_now
        from assistant.records.transcript import FORMS, export
        from configs.errors import InputError

        if self._session is None:
            raise InputError("there is nothing to export yet", fix="Ask a question first.")
        session = replace(
            self._session, answers=tuple(self.answers), title=title_of(self.answers[0].question), updated=utc_now()
        )
        if not path or path in FORMS:
            return export(session, Path(f"citewell-{session.id[:15]}-{len(self.answers)}.{path or 'md'}"))
        return export(session, Path(path).expanduser())

    def _noted(self, answer: Answer) -> Answered:
        """The answer; the first follow-up without a model with a note that it was searched for as it stands."""
        from assistant.answering.answer import Answered

        told = any(describe.ALONE in earlier.warnings for earlier in self.answers)
        if answer.model is None and self.answers and not told:
            answer = replace(answer, warnings=(*answer.warnings, describe.ALONE))
        return Answered(answer)

    async def close(self) -> None:
        """Close the engine, if it is open."""
        if self.engine is not None:
            engine, self.engine = self.engine, None
            await engine.close()

    def _store(self) -> SessionStore:
        from assistant.records.sessions import SessionStore

        return SessionStore(self.settings.data_dir / "sessions")
