"""The index: both homes keep the same promises and find the same passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from configs.errors import IndexMissing
from ingest.documents import Document
from ingest.index.base import Counts, Entry
from ingest.index.open import create_index, delete_index, list_indexes, open_index
from ingest.lexical import LexicalEncoder, SparseVector
from tests.support import bag_of_words
from tests.support.corpora import entries, records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from configs.settings import Settings
    from ingest.index.base import Index
    from tests.conftest import SettingsFactory
    from tests.support.qdrant_server import QdrantServer

DIMENSIONS = 32


def documents(count: int = 40) -> list[Document]:
    """Some documents with metadata."""
    return [Document(r["id"], r["title"], r["abstract"], {"year": r["year"]}) for r in records(count)]


def long_document(version: str, sentences: int) -> Document:
    """A document of several passages."""
    text = " ".join(f"Patient {n} of the {version} version was given aspirin and did well." for n in range(sentences))
    return Document("long", "A long one", text)


@pytest.fixture(params=["embedded", "server"])
def home(request: pytest.FixtureRequest, settings: SettingsFactory) -> Settings:
    """Settings for each home of the index, with a small passage size and dense vectors."""
    flags = {
        "index.home": request.param,
        "embedding.provider": "openai",
        "embedding.dimensions": DIMENSIONS,
        "chunking.size": 64,
        "chunking.overlap": 0,
    }
    if request.param == "server":
        server: QdrantServer = request.getfixturevalue("qdrant_server")
        flags["index.url"] = server.url
    return settings(flags)


@pytest.fixture
async def index(home: Settings) -> AsyncIterator[Index]:
    """A new, empty index."""
    made = await create_index(home, DIMENSIONS)
    yield made
    await made.close()


async def fill(index: Index, home: Settings, some: list[Document]) -> list[Entry]:
    """Store documents and return their entries."""
    stored = [entry for document in some for entry in entries(document, home, DIMENSIONS)]
    await index.store(stored, [])
    return stored


async def test_what_is_stored_comes_back_whole(index: Index, home: Settings) -> None:
    """Text, spans and metadata of any shape survive, in the order asked for; strangers are left out."""
    odd = Document(
        "odd",
        "标题 \x00 \x1b[31m",
        "A line.\r\n\t第二行。 🫀",
        {"a.b": 1, "": None, "nest": {"list": [1, 2.5, {"deep": [True, "x\0y"]}]}, "big": 2**63 - 1, "pi": 3.14159},
    )
    stored = await fill(index, home, [*documents(5), odd])
    wanted = [stored[n].passage for n in (5, 0, 3)]
    unknown = "00000000-0000-4000-8000-000000000000"
    fetched = await index.fetch([wanted[0].point_id, unknown, *(p.point_id for p in wanted[1:])])
    assert fetched == wanted


async def test_counts_and_documents_say_what_it_holds(index: Index, home: Settings) -> None:
    """A document of several passages counts once; storing it again changes nothing."""
    everything = [*documents(), long_document("first", 30)]
    stored = await fill(index, home, everything)
    assert len(stored) > len(everything)
    await fill(index, home, everything)
    assert await index.counts() == Counts(len(everything), len(stored))
    listed = {(d.id, d.hash, d.text_hash) async for d in index.documents()}
    assert listed == {(d.id, d.hash, d.text_hash) for d in everything}


async def test_an_empty_index_is_no_special_case(index: Index) -> None:
    """It counts nothing, lists nothing and finds nothing."""
    found = await index.candidates(SparseVector([1], [1.0]), bag_of_words.embed("aspirin", DIMENSIONS), 5)
    assert (await index.counts(), found.lexical, found.dense) == (Counts(0, 0), [], [])
    assert [d async for d in index.documents()] == []
    assert await index.fetch([]) == []


async def test_an_edit_leaves_nothing_of_the_old_version(index: Index, home: Settings) -> None:
    """A shorter new version replaces all passages of the longer old one, and touches no other document."""
    others = documents(10)
    await fill(index, home, [*others, long_document("first", 40)])
    edited = entries(long_document("second", 8), home, DIMENSIONS)
    await index.store(edited, ["long"])
    assert await index.counts() == Counts(len(others) + 1, len(others) + len(edited))
    query = LexicalEncoder(home.lexical).query("first version")
    (found,) = await index.fetch([(await index.candidates(query, None, 1)).lexical[0].point_id])
    assert found.text.count("second version") > 0


async def test_each_half_ranks_its_own_and_gives_no_more_than_asked(index: Index, home: Settings) -> None:
    """The document that is about the question leads both halves; a missing query gives an empty half."""
    stored = await fill(index, home, documents())
    lexical = LexicalEncoder(home.lexical).query("warfarin in patients with diabetes")
    dense = bag_of_words.embed("Warfarin in diabetes", DIMENSIONS)
    both = await index.candidates(lexical, dense, 7)
    assert [len(both.lexical), len(both.dense)] == [7, 7]
    assert both.lexical[0].point_id == both.dense[0].point_id == stored[1].passage.point_id
    assert [h.score for h in both.lexical] == sorted((h.score for h in both.lexical), reverse=True)
    only_words = await index.candidates(lexical, None, 7)
    assert (only_words.lexical, only_words.dense) == (both.lexical, [])
    only_meaning = await index.candidates(SparseVector([], []), dense, 3)
    assert (only_meaning.lexical, only_meaning.dense) == ([], both.dense[:3])
    nothing = await index.candidates(SparseVector([], []), None, 3)
    assert (nothing.lexical, nothing.dense) == ([], [])


async def test_a_vector_need_not_be_normalised(index: Index, home: Settings) -> None:
    """The score is the cosine, whatever the length of the vectors."""
    (document,) = documents(1)
    (stored,) = entries(document, home, DIMENSIONS)
    assert stored.dense is not None
    await index.store([Entry(stored.passage, stored.lexical, [3 * x for x in stored.dense])], [])
    (hit,) = (await index.candidates(SparseVector([], []), [0.5 * x for x in stored.dense], 1)).dense
    assert hit.score == pytest.approx(1.0, abs=1e-5)


async def test_it_is_found_again_with_its_manifest(index: Index, home: Settings) -> None:
    """Opened anew it is the same index, with what it held and how it was made."""
    await fill(index, home, documents(3))
    await index.flush()
    if home.index.home == "embedded":
        await index.close()
    again = await open_index(home)
    try:
        assert again.manifest == index.manifest
        assert await again.counts() == Counts(3, 3)
        assert await list_indexes(home) == ["default"]
        size = await again.size_bytes()
        assert size is None if home.index.home == "server" else size
    finally:
        await again.close()


async def test_deleting_leaves_nothing(home: Settings) -> None:
    """After a delete there is none, which both opening and deleting again say by name."""
    await (await create_index(home, DIMENSIONS)).close()
    await delete_index(home)
    assert await list_indexes(home) == []
    for gone in (open_index(home), delete_index(home)):
        with pytest.raises(IndexMissing, match="“default”"):
            await gone


async def test_both_homes_score_alike(settings: SettingsFactory, qdrant_server: QdrantServer) -> None:
    """Moving from a laptop to a server changes no ranking: the scores are the same numbers."""
    shared = {"embedding.provider": "openai", "embedding.dimensions": DIMENSIONS}
    query = LexicalEncoder(settings().lexical).query("does aspirin help against migraine and stroke")
    dense = bag_of_words.embed("aspirin against migraine", DIMENSIONS)
    scores = []
    for flags in ({"index.home": "embedded"}, {"index.home": "server", "index.url": qdrant_server.url}):
        home = settings({**shared, **flags})
        index = await create_index(home, DIMENSIONS)
        try:
            await fill(index, home, documents(60))
            found = await index.candidates(query, dense, 100)
            scores.append([{h.point_id: h.score for h in half} for half in (found.lexical, found.dense)])
        finally:
            await index.close()
    assert scores[0][0] == pytest.approx(scores[1][0], rel=1e-4)
    assert scores[0][1] == pytest.approx(scores[1][1], abs=1e-5)
