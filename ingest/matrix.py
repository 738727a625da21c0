"""Many texts to one matrix: the embedder, its cache and its patience for what compares texts without an index.

Windows of texts go through one `EmbeddingStage`, a few at once and in order, so that memory holds the matrix (4 bytes a
dimension) and what is under way, never all vectors as Python numbers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from configs.errors import ServerRefused, SettingsError
from configs.settings import Settings
from ingest.embedding_cache import open_cached
from ingest.embedding_stage import EmbeddingStage, Outcome
from ingest.progress import Observer, Summary
from prompts.library import Instruction

Matrix: TypeAlias = NDArray[np.float32]
"""One L2-normalised vector a row."""

# Texts of one window, at least; a window is what is recalled from the cache at once, and the step of the progress.
_WINDOW = 128


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows `start` to `start + len(vectors)` of a longer list of texts.

    `vectors` has shape (texts, dimensions), each row at length 1; the row of a text in `refused` (by its number in the
    whole list) is zero.
    """

    start: int
    vectors: Matrix
    refused: dict[int, ServerRefused]


async def embed_texts(
    texts: Sequence[str],
    settings: Settings,
    *,
    task: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    observer: Observer | None = None,
) -> Embedded:
    """All texts as one matrix, shape (texts, dimensions); see `embed_blocks`, which needs less memory.

    Raises:
        ServerError, SettingsError, NotInstalled: as `embed_blocks`.
    """
    vectors: Matrix = np.zeros((0, 0), np.float32)
    refused: dict[int, ServerRefused] = {}
    async with aclosing(embed_blocks(texts, settings, task=task, progress=progress, observer=observer)) as blocks:
        async for block in blocks:
            if not block.start:
                vectors = np.zeros((len(texts), block.vectors.shape[1]), np.float32)
            vectors[block.start : block.start + len(block.vectors)] = block.vectors
            refused |= block.refused
    return Embedded(0, vectors, refused)


async def embed_blocks(
    texts: Sequence[str],
    settings: Settings,
    *,
    task: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    observer: Observer | None = None,
) -> AsyncGenerator[Embedded, None]:
    r"""The texts in order, a block of rows at a time. Vectors that the cache holds are not asked for again.

    Args:
        texts: blank ones are refused unsent, since servers refuse the whole call for them.
        settings: whose embedder, cache and sizes of calls.
        task: None embeds as passages are (with the domain's prefix where `embedding.prefix_documents` is on); a text, as
            queries are: `Instruct: {task}\nQuery:{text}`, or the text alone where the task is empty.
        progress: told `(done, of how many)`.
        observer: told of a server that is waited for, and of a cache that cannot be used.

    Raises:
        SettingsError: these settings have no embedder.
        ServerError, NotInstalled: the embedder cannot do it.
    """
    form: Callable[[str], str] = str
    if task is not None:
        form = Instruction("", task, "").query
        plain = settings.embedding.model_copy(update={"prefix_documents": False})
        settings = settings.model_copy(update={"embedding": plain})
    embedder = open_cached(settings, retries=0)
    if embedder is None:
        raise SettingsError(
            "no embedder is configured",
            fix="Add --profile local (in process) or --profile sglang; or set embedding.provider.",
        )
    stage = EmbeddingStage(embedder, settings.embedding, Summary(), observer or Observer())
    size = max(_WINDOW, settings.embedding.batch_size)
    at_once = 1 + -(-settings.embedding.batch_size * settings.embedding.concurrency // size)
    starts = iter(range(0, len(texts), size))
    under_way: deque[asyncio.Task[Embedded]] = deque()
    try:
        progress(0, len(texts))
        dimensions = await embedder.probe() if len(texts) else 0
        while True:
            while len(under_way) < at_once and (start := next(starts, None)) is not None:
                window = [form(text) if text.strip() else "" for text in texts[start : start + size]]
                under_way.append(asyncio.create_task(_embedded(stage, start, window, dimensions)))
            if not under_way:
                return
            block = await under_way.popleft()
            progress(block.start + len(block.vectors), len(texts))
            yield block
    finally:
        for left in under_way:
            left.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await embedder.close()


async def _embedded(stage: EmbeddingStage, start: int, window: Sequence[str], dimensions: int) -> Embedded:
    sent = [n for n, text in enumerate(window) if text]
    outcomes: list[Outcome] = await stage.vectors([window[n] for n in sent])
    vectors, refused = np.zeros((len(window), dimensions), np.float32), {}
    for n, outcome in zip(sent, outcomes, strict=True):
        if isinstance(outcome, ServerRefused):
            refused[start + n] = outcome
        else:
            vectors[n] = outcome
    refused |= {start + n: ServerRefused("it is blank") for n, text in enumerate(window) if not text}
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths == 0, np.float32(1), lengths)
    return Embedded(start, vectors, dict(sorted(refused.items())))
