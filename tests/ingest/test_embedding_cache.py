"""The embedding cache: the same text is embedded once, whoever asks; and it is never what a run fails by."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import CacheUnusable, SettingsError
from ingest import pipeline
from ingest.cache_sqlite import SqliteStore
from ingest.embedding_cache import FILE, open_cached, open_store
from ingest.index.open import delete_index
from tests.support import faults
from tests.support.corpora import Watcher, records

if TYPE_CHECKING:
    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.openai_server import OpenAIServer

PROBE = ["dimensions"]


@pytest.fixture
def flags(openai_server: OpenAIServer) -> dict[str, Any]:
    """Settings that name the server."""
    return {"embedding.provider": "openai", "embedding.url": openai_server.url, "embedding.wait": 0}


@pytest.fixture
def home(settings: SettingsFactory, flags: dict[str, Any]) -> Settings:
    """Those settings."""
    return settings(flags)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis, empty, that asks for a password."""
    with redis(tmp_path) as url:
        yield url


class redis:  # noqa: N801 — used like a function
    """A Redis of this test's own while the block lasts."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("there is no redis-server here (apt-get install redis-server)")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret-word"]
        self._command = [program, *options, "--dir", str(folder)]

    def __enter__(self) -> str:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                    return f"redis://127.0.0.1:{self.port}/0"
        raise AssertionError("Redis did not start")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


async def test_a_second_build_embeds_nothing(home: Settings, ingest: Ingest, openai_server: OpenAIServer) -> None:
    """Another index of the same records costs the probe alone, and holds the same."""
    first, _ = await ingest(records(20), home)
    assert (first.recalled, len(openai_server.embedded)) == (0, 21)
    await delete_index(home)
    openai_server.requests.clear()
    second, _ = await ingest(records(20), home)
    assert (second.documents, second.recalled, second.tokens) == (20, 20, 0)
    assert openai_server.embedded == PROBE
    searcher = await Searcher.open(home)
    found = await searcher.search("Trial 7 gave digoxin to 107 patients with hepatitis.", 1)
    await searcher.close()
    assert found.results[0].passage.doc_id == "doc-7"


@pytest.mark.parametrize(
    "change",
    [
        {"embedding.model": "another/model"},
        {"embedding.dimensions": 16},
        {"embedding.prefix_documents": True},
        {"cache.kind": "none"},
    ],
    ids=["model", "dimensions", "prefix", "no cache"],
)
async def test_other_vectors_are_asked_for_anew(
    change: dict[str, Any],
    home: Settings,
    flags: dict[str, Any],
    settings: SettingsFactory,
    ingest: Ingest,
    openai_server: OpenAIServer,
) -> None:
    """Model, size and prefix are part of what a vector is known by."""
    await ingest(records(4), home)
    openai_server.requests.clear()
    summary, _ = await ingest(records(4), settings(flags | change | {"index.name": "other"}))
    assert (summary.recalled, len(openai_server.embedded)) == (0, 5)


async def test_a_question_is_embedded_once(home: Settings, ingest: Ingest, openai_server: OpenAIServer) -> None:
    """Asked again, in another process too, it needs no server; another domain's instruction makes it another text."""
    await ingest(records(4), home)
    for _ in range(2):
        searcher = await Searcher.open(home)
        assert not (await searcher.search("Does aspirin prevent a stroke?")).warnings
        await searcher.close()
        openai_server.fault = faults.BUSY
    openai_server.heal()
    openai_server.requests.clear()
    treatment = home.model_copy(update={"embedding": home.embedding.model_copy(update={"domain": "treatment"})})
    embedder = open_cached(treatment, retries=0, dimensions=64)
    assert embedder is not None
    await embedder.embed_query("Does aspirin prevent a stroke?")
    await embedder.close()
    assert len(openai_server.embedded) == 1


