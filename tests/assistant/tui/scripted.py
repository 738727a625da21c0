"""An engine that plays a script instead of searching, for the chat's tests; and answers to put into one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from assistant.answering.answer import Answer, Answered, Event, Mode, Retrieved, Sentence, Source, Token, Turn
from assistant.answering.engine import Engine
from assistant.answering.surroundings import Surroundings
from configs.errors import CitewellError
from configs.settings import Settings
from ingest.filters import Filter

Script = Sequence[Event | asyncio.Event]


class ScriptedEngine(Engine):
    """Yields one script a question, in order; waits wherever a script holds an `asyncio.Event`."""

    def __init__(self, settings: Settings, *scripts: Script, model: str | None = "a-model") -> None:
        self.settings = settings
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []
        self.filters: list[str] = []
        self.barren: dict[str, str] = {}
        self.stopped = 0
        self.closed = False
        self._scripts = list(scripts)
        self._model = model
        self.surroundings: dict[str, Surroundings] = {}

    @property
    def index_name(self) -> str:
        """As the settings have it."""
        return self.settings.index.name

    @property
    def model(self) -> str | None:
        """As the test has it."""
        return self._model

    async def check(self, where: Filter) -> str:
        """Every filter will do; what the test would have said of it."""
        return self.barren.get(where.text, "")

    async def around(self, source: Source) -> Surroundings:
        """What the test put around that document's passages."""
        return self.surroundings.get(source.doc_id, Surroundings())

    async def ask(
        self, question: str, history: Sequence[Turn] = (), where: Filter | None = None
    ) -> AsyncGenerator[Event, None]:
        """Play the next script; counts how often the asker stopped it."""
        self.asked.append((question, tuple(history)))
        self.filters.append(where.text if where else "")
        try:
            for item in self._scripts.pop(0):
                if isinstance(item, asyncio.Event):
                    await item.wait()
                else:
                    yield item
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped += 1
            raise

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


class Opener:
    """What the chat calls to open the engine: raises the given errors first, then opens."""

    def __init__(self, engine: Engine, *errors: CitewellError) -> None:
        self.engine = engine
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, settings: Settings) -> Engine:
        """Raise the next error, else hand over the engine."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.engine


def source(n: int, title: str = "", text: str = "", **metadata: Any) -> Source:
    """A source of that number."""
    text = text or f"Passage {n} says that drug {n} helps. It was a trial."
    return Source(n, f"doc-{n}", 0, title or f"Title {n}", text, 0, len(text), 0.9 - n / 10, "hash", metadata)


def answer(
    question: str = "Does it help?",
    text: str = "Drug 1 helps [1]. Drug 2 helps [2]. It is cheap.",
    sentences: Sequence[Sentence] = (
        Sentence("Drug 1 helps.", (1,)),
        Sentence("Drug 2 helps.", (2,)),
        Sentence("It is cheap."),
    ),
    sources: Sequence[Source] | None = None,
    *,
    mode: Mode = "generated",
    warnings: Sequence[str] = (),
    index: str = "default",
) -> Answer:
    """A checked answer: three sources, two of them cited, unless told otherwise."""
    given = tuple(sources) if sources is not None else tuple(source(n) for n in (1, 2, 3))
    return Answer(
        question,
        text,
        tuple(sentences),
        given,
        mode,
        "a-model" if mode == "generated" else None,
        warnings=tuple(warnings),
        index=index,
    )


def script(whole: Answer, *gates: asyncio.Event) -> Script:
    """The events of an answer: found, a token a word, whole; each gate stands before a further token."""
    words = [Token(word + " ") for word in whole.text.split(" ")]
    events: list[Event | asyncio.Event] = [Retrieved(whole.question, whole.sources)]
    for number, word in enumerate(words):
        events += [word, *gates[number : number + 1]]
    return [*events, Answered(whole)]
