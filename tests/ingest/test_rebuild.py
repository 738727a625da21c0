"""An index made anew beside the old one: which answers until then, and is never harmed by a build that fails."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import IndexInUse, IndexMismatch, IndexStoreError, InputError, ServerError
from ingest import pipeline
from ingest.chunking import passages
from ingest.documents import Document
from ingest.index import succession
from ingest.index.open import delete_index, folder_of, ledger_of, list_indexes, open_index
from ingest.ledger import open_ledger
from ingest.rebuild import put_together, rebuild
from ingest.run import Manner
from tests.support import faults
from tests.support.corpora import Watcher, records

if TYPE_CHECKING:
    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.openai_server import OpenAIServer

REBUILD = """
import asyncio, json, sys
from configs.loading import load
from ingest import rebuild
from tests.support.corpora import Watcher
rebuild._PAGE = 4
asyncio.run(rebuild.rebuild(sys.argv[2:], load(flags=json.loads(sys.argv[1])).settings, Watcher()))
"""
QUESTION = "Trial 7 gave digoxin to 107 patients with hepatitis."


@pytest.fixture
def dense(openai_server: OpenAIServer) -> dict[str, Any]:
    """What turns those into settings with an embedder."""
    return {
        "embedding.provider": "openai",
        "embedding.url": openai_server.url,
        "embedding.batch_size": 4,
        "embedding.wait": 0,
        "cache.kind": "none",
    }


async def hashes(home: Settings) -> dict[str, str]:
    """The documents of an index."""
    index = await open_index(home)
    try:
        return {stored.id: stored.hash async for stored in index.documents()}
    finally:
        await index.close()


def start(flags: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A build in another process, four documents at a time."""
    return subprocess.Popen([sys.executable, "-c", REBUILD, json.dumps(flags)])


async def best(home: Settings) -> str:
    """The first document that a search finds."""
    searcher = await Searcher.open(home)
    try:
        return (await searcher.search(QUESTION, 1)).results[0].passage.doc_id
    finally:
        await searcher.close()


async def test_another_embedder_needs_no_paths(
    either_home: dict[str, Any], dense: dict[str, Any], settings: SettingsFactory, ingest: Ingest, corpus: CorpusWriter
) -> None:
    """The mismatch names the command; it makes the index anew of what it holds, metadata, sources and all."""
    old, new = settings(either_home), settings(either_home | dense)
    long = {"id": "long", "title": "Of sentences", "abstract": " ".join(f"This is sentence {n}." for n in range(400))}
    await ingest([*records(20), long], old)
    before = await hashes(old)
    with pytest.raises(IndexMismatch) as caught:
        await pipeline.ingest([str(corpus(records(20)))], new, Watcher())
    assert "citewell ingest --rebuild" in caught.value.fix
    summary = await rebuild([], new, Watcher())
    assert summary.documents == 21
    assert await hashes(new) == before
    assert await best(new) == "doc-7"
    assert await list_indexes(new) == ["default"]
    again = await pipeline.ingest([str(corpus([*records(20), long]))], new, Watcher())
    assert (again.documents, again.skipped) == (0, 21)
    await rebuild([], new, Watcher())  # and once more: the other slot
    assert await hashes(new) == before
    pruned = await pipeline.ingest([str(corpus(records(20)))], new, Watcher(), Manner(prune=True))
    assert pruned.pruned == 1
    await delete_index(new)
    assert await list_indexes(new) == []


async def test_other_passages_from_the_sources(
    either_home: dict[str, Any], settings: SettingsFactory, ingest: Ingest, corpus: CorpusWriter
) -> None:
    """From its paths: what they hold now, cut anew; what would be lost is refused, and let go with `prune`."""
    old = settings(either_home)
    await ingest(records(8), old)
    smaller = settings(either_home | {"chunking.size": 16, "chunking.overlap": 0})
    path = str(corpus(records(6)))
    with pytest.raises(InputError, match="lack 2 documents") as caught:
        await rebuild([path], smaller, Watcher())
    assert "--prune" in caught.value.fix
    assert len(await hashes(old)) == 8
    summary = await rebuild([path], smaller, Watcher(), Manner(prune=True))
    assert (summary.documents, summary.skipped) == (0, 6)
    index = await open_index(smaller)
    counts = await index.counts()
    await index.close()
    assert counts.documents == 6
    assert counts.passages > 6


