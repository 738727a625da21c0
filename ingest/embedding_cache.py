"""An embedder that remembers: a text whose vector is known is not sent again, by an ingest or by a question.

The key is a hash of the model, its file where it runs in process, the size of its vectors, and the text as it is sent,
so with whatever instruction or prefix stands before it. The value is the vector as little-endian float32. No text is kept.
The cache is never needed: what goes wrong with it is told once, and the embedder asked.
"""

from __future__ import annotations

import contextlib
import math
import time
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from configs.errors import CacheUnusable, SettingsError
from ingest.embedding import PROBE, Embedder, dimensions_in, open_embedder
from ingest.index.base import Vector
from prompts import library

if TYPE_CHECKING:
    from configs.settings import CacheSettings, EmbeddingSettings, Settings

FILE = "embeddings.sqlite"
_KEY_BYTES = 16
# Seconds that a cache is left alone which could not be used.
_REST = 60.0
# Of two answers of one model to the same word; reduced precision and batching move them less than this.
_SAME_MODEL = 0.99


class Store(Protocol):
    """Where vectors are kept, as bytes by key; any number of processes may use one at once."""

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is kept under each key; raises CacheUnusable, as all of these."""
        ...

    async def put(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep these."""
        ...

    async def clear(self) -> None:
        """Forget everything."""
        ...

    async def state(self) -> str:
        """What it holds, in words for a person."""
        ...

    async def close(self) -> None:
        """Let go of file or connection."""
        ...


def open_store(settings: Settings) -> Store | None:
    """The cache of these settings; nothing is opened before its first use. None where there is to be none.

    Raises:
        SettingsError, NotInstalled: no address of a Redis; its client is missing.
    """
    cache: CacheSettings = settings.cache
    # Imported where they are used: a lexical profile needs neither.
    if cache.kind == "sqlite":
        from ingest.cache_sqlite import SqliteStore

        return SqliteStore(settings.data_dir / FILE, cache.max_mb * 2**20)
    if cache.kind == "redis":
        from ingest.cache_redis import RedisStore

        return RedisStore(cache)
    return None


def open_cached(settings: Settings, *, retries: int, dimensions: int | None = None) -> CachedEmbedder | None:
    """The embedder of these settings, with its cache; None for a lexical profile.

    `dimensions` is the size of its vectors, for who knows it without `CachedEmbedder.probe`.

    Raises:
        SettingsError, NotInstalled: as `open_embedder` and `open_store`.
    """
    embedder = open_embedder(settings.embedding, retries=retries)
    return None if embedder is None else CachedEmbedder(embedder, settings.embedding, open_store(settings), dimensions)


class CachedEmbedder:
    """An `Embedder` around another. Who sends in calls of their own making uses `recall`, `embedder` and `keep`."""

    def __init__(
        self, embedder: Embedder, settings: EmbeddingSettings, store: Store | None, dimensions: int | None = None
    ) -> None:
        self.embedder = embedder
        self._settings = settings
        self._store = store
        self._instruction = library.instruction(settings.domain)
        self._dimensions = dimensions or settings.dimensions
        self._model: bytes | None = None
        self._rests_until = 0.0
        self._warned = False
        self._warning: str | None = None

    async def embed_query(self, question: str) -> Vector:
        """See `Embedder.embed_query`."""
        sent = [self._instruction.query(question)]
        (known,) = await self._get(sent)
        if known is not None:
            return known
        vector = await self.embedder.embed_query(question)
        await self._put(sent, [vector])
        return vector

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed_documents`."""
        known = await self.recall(texts)
        missing = [text for text, vector in zip(texts, known, strict=True) if vector is None]
        made = await self.embedder.embed_documents(missing) if missing else []
        await self.keep(missing, made)
        fresh = iter(made)
        return [next(fresh) if vector is None else vector for vector in known]

    async def recall(self, texts: Sequence[str]) -> list[Vector | None]:
        """The vectors of documents, those that are known."""
        return await self._get([self._document(text) for text in texts])

    async def keep(self, texts: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Remember the vectors of these documents."""
        await self._put([self._document(text) for text in texts], vectors)

    async def probe(self) -> int:
        """Ask the embedder itself for one word; how many dimensions it answers with.

        A server takes any name for its model: this finds out that another one answers to it now.

        Raises:
            ServerError: it does not answer as it should.
            SettingsError: it is another model than the one whose vectors are kept.
        """
        vector = (await self.embedder.embed_documents([PROBE]))[0]
        self._dimensions = dimensions_in(vector)
        (known,) = await self.recall([PROBE])
        if known is None:
            await self.keep([PROBE], [vector])
        elif _cosine(known, vector) < _SAME_MODEL:
            raise SettingsError(
                f"{self._settings.model} is not the model that it was: it answers otherwise than the vectors kept of it",
                fix="Give the new one a name of its own; or forget the old: citewell index cache --clear.",
            )
        return self._dimensions

    def take_warning(self) -> str | None:
        """What went wrong with the cache, said once."""
        warning, self._warning = self._warning, None
        return warning

    async def close(self) -> None:
        """See `Embedder.close`."""
        if self._store is not None:
            with contextlib.suppress(CacheUnusable):
                await self._store.close()
        await self.embedder.close()

    def _document(self, text: str) -> str:
        return self._instruction.document_prefix + text if self._settings.prefix_documents else text

    async def _get(self, sent: Sequence[str]) -> list[Vector | None]:
        nothing: list[Vector | None] = [None] * len(sent)
        if not sent or not self._usable():
            return nothing
        try:
            found = await self._store.get(self._keys(sent)) if self._store else []
        except CacheUnusable as error:
            self._give_up(error)
            return nothing
        return [None if value is None else _vector(value, self._dimensions) for value in found]

    async def _put(self, sent: Sequence[str], vectors: Sequence[Vector]) -> None:
        if not sent or not self._usable() or self._store is None:
            return
        values = [array("f", vector).tobytes() for vector in vectors]
        try:
            await self._store.put(list(zip(self._keys(sent), values, strict=True)))
        except CacheUnusable as error:
            self._give_up(error)

    def _usable(self) -> bool:
        return self._store is not None and self._dimensions is not None and time.monotonic() >= self._rests_until

    def _give_up(self, error: CacheUnusable) -> None:
        """Leave it alone for a while; say so the first time."""
        self._rests_until = time.monotonic() + _REST
        if not self._warned:
            self._warned = True
            self._warning = f"Goes on without the embedding cache: {error.what} ({error.where})."

    def _keys(self, sent: Sequence[str]) -> list[bytes]:
        begun = blake2b(self._identity(), digest_size=_KEY_BYTES)
        keys = []
        for text in sent:
            digest = begun.copy()
            digest.update(text.encode("utf-8", "surrogatepass"))
            keys.append(digest.digest())
        return keys

    def _identity(self) -> bytes:
        """Which model it is, and the size of its vectors."""
        if self._model is None:
            file = ""
            if self._settings.provider == "fastembed" and self._settings.model_path is not None:
                from ingest.embedding_in_process import fingerprint

                file = fingerprint(self._settings.model_path)
            name = self._settings.model if not file else ""  # wherever the folder lies, and whatever it is called
            self._model = f"{self._settings.provider}\x1f{name}\x1f{file}\x1f".encode()
        return self._model + f"{self._dimensions}\x1f".encode()


def _vector(value: bytes, dimensions: int | None) -> Vector | None:
    """What is kept as a vector; None where it is none of this size."""
    vector = array("f")
    if len(value) != vector.itemsize * (dimensions or 0):
        return None
    vector.frombytes(value)
    return vector


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
