"""An ingest among failures: a server that fails now and then, a full or read-only disk, company, a file in motion."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import IndexStoreError
from ingest import embedding_stage, pipeline, reading, run
from ingest.documents import Document
from ingest.index.base import Counts
from ingest.index.open import folder_of, ledger_of, open_index
from ingest.ledger import open_ledger
from ingest.readers import registry
from ingest.readers.base import Rejected
from ingest.run import Manner
from tests.support import faults
from tests.support.corpora import Watcher, entries, record, records
from tests.support.kills import forked, ingest_until

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from ingest.progress import Summary
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.openai_server import OpenAIServer
    from tests.support.qdrant_server import QdrantServer

_FAULTS = (
    faults.BUSY,
    faults.CRASHED,
    faults.Hang(),
    faults.Reset(),
    faults.Garbage(),
    faults.TOO_FEW_VECTORS,
    faults.NAN_VECTORS,
    faults.SHORT_VECTORS,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, full ones however slow the machine; short waits."""
    monkeypatch.setattr(run, "_BATCH", 8)
    monkeypatch.setattr(reading, "_SOON", 60.0)
    monkeypatch.setattr(embedding_stage, "_SHORTEST_WAIT", 0.01)


async def documents(home: Settings) -> int:
    """How many the index holds."""
    index = await open_index(home)
    try:
        return (await index.counts()).documents
    finally:
        await index.close()


async def sound(home: Settings, count: int) -> None:
    """The index holds so many documents, each once, and its ledger the same."""
    index = await open_index(home)
    try:
        held = [document async for document in index.documents()]
        assert await index.counts() == Counts(count, count)
        ledger = await open_ledger(ledger_of(home), index)
        assert ledger.hashes([one.id for one in held]) == {one.id: one.hash for one in held}
        assert len(held) == count
        ledger.close()
    finally:
        await index.close()


