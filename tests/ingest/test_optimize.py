"""An index optimized on a copy: found as before, nothing stored meanwhile lost, sound after a kill at any moment."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from configs.errors import IndexInUse, IndexStoreError
from ingest.documents import Document
from ingest.index import optimize as optimizing
from ingest.index.base import Counts, Entry
from ingest.index.client import SharedIndex
from ingest.index.embedded import EmbeddedIndex
from ingest.index.open import create_index, folder_of, open_index, optimize_index
from ingest.lexical import SparseVector
from tests.ingest.test_owner import kill, pid
from tests.support.corpora import entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from configs.settings import Settings
    from tests.conftest import SettingsFactory

DIMENSIONS = 8
NOTHING = SparseVector([], [])


@pytest.fixture(params=[True, False], ids=["shared", "alone"])
def home(request: pytest.FixtureRequest, settings: SettingsFactory) -> Settings:
    """Settings of an index with dense vectors, shared and not."""
    return settings({"embedding.provider": "openai", "embedding.dimensions": DIMENSIONS, "index.shared": request.param})


@pytest.fixture
def shared(settings: SettingsFactory) -> Settings:
    """Settings of an index with dense vectors."""
    return settings({"embedding.provider": "openai", "embedding.dimensions": DIMENSIONS})


def batch(home: Settings, first: int, last: int, text: str = "aspirin") -> list[Entry]:
    """Entries of some documents, each with a vector of its own."""
    made = []
    for n in range(first, last):
        chance = random.Random(f"{n} {text}")  # noqa: S311 — no secret
        (entry,) = entries(Document(f"d-{n}", f"Title {n}", f"Abstract {n} about {text}."), home)
        made.append(Entry(entry.passage, entry.lexical, [chance.gauss(0, 1) for _ in range(DIMENSIONS)]))
    return made


@pytest.fixture
async def filled(shared: Settings) -> AsyncIterator[SharedIndex]:
    """A shared index of 300 documents."""
    index = await create_index(shared, DIMENSIONS)
    assert isinstance(index, SharedIndex)
    await index.store(batch(shared, 0, 300), [])
    yield index
    await index.close()


async def found(index: SharedIndex | EmbeddedIndex, entry: Entry) -> bool:
    """Whether a stored passage is the nearest to its own vector and comes back whole."""
    (hit,) = (await index.candidates(NOTHING, entry.dense, 1)).dense
    return await index.fetch([hit.point_id]) == [entry.passage]


async def test_an_optimized_index_holds_and_finds_what_it_did(home: Settings) -> None:
    """All passages are in the graph, each is found by its own vector, and nothing but the shard is left."""
    index = await create_index(home, DIMENSIONS)
    stored = batch(home, 0, 300)
    await index.store(stored, [])
    await index.close()
    told: list[str] = []
    assert await optimize_index(home, told.append) == 300
    assert told[0] == "Copying the index"
    index = await open_index(home)
    assert isinstance(index, SharedIndex | EmbeddedIndex)
    assert await index.unoptimized() == 0
    assert await index.counts() == Counts(300, 300)
    assert [entry for entry in stored[::10] if not await found(index, entry)] == []
    assert not [path for path in folder_of(home).iterdir() if path.name.startswith("shard.")]
    await index.close()
    assert await optimize_index(home, told.append) == 0


async def test_what_is_stored_meanwhile_is_carried_over(
    shared: Settings, filled: SharedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New, edited and deleted documents are in the new shard as they were in the old; searches go on all the while."""
    build = optimizing._build
    edited, added = batch(shared, 0, 3, "zebras"), batch(shared, 300, 310)

    async def busy(copy: str, progress: optimizing.Progress) -> None:
        await build(copy, progress)
        await filled.store(edited, [entry.passage.doc_id for entry in edited])
        await filled.store([], ["d-10", "d-11"])
        await filled.store(added, [])

    monkeypatch.setattr(optimizing, "_build", busy)
    asked = asyncio.create_task(optimize_index(shared, lambda _: None))
    while not asked.done():
        assert await found(filled, batch(shared, 20, 21)[0])
        await asyncio.sleep(0.01)
    assert await asked == 300
    assert await filled.counts() == Counts(308, 308)
    for entry in [*edited, *added, *batch(shared, 20, 30)]:
        assert await found(filled, entry)
    ids = [entry.passage.point_id for entry in batch(shared, 0, 12)]
    assert len(await filled.fetch(ids)) == 12 - 3 - 2


async def test_an_owner_killed_meanwhile_costs_a_second_try(
    shared: Settings, filled: SharedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy that a dead owner knew of is not taken for this one's; it is made again."""
    build = optimizing._build
    copies: list[str] = []

    async def deadly(copy: str, progress: optimizing.Progress) -> None:
        await build(copy, progress)
        copies.append(copy)
        if len(copies) == 1:
            kill(pid(filled), signal.SIGKILL)

    monkeypatch.setattr(optimizing, "_build", deadly)
    assert await optimize_index(shared, lambda _: None) == 300
    assert len(set(copies)) == 2
    assert await filled.unoptimized() == 0
    assert await filled.counts() == Counts(300, 300)


async def test_an_optimizer_that_fails_leaves_the_index_as_it_was(
    shared: Settings, filled: SharedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit status and the log are named."""
    copy = SharedIndex.copy

    async def damaged(self: SharedIndex) -> str:
        path = await copy(self)
        shutil.rmtree(path)
        return path

    monkeypatch.setattr(SharedIndex, "copy", damaged)
    with pytest.raises(IndexStoreError, match="could not be optimized") as caught:
        await optimize_index(shared, lambda _: None)
    assert "the index is as it was" in caught.value.fix
    assert await filled.counts() == Counts(300, 300)


async def test_only_one_optimizes_at_a_time(shared: Settings, filled: SharedIndex) -> None:
    """A second one is told of the first; when that has gone, it may."""
    other = await open_index(shared)
    assert isinstance(other, SharedIndex)
    await other.copy()
    with pytest.raises(IndexInUse, match="which optimizes it"):
        await filled.copy()
    await other.close()
    assert await optimize_index(shared, lambda _: None) == 300


@pytest.mark.parametrize("moment", ["copied", "old put aside", "exchanged"])
async def test_a_kill_at_any_moment_leaves_a_sound_index(moment: str, shared: Settings, filled: SharedIndex) -> None:
    """Whoever opens it next finds one whole shard, and clears away the rest."""
    copy = await filled.copy()
    kill(pid(filled))
    folder = folder_of(shared)
    if moment != "copied":
        (folder / "shard").rename(folder / "shard.old")
    if moment == "exchanged":
        folder.joinpath(re.sub(r".*/", "", copy)).rename(folder / "shard")
    assert await filled.counts() == Counts(300, 300)
    assert await found(filled, batch(shared, 7, 8)[0])
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["shard"]


async def test_there_has_to_be_space_for_the_copy(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk too full for it is told before anything is copied."""
    home = settings({"index.shared": False})
    index = await create_index(home, None)
    free = shutil.disk_usage(folder_of(home))._replace(free=64 * 2**20 + 1)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: free)
        assert isinstance(index, EmbeddedIndex)
        with pytest.raises(IndexStoreError, match="64 MiB are free") as caught:
            await index.copy()
    assert "Free some space" in caught.value.fix
    await index.close()
