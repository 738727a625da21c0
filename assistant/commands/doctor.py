"""`citewell doctor`: is everything there that these settings need, and what mends what is not."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import click

from assistant import __version__
from assistant.commands import output
from assistant.commands.options import Loaded, with_settings
from configs.errors import CitewellError, IndexMissing, IndexStoreError, SettingsError
from configs.settings import GenerationSettings, Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what it is, whether it is well, and what was found.

    `there` is false for what is not there and need not be yet.
    """

    name: str
    well: bool
    found: str
    there: bool = True

    @property
    def mark(self) -> str:
        """How a line about it begins."""
        return "FAIL" if not self.well else "ok  " if self.there else "none"


@click.command(epilog=output.example("citewell doctor", "citewell doctor --profile sglang --json"))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@with_settings
def doctor(*, as_json: bool, loaded: Loaded) -> int:
    """Check settings, data folder, index, embedder, reranker and model, and say what to do about each fault.

    Exits 1 if something that these settings need does not work.
    """
    checks = asyncio.run(_checked(loaded))
    if as_json:
        output.put_json([{"name": check.name, "ok": check.well, "found": check.found} for check in checks])
    else:
        for check in checks:
            output.say(f"{check.mark}  {check.name}: {check.found}")
    return 0 if all(check.well for check in checks) else 1


async def _checked(loaded: Loaded) -> list[Check]:
    return [check async for check in _checks(loaded)]


async def _checks(loaded: Loaded) -> AsyncIterator[Check]:
    settings = loaded.settings
    yield Check("citewell", well=True, found=f"{__version__}, Python {platform.python_version()}, {sys.platform}")
    yield Check("profile", well=True, found=settings.profile)
    yield await _try("data folder", _data_folder, settings)
    yield await _try("token counter", _tokens, settings)
    index = await _try("index", _index, settings)
    # A new user has none yet; one that somebody asked for has to be there.
    yield replace(index, well=index.well or (not index.there and "index.name" not in loaded.origins))
    yield await _try("embedder", _embedder, settings)
    yield await _try("embedding cache", _cache, settings)
    yield await _try("reranker", _reranker, settings)
    yield await _try("model", _model, settings)


async def _try(name: str, look: Callable[[Settings], Awaitable[str]], settings: Settings) -> Check:
    try:
        return Check(name, well=True, found=await look(settings))
    except IndexMissing as error:
        return Check(name, well=False, found=str(error), there=False)
    except (CitewellError, OSError) as error:
        return Check(name, well=False, found=str(error))


async def _data_folder(settings: Settings) -> str:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.data_dir, os.W_OK):
        raise IndexStoreError("cannot be written to", where=str(settings.data_dir), fix="Set CITEWELL_DATA_DIR.")
    return str(settings.data_dir)


async def _tokens(_: Settings) -> str:
    from ingest import tokens

    return f"cl100k_base, {tokens.count('aspirin')} token(s) for “aspirin”, no network"


async def _index(settings: Settings) -> str:
    from ingest.index.client import SharedIndex
    from ingest.index.open import open_index

    index = await open_index(settings)
    try:
        counts = await index.counts()
    finally:
        await index.close()
    held = f"; held by {index.owner}" if isinstance(index, SharedIndex) else ""
    return f"{index.name} ({settings.index.home}): {counts.documents:,} documents, {counts.passages:,} passages{held}"


async def _embedder(settings: Settings) -> str:
    from ingest.embedding import ServerEmbedder, dimensions_of, open_embedder

    embedder = open_embedder(settings.embedding, retries=0)
    if embedder is None:
        return "none: lexical search only, as this profile means it"
    try:
        dimensions = await dimensions_of(embedder)
        longest = await embedder.longest() if isinstance(embedder, ServerEmbedder) else None
    finally:
        await embedder.close()
    if longest is not None and longest < settings.chunking.size:
        raise SettingsError(
            f"{settings.embedding.model} reads {longest:,} tokens of a text, and passages have up to "
            f"{settings.chunking.size:,}: the longer ones are refused or cut",
            where=settings.embedding.url,
            fix="Lower chunking.size, or start the server with a longer context.",
        )
    told = "" if longest is None else f", reads {longest:,} tokens of a text"
    return f"{settings.embedding.model}, {dimensions} dimensions{told}"


async def _cache(settings: Settings) -> str:
    from ingest.embedding_cache import open_store

    store = open_store(settings) if settings.embedding.provider != "none" else None
    if store is None:
        return "none, as these settings mean it"
    try:
        return await store.state()
    finally:
        await store.close()


async def _reranker(settings: Settings) -> str:
    from assistant.answering.rerank import open_reranking

    reranking = open_reranking(settings)
    if reranking is None:
        return "none: passages stay in the order of the search, as this profile means it"
    try:
        await reranking.check()
    finally:
        await reranking.close()
    return f"{settings.rerank.model} tells right passages from wrong ones"


async def _model(settings: Settings) -> str:
    if settings.generation.url is None:
        return "none: answers are verbatim quotes, as this profile means it"
    return await _says_something(settings.generation, settings.generation.url)


async def _says_something(settings: GenerationSettings, url: str) -> str:
    from assistant.answering.generator import Generator

    generator = Generator(settings.model_copy(update={"max_tokens": 8}), url)
    try:
        async for _ in generator.stream([{"role": "user", "content": "Say ok."}]):
            break
    finally:
        await generator.close()
    return f"{settings.model} answers"
