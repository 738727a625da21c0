r"""The embedder as llama-index knows one: for its pipelines and indexes, over the same requests as `ServerEmbedder`.

`OpenAILikeEmbedding` itself turns line breaks into spaces, which destroys `Instruct: …\nQuery:`, and knows no
instructions. Importing this module takes over a second: nothing that a screen or a `--help` waits for may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self, TypeVar

from llama_index.embeddings.openai_like import OpenAILikeEmbedding  # type: ignore[import-untyped]
from pydantic import Field, PrivateAttr, SecretStr

from configs.errors import SettingsError
from configs.settings import EmbeddingSettings
from ingest.embedding import ServerEmbedder
from prompts import library

T = TypeVar("T")

# llama-index's own bound.
_LARGEST_BATCH = 2048


class InstructionEmbedding(OpenAILikeEmbedding):  # type: ignore[misc]  # it has no types
    """A llama-index embedding with citewell's instructions, line breaks, base64 and dimensions.

    Make it with `from_settings`. Asynchronous calls share one connection pool for as long as their event
    loop lasts (`aclose` ends it); a synchronous call opens and closes its own, and may also be made where an
    event loop runs. Either raises `ServerError`s.
    """

    # Neither printed nor dumped; llama-index's own class does both.
    api_key: str = Field(default="none", repr=False, exclude=True)
    domain: str = Field(default="none", description="a section of prompts/instructions.toml")
    prefix_documents: bool = Field(default=False, description="put the domain's prefix before each document")

    _open: tuple[asyncio.AbstractEventLoop, ServerEmbedder] | None = PrivateAttr(default=None)

    @classmethod
    def from_settings(cls, settings: EmbeddingSettings) -> Self:
        """Make one that embeds exactly as ingest and search do under these settings.

        Raises:
            SettingsError: there is no such domain, or the provider is no server.
        """
        if settings.provider != "openai":
            raise SettingsError(
                f"llama-index's embedding needs a server, and embedding.provider is {settings.provider}",
                fix="Set embedding.provider to openai, or take a profile that has it.",
            )
        library.instruction(settings.domain)
        return cls(
            model_name=settings.model,
            api_base=settings.url,
            # Never None: llama-index would then send OPENAI_API_KEY to this server.
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            dimensions=settings.dimensions,
            timeout=settings.timeout,
            max_retries=2,
            embed_batch_size=min(settings.batch_size, _LARGEST_BATCH),
            num_workers=settings.concurrency,
            domain=settings.domain,
            prefix_documents=settings.prefix_documents,
        )

    @classmethod
    def class_name(cls) -> str:
        """Name the class in llama-index's serialised pipelines."""
        return "InstructionEmbedding"

    async def aclose(self) -> None:
        """Let go of the connections of asynchronous calls."""
        if self._open is not None:
            (_, embedder), self._open = self._open, None
            await embedder.close()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return list(await (await self._shared()).embed_query(query))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [list(vector) for vector in await (await self._shared()).embed_documents(texts)]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self._wait_for(lambda embedder: embedder.embed_query(query)))

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [list(vector) for vector in self._wait_for(lambda embedder: embedder.embed_documents(texts))]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _embedder(self) -> ServerEmbedder:
        settings = EmbeddingSettings(
            provider="openai",
            url=self.api_base or "",
            model=self.model_name,
            model_path=None,
            api_key=SecretStr(self.api_key),
            dimensions=self.dimensions,
            domain=self.domain,
            prefix_documents=self.prefix_documents,
            timeout=self.timeout,
        )
        return ServerEmbedder(settings, retries=self.max_retries)

    async def _shared(self) -> ServerEmbedder:
        """Give this event loop's embedder: connections cannot be used from another loop."""
        loop = asyncio.get_running_loop()
        if self._open is None or self._open[0] is not loop:
            if self._open is not None and self._open[0].is_closed():
                with suppress(RuntimeError):  # that its loop is closed; else it would close itself in this one
                    await self._open[1].close()
            self._open = (loop, self._embedder())
        return self._open[1]

    def _wait_for(self, ask: Callable[[ServerEmbedder], Awaitable[T]]) -> T:
        async def run() -> T:
            embedder = self._embedder()
            try:
                return await ask(embedder)
            finally:
                await embedder.close()

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(run())
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()
