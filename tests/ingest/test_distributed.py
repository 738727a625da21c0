"""The ingest on Ray: the same index as on one machine, whatever is repeated."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import InputError, NotInstalled, ServerBusy
from ingest import distributed, pipeline
from ingest.distributed import Worker, ingest_on_ray, read_files
from ingest.index.base import Counts
from ingest.index.open import ledger_of, open_index
from ingest.ledger import open_ledger
from ingest.run import PLAIN
from tests.support import faults
from tests.support.corpora import Watcher, record, records

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.support.openai_server import OpenAIServer
    from tests.support.qdrant_server import QdrantServer

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: citewell[ray]")


@pytest.fixture
def home(settings: SettingsFactory, qdrant_server: QdrantServer, openai_server: OpenAIServer) -> Settings:
    """Settings of an index on the server, with vectors."""
    return settings(
        {
            "index.home": "server",
            "index.url": qdrant_server.url,
            "embedding.provider": "openai",
            "embedding.url": openai_server.url,
        }
    )


async def held(home: Settings) -> dict[str, str]:
    """Every document of the index and its hash; that none is there twice and the ledger says the same is seen to."""
    index = await open_index(home)
    try:
        found = {one.id: one.hash async for one in index.documents()}
        assert await index.counts() == Counts(len(found), len(found))
        ledger = await open_ledger(ledger_of(home), index)
        assert ledger.hashes(list(found)) == found
        ledger.close()
        return found
    finally:
        await index.close()


def block(path: Path) -> dict[str, Any]:
    """The rows of a file, as Ray hands them to a worker."""
    (rows,) = read_files({"file": [str(path)]})
    return rows


@needs_ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.xdist_group("ray")
async def test_two_workers_make_what_one_machine_makes(
    home: Settings,
    settings: SettingsFactory,
    corpus: CorpusWriter,
    tmp_path: Path,
    qdrant_server: QdrantServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over three files, with a reject and an id that is in two of them; a second run stores nothing."""
    import ray

    monkeypatch.setattr(distributed, "_ROWS", 8)
    (tmp_path / "files").mkdir()
    corpus([*records(40), {"id": "bad"}], "files/a.jsonl")
    corpus([record(n) for n in range(40, 70)], "files/b.jsonl")
    corpus([{**record(3), "abstract": "Another text."}, record(70)], "files/c.jsonl")
    path, watcher = str(tmp_path / "files"), Watcher()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        summary = await ingest_on_ray([path], home, watcher, 2)
        assert (summary.failed, len(watcher.rejects)) == (1, 1)
        again = await ingest_on_ray([path], home, Watcher(), 2)
    finally:
        ray.shutdown()
    alone = settings({"index.name": "alone", "index.home": "server", "index.url": qdrant_server.url})
    await pipeline.ingest([path], alone, Watcher())
    assert await held(home) == await held(alone)
    assert (again.documents - again.replaced, again.failed) == (0, 1)


async def test_a_repeated_task_is_harmless(home: Settings, corpus: CorpusWriter, openai_server: OpenAIServer) -> None:
    """A worker that stores a block again, as after a lost machine, finds it stored; an edited block replaces."""
    await pipeline.ingest([str(corpus([]))], home, Watcher())
    rows = block(corpus(records(20)))
    edited = block(corpus([{**record(n), "abstract": f"Now about zebra {n}."} for n in range(20)]))

    def work() -> list[dict[str, Any]]:
        worker = Worker(home)
        return [json.loads(worker(batch)["told"][0])["summary"] for batch in (rows, rows, edited)]

    first, second, third = await asyncio.to_thread(work)
    assert (first["documents"], second["documents"], second["skipped"]) == (20, 0, 20)
    assert (third["documents"], third["replaced"]) == (20, 20)
    assert len(await held(home)) == 20


async def test_what_a_worker_fails_by_is_told_here(
    home: Settings, corpus: CorpusWriter, qdrant_server: QdrantServer
) -> None:
    """As the same error, not as a traceback of Ray."""
    await pipeline.ingest([str(corpus([]))], home, Watcher())
    qdrant_server.fault = faults.Status(503, "busy")
    rows = block(corpus(records(2)))

    (told,) = (await asyncio.to_thread(lambda: Worker(home)(rows)))["told"]
    qdrant_server.heal()
    async with pipeline.opened(home, Watcher(), PLAIN) as run:
        with pytest.raises(ServerBusy) as caught:
            distributed._take(json.loads(told), run, Watcher())
    assert caught.value.where == qdrant_server.url


@pytest.mark.parametrize("path", ["-", "pubmed:heart"])
async def test_what_ray_cannot_read_is_refused(path: str, home: Settings) -> None:
    """Standard input and PubMed stay with this machine."""
    with pytest.raises(InputError, match="files and folders"):
        await ingest_on_ray([path], home, Watcher(), 2)


async def test_an_embedded_index_is_refused(settings: SettingsFactory, corpus: CorpusWriter) -> None:
    """It is one machine's; the message says what to set."""
    with pytest.raises(InputError, match="embedded") as caught:
        await ingest_on_ray([str(corpus(records(1)))], settings(), Watcher(), 2)
    assert "index.home=server" in caught.value.fix


async def test_without_ray_the_extra_is_named(
    home: Settings, corpus: CorpusWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to add it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotInstalled) as caught:
        await ingest_on_ray([str(corpus(records(1)))], home, Watcher(), 2)
    assert "citewell[ray]" in caught.value.fix