async def test_another_model_under_the_same_name_is_noticed(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """Vectors of two models never mix; clearing the cache is the way out, and the message says so."""
    await ingest(records(4), home)
    openai_server.fault = faults.Spoil(lambda vectors: [vector[1:] + vector[:1] for vector in vectors])
    with pytest.raises(SettingsError, match="not the model that it was") as caught:
        await ingest(records(8), home)
    assert "citewell index cache --clear" in caught.value.fix
    store = open_store(home)
    assert store is not None
    await store.clear()
    await store.close()
    assert (await ingest(records(8), home))[0].documents == 4


@pytest.mark.parametrize("damage", [b"no database at all", None], ids=["garbage", "torn"])
async def test_a_damaged_cache_is_replaced(
    damage: bytes | None, home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """The run goes on as if there had been none, and the next one finds what it kept."""
    await ingest(records(60), home)
    path = home.data_dir / FILE
    path.write_bytes(damage or path.read_bytes()[:4096] + b"\xff" * 60_000)
    for recalled in (0, 60):
        await delete_index(home)
        summary, watcher = await ingest(records(60), home)
        assert (summary.documents, summary.recalled, watcher.warnings) == (60, recalled, [])
    assert len(openai_server.embedded) == 2 * 60 + 3


async def test_a_cache_that_cannot_be_written_is_told_once(home: Settings, ingest: Ingest) -> None:
    """A folder in its place: one warning, everything stored."""
    (home.data_dir / FILE).mkdir(parents=True)
    summary, watcher = await ingest(records(300), home)
    assert summary.documents == 300
    (warning,) = watcher.warnings
    assert "without the embedding cache" in warning


async def test_it_stays_within_its_bound(tmp_path: Path) -> None:
    """What was not used for longest goes, what was used of late stays."""
    store = SqliteStore(tmp_path / FILE, 2**20)
    keys = [n.to_bytes(16, "big") for n in range(1_000)]
    await store.put([(key, b"x" * 4096) for key in keys[:100]])
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("UPDATE vectors SET used = used - 100000")
    assert all(await store.get(keys[:10]))
    for start in range(100, 1_000, 100):
        await store.put([(key, b"x" * 4096) for key in keys[start : start + 100]])
        known = await store.get(keys)
        if start == 100:
            assert all(known[:10])
    assert not any(known[10:100])
    assert all(known[-100:])
    await store.close()
    assert (tmp_path / FILE).stat().st_size < 2 * 2**20
    assert not (tmp_path / FILE).stat().st_mode & 0o077


def test_several_processes_share_it(tmp_path: Path) -> None:
    """Four processes that write and read at once lose nothing and break nothing."""
    code = f"""
import asyncio, sys
from pathlib import Path
from ingest.cache_sqlite import SqliteStore
async def main(me):
    store = SqliteStore(Path({str(tmp_path / FILE)!r}), 2**30)
    for n in range(40):
        await store.put([(bytes([me, n]) * 8, b"v" * 400)])
        assert (await store.get([bytes([me, n]) * 8]))[0]
    await store.close()
asyncio.run(main(int(sys.argv[1])))
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        assert database.execute("SELECT count(*) FROM vectors").fetchone() == (160,)


async def test_redis_keeps_them_for_its_time(
    redis_url: str, flags: dict[str, Any], settings: SettingsFactory, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """A real Redis: a second machine with its own data folder embeds nothing; each key has its time to live; clearing works."""
    shared = {"cache.kind": "redis", "cache.url": redis_url, "cache.api_key": "secret-word", "cache.ttl_days": 0.5}
    await ingest(records(20), settings(flags | shared))
    openai_server.requests.clear()
    summary, watcher = await ingest(records(20), settings(flags | shared | {"index.name": "second"}))
    assert (summary.recalled, openai_server.embedded, watcher.warnings) == (20, PROBE, [])
    from redis import Redis

    with Redis.from_url(redis_url, password="secret-word") as client:
        keys = list(client.scan_iter(match="citewell:*"))
        assert len(keys) == 21
        assert all(0 < int(client.ttl(key)) <= 43_200 for key in keys)
        client.set("someone else's", 1)
        store = open_store(settings(flags | shared))
        assert store is not None
        assert "Redis" in await store.state()
        await store.clear()
        await store.close()
        assert client.dbsize() == 1
    store = open_store(settings(flags | shared | {"cache.api_key": "wrong"}))
    assert store is not None
    with pytest.raises(CacheUnusable, match="refuses the password"):
        await store.state()
    await store.close()


async def test_a_redis_that_goes_away_is_told_once(
    tmp_path: Path, flags: dict[str, Any], settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """The ingest goes on without it, and a question too, which says so."""
    with redis(tmp_path) as url:
        home = settings(flags | {"cache.kind": "redis", "cache.url": url, "cache.api_key": "secret-word"})
        await pipeline.ingest([str(corpus(records(20)))], home, Watcher())
    watcher = Watcher()
    summary = await pipeline.ingest([str(corpus(records(300), "more.jsonl"))], home, watcher)
    assert summary.documents == 280
    (warning,) = watcher.warnings
    assert "without the embedding cache" in warning
    assert "secret-word" not in warning
    searcher = await Searcher.open(home)
    first, second = [await searcher.search("Does aspirin prevent a stroke?") for _ in range(2)]
    await searcher.close()
    assert [len(found.warnings) for found in (first, second)] == [1, 0]


def test_an_address_shows_no_password(settings: SettingsFactory) -> None:
    """A password in the address is refused, since addresses are shown."""
    with pytest.raises(SettingsError, match="no password"):
        settings({"cache.kind": "redis", "cache.url": "redis://:secret@localhost/0"})
