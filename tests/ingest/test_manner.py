"""How an ingest goes about it: what vanished is pruned, a dry run only tells, strict ends at the first reject."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import IndexMissing, InputError
from configs.settings import Settings
from ingest import run
from ingest.documents import Document
from ingest.index.open import open_index
from ingest.pipeline import ingest, opened
from ingest.run import Manner
from tests.conftest import SettingsFactory
from tests.support.corpora import Watcher, record
from tests.support.openai_server import OpenAIServer

PRUNE, DRY, STRICT = Manner(prune=True), Manner(dry_run=True), Manner(strict=True)


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """A lexical index."""
    return settings()


def write(path: Path, *numbers: int, broken: bool = False) -> str:
    """A file with these records, and perhaps a broken line at its end."""
    lines = [json.dumps(record(n)) for n in numbers] + ["{broken"] * broken
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(path)


async def stored(settings: Settings) -> set[str]:
    """The ids in the index."""
    index = await open_index(settings)
    try:
        return {document.id async for document in index.documents()}
    finally:
        await index.close()


async def test_prune_deletes_what_its_source_no_longer_has(home: Settings, tmp_path: Path) -> None:
    """A record taken out of its file, and a file taken out of its folder, leave the index; others stay."""
    folder = tmp_path / "notes"
    write(folder / "a.jsonl", 1, 2)
    write(folder / "b.jsonl", 3)
    other = write(tmp_path / "other.jsonl", 4)
    await ingest([str(folder), other], home, Watcher())
    write(folder / "a.jsonl", 1)
    (folder / "b.jsonl").unlink()
    watcher = Watcher()
    summary = await ingest([str(folder)], home, watcher, PRUNE)
    assert (summary.pruned, sorted(watcher.removed)) == (2, ["doc-2", "doc-3"])
    assert await stored(home) == {"doc-1", "doc-4"}
    assert (await ingest([str(folder)], home, Watcher(), PRUNE)).pruned == 0


async def test_without_prune_nothing_is_deleted(home: Settings, tmp_path: Path) -> None:
    """An ingest adds; only who asks for it has anything taken away."""
    path = tmp_path / "a.jsonl"
    await ingest([write(path, 1, 2)], home, Watcher())
    await ingest([write(path, 1)], home, Watcher())
    assert await stored(home) == {"doc-1", "doc-2"}


async def test_a_record_that_moved_to_another_file_is_not_pruned(home: Settings, tmp_path: Path) -> None:
    """It has not vanished: it is there under the same id."""
    folder = tmp_path / "notes"
    write(folder / "a.jsonl", 1, 2)
    await ingest([str(folder)], home, Watcher())
    write(folder / "a.jsonl", 1)
    write(folder / "b.jsonl", 2)
    assert (await ingest([str(folder)], home, Watcher(), PRUNE)).pruned == 0
    (folder / "b.jsonl").unlink()
    assert (await ingest([str(folder)], home, Watcher(), PRUNE)).pruned == 1


async def test_a_damaged_file_costs_none_of_its_records(home: Settings, tmp_path: Path) -> None:
    """Where something cannot be read, what is missing may be what cannot be read: it is kept."""
    path = tmp_path / "a.jsonl"
    await ingest([write(path, 1, 2)], home, Watcher())
    summary = await ingest([write(path, 1, broken=True)], home, Watcher(), PRUNE)
    assert (summary.pruned, summary.failed) == (0, 1)
    assert await stored(home) == {"doc-1", "doc-2"}


async def test_what_is_read_from_a_pipe_cannot_be_pruned(home: Settings) -> None:
    """Nobody can tell what a pipe held before: an error, before anything is read."""
    with pytest.raises(InputError, match="standard input"):
        await ingest(["-"], home, Watcher(), PRUNE)


async def test_a_dry_run_tells_and_does_nothing(home: Settings, tmp_path: Path) -> None:
    """New, edited, unchanged, vanished and broken records are counted as a real run would; the index is as before."""
    path = tmp_path / "a.jsonl"
    await ingest([write(path, 1, 2, 3)], home, Watcher())
    before = await stored(home)
    lines = [json.dumps(record(1)), json.dumps(record(2) | {"abstract": "Edited."}), json.dumps(record(9)), "{broken"]
    path.write_text("\n".join(lines), "utf-8")
    summary = await ingest([str(path)], home, Watcher(), Manner(dry_run=True, prune=True))
    told = (summary.documents, summary.skipped, summary.replaced, summary.failed, summary.dry_run)
    assert told == (2, 1, 1, 1, True)
    assert await stored(home) == before
    assert (await ingest([str(path)], home, Watcher())).documents == 2


async def test_a_dry_run_counts_as_a_real_one(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids and texts that come again, batches later, are told as they will be told, from an empty index as from a full one."""
    monkeypatch.setattr(run, "_BATCH", 2)
    again = [record(0) | {"abstract": "Edited."}, record(1), record(2) | {"id": "copy"}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in [*map(record, range(10)), *again]), "utf-8")
    for _ in range(2):
        dry, real = [await ingest([str(path)], home, Watcher(), manner) for manner in (DRY, Manner())]
        assert [dry.documents, dry.skipped, dry.replaced, dry.duplicates] == [
            *(real.documents, real.skipped, real.replaced, real.duplicates)
        ]


async def test_a_dry_run_makes_no_index(home: Settings, tmp_path: Path) -> None:
    """Trying out leaves nothing behind, and asks no embedder."""
    summary = await ingest([write(tmp_path / "a.jsonl", 1, 2)], home, Watcher(), DRY)
    assert (summary.documents, summary.passages) == (2, 2)
    with pytest.raises(IndexMissing):
        await open_index(home)


async def test_a_failure_is_told_while_the_input_waits(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    """A pipe that stays open does not hide that a batch has failed: the run ends then, not with the next record."""
    openai_server.context_length = 20
    home = settings({"embedding.provider": "openai", "embedding.url": openai_server.url})
    over = threading.Event()

    def records() -> Iterator[tuple[None, Document]]:
        yield None, Document("long", "Title", "word " * 100)
        over.wait(30)

    try:
        async with opened(home, Watcher(), STRICT) as begun:
            with pytest.raises(InputError, match="the embedder refuses it"):
                async with asyncio.timeout(20):
                    await begun.over(records())
    finally:
        over.set()


async def test_strict_ends_at_the_first_reject(home: Settings, tmp_path: Path) -> None:
    """Whoever wants all or an error gets the error, with file and line; what came before is kept."""
    first = write(tmp_path / "a.jsonl", 1, 2, broken=True)
    with pytest.raises(InputError, match="not valid JSON") as caught:
        await ingest([first, write(tmp_path / "b.jsonl", 3)], home, Watcher(), STRICT)
    assert caught.value.where == f"{first}:3"
    assert "doc-3" not in await stored(home)
