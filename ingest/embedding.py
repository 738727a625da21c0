"""The dense half: instruction-aware embedders, all behind one protocol.

`ServerEmbedder` speaks to an OpenAI-compatible server through the openai client alone: it is what a
question and an ingest wait for, and llama-index would cost them two seconds of import each.
`ingest/llama_embedding.py` is the same embedder as a subclass of llama-index's `OpenAILikeEmbedding`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from configs.errors import ServerGarbled
from configs.settings import EmbeddingSettings
from ingest import openai_api
from ingest.index.base import Vector
from prompts import library

if TYPE_CHECKING:
    from openai import AsyncOpenAI


# What is embedded to learn the size of the vectors.
PROBE = "dimensions"


class Embedder(Protocol):
    """Texts to vectors of one size, L2-normalised by the model."""

    async def embed_query(self, question: str) -> Vector:
        """One vector for a question, its instruction put before it."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """A vector for each text, in order, the domain's prefix put before it if so set."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def open_embedder(settings: EmbeddingSettings, *, retries: int) -> Embedder | None:
    """The embedder of these settings; None for a lexical profile. `retries` as in `openai_api.make_client`.

    Raises:
        SettingsError, NotInstalled: an unknown domain; no model folder; FastEmbed is missing.
    """
    if settings.provider == "openai":
        return ServerEmbedder(settings, retries=retries)
    if settings.provider == "fastembed":
        from ingest.embedding_in_process import InProcessEmbedder

        return InProcessEmbedder(settings)
    return None


class ServerEmbedder:
    """An OpenAI-compatible embedding server: SGLang with Qwen3-Embedding, vLLM and others."""

    def __init__(self, settings: EmbeddingSettings, *, retries: int = 2) -> None:
        self._settings = settings
        self._retries = retries
        self._instruction = library.instruction(settings.domain)
        self._client: AsyncOpenAI | None = None
        self._answered = False
        self._size = settings.dimensions
        """Of its vectors, once it has answered; a server that changes its mind is not believed."""

    async def embed_query(self, question: str) -> Vector:
        """See `Embedder.embed_query`."""
        return (await self.request([self.query_text(question)]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed_documents`."""
        return await self.request([self.document_text(text) for text in texts])

    def query_text(self, question: str) -> str:
        """What is sent for a question."""
        return self._instruction.query(question)

    def document_text(self, text: str) -> str:
        """What is sent for a document."""
        return self._instruction.document_prefix + text if self._settings.prefix_documents else text

    async def request(self, texts: Sequence[str]) -> list[Vector]:
        """One call for these very texts, line breaks kept. Asks for base64: a tenth of the work of float lists.

        A server that has never answered is not asked again: that it is not there is told at once.

        Raises:
            ServerError: any failure; `ServerGarbled` for vectors that are missing, ragged or not finite.
        """
        if self._client is None:
            self._client = openai_api.make_client(
                self._settings.url, self._settings.api_key, self._settings.timeout, retries=self._retries
            )
        options = {} if self._settings.dimensions is None else {"dimensions": self._settings.dimensions}
        client = self._client if self._answered else self._client.with_options(max_retries=0)
        try:
            answer = await client.embeddings.create(
                input=list(texts),
                model=self._settings.model,
                encoding_format="base64",
                **options,  # type: ignore[arg-type]
            )
            vectors = [_decode(item.embedding) for item in sorted(answer.data, key=lambda item: item.index)]
            _check(vectors, len(texts), self._size)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise openai_api.explain(error, "embedding", self._client, "embedding") from error
        self._answered, self._size = True, len(vectors[0]) if vectors else self._size
        return vectors

    async def close(self) -> None:
        """See `Embedder.close`."""
        if self._client is not None:
            await self._client.close()


def _decode(embedding: str | Sequence[float]) -> Vector:
    """Base64 of little-endian float32, or the float list of a server that ignores `encoding_format`."""
    if not isinstance(embedding, str):
        return embedding
    try:
        vector = array("f", base64.b64decode(embedding, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"an embedding is no base64 of float32: {error}") from error
    return vector


def _check(vectors: Sequence[Vector], wanted: int, dimensions: int | None) -> None:
    if len(vectors) != wanted:
        raise ValueError(f"{len(vectors)} embeddings came for {wanted} texts")
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1 or 0 in sizes or (dimensions and sizes != {dimensions}):
        raise ValueError(
            f"embeddings of {sorted(sizes)} dimensions came where {dimensions or 'one size'} was asked for"
        )
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise ValueError("an embedding holds NaN or infinity")


async def dimensions_of(embedder: Embedder) -> int:
    """How many dimensions its vectors have, found by embedding one word."""
    return dimensions_in((await embedder.embed_documents([PROBE]))[0])


def dimensions_in(vector: Vector) -> int:
    """How many dimensions a vector has; raises ServerGarbled for one without any."""
    if not vector:
        raise ServerGarbled("the embedder answered with an empty vector")
    return len(vector)
