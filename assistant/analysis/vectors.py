"""A corpus embedded once, at the embedder's full size, however many settings are then compared over it.

Vectors are kept in the user's cache folder in blocks named by model and texts: an interrupted run goes on, another
run over the same texts costs nothing, and whoever deletes the folder loses only time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs

from assistant.analysis.evaluation import Progress
from configs.settings import EmbeddingSettings, Settings
from ingest.embedding import Embedder, open_embedder
from ingest.index.base import Manifest
from ingest.matrix import Matrix
from prompts import library

_BLOCK = 256
_RETRIES = 3


def full_size(settings: Settings) -> EmbeddingSettings:
    """The embedder without a wish for fewer dimensions."""
    return settings.embedding.model_copy(update={"dimensions": None})


async def embed_documents(texts: Sequence[str], settings: Settings, progress: Progress) -> Matrix:
    """Vectors of passages, shape (texts, dimensions), float32.

    Raises:
        ServerError, SettingsError, NotInstalled: the embedder cannot do it.
    """
    embedder = _opened(settings)
    identity = _identity(settings)
    blocks: list[Matrix] = []
    try:
        for start in range(0, len(texts), _BLOCK):
            block = texts[start : start + _BLOCK]
            path = _cached(identity, block)
            vectors = _read(path, len(block))
            if vectors is None:
                vectors = await _embed(embedder, block, settings.embedding.batch_size)
                _write(path, vectors)
            blocks.append(vectors)
            progress(min(start + _BLOCK, len(texts)), len(texts))
    finally:
        await embedder.close()
    return np.concatenate(blocks)


async def embed_questions(texts: Sequence[str], settings: Settings, progress: Progress) -> Matrix:
    """Vectors of questions with the domain's instruction, shape (texts, dimensions), float32; cached like passages.

    Raises:
        ServerError, SettingsError, NotInstalled: the embedder cannot do it.
    """
    identity = f"{_identity(settings)} {library.instruction(settings.embedding.domain).task}"
    path = _cached(identity, texts)
    vectors = _read(path, len(texts))
    if vectors is None:
        embedder = _opened(settings)
        rows = []
        try:
            for n, text in enumerate(texts, start=1):
                rows.append(await embedder.embed_query(text))
                progress(n, len(texts))
        finally:
            await embedder.close()
        vectors = np.asarray(rows, np.float32)
        _write(path, vectors)
    return vectors


def _identity(settings: Settings) -> str:
    return json.dumps(Manifest.of(settings, None).made_with["embedding"], sort_keys=True)


def _opened(settings: Settings) -> Embedder:
    embedder = open_embedder(full_size(settings), retries=_RETRIES)
    if embedder is None:
        raise AssertionError("the caller asks for vectors only where there is an embedder")
    return embedder


async def _embed(embedder: Embedder, texts: Sequence[str], batch: int) -> Matrix:
    rows = [
        row
        for start in range(0, len(texts), batch)
        for row in await embedder.embed_documents(texts[start : start + batch])
    ]
    return np.asarray(rows, np.float32)


def _cached(identity: str, texts: Sequence[str]) -> Path:
    digest = hashlib.sha256("\x1f".join((identity, *texts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return platformdirs.user_cache_path("citewell") / "eval" / f"{digest}.npy"


def _read(path: Path, rows: int) -> Matrix | None:
    """The block; None where there is none, or a damaged one."""
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32 else None


def _write(path: Path, vectors: Matrix) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npy")
    np.save(partial, vectors)
    partial.replace(path)
