"""What `throughput` measures: each subject ingests a JSON Lines file once and prints the seconds that it took.

Usage: python -m tests.benchmarks.throughput_subjects bare|citewell|llama CORPUS BASE_URL store|none FOLDER
"""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import lines

if TYPE_CHECKING:
    from ingest.index.base import Entry

_CALLS, _TEXTS = 16, 64
_DIMENSIONS = 1024


def bare(corpus: Path, url: str, folder: Path, *, store: bool) -> float:
    """The openai client, 16 calls of 64 texts at once, base64, straight into Qdrant Edge."""
    import openai
    import qdrant_edge as edge

    async def embed(client: openai.AsyncOpenAI, rows: Sequence[dict[str, str]], room: asyncio.Semaphore) -> None:
        async with room:
            texts = [_text(row) for row in rows]
            answer = await client.embeddings.create(
                input=texts, model="m", dimensions=_DIMENSIONS, encoding_format="base64"
            )
            vectors = [
                list(struct.unpack(f"<{_DIMENSIONS}f", base64.b64decode(str(item.embedding)))) for item in answer.data
            ]
            if shard is not None:
                points = [
                    edge.Point(str(uuid.uuid5(uuid.NAMESPACE_URL, row["id"])), {"dense": vector}, dict(row))
                    for row, vector in zip(rows, vectors, strict=True)
                ]
                shard.update(edge.UpdateOperation.upsert_points(points))

    async def run() -> None:
        room = asyncio.Semaphore(_CALLS)
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
            rows = lines(corpus)
            await asyncio.gather(*(embed(client, rows[n : n + _TEXTS], room) for n in range(0, len(rows), _TEXTS)))

    shard = None
    started = time.perf_counter()
    if store:
        dense = edge.EdgeVectorParams(size=_DIMENSIONS, distance=edge.Distance.Cosine)
        shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors={"dense": dense}))
    asyncio.run(run())
    if shard is not None:
        shard.flush()
    return time.perf_counter() - started


def citewell(corpus: Path, url: str, folder: Path, *, store: bool) -> float:
    """`citewell ingest`: the settings are in the environment."""
    import llama_index.core.node_parser  # noqa: F401 — imports are left out for all alike
    import openai  # noqa: F401

    from configs.loading import load
    from ingest.embedding_cache import open_cached
    from ingest.ledger import empty_ledger
    from ingest.pipeline import ingest
    from ingest.readers import registry
    from ingest.run import Manner, Run
    from tests.support.corpora import Watcher

    settings, manner = load().settings, Manner(processes=True)

    async def without_a_store() -> None:
        embedder = open_cached(settings, retries=0)
        run = Run(settings, Nowhere(), empty_ledger(), embedder, Watcher(), manner)  # type: ignore[arg-type]
        await run.over((None, record) for record in registry.read(str(corpus)))

    started = time.perf_counter()
    asyncio.run(ingest([str(corpus)], settings, Watcher(), manner) if store else without_a_store())
    return time.perf_counter() - started


class Nowhere:
    """An index that forgets what it is given."""

    async def store(self, entries: Sequence[Entry], replaced: Sequence[str]) -> None:
        """Forget them."""

    async def flush(self) -> None:
        """Nothing to write."""


def llama(corpus: Path, url: str, folder: Path, *, store: bool) -> float:
    """llama-index's `IngestionPipeline` with its defaults into qdrant-client's local store."""
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import Document
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding  # type: ignore[import-untyped]
    from llama_index.vector_stores.qdrant import QdrantVectorStore  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from qdrant_client import QdrantClient

    started = time.perf_counter()
    embedder = OpenAILikeEmbedding(model_name="m", api_base=url, api_key="none", embed_batch_size=_TEXTS)
    vectors = QdrantVectorStore("bench", client=QdrantClient(path=str(folder / "local")))
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=512, chunk_overlap=64), embedder], vector_store=vectors
    )
    pipeline.run(documents=[Document(id_=row["id"], text=_text(row)) for row in lines(corpus)])
    return time.perf_counter() - started


def _text(row: dict[str, str]) -> str:
    return f"{row['title']}\n{row.get('abstract') or ''}"


if __name__ == "__main__":
    subject, path, address, kept, place = sys.argv[1:]
    subjects = {"bare": bare, "citewell": citewell, "llama": llama}
    print(subjects[subject](Path(path), address, Path(place), store=kept == "store"))
