"""What the embedding cache costs an ingest that finds nothing in it, and saves one that finds everything.

    python -m tests.benchmarks.embedding_cache [documents] [runs]

Real abstracts into an embedded index, 1,024 dimensions, from a server that answers at once: the worst case for a cache.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import multiprocessing
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

from configs.loading import load
from ingest import pipeline
from ingest.index.client import release
from ingest.index.open import folder_of
from ingest.progress import Observer, Summary
from tests.benchmarks.harness import SHARED, environment, interleaved, report

_DIMENSIONS = 1024
_BOUND = 1.1


def main() -> None:
    """Print seconds an ingest, without a cache, with an empty one and with a full one."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with environment() as folder, tempfile.TemporaryDirectory() as kept:
        corpus = folder / "corpus.jsonl"
        with gzip.open(SHARED / "pubmed_pool" / "corpus.jsonl.gz", "rt", encoding="utf-8") as pool:
            corpus.write_text("".join(itertools.islice(pool, documents)), "utf-8")
        here, there = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
        server.start()
        url = here.recv()
        full = Path(kept, "embeddings.sqlite")
        _ingest(corpus, folder / "first", url, "sqlite")
        shutil.copy(folder / "first" / "embeddings.sqlite", full)
        before = _calls(here)
        _ingest(corpus, folder / "second", url, "sqlite", full)
        print(f"calls of a second build of the same {documents:,} documents: {_calls(here) - before}")
        times = interleaved(
            runs,
            no_cache=_fresh(corpus, folder, url, "none"),
            empty_cache=_fresh(corpus, folder, url, "sqlite"),
            full_cache=_fresh(corpus, folder, url, "sqlite", full),
        )
        report(f"ingest of {documents:,} abstracts", times, "no_cache", "s", _BOUND)
        server.terminate()


def _calls(server: Connection) -> int:
    server.send("calls")
    return int(server.recv())


def _fresh(corpus: Path, folder: Path, url: str, kind: str, cache: Path | None = None) -> Callable[[], float]:
    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as data:
            started = time.perf_counter()
            summary = _ingest(corpus, Path(data), url, kind, cache)
            seconds = time.perf_counter() - started
            assert (summary.recalled > 0) == (cache is not None)
            return seconds

    return measure


def _ingest(corpus: Path, data: Path, url: str, kind: str, cache: Path | None = None) -> Summary:
    data.mkdir(exist_ok=True)
    if cache is not None:
        shutil.copy(cache, data / "embeddings.sqlite")
    flags = {
        "data_dir": data,
        "embedding.provider": "openai",
        "embedding.url": url,
        "embedding.dimensions": _DIMENSIONS,
        "cache.kind": kind,
    }
    settings = load(None, flags).settings

    async def run() -> Summary:
        summary = await pipeline.ingest([str(corpus)], settings, Observer())
        await release(folder_of(settings))
        return summary

    return asyncio.run(run())


def _serve(to: Connection) -> None:
    """A server whose every vector is the same."""
    vector = base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *[_DIMENSIONS**-0.5] * _DIMENSIONS)).decode()
    calls = 0

    async def embed(request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        texts = json.loads(await request.read())["input"]
        rows = ",".join(f'{{"object":"embedding","index":{n},"embedding":"{vector}"}}' for n in range(len(texts)))
        usage = '{"prompt_tokens":0,"total_tokens":0}'
        body = f'{{"object":"list","model":"m","data":[{rows}],"usage":{usage}}}'
        return web.Response(text=body, content_type="application/json")

    async def serve() -> None:
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/embeddings", embed)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        to.send(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        while True:
            await asyncio.to_thread(to.recv)
            to.send(calls)

    asyncio.run(serve())


if __name__ == "__main__":
    main()
