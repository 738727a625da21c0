"""The second layer of checking: a model's opinion on each cited sentence, its quote looked up by code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast, get_args

from assistant.answering import context
from assistant.answering.answer import Answer, Sentence, Source
from assistant.answering.findings import Opinion, Verifier
from assistant.answering.generator import without_thoughts
from assistant.answering.support import Verdict
from assistant.answering.support.spans import locate
from configs.errors import ServerError, ServerGarbled
from configs.settings import Settings
from ingest import openai_api
from prompts import library

if TYPE_CHECKING:
    from pydantic import SecretStr

_VERDICTS = tuple(verdict for verdict in get_args(Verdict) if verdict != "unchecked")
_SCHEMA = {
    "type": "object",
    "properties": {
        "quote": {"type": "string"},
        "passage": {"type": "integer"},
        "verdict": {"type": "string", "enum": list(_VERDICTS)},
    },
    "required": ["quote", "passage", "verdict"],
    "additionalProperties": False,
}
# From the strictest to none: a server that refuses one is asked with the next, and from then on.
_FORMATS: tuple[dict[str, Any], ...] = (
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": _SCHEMA},
        }
    },
    {"response_format": {"type": "json_object"}},
    {},
)
_NOT_THERE = "the words the model quotes are not in the passages cited"
_NO_QUOTE = "the model quotes nothing"
_UNCHECKED = "unchecked by the model"


class ModelVerifier:
    """The model that checks sentences; no server is asked before there is one."""

    def __init__(self, settings: Settings, url: str) -> None:
        own, writer = settings.verification, settings.generation
        # The writing model's key is for the writing model's server alone.
        key: SecretStr | None = own.api_key or (writer.api_key if url == writer.url else None)
        self.settings = own
        self.model = own.model or writer.model
        self._format = 0
        self._places = asyncio.Semaphore(own.concurrency)
        self._client = openai_api.make_client(url, key, own.timeout, retries=0)

    @classmethod
    def of(cls, settings: Settings) -> ModelVerifier | None:
        """The verifier of these settings; None where it is off, or where there is no server for it."""
        url = settings.verification.url or settings.generation.url
        return cls(settings, url) if settings.verification.enabled and url else None

    async def judged(self, answer: Answer) -> Answer:
        """The answer with an opinion on each sentence that cites something, all asked for at once.

        Where the model fails, in whatever way, the opinion is `unchecked` and says why, and so does a warning.
        """
        known = {source.n: source for source in answer.sources}
        cited = [n for n, sentence in enumerate(answer.sentences) if sentence.citations]
        asked = cited[: self.settings.max_sentences]
        opinions = dict(
            zip(asked, await asyncio.gather(*(self._opinion(answer.sentences[n], known) for n in asked)), strict=True)
        )
        skipped = Opinion("unchecked", note=f"{_UNCHECKED}: beyond verification.max_sentences")
        opinions |= dict.fromkeys(cited[len(asked) :], skipped)
        sentences = tuple(replace(one, opinion=opinions.get(n)) for n, one in enumerate(answer.sentences))
        warnings = answer.warnings
        if failed := [opinion.note for opinion in opinions.values() if opinion.verdict == "unchecked"]:
            reason = failed[0].removeprefix(f"{_UNCHECKED}: ")
            warnings += (f"{len(failed)} of {len(cited)} cited sentences are {_UNCHECKED}: {reason}.",)
        verifier = Verifier(self.model, library.load("verify").hash)
        return replace(answer, sentences=sentences, warnings=warnings, verifier=verifier)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _opinion(self, sentence: Sentence, known: dict[int, Source]) -> Opinion:
        sources = [known[n] for n in sentence.citations]
        try:
            async with self._places, asyncio.timeout(self.settings.timeout):
                said = await self._ask(context.to_verify(sentence.text, sources))
            return _looked_up(said, sources)
        except TimeoutError:
            return Opinion("unchecked", note=f"{_UNCHECKED}: it did not answer in time")
        except ServerError as error:
            return Opinion("unchecked", note=f"{_UNCHECKED}: {error.what}")

    async def _ask(self, messages: Sequence[dict[str, str]]) -> dict[str, Any]:
        """The model's reply as an object; raises ServerError."""
        import openai

        while True:
            form = self._format
            try:
                reply = await self._client.chat.completions.create(
                    model=self.model,
                    messages=cast("Any", list(messages)),
                    temperature=0,
                    max_tokens=self.settings.max_tokens,
                    **_FORMATS[form],
                )
                return _read(reply.choices[0].message.content or "")
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if form + 1 == len(_FORMATS):
                    raise openai_api.explain(error, "verification", self._client, "verification") from error
                self._format = max(self._format, form + 1)
            except (asyncio.CancelledError, ServerError):
                raise
            except Exception as error:
                raise openai_api.explain(error, "verification", self._client, "verification") from error


def _read(reply: str) -> dict[str, Any]:
    """The first JSON object of a reply that has what is needed; raises ServerGarbled."""
    text = without_thoughts(reply)
    begin = text.find("{")
    while begin >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(text, begin)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and found.get("verdict") in _VERDICTS and isinstance(found.get("quote", ""), str):
            return found
        begin = text.find("{", begin + 1)
    raise ServerGarbled("its reply is not the JSON that was asked for")


def _looked_up(said: dict[str, Any], sources: Sequence[Source]) -> Opinion:
    """The verdict, if the passages have the quote that it rests on; no quote, no verdict but `unsupported`."""
    verdict, quote = cast("Verdict", said["verdict"]), said.get("quote", "")
    for source in sorted(sources, key=lambda source: source.n != said.get("passage")):
        if span := locate(quote, source.text):
            return Opinion(verdict, source.n, span)
        if locate(quote, source.title):
            return Opinion(verdict, source.n)
    if verdict == "unsupported":
        return Opinion("unsupported", note="the model finds it in none of the passages cited")
    return Opinion("unsupported", note=_NOT_THERE if quote.strip() else _NO_QUOTE)
