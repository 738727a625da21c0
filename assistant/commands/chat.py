"""`citewell chat`, and `citewell demo`: the chat over a bundled sample corpus."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.commands import output
from assistant.commands.options import Loaded, domain_option, filter_option, with_settings
from configs.errors import CitewellError, IndexMismatch
from configs.settings import IndexSettings, Settings
from ingest.progress import Observer
from ingest.readers.base import Rejected

if TYPE_CHECKING:
    from assistant.answering.engine import Engine
    from assistant.tui.dialogue import OpenEngine

_DEMO_INDEX = "demo"
_NOTICE = "Sample corpus, written for citewell. Not medical advice."
_DEMO_QUESTIONS = (
    "What is the first-line drug for type 2 diabetes?",
    "What are the warning signs of a stroke?",
    "布洛芬24小时内最多服用多少毫克？",
)


@click.command(epilog=output.example("citewell chat", "citewell chat --index pubmed --profile sglang"))
@click.option(
    "--session", metavar="ID", help="Go on with a saved session: the beginning of its id is enough, or `latest`."
)
@filter_option
@domain_option
@with_settings
def chat(*, session: str | None, loaded: Loaded) -> int:
    """Open the chat, as citewell without a command does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("The chat needs a terminal; in a pipe use: citewell ask QUESTION")
    from assistant.tui.app import run_chat

    filtered = loaded.origins.get("retrieval.filter") == "flag"
    return run_chat(loaded.settings, session_id=session, filtered=filtered, open_engine=opener(loaded))


def opener(loaded: Loaded) -> OpenEngine:
    """How the chat opens its index: one made with other settings, with those that the files say now, if they fit.

    Whoever makes an index anew while the chat is open has set its embedder and size of passages there.
    """
    from assistant.tui.dialogue import open_engine

    async def opened(settings: Settings) -> Engine:
        try:
            return await open_engine(settings)
        except IndexMismatch:
            now = loaded.again().settings
            shaping = {name: getattr(now, name) for name in ("embedding", "chunking", "lexical", "cache", "retrieval")}
            return await open_engine(settings.model_copy(update=shaping))

    return opened


@click.command(epilog=output.example("citewell demo", "citewell demo | cat"))
@with_settings
def demo(*, loaded: Loaded) -> int:
    """Try citewell on its sample corpus: nothing to download, nothing to start.

    Without a terminal it answers three sample questions in plain text.
    """
    settings = demo_settings(loaded.settings)
    asyncio.run(prepare_demo(settings))
    if sys.stdin.isatty() and sys.stdout.isatty():
        from assistant.tui.app import run_chat

        return run_chat(settings, notice=_NOTICE)
    asyncio.run(_answer_samples(settings))
    return 0


@contextmanager
def _sample_files() -> Iterator[list[Path]]:
    """The sample corpus as files on disk, wherever the package lies."""
    from importlib.resources import as_file, files

    with as_file(files("ingest") / "samples") as folder:
        yield sorted(folder.glob("*.jsonl"))


def demo_settings(settings: Settings) -> Settings:
    """The defaults over the embedded sample index, with no servers: the user's own place and looks, nothing else."""
    return Settings(data_dir=settings.data_dir, index=IndexSettings(name=_DEMO_INDEX), chat=settings.chat)


async def prepare_demo(settings: Settings) -> None:
    """Bring the sample corpus into its index; unchanged, that takes no time."""
    from ingest.pipeline import ingest

    problems = _Problems()
    with _sample_files() as paths:
        summary = await ingest([str(path) for path in paths], settings, problems)
    if summary.failed:
        raise CitewellError(f"the sample corpus is damaged: {problems.first}", fix="Install citewell again.")


class _Problems(Observer):
    """Watches the sample ingest for the one thing that may not happen."""

    first = ""

    def rejected(self, record: Rejected) -> None:
        """See `Observer`."""
        self.first = self.first or str(record)


async def _answer_samples(settings: Settings) -> None:
    from assistant.answering.answer import Answered, Failed
    from assistant.answering.engine import Engine

    engine = await Engine.open(settings)
    try:
        output.say(f"{_NOTICE}\n")
        for question in _DEMO_QUESTIONS:
            output.heading(f"Question: {question}\n")
            async for event in engine.ask(question):
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(event, Answered):
                    output.put_answer(event.answer)
            output.say()
    finally:
        await engine.close()
