"""The best passages put in order by a model that reads question and passage together, once it has shown that it can.

`Reranking` is what the searcher uses; `postprocessor.py` is the same as a llama-index node postprocessor.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from configs.errors import ServerGarbled, ServerUnreachable
from configs.settings import RerankSettings, Settings
from ingest import openai_api
from prompts import library

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Four short texts, two of which answer one question each. A model that reads them cannot go wrong; one whose
# scores mean nothing (SGLang without the chat template, or an embedding server) gets both right 1 time in 16.
_PROBES = (("Which drug lowers blood sugar in type 2 diabetes?", 0), ("How is a broken wrist treated?", 2))
_TEXTS = (
    "Metformin is the first drug given in type 2 diabetes; it lowers blood sugar.",
    "The library opens at nine and lends up to ten books at a time.",
    "A fracture of the wrist is set and held in a plaster cast for six weeks.",
    "Potatoes grow best in loose soil that is neither wet nor dry.",
)
# By how much the right text must lead: less is noise, for scores are probabilities.
_LEAD = 0.05


class Reranker(Protocol):
    """A question and texts to a score each: how well the text answers the question, 0 … 1."""

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score for each text, in the order of the texts.

        Raises:
            ServerError, NotInstalled, SettingsError: it cannot score.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def open_reranking(settings: Settings) -> Reranking | None:
    """The reranking of these settings; None where there is none. Nothing is asked or loaded yet.

    Raises:
        SettingsError: an unknown domain.
    """
    if settings.rerank.provider == "none":
        return None
    instruction = settings.rerank.instruct
    if instruction is None:
        instruction = library.instruction(settings.embedding.domain).task
    if settings.rerank.provider == "server":
        return Reranking(ServerReranker(settings.rerank, instruction), settings.rerank, instruction)
    # Imported here: only who asks for the in-process model pays for it. It takes no instruction.
    from assistant.answering.rerank_in_process import InProcessReranker

    return Reranking(InProcessReranker(settings.rerank), settings.rerank)


class Reranking:
    """A reranker that counts only once it has told two right texts from wrong ones; asked once, beside the first search."""

    def __init__(self, reranker: Reranker, settings: RerankSettings, instruction: str = "") -> None:
        self.instruction = instruction
        """What the model is told to look for; empty where it takes none."""
        self.depth = settings.candidates
        """How many passages it is to be given."""
        self._reranker = reranker
        self._settings = settings
        self._check: asyncio.Task[None] | None = None
        self._senseless = False

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.scores`; within `rerank.timeout`.

        Raises:
            ServerError, NotInstalled, SettingsError: it cannot score, not in time, or what it says means nothing.
        """
        check = self._checking()
        if self._senseless:
            await check  # raises what it found, at no further cost
        try:
            async with asyncio.timeout(self._settings.timeout):
                scores, _ = await asyncio.gather(self._reranker.scores(question, texts), asyncio.shield(check))
        except BaseException as error:
            if not check.done():  # it suffers from the same, and may not speak for the next question
                check.cancel()
                self._check = None
            if not isinstance(error, TimeoutError):
                raise
            raise ServerUnreachable(
                f"the reranker did not answer within {self._settings.timeout:g} s",
                where=self._settings.url if self._settings.provider == "server" else self._settings.model,
                fix="Raise rerank.timeout, or lower rerank.candidates.",
            ) from None
        return scores

    def begin(self) -> None:
        """Begin the check, and what it takes to load, before there is a question; needs a running event loop."""
        self._checking()

    async def check(self) -> None:
        """Have two questions answered whose answers are known.

        Raises:
            ServerGarbled: it prefers a wrong text.
            ServerError, NotInstalled, SettingsError: it cannot score.
        """
        found = await asyncio.gather(*(self._reranker.scores(question, _TEXTS) for question, _ in _PROBES))
        for (_, right), scores in zip(_PROBES, found, strict=True):
            if any(scores[right] < score + _LEAD for n, score in enumerate(scores) if n != right):
                self._senseless = True
                raise ServerGarbled(
                    "the reranker's scores mean nothing: of two texts whose order is known it does not prefer the right one",
                    where=self._settings.url if self._settings.provider == "server" else self._settings.model,
                    fix="Start Qwen3-Reranker with its chat template and without --is-embedding: citewell serve reranker",
                )

    def _checking(self) -> asyncio.Task[None]:
        """The check: begun once, and again where it failed by what may be over by now, such as a server that was down."""
        check = self._check
        if check is None or (check.done() and not self._senseless and (check.cancelled() or check.exception())):
            self._check = check = asyncio.create_task(self.check())
            check.add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )  # told with the scores, or not at all
        return check

    async def close(self) -> None:
        """Let go of the model, and of a check that is still under way."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.gather(self._check, return_exceptions=True)
        await self._reranker.close()


class ServerReranker:
    """A server with `/rerank`: SGLang with Qwen3-Reranker; vLLM and others answer in Jina's form, which is read as well."""

    def __init__(self, settings: RerankSettings, instruction: str) -> None:
        self._settings = settings
        self._told = {"instruct": instruction} if instruction else {}
        self._client: AsyncOpenAI | None = None
        self._making = asyncio.Lock()

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.scores`."""
        settings = self._settings
        async with self._making:
            if self._client is None:
                # In a thread: its import takes half a second, in which a screen would stand still.
                self._client = await asyncio.to_thread(
                    openai_api.make_client, settings.url, settings.api_key, settings.timeout, retries=0
                )
        body = {
            "model": settings.model,
            "query": question,
            "documents": list(texts),
            "return_documents": False,
            **self._told,
        }
        try:
            answer = await self._client.post("/rerank", cast_to=object, body=body)
            return probabilities(_in_text_order(answer, len(texts)))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise openai_api.explain(error, "reranker", self._client, "rerank") from error

    async def close(self) -> None:
        """See `Reranker.close`."""
        if self._client is not None:
            await self._client.close()


def probabilities(scores: Sequence[float]) -> list[float]:
    """Scores from 0 to 1: as they are where all lie there, else taken for logits and put through the logistic function.

    Raises:
        ValueError: one is NaN or infinite.
    """
    if not all(map(math.isfinite, scores)):
        raise ValueError("a score is NaN or infinite")
    if all(0 <= score <= 1 for score in scores):
        return list(scores)
    return [0.5 * (1 + math.tanh(score / 2)) for score in scores]  # as 1 / (1 + e^-x), but never overflows


def _in_text_order(answer: Any, wanted: int) -> list[float]:
    """The scores by text, of SGLang's bare list or of Jina's object.

    Raises:
        ValueError: it is neither, or does not have one number for each text.
    """
    rows = answer.get("results") if isinstance(answer, dict) else answer
    if not isinstance(rows, list):
        raise ValueError("it is no list of scores")  # noqa: TRY004 - it is their data that is wrong, not our types
    scores: dict[object, float] = {}
    for row in rows:
        score = row.get("score", row.get("relevance_score")) if isinstance(row, dict) else None
        if not isinstance(score, (int, float)) or isinstance(score, bool):
            raise ValueError("a score is missing or no number")  # noqa: TRY004
        scores[row.get("index")] = float(score)
    if len(rows) != wanted or set(scores) != set(range(wanted)):
        raise ValueError(f"{len(rows)} scores came for {wanted} texts, or not one for each")
    return [scores[n] for n in range(wanted)]
