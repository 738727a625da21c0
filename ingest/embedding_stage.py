"""Texts to vectors, as fast as the server takes them, and for as long as it takes.

Calls are alike in size (texts sorted by length, so that little of a padded batch is padding), as many at once as the
server answers without queueing, fewer as soon as it says that it is busy (additive increase, multiplicative decrease:
Chiu and Jain, 1989); where a single call is too much for its queue, which SGLang counts in texts, calls become smaller.
A server that goes away is waited for. A text that it refuses is found by halving the call.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from configs.errors import ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable
from configs.settings import EmbeddingSettings
from ingest.embedding import Embedder, dimensions_of
from ingest.embedding_cache import CachedEmbedder
from ingest.index.base import Vector
from ingest.progress import Observer, Summary

Outcome: TypeAlias = "Vector | ServerRefused"
# Bytes of text that make about one token; only the size of calls and the display depend on it.
_BYTES_A_TOKEN = 4
# How often a call is repeated that failed though the server is there.
_REPEATS = 4
_SHORTEST_WAIT, _LONGEST_WAIT = 0.5, 15.0
# A call that takes so many times as long as the quickest was queueing.
_QUEUED = 3.0


class EmbeddingStage:
    """One embedder, used by any number of callers at once. `stop` ends its patience."""

    def __init__(self, embedder: Embedder, settings: EmbeddingSettings, summary: Summary, observer: Observer) -> None:
        self._cache = embedder if isinstance(embedder, CachedEmbedder) else None
        self._embedder = embedder if self._cache is None else self._cache.embedder
        self._settings = settings
        self._summary = summary
        self._observer = observer
        self._room = _Room(settings.concurrency)
        self._most = settings.batch_size
        """Texts of one call, as many as the server's queue seems to take."""
        self._patient = True

    def stop(self) -> None:
        """From now on a failure is raised at once."""
        self._patient = False

    async def vectors(self, texts: Sequence[str]) -> list[Outcome]:
        """For each text its vector, or the refusal of it alone.

        Raises:
            ServerError: the server fails again and again, or is gone for longer than `embedding.wait`.
        """
        outcomes = await self._recalled(texts)
        missing = [number for number in range(len(texts)) if number not in outcomes]
        calls = [asyncio.ensure_future(self._embed(call, texts, outcomes)) for call in self._calls(texts, missing)]
        try:
            await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await self._keep(texts, [number for number in missing if number in outcomes], outcomes)
        return [outcomes[number] for number in range(len(texts))]

    async def _recalled(self, texts: Sequence[str]) -> dict[int, Outcome]:
        """The vectors that are known already, by number. All at once, and no part of what tells how busy the server is."""
        if self._cache is None:
            return {}
        known = await self._cache.recall(texts)
        self._say_warning()
        found: dict[int, Outcome] = {n: vector for n, vector in enumerate(known) if vector is not None}
        self._summary.recalled += len(found)
        return found

    async def _keep(self, texts: Sequence[str], numbers: list[int], outcomes: dict[int, Outcome]) -> None:
        if self._cache is None:
            return
        made = [(texts[n], vector) for n in numbers if not isinstance(vector := outcomes[n], ServerRefused)]
        await self._cache.keep([text for text, _ in made], [vector for _, vector in made])
        self._say_warning()

    def _say_warning(self) -> None:
        warning = self._cache.take_warning() if self._cache is not None else None
        if warning is not None:
            self._observer.warned(warning)

    def _calls(self, texts: Sequence[str], numbers: Sequence[int]) -> Iterator[list[int]]:
        """The texts' numbers, in lists that make one call each: alike in length, bounded in number and in tokens, were they padded."""
        call: list[int] = []
        for number in sorted(numbers, key=lambda number: len(texts[number])):
            padded = (len(call) + 1) * tokens_in(texts[number])
            if call and (len(call) >= self._most or padded > self._settings.batch_tokens):
                yield call
                call = []
            call.append(number)
        if call:
            yield call

    async def _embed(self, call: list[int], texts: Sequence[str], outcomes: dict[int, Outcome]) -> None:
        try:
            vectors = await self._asked([texts[number] for number in call])
        except ServerRefused as refusal:
            if len(call) == 1:
                await dimensions_of(self._embedder)  # raises where it is not this text that is refused
                outcomes[call[0]] = refusal
                return
            await self._halved(call, texts, outcomes)
        except _TooManyTexts:
            await self._halved(call, texts, outcomes)
        else:
            if len(call) == self._most:
                self._most = min(self._settings.batch_size, self._most + 1)
            outcomes.update(zip(call, vectors, strict=True))

    async def _halved(self, call: list[int], texts: Sequence[str], outcomes: dict[int, Outcome]) -> None:
        middle = len(call) // 2
        await self._embed(call[:middle], texts, outcomes)
        await self._embed(call[middle:], texts, outcomes)

    async def _asked(self, texts: list[str]) -> list[Vector]:
        """One call, repeated while there is hope.

        Raises:
            _TooManyTexts: the server is too busy for it even though it is all that is asked of it here.
            ServerError: as `vectors`.
        """
        began, failures, wait = time.monotonic(), 0, _SHORTEST_WAIT
        while True:
            try:
                async with self._room:
                    if len(texts) > self._most:  # which another call found out meanwhile
                        raise _TooManyTexts
                    sent = time.monotonic()
                    vectors = await self._embedder.embed_documents(texts)
                    self._room.grow((time.monotonic() - sent) / len(texts))
            except ServerRefused:
                raise
            except ServerError as error:
                failures += 1
                if isinstance(error, ServerBusy) and failures > 1 and len(texts) > 1 and self._room.single:
                    self._most = min(self._most, (len(texts) + 1) // 2)
                    raise _TooManyTexts from error
                self._room.shrink()
                gone = isinstance(error, (ServerUnreachable, ServerBusy))
                over = time.monotonic() - began > self._settings.wait if gone else failures > _REPEATS
                if over or not self._patient:
                    raise
                self._summary.retries += 1
                pause = wait * random.uniform(0.5, 1.5)  # noqa: S311 — jitter, so that callers do not come back together
                if not isinstance(error, ServerGarbled):
                    self._observer.waiting(error, pause)
                await asyncio.sleep(pause)
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                self._summary.tokens += sum(map(tokens_in, texts))
                return vectors


class _TooManyTexts(Exception):
    """The call may do in two."""


class _Room:
    """How many calls may be under way: grows by one a round while calls are quick, is halved when one fails."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = 1.0
        self._under_way = 0
        self._quickest = float("inf")
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < int(self._limit))
            self._under_way += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    @property
    def single(self) -> bool:
        """Whether no more than one call may be under way."""
        return int(self._limit) == 1

    def grow(self, seconds_a_text: float) -> None:
        """A call went well, in this time."""
        self._quickest = min(self._quickest, seconds_a_text)
        if seconds_a_text <= _QUEUED * self._quickest:
            self._limit = min(self._most, self._limit + 1 / self._limit)

    def shrink(self) -> None:
        """A call failed."""
        self._limit = max(1.0, self._limit / 2)


def tokens_in(text: str) -> int:
    """About how many tokens a text has, for the size of calls and for display."""
    return len(text.encode()) // _BYTES_A_TOKEN + 1