async def test_the_old_one_answers_meanwhile_and_outlives_a_failure(
    either_home: dict[str, Any],
    dense: dict[str, Any],
    settings: SettingsFactory,
    ingest: Ingest,
    openai_server: OpenAIServer,
) -> None:
    """While the build waits for its embedder, and after it failed, the old index is found and searched as before."""
    old, new = settings(either_home), settings(either_home | dense)
    await ingest(records(20), old)
    openai_server.faults.append(None)
    openai_server.fault = faults.Hang()
    building = asyncio.create_task(rebuild([], new, Watcher()))
    await asyncio.to_thread(openai_server.wait_for, 2)
    assert await best(old) == "doc-7"
    if old.index.home == "embedded":
        with pytest.raises(IndexInUse):
            await ingest(records(21), old)
        with pytest.raises(IndexInUse):
            await rebuild([], new, Watcher())
    openai_server.fault = faults.Status(400, "no")
    openai_server.release()
    with pytest.raises(ServerError):
        await building
    assert await best(old) == "doc-7"
    openai_server.heal()
    await rebuild([], new, Watcher())
    assert await best(new) == "doc-7"


async def test_a_killed_build_is_taken_up_again(
    either_home: dict[str, Any],
    dense: dict[str, Any],
    settings: SettingsFactory,
    ingest: Ingest,
    openai_server: OpenAIServer,
) -> None:
    """Kill -9 in the middle: the old index is whole; the next try embeds only what was not stored, and no more."""
    old, new = settings(either_home), settings(either_home | dense)
    await ingest(records(40), old)
    openai_server.faults.extend([None] * 5)
    openai_server.fault = faults.Hang()
    process = start(either_home | dense)
    try:
        await asyncio.to_thread(openai_server.wait_for, 7)  # the probe, four batches, two that hang
    finally:
        process.kill()
        process.wait()
        openai_server.heal()
    assert await best(old) == "doc-7"
    assert len(await hashes(old)) == 40
    summary = await rebuild([], new, Watcher())
    assert summary.skipped >= 4
    assert summary.documents + summary.skipped == 40
    assert len(await hashes(new)) == 40


@pytest.mark.parametrize("done", [0, 1, 2, 3])
async def test_a_kill_amid_the_exchange_is_made_good(done: int, settings: SettingsFactory, ingest: Ingest) -> None:
    """However many parts were in their place, the next to open the index finds the new one."""
    home = settings({"index.shared": False})
    other = settings({"index.shared": False, "index.name": "other"})
    await ingest(records(4), home)
    await ingest(records(9), other)
    folder = folder_of(home)
    folder_of(other).rename(folder / "next")
    for part in succession._PARTS[:done]:
        source, target = folder / "next" / part, folder / part
        if target.is_dir():
            target.rename(folder / "gone")
        source.replace(target)
    assert len(await hashes(home)) == 9
    index = await open_index(home)
    ledger = await open_ledger(ledger_of(home), index)
    assert len(list(ledger.sources())) == 9
    ledger.close()
    await index.close()
    assert not (folder / "next").exists()


async def test_a_damaged_index_is_made_anew_from_its_paths(
    settings: SettingsFactory, ingest: Ingest, corpus: CorpusWriter
) -> None:
    """Where the old one cannot be read, paths are asked for, and leave to lose what they do not have."""
    home = settings({})
    await ingest(records(4), home)
    await delete_index(home)
    folder_of(home).mkdir()
    (folder_of(home) / "manifest.json").write_text('{"format": 1}')
    path = str(corpus(records(4)))
    for paths in ([], [path]):
        with pytest.raises(IndexStoreError, match="manifest is damaged") as caught:
            await rebuild(paths, home, Watcher())
        assert "citewell ingest PATH… --rebuild --prune" in caught.value.fix
    await rebuild([path], home, Watcher(), Manner(prune=True))
    assert len(await hashes(home)) == 4


@pytest.mark.parametrize("between", [" ", "\n", "\n\n"])
def test_a_document_is_put_together_exactly_or_not_at_all(between: str, settings: SettingsFactory) -> None:
    """White space between passages is found again; what was altered is noticed."""
    chunking = settings({"chunking.size": 16, "chunking.overlap": 0}).chunking
    text = between.join(f"The {n}th sentence says a thing or two about metformin and kidneys." for n in range(9))
    document = Document("a", "A title", text, {"year": 2020, "authors": ["Ä", "B"]})
    cut = passages(document, chunking)
    assert len(cut) > 3
    whole = put_together(cut[::-1])
    assert whole is not None
    assert (whole.hash, whole.text) == (document.hash, text)
    assert put_together(cut[:-1]) is None
    mixed = Document("b", "A title", text.replace("3th", "3th\t\t"), {})
    found = put_together(passages(mixed, chunking))
    assert found is None or found.hash == mixed.hash
