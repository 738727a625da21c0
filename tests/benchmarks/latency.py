"""Search latency of an embedded index through its owner, against the index's own time, before and after optimizing.

Usage: python -m tests.benchmarks.latency [PASSAGES …]   (10,000 and 100,000 by default; the latter takes a while)

Vectors are synthetic: 1,024 dimensions, clustered as embeddings are; texts are PubMedQA's, repeated.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from configs.loading import load
from configs.settings import Settings
from ingest.documents import Document, Passage
from ingest.index.base import Entry, Index, Vector
from ingest.index.open import create_index, folder_of, open_index, optimize_index
from ingest.lexical import LexicalEncoder, SparseVector
from tests.benchmarks.harness import SHARED, environment, lines

Floats = NDArray[np.float32]
Query = tuple[SparseVector, Vector]

_DIMENSIONS, _CLUSTERED, _SPREAD = 1024, 50, 0.9
_BATCH, _QUERIES = 256, 300
_DEPTH = 100
_NOTHING = SparseVector([], [])
# Goals of p95 in ms: (passages, optimized) → dense search.
_GOALS = {(10_000, False): 8.0, (10_000, True): 8.0, (100_000, False): 60.0, (100_000, True): 15.0}


def main() -> None:
    """Print the figures."""
    for count in [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000]:
        flags = {"CITEWELL_EMBEDDING__PROVIDER": "openai", "CITEWELL_EMBEDDING__DIMENSIONS": str(_DIMENSIONS)}
        with environment(**flags):
            asyncio.run(_measured(count))


async def _measured(count: int) -> None:
    settings = load().settings
    vectors, asked = _vectors(count)
    lexical = LexicalEncoder(settings.lexical)
    questions = [row["text"] for row in lines(SHARED / "pubmedqa" / "queries_train.jsonl")]
    queries: list[Query] = [
        (lexical.query(questions[n % len(questions)]), vector.tolist()) for n, vector in enumerate(asked)
    ]
    exact = [set(np.argpartition(-(vectors @ vector), 10)[:10].tolist()) for vector in asked]

    index = await create_index(settings, _DIMENSIONS)
    started = time.perf_counter()
    for batch in _batches(vectors, lexical):
        await index.store(batch, [])
    await index.flush()
    took = time.perf_counter() - started
    print(f"\n{count:,} passages stored through the owner in {took:.1f} s, {count / took:,.0f}/s")
    await index.close()
    await _compared(settings, queries, exact, vectors, optimized=False)

    started = time.perf_counter()
    await optimize_index(settings, lambda _: None)
    print(f"{count:,} passages optimized in {time.perf_counter() - started:.0f} s")
    await _compared(settings, queries, exact, vectors, optimized=True)


async def _compared(
    settings: Settings, queries: list[Query], exact: list[set[int]], vectors: Floats, *, optimized: bool
) -> None:
    """The same queries through the owner and, on a copy, in this process; then through the owner amid an ingest."""
    own = settings.model_copy(
        update={"index": settings.index.model_copy(update={"name": f"own-{optimized}", "shared": False})}
    )
    shared = await open_index(settings)
    await shared.flush()
    shutil.copytree(folder_of(settings), folder_of(own), ignore=shutil.ignore_patterns("lock"))
    alone = await open_index(own)
    recall, times = [], _empty()
    for number, (words, vector) in enumerate(queries):
        for half, query in (("dense", _NOTHING), ("hybrid", words)):
            times[half, "through the owner"].append(await _timed(shared, query, vector))
            times[half, "in process"].append(await _timed(alone, query, vector))
        hits = (await shared.candidates(_NOTHING, vector, _DEPTH)).dense[:10]
        found = {int(passage.doc_id) for passage in await shared.fetch([hit.point_id for hit in hits])}
        recall.append(len(found & exact[number]) / 10)
    await alone.close()
    shutil.rmtree(folder_of(own))
    times["dense", "amid an ingest"] = await _amid_an_ingest(settings, shared, queries, vectors)
    await shared.close()
    goal = _GOALS.get((len(vectors), optimized))
    print(f"{'optimized' if optimized else 'exact'}: recall@10 {statistics.mean(recall):.4f}", end="")
    print(f"  (bounds: p95 of dense {goal} ms; through the owner at most 2 ms more)" if goal else "")
    for (half, name), values in times.items():
        cuts = statistics.quantiles(values, n=20)
        print(f"  {half:<7} {name:<18} p50 {statistics.median(values) * 1e3:7.2f} ms   p95 {cuts[-1] * 1e3:7.2f} ms")


async def _amid_an_ingest(settings: Settings, reader: Index, queries: list[Query], vectors: Floats) -> list[float]:
    """Times of dense searches while the same passages are stored again and again, so that the index does not grow."""
    writer = await open_index(settings, writing=True)
    batches = list(_batches(vectors[:1_000], LexicalEncoder(settings.lexical)))
    times: list[float] = []

    async def store() -> None:
        while len(times) < len(queries):
            for batch in batches:
                await writer.store(batch, [])

    storing = asyncio.create_task(store())
    for _, vector in queries:
        times.append(await _timed(reader, _NOTHING, vector))
    await storing
    await writer.close()
    return times


def _empty() -> dict[tuple[str, str], list[float]]:
    return {(half, name): [] for half in ("dense", "hybrid") for name in ("through the owner", "in process")}


async def _timed(index: Index, words: SparseVector, vector: Vector) -> float:
    started = time.perf_counter()
    await index.candidates(words, vector, _DEPTH)
    return time.perf_counter() - started


def _vectors(count: int) -> tuple[Floats, Floats]:
    """Unit vectors around cluster centres, and questions drawn in the same way."""
    chance = np.random.default_rng(1)
    centres = _unit(chance.standard_normal((count // _CLUSTERED, _DIMENSIONS), np.float32))

    def drawn(n: int) -> Floats:
        noise = chance.standard_normal((n, _DIMENSIONS), np.float32) * np.float32(_SPREAD / _DIMENSIONS**0.5)
        return _unit(centres[chance.integers(0, len(centres), n)] + noise)

    return drawn(count), drawn(_QUERIES)


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _batches(vectors: Floats, lexical: LexicalEncoder) -> Iterator[list[Entry]]:
    texts = [(row["title"], row["abstract"]) for row in lines(SHARED / "pubmedqa" / "corpus.jsonl")]
    sparse = [lexical.passage(title, text) for title, text in texts]
    for start in range(0, len(vectors), _BATCH):
        batch = []
        for n in range(start, min(start + _BATCH, len(vectors))):
            title, text = texts[n % len(texts)]
            document = Document(str(n), title, text, {"year": 1990 + n % 35})
            passage = Passage(
                document.id, 0, title, text, 0, len(text), document.hash, document.text_hash, document.metadata
            )
            batch.append(Entry(passage, sparse[n % len(texts)], vectors[n].tolist()))
        yield batch


if __name__ == "__main__":
    main()
