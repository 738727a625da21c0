"""Ingest from end to end, lexical: what is stored, skipped, replaced and rejected, in both homes of the index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import IndexMissing, IndexStoreError, InputError
from ingest import pipeline
from ingest.index.base import Counts
from ingest.index.open import delete_index, folder_of, open_index
from tests.support.corpora import Watcher, record, records

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from ingest.progress import Summary
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.qdrant_server import QdrantServer


@pytest.fixture(params=["embedded", "server"])
def home(request: pytest.FixtureRequest, settings: SettingsFactory) -> Settings:
    """Settings for each home of the index."""
    if request.param == "embedded":
        return settings()
    server: QdrantServer = request.getfixturevalue("qdrant_server")
    return settings({"index.home": "server", "index.url": server.url})


async def held(home: Settings) -> Counts:
    """What the index holds now."""
    index = await open_index(home)
    try:
        return await index.counts()
    finally:
        await index.close()


async def found(home: Settings, question: str) -> list[str]:
    """The ids of all documents that answer, best first."""
    searcher = await Searcher.open(home)
    try:
        return [result.passage.doc_id for result in (await searcher.search(question, 100)).results]
    finally:
        await searcher.close()


def numbers(summary: Summary) -> tuple[int, int, int, int, int]:
    """Documents, skipped, failed, replaced, duplicates."""
    return summary.documents, summary.skipped, summary.failed, summary.replaced, summary.duplicates


async def test_a_corpus_is_stored_and_found(home: Settings, ingest: Ingest) -> None:
    """Every record counts, and a question finds the one that it is about."""
    summary, watcher = await ingest(records(60), home)
    assert numbers(summary) == (60, 0, 0, 0, 0)
    assert summary.passages == 60
    assert summary.index == "default"
    assert summary.seconds > 0
    assert watcher.progress[-1] == 60
    assert await held(home) == Counts(60, 60)
    assert (await found(home, "warfarin for diabetes"))[0] == "doc-1"


async def test_running_again_changes_nothing(home: Settings, ingest: Ingest) -> None:
    """The second run stores nothing and says so; the index stays as it was."""
    await ingest(records(60), home)
    summary, watcher = await ingest(records(60), home)
    assert numbers(summary) == (0, 60, 0, 0, 0)
    assert (summary.passages, watcher.replacements) == (0, [])
    assert await held(home) == Counts(60, 60)


async def test_new_records_are_added_and_missing_ones_kept(home: Settings, ingest: Ingest) -> None:
    """A second corpus adds to the first; what it does not name is not deleted."""
    await ingest(records(10), home)
    summary, _ = await ingest([record(n) for n in range(5, 20)], home)
    assert numbers(summary) == (10, 5, 0, 0, 0)
    assert await held(home) == Counts(20, 20)


async def test_an_edit_replaces_its_passages(home: Settings, ingest: Ingest) -> None:
    """Text that is gone from the corpus is found no more, and only the edited document is stored again."""
    await ingest(records(10), home)
    edited = {**record(3), "abstract": "Now it is about zebras."}
    summary, watcher = await ingest([edited if n == 3 else record(n) for n in range(10)], home)
    assert numbers(summary) == (1, 9, 0, 1, 0)
    assert watcher.replacements == ["doc-3"]
    assert await held(home) == Counts(10, 10)
    assert await found(home, "zebras") == ["doc-3"]
    assert "doc-3" not in await found(home, "tolerated")


async def test_an_edit_of_metadata_alone_is_an_edit(home: Settings, ingest: Ingest) -> None:
    """A corrected year is stored."""
    await ingest(records(3), home)
    summary, _ = await ingest([record(0), {**record(1), "year": 1889}, record(2)], home)
    assert numbers(summary) == (1, 2, 0, 1, 0)


async def test_the_same_id_again_replaces_the_earlier_record(home: Settings, ingest: Ingest) -> None:
    """The last one of a corpus wins, wherever the two stand; it is reported, and free when run again."""
    corpus = [*records(5), {**record(1), "abstract": "A second version on zebras."}, record(7)]
    summary, watcher = await ingest(corpus, home)
    assert numbers(summary) == (7, 0, 0, 1, 0)
    assert watcher.replacements == ["doc-1"]
    assert await held(home) == Counts(6, 6)
    assert await found(home, "zebras") == ["doc-1"]
    again, watcher = await ingest(corpus, home)
    assert numbers(again) == (0, 7, 0, 0, 0)
    assert watcher.replacements == []
    assert await found(home, "zebras") == ["doc-1"]


async def test_going_back_to_an_earlier_version_is_an_edit(home: Settings, ingest: Ingest) -> None:
    """A correction that is taken back is taken back in the index too."""
    second = {**record(0), "abstract": "A second version on zebras."}
    await ingest([record(0), record(1)], home)
    await ingest([second], home)
    summary, _ = await ingest([record(0), record(1)], home)
    assert numbers(summary) == (1, 1, 0, 1, 0)
    assert await found(home, "zebras") == []
    summary, _ = await ingest([second, record(0), second], home)
    assert numbers(summary)[0] == 1
    assert await found(home, "zebras") == ["doc-0"]


async def test_an_identical_duplicate_is_skipped(home: Settings, ingest: Ingest) -> None:
    """The same record twice in one corpus is one document."""
    summary, watcher = await ingest([record(0), record(1), record(0)], home)
    assert numbers(summary) == (2, 1, 0, 0, 0)
    assert (watcher.replacements, watcher.duplicates) == ([], [])
    assert await held(home) == Counts(2, 2)


async def test_the_same_content_under_another_id_is_kept_and_reported(home: Settings, ingest: Ingest) -> None:
    """In the same run and in a later one, with the id of the other."""
    summary, watcher = await ingest([record(0), {**record(0), "id": "copy"}], home)
    assert numbers(summary) == (2, 0, 0, 0, 1)
    assert watcher.duplicates == [("copy", "doc-0")]
    summary, watcher = await ingest([{**record(0), "id": "later", "year": 1}], home)
    assert summary.duplicates == 1
    assert watcher.duplicates[0][0] == "later"
    assert await held(home) == Counts(3, 3)


async def test_rejects_are_counted_and_the_rest_is_stored(home: Settings, ingest: Ingest, tmp_path: Path) -> None:
    """Each bad record is told with its line; the good ones around it are stored."""
    summary, watcher = await ingest([record(0), {"id": "x"}, record(1), {"title": "no id"}, record(2)], home)
    assert numbers(summary) == (3, 0, 2, 0, 0)
    assert [reject.origin for reject in watcher.rejects] == [f"{tmp_path}/corpus.jsonl:{n}" for n in (2, 4)]
    assert await held(home) == Counts(3, 3)


async def test_long_documents_become_several_passages(ingest: Ingest, settings: SettingsFactory) -> None:
    """They count as one document; an edit that makes one shorter leaves no passage of the longer behind."""
    home = settings({"chunking.size": 64, "chunking.overlap": 8})
    long = {"id": "long", "title": "T", "text": " ".join(f"Sentence {n} is about zebras and lions." for n in range(50))}
    summary, _ = await ingest([record(0), long], home)
    assert summary.documents == 2
    assert summary.passages > 8
    assert await held(home) == Counts(2, summary.passages)
    await ingest([{**long, "text": "Only lions now."}], home)
    assert await held(home) == Counts(2, 2)
    assert await found(home, "zebras") == []


async def test_an_empty_corpus_makes_an_empty_index(home: Settings, ingest: Ingest) -> None:
    """A file without records is no error; the index is there and empty."""
    summary, _ = await ingest([], home)
    assert numbers(summary) == (0, 0, 0, 0, 0)
    assert await held(home) == Counts(0, 0)


async def test_a_missing_path_stops_everything_before_it_starts(
    settings: SettingsFactory, corpus: CorpusWriter, tmp_path: Path
) -> None:
    """Where one of several paths is mistyped nothing is stored, and no empty index is left behind."""
    home = settings()
    with pytest.raises(InputError, match="no such file"):
        await pipeline.ingest([str(corpus(records(3))), str(tmp_path / "typo.jsonl")], home, Watcher())
    with pytest.raises(IndexMissing):
        await open_index(home)


async def test_a_deleted_index_is_filled_anew(home: Settings, ingest: Ingest) -> None:
    """The ledger of a deleted index does not make the next run skip what is no longer there."""
    await ingest(records(5), home)
    await delete_index(home)
    summary, _ = await ingest(records(5), home)
    assert numbers(summary) == (5, 0, 0, 0, 0)
    assert await held(home) == Counts(5, 5)


async def test_indexes_do_not_mix(ingest: Ingest, settings: SettingsFactory) -> None:
    """Two names are two indexes, each with its own ledger."""
    one, other = settings({"index.name": "one"}), settings({"index.name": "other"})
    await ingest(records(5), one)
    summary, _ = await ingest(records(3), other)
    assert summary.documents == 3
    assert (await held(one), await held(other)) == (Counts(5, 5), Counts(3, 3))


async def test_a_ledger_that_cannot_be_written_is_told(
    settings: SettingsFactory, ingest: Ingest, corpus: CorpusWriter
) -> None:
    """The message names the file, and what was stored is still there for the next run."""
    home = settings()
    await ingest(records(3), home)
    (folder_of(home) / "ledger.sqlite").unlink()
    (folder_of(home) / "ledger.sqlite").mkdir()
    with pytest.raises(IndexStoreError, match=r"ledger\.sqlite"):
        await pipeline.ingest([str(corpus(records(6)))], home, Watcher())
    (folder_of(home) / "ledger.sqlite").rmdir()
    summary, _ = await ingest(records(6), home)
    assert numbers(summary) == (3, 3, 0, 0, 0)


async def test_the_summary_is_what_json_prints(ingest: Ingest, settings: SettingsFactory) -> None:
    """The keys that scripts rely on are there and are JSON."""
    summary, _ = await ingest(records(2), settings())
    printed = json.loads(json.dumps(summary.to_json()))
    assert printed | {"documents": 2, "passages": 2, "skipped": 0, "failed": 0} == printed
    assert printed["seconds"] >= 0


async def test_real_abstracts_are_ingested_whole(shared_data: Path, settings: SettingsFactory) -> None:
    """PubMedQA's thousand abstracts: none is rejected, each is found again, a second run skips them all."""
    home = settings()
    path = shared_data / "pubmedqa" / "corpus.jsonl"
    count = path.read_bytes().count(b"\n")
    first = await pipeline.ingest([str(path)], home, Watcher())
    assert (first.documents, first.failed, first.replaced) == (count, 0, 0)
    assert (await held(home)).documents == count
    second = await pipeline.ingest([str(path)], home, Watcher())
    assert (second.documents, second.skipped) == (0, count)
