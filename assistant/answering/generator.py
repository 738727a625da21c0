"""Streaming text from any OpenAI-compatible chat server, its ways of failing made plain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, cast

from configs.errors import CitewellError, ServerGarbled, ServerUnreachable
from configs.settings import GenerationSettings
from ingest import openai_api

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

Messages = Sequence[dict[str, str]]
_THINK, _THOUGHT = "<think>", "</think>"


class Generator:
    """The model that writes answers."""

    def __init__(self, settings: GenerationSettings, url: str) -> None:
        self.model = settings.model
        self.cut_short = False
        """Whether the last answer reached `max_tokens`."""
        self._settings = settings
        self._client = openai_api.make_client(url, settings.api_key, settings.timeout, retries=0)

    async def stream(self, messages: Messages) -> AsyncGenerator[str, None]:
        """Pieces of the reply as they come, a model's `<think>` part left out.

        Raises:
            ServerError: before or in mid-answer; a stream that ends without saying so counts as broken off.
        """
        finish = None
        empty = True
        thoughts = _Thoughts()
        try:
            async with await self._client.chat.completions.create(
                model=self.model,
                messages=cast("list[ChatCompletionMessageParam]", list(messages)),
                temperature=self._settings.temperature,
                max_tokens=self._settings.max_tokens,
                stream=True,
            ) as chunks:
                async for chunk in chunks:
                    if not chunk.choices:
                        continue
                    finish = chunk.choices[0].finish_reason or finish
                    text = thoughts.without(chunk.choices[0].delta.content or "")
                    if text:
                        empty = False
                        yield text
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise openai_api.explain(error, "generation", self._client, "generation") from error
        self.cut_short = finish == "length"
        if finish is None:
            raise self._broken(empty=empty)

    async def complete(self, messages: Messages) -> str:
        """The whole reply. Raises as `stream`."""
        return without_thoughts("".join([piece async for piece in self.stream(messages)])).strip()

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    def _broken(self, *, empty: bool) -> CitewellError:
        where = str(self._client.base_url).rstrip("/")
        if empty:
            return ServerGarbled(
                "the generation server answered, but with nothing in the OpenAI protocol",
                where=where,
                fix="Is generation.url an OpenAI-compatible server (it usually ends in /v1)?",
            )
        return ServerUnreachable(
            "the generation server broke off in mid-answer",
            where=where,
            fix="Ask again; see the server's log if it goes on.",
        )


def without_thoughts(reply: str) -> str:
    """The whole reply without thoughts that came with no `<think>`: some chat templates open them in the prompt."""
    return reply.rpartition(_THOUGHT)[2].lstrip()


class _Thoughts:
    """Takes a leading `<think> … </think>` out of a stream, wherever the pieces are cut."""

    def __init__(self) -> None:
        self._held: str | None = ""

    def without(self, piece: str) -> str:
        if self._held is None:
            return piece
        self._held += piece
        text = self._held.lstrip()
        if text.startswith(_THINK):
            _, closed, rest = text.partition(_THOUGHT)
            if not closed:
                return ""
            text = rest.lstrip()
        elif _THINK.startswith(text):
            return ""
        self._held = None if text else ""
        return text
