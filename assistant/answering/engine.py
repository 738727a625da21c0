"""From a question to an answer, as a stream of events; it knows no screen."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from assistant.answering import abstention, citations, confidence, context, markers, provenance, quotes
from assistant.answering.answer import Answer, Answered, Cautioned, Checking, Event, Failed, Retrieved, Token, Turn
from assistant.answering.confidence import Asked
from assistant.answering.generator import Generator, without_thoughts
from assistant.answering.question import checked, stand_alone
from assistant.answering.retrieval import Searcher
from assistant.answering.safety import emergency, privacy
from configs.errors import CitewellError, IndexReplaced, ServerError
from configs.settings import Settings
from ingest import filters
from ingest.filters import Filter
from prompts import library

if TYPE_CHECKING:
    from assistant.answering.answer import Source
    from assistant.answering.surroundings import Surroundings
    from assistant.answering.verification import ModelVerifier

# Of the probability below which nothing is quoted: below this share of it a model's answer carries a warning.
_DOUBTFUL = 0.5


class Engine:
    """An open index, and the model that writes answers from it where there is one."""

    def __init__(self, settings: Settings, searcher: Searcher, generator: Generator | None) -> None:
        self.settings = settings
        self._searcher = searcher
        self._generator = generator

    @classmethod
    async def open(cls, settings: Settings) -> Engine:
        """Open the index of these settings; no server is asked yet.

        Raises:
            IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
        """
        searcher = await Searcher.open(settings)
        url = settings.generation.url
        return cls(settings, searcher, Generator(settings.generation, url) if url else None)

    @property
    def index_name(self) -> str:
        """The index that is asked."""
        return self._searcher.index.name

    @property
    def model(self) -> str | None:
        """The model that writes; None where answers are verbatim quotes."""
        return self._generator.model if self._generator else None

    async def check(self, where: Filter) -> str:
        """See that this index can be filtered so; what is to be said of it where no record passes.

        Raises:
            InputError: no record carries a label that it names.
            IndexStoreError, ServerError: the index cannot be read.
        """
        await self._searcher.check(where)
        return await self._searcher.barren(where)

    async def ask(
        self, question: str, history: Sequence[Turn] = (), where: Filter | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield `Cautioned` where there is cause, `Retrieved`, `Token`s, and at the end `Answered` or `Failed`.

        `where` stands in place of the filter of the settings; one without terms searches all records.
        Close the generator (or cancel the task that runs it) to stop the answer. What can go wrong comes
        as `Failed`; nothing of ours is raised.
        """
        streamed: list[str] = []
        try:
            async with aclosing(self._events(question, history, where)) as events:
                async for event in events:
                    if isinstance(event, Token):
                        streamed.append(event.text)
                    yield event
        except CitewellError as error:
            yield Failed(error, "".join(streamed))

    async def around(self, source: Source) -> Surroundings:
        """The text around a source in its document.

        Raises:
            IndexStoreError, ServerError: the index cannot be read.
        """
        from assistant.answering.surroundings import around  # only a reader who looks at a source needs it

        return await around(source, self._searcher.index)

    async def close(self) -> None:
        """Let go of the index and of connections."""
        try:
            await self._searcher.close()
        finally:
            if self._generator is not None:
                await self._generator.close()
            if "_verifier" in self.__dict__ and self._verifier:
                await self._verifier.close()

    async def _events(self, asked: str, history: Sequence[Turn], where: Filter | None) -> AsyncGenerator[Event, None]:
        started = time.monotonic()
        question = checked(asked)
        danger, concern = emergency.line(question), privacy.checked(question, self.settings)
        if danger or concern:
            yield Cautioned(danger, str(concern or ""))
        standalone, warnings = await self._standalone(question, history)
        found = await self._searcher.search(standalone, where=where)
        warnings += found.warnings
        sources = context.number(found.results)
        manifest = self._searcher.index.manifest
        answer = Answer(
            question=question,
            text="",
            sentences=(),
            sources=sources,
            mode="generated" if self._generator else "quotes",
            model=self.model,
            standalone="" if standalone == question else standalone,
            warnings=warnings,
            index=self.index_name,
            emergency=danger,
            filter=found.filter,
            index_id=manifest.id,
            settings=provenance.shaping(manifest.filled(self.settings), manifest),
        )
        if self._generator is None or not sources:
            yield Retrieved(standalone, sources, warnings, found)
            answer = await self._or_abstained(await self._quoted(answer, standalone))
            if answer.status == "answered":
                yield Token(answer.text)
        else:
            answer = replace(
                answer,
                sources=context.pack(sources, self.settings.generation.context_tokens),
                prompt_hash=library.load("answer").hash,
            )
            yield Retrieved(standalone, answer.sources, warnings, found)
            reply: list[str] = []
            async with aclosing(self._generator.stream(context.messages(standalone, answer.sources))) as pieces:
                async for piece in pieces:
                    reply.append(piece)
                    yield Token(piece)
            reply_text = without_thoughts("".join(reply))
            answer = await self._or_abstained(self._resolved(answer, reply_text, self._generator.cut_short))
            answer = await self._doubted(answer, standalone)
        # Imported here: what only the finished answer needs must not delay its first word.
        from assistant.answering import checking
        from assistant.answering.safety import orders

        sentences = checking.checked(answer.sentences, answer.sources)
        answer = replace(
            answer,
            sentences=sentences,
            disagreements=() if answer.mode == "quotes" else checking.disagreements(sentences, answer.sources),
            warnings=(*answer.warnings, *orders.warnings(answer.sources)),
        )
        if self._verifier and answer.mode == "generated" and answer.status == "answered":
            yield Checking(self._shown(answer, started))
            answer = await self._verifier.judged(answer)
        yield Answered(self._shown(answer, started))

    def _shown(self, answer: Answer, started: float) -> Answer:
        """The answer without what the settings withhold."""
        from assistant.answering.withholding import withheld

        kept = withheld(answer, self.settings.answering)
        if kept.withheld and kept.status == "abstained":
            kept = _without_answer(kept, abstention.unusable(kept.question))
        return replace(kept, seconds=time.monotonic() - started)

    @cached_property
    def _verifier(self) -> ModelVerifier | None:
        """The model that gives second opinions, made at the first answer."""
        if not self.settings.verification.enabled:
            return None
        from assistant.answering.verification import ModelVerifier

        return ModelVerifier.of(self.settings)

    async def _standalone(self, question: str, history: Sequence[Turn]) -> tuple[str, tuple[str, ...]]:
        if self._generator is None or not history:
            return question, ()
        try:
            return await stand_alone(question, history, self._generator), ()
        except ServerError as error:
            return question, (f"Searched for the question as it stands, because {error.what}.",)

    async def _quoted(self, answer: Answer, standalone: str) -> Answer:
        if not answer.sources:
            return replace(answer, confidence=0.0)
        asked, probability = await self._estimated(answer, standalone)
        answer = replace(answer, confidence=probability)
        if probability < self.settings.answering.abstain_below:
            return answer
        chosen = quotes.choose(asked, answer.sources, self._searcher.lexical)
        return replace(answer, sentences=chosen, text=quotes.text(chosen))

    async def _doubted(self, answer: Answer, standalone: str) -> Answer:
        """A model's answer, with a warning where the passages hold hardly anything of what is asked.

        The model has read the passages and may refuse by itself: the estimate from their words does not overrule it.
        """
        try:
            _, probability = await self._estimated(answer, standalone)
        except IndexReplaced:  # what it was written from is in the answer
            return replace(answer, warnings=(*answer.warnings, abstention.UNESTIMATED))
        answer = replace(answer, confidence=probability)
        if answer.status == "answered" and probability < _DOUBTFUL * self.settings.answering.abstain_below:
            return replace(answer, warnings=(*answer.warnings, abstention.doubtful(probability)))
        return answer

    async def _estimated(self, answer: Answer, standalone: str) -> tuple[Asked, float]:
        lexical = self._searcher.lexical
        weights = quotes.meaningful(await self._searcher.term_weights(standalone), lexical)
        asked = Asked.of(standalone, weights, lexical)
        return asked, confidence.estimate(asked, answer.sources, lexical)

    def _resolved(self, answer: Answer, reply: str, cut_short: bool) -> Answer:
        """The model's reply with its markers resolved; what is amiss with it becomes a warning.

        Where it is no answer, and not because the model says that there is none, the text says so.
        """
        if abstention.refused(reply):
            return answer
        known = {source.n for source in answer.sources}
        found = citations.resolve(reply, known, markers.names(answer.sources))
        resolved = replace(answer, text=found.text, sentences=found.sentences)
        warnings = [*answer.warnings, *found.notes]
        if found.unknown:
            cited = ", ".join(f"[{n}]" for n in found.unknown)
            warnings.append(f"The model cited {cited}, which is no source; struck.")
        limit = self.settings.generation.max_tokens
        if cut_short and resolved.status == "abstained":
            warnings.append(f"The model was cut at generation.max_tokens ({limit}) before it had answered; raise it.")
        elif cut_short:
            warnings.append(f"The answer was cut at generation.max_tokens ({limit}).")
        if not reply.strip():
            warnings.append("The model replied nothing.")
        elif resolved.status == "abstained":
            warnings.append("The model's reply cited no source and was withheld.")
        resolved = replace(resolved, warnings=tuple(warnings))
        return (
            resolved
            if resolved.status == "answered"
            else _without_answer(resolved, abstention.unusable(answer.question))
        )

    async def _or_abstained(self, answer: Answer) -> Answer:
        """An answer with no evidence becomes an abstention; its sources are then the nearest passages."""
        if answer.status == "answered" or answer.text:
            return answer
        held = await self._searcher.index.counts(filters.parse(answer.filter) if answer.filter else None)
        return _without_answer(answer, abstention.unanswered(answer, held))


def _without_answer(answer: Answer, text: str) -> Answer:
    return replace(answer, text=text, sentences=(), disagreements=())
