"""Question to first token, warm and cold, against the bare script of `tests.benchmarks.bare`; servers stubbed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import openai
import qdrant_edge

from assistant.answering.answer import Failed, Token
from assistant.answering.engine import Engine
from configs.loading import load
from configs.settings import Settings
from ingest.pipeline import ingest
from tests.benchmarks.bare import first_token
from tests.benchmarks.harness import SHARED, environment, interleaved, lines, report, stub_server
from tests.support.corpora import Watcher

_WARM, _COLD = 200, 9


def main() -> None:
    """Print the figures."""
    with stub_server(1024) as url, environment(**_served(url)), tempfile.TemporaryDirectory() as copy:
        settings = load().settings
        corpus = SHARED / "pubmedqa" / "corpus.jsonl"
        asyncio.run(ingest([str(corpus)], settings, Watcher()))
        shard = Path(copy, "shard")
        shutil.copytree(settings.data_dir / "indexes" / "default" / "shard", shard)
        questions = [row["text"] for row in lines(SHARED / "pubmedqa" / "queries_train.jsonl")]
        _warm(settings, shard, url, questions)
        _cold(shard, url, questions[0])


def _served(url: str) -> dict[str, str]:
    return {
        "CITEWELL_EMBEDDING__PROVIDER": "openai",
        "CITEWELL_EMBEDDING__URL": url,
        "CITEWELL_EMBEDDING__DIMENSIONS": "1024",
        "CITEWELL_GENERATION__URL": url,
    }


def _warm(settings: Settings, folder: Path, url: str, questions: list[str]) -> None:
    shard, client = qdrant_edge.EdgeShard.load(str(folder)), openai.OpenAI(base_url=url, api_key="none")
    asked_bare, asked_ours = iter(questions), iter(questions)
    with asyncio.Runner() as runner:
        engine = runner.run(Engine.open(settings))

        def bare() -> float:
            started = time.perf_counter()
            first_token(shard, client, next(asked_bare))
            return time.perf_counter() - started

        def ours() -> float:
            return runner.run(_first_token(engine, next(asked_ours)))

        times = interleaved(_WARM, bare=bare, citewell=ours)
        runner.run(engine.close())
    shard.close()
    report(f"Question to first token, warm, {_WARM} questions over 1,000 abstracts", times, "bare", bound=2.0)


async def _first_token(engine: Engine, question: str) -> float:
    started = time.perf_counter()
    events = engine.ask(question)
    try:
        async for event in events:
            if isinstance(event, Token):
                return time.perf_counter() - started
            if isinstance(event, Failed):
                raise event.error
    finally:
        await events.aclose()
    raise AssertionError("no token came")


def _cold(folder: Path, url: str, question: str) -> None:
    bare = _first_byte([sys.executable, "-m", "tests.benchmarks.bare", str(folder), url, question])
    ours = _first_byte(["citewell", "ask", question])
    report("One shot, command to first byte", interleaved(_COLD, bare=bare, citewell=ours), "bare", bound=1.5)


def _first_byte(command: list[str]) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
            assert process.stdout is not None
            assert process.stdout.read(1)
            took = time.perf_counter() - started
            process.stdout.read()
        return took

    return measure


if __name__ == "__main__":
    main()
