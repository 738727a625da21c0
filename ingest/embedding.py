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
from typing import TYPE_CHECKING, Any, Protocol

from configs.errors import ServerGarbled
from configs.settings import EmbeddingSettings
from ingest import openai_api
from ingest.index.base import Vector
from prompts import library

if TYPE_CHECKING:
    from openai import AsyncOpenAI


# What is embedded to learn the size of the vectors.
PROBE = "dimensions"
# How far from 1 the length of a normalised vector may be, which a model of half precision computed.
_ROUNDING = 0.01


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
        body: dict[str, Any] = {"input": list(texts), "model": self._settings.model, "encoding_format": "base64"}
        if self._settings.dimensions is not None:
            body["dimensions"] = self._settings.dimensions
        client = self._connected() if self._answered else self._connected().with_options(max_retries=0)
        try:
            # As `embeddings.create`, without its models of what is sent and received: half of the client's work.
            answer: Any = await client.post("/embeddings", body=body, cast_to=object)
            items = sorted(answer["data"], key=lambda item: int(item["index"]))
            received = [_decode(item["embedding"]) for item in items]
            _check(received, len(texts), self._size)
            vectors = _at_length_one(received)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise openai_api.explain(error, "embedding", client, "embedding") from error
        self._answered, self._size = True, len(vectors[0]) if vectors else self._size
        return vectors

    async def longest(self) -> int | None:
        """How many tokens of a text the model reads, as SGLang and vLLM tell among their models; None: not told."""
        import openai  # with the client: seldom asked

        try:
            cards = (await self._connected().with_options(max_retries=0).models.list()).data
        except (openai.OpenAIError, AttributeError):  # the latter where a web page comes
            return None
        ours = next((card for card in cards if card.id == self._settings.model), cards[0] if len(cards) == 1 else None)
        told = getattr(ours, "max_model_len", None)
        return told if isinstance(told, int) else None

    async def close(self) -> None:
        """See `Embedder.close`."""
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            self._client = openai_api.make_client(
                self._settings.url, self._settings.api_key, self._settings.timeout, retries=self._retries
            )
        return self._client


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


def _at_length_one(vectors: list[Vector]) -> list[Vector]:
    """The vectors themselves from most servers; Infinity cuts to fewer dimensions without normalising again.

    Raises:
        ValueError: one of them holds NaN or infinity.
    """
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise ValueError("an embedding holds NaN or infinity")
    if not vectors or abs(math.hypot(*vectors[0]) - 1) < _ROUNDING:  # what a server does to one it does to all
        return vectors
    return [array("f", (value / (math.hypot(*vector) or 1.0) for value in vector)) for vector in vectors]


async def dimensions_of(embedder: Embedder) -> int:
    """How many dimensions its vectors have, found by embedding one word."""
    return dimensions_in((await embedder.embed_documents([PROBE]))[0])


def dimensions_in(vector: Vector) -> int:
    """How many dimensions a vector has; raises ServerGarbled for one without any."""
    if not vector:
        raise ServerGarbled("the embedder answered with an empty vector")
    return len(vector)