@pytest.mark.usefixtures("small")
async def test_a_server_that_fails_every_fifth_time_costs_no_document(
    settings: SettingsFactory, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """Busy, crashed, hanging, cut off, short of vectors, NaN, of another size: all is asked again, and all is stored."""
    draw = random.Random(5)  # noqa: S311
    kinds = [*_FAULTS, *draw.choices(_FAULTS, k=12)]
    failing = set(draw.sample(range(100), len(kinds)))
    openai_server.faults.extend([None, *(kinds.pop() if n in failing else None for n in range(100))])
    home = settings(
        {
            "embedding.provider": "openai",
            "embedding.url": openai_server.url,
            "embedding.batch_size": 2,
            "embedding.timeout": 1,
            "index.shared": False,
        }
    )
    summary, watcher = await ingest(records(160), home)
    assert (summary.documents, summary.failed, watcher.rejects) == (160, 0, [])
    assert summary.retries >= 16
    await sound(home, 160)


class Cut(Watcher):
    """Does something when half is stored."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self._act = act

    def progressed(self, summary: Summary, origin: str) -> None:
        """See `Observer`."""
        super().progressed(summary, origin)
        if summary.documents == 16:
            self._act()


@pytest.mark.usefixtures("small")
async def test_a_disk_that_fills_up_in_mid_run_is_told(
    settings: SettingsFactory, corpus: CorpusWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored stays, and once there is space the same call goes on."""
    home, path = settings({"index.shared": False}), str(corpus(records(32)))
    with monkeypatch.context() as disk:
        none = shutil.disk_usage("/")._replace(free=0)
        watcher = Cut(lambda: disk.setattr(shutil, "disk_usage", lambda _: none))
        with pytest.raises(IndexStoreError, match="0 MiB are free") as caught:
            await pipeline.ingest([path], home, watcher)
    assert "Free some space" in caught.value.fix
    await sound(home, 16)
    await pipeline.ingest([path], home, Watcher())
    await sound(home, 32)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("pragma", "told"), [("max_page_count = 1", "full"), ("query_only = 1", "readonly")], ids=["full", "read-only"]
)
async def test_a_ledger_that_cannot_be_written_is_told(
    pragma: str, told: str, settings: SettingsFactory, corpus: CorpusWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, with what to check; what the index had got by then is found and kept."""
    home = settings({"index.shared": False})
    opened: dict[Path, sqlite3.Connection] = {}
    connect = sqlite3.connect

    def remember(file: Path, **more: Any) -> sqlite3.Connection:
        return opened.setdefault(file, connect(file, **more))

    more = str(corpus([{**record(n), "id": f"{n}-{'x' * 400}"} for n in range(32)]))
    with monkeypatch.context() as disk:
        disk.setattr(sqlite3, "connect", remember)
        with pytest.raises(IndexStoreError, match=told) as caught:
            await pipeline.ingest([more], home, Cut(lambda: opened[ledger_of(home)].execute(f"PRAGMA {pragma}")))
    assert caught.value.where == str(ledger_of(home))
    assert "disk" in caught.value.fix
    got = await documents(home)
    assert got in (24, 32)  # the batch after the one that could not be noted may have been stored, too
    await sound(home, got)
    await pipeline.ingest([more], home, Watcher())
    await sound(home, 32)


@pytest.mark.xdist_group("forked")
async def test_two_ingests_into_one_server_share_the_ledger(
    settings: SettingsFactory, corpus: CorpusWriter, qdrant_server: QdrantServer
) -> None:
    """At the same time, from two processes, of the same and of other documents: both end, nothing is there twice."""
    flags = {"data_dir": str(settings().data_dir), "index.home": "server", "index.url": qdrant_server.url}
    home, context = settings(flags), forked()
    await pipeline.ingest([str(corpus([]))], home, Watcher())
    one, other = corpus(records(48), "one.jsonl"), corpus([record(n) for n in range(24, 64)], "other.jsonl")
    ends = await asyncio.gather(
        *(asyncio.to_thread(ingest_until, context, str(path), flags, None) for path in (one, other))
    )
    assert [status for status, _ in ends] == [0, 0]
    await sound(home, 64)


async def test_what_a_rebuilt_ledger_knew_of_sources_can_still_be_pruned(
    settings: SettingsFactory, corpus: CorpusWriter
) -> None:
    """After a crash between storing and noting, what vanished from its file is deleted all the same."""
    home = settings({"index.shared": False})
    path = str(corpus(records(4)))
    await pipeline.ingest([path], home, Watcher())
    index = await open_index(home)
    await index.store(entries(Document("unnoted", "T", "Text."), home), [])
    await index.close()
    corpus(records(2))
    watcher = Watcher()
    await pipeline.ingest([path], home, watcher, Manner(prune=True))
    assert sorted(watcher.removed) == ["doc-2", "doc-3"]


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_read_is_told(change: str, corpus: CorpusWriter) -> None:
    """What was read of it is used; that it has to be read again is said, as a reject."""
    path: Path = corpus(records(20_000))
    read = registry.read(str(path))
    next(read)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 if change == "shrinks" else path.stat().st_size + 1)
    *_, last = read
    assert isinstance(last, Rejected)
    assert "changed while it was read" in last.reason


async def test_a_file_that_changes_prunes_nothing(
    settings: SettingsFactory, corpus: CorpusWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing from it may only not have been written yet."""
    home = settings({"index.shared": False})
    path = corpus(records(4))
    await pipeline.ingest([str(path)], home, Watcher())
    corpus(records(2))
    reader_of = registry.reader_of

    def touching(kind: str) -> Any:
        with path.open("ab") as file:
            file.write(b"\n")
        return reader_of(kind)

    monkeypatch.setattr(registry, "reader_of", touching)
    watcher = Watcher()
    summary = await pipeline.ingest([str(path)], home, watcher, Manner(prune=True))
    assert (summary.pruned, summary.failed) == (0, 1)
    assert (folder_of(home) / "manifest.json").exists()
