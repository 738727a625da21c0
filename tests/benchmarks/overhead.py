"""What a search costs over the index's own time, and where: lexical and hybrid, plain and explained.

    python -m tests.benchmarks.overhead [passages]

The index is the embedded one, in this process, as the owner process holds it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from assistant.answering.explanation import explain
from assistant.answering.retrieval import Searcher
from configs.loading import load
from configs.settings import Settings
from ingest.documents import Document
from ingest.index.base import Entry, Vector
from ingest.index.open import create_index
from tests.benchmarks.harness import environment
from tests.support import corpora

_BOUND_MS = 2.0
_DIMENSIONS = 1024
_QUESTIONS = 300
_WORDS = 160


class Timed:
    """An index that adds up the time spent in it; all else passes through."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self.spent = 0.0

    def __getattr__(self, name: str) -> Any:
        """The call itself, timed if it is one that a search makes."""
        found = getattr(self._index, name)
        return self._timed(found) if name in ("candidates", "fetch", "counts", "facets") else found

    def _timed(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return await call(*arguments, **named)
            finally:
                self.spent += time.perf_counter() - started

        return timed


class Ready:
    """An embedder that costs nothing: what is measured is ours."""

    def __init__(self, draw: random.Random) -> None:
        self._vectors = itertools.cycle([_vector(draw) for _ in range(50)])

    async def embed_query(self, question: str) -> Vector:
        """The next of some vectors that are ready."""
        return next(self._vectors)

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Never called here."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to let go of."""


def main() -> None:
    """Print ours and the index's own time, p50 and p95."""
    passages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with environment() as folder:
        for hybrid in (False, True):
            asyncio.run(_measure(folder, passages, hybrid=hybrid))


async def _measure(folder: Path, passages: int, *, hybrid: bool) -> None:
    name = "hybrid" if hybrid else "lexical"
    settings = load(
        flags={
            "data_dir": folder,
            "index.name": name,
            "index.shared": False,
            **({"embedding.provider": "openai"} if hybrid else {}),
        }
    ).settings
    index = await create_index(settings, _DIMENSIONS if hybrid else None)
    words = [f"word{n}" for n in range(5_000)]
    for start in range(0, passages, 500):
        entries = [_entry(n, words, settings, hybrid=hybrid) for n in range(start, min(start + 500, passages))]
        await index.store(entries, [])
    timed = Timed(index)
    draw = random.Random(1)  # noqa: S311
    searcher = Searcher(timed, settings, Ready(draw) if hybrid else None)
    ours: dict[str, list[float]] = {"plain": [], "explained": []}
    own: list[float] = []
    for number in range(_QUESTIONS):
        question = " ".join(draw.choices(words, k=12))
        for way in ("plain", "explained") if number % 2 else ("explained", "plain"):
            timed.spent, started = 0.0, time.perf_counter()
            found = await searcher.search(question, 10)
            if way == "explained":
                json.dumps(explain(found).to_json())
            whole = time.perf_counter() - started
            ours[way].append(whole - timed.spent)
            own.append(timed.spent)
    print(f"\n{name}, {passages:,} passages, {_QUESTIONS} questions of 12 words, 10 results")
    for what, times in {"the index's own": own, **{f"ours, {way}": times for way, times in ours.items()}}.items():
        p50, p95 = statistics.median(times) * 1e3, statistics.quantiles(times, n=20)[-1] * 1e3
        bound = f"  (bound: {_BOUND_MS} ms)" if what == "ours, plain" else ""
        print(f"  {what:<18} p50 {p50:6.2f} ms   p95 {p95:6.2f} ms{bound}")
    await searcher.close()


def _entry(n: int, words: list[str], settings: Settings, *, hybrid: bool) -> Entry:
    draw = random.Random(n)  # noqa: S311
    title, text = " ".join(draw.choices(words, k=8)), " ".join(draw.choices(words, k=_WORDS))
    (entry,) = corpora.entries(Document(str(n), title, text), settings)
    return Entry(entry.passage, entry.lexical, _vector(draw) if hybrid else None)


def _vector(draw: random.Random) -> Vector:
    return [draw.gauss(0, 1) for _ in range(_DIMENSIONS)]


if __name__ == "__main__":
    main()
