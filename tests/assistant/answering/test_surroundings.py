"""The text around a source: the rest of its page or section, out of the passages the index holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assistant.answering.answer import Answered
from assistant.answering.engine import Engine
from assistant.answering.surroundings import Surroundings, around
from configs.settings import Settings
from ingest import places
from ingest.documents import Document
from ingest.index.open import create_index
from tests.assistant.answering.examples import fill, source
from tests.support.corpora import entries

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.answering.answer import Source
    from tests.conftest import SettingsFactory
    from tests.support.qdrant_server import QdrantServer


def sentences(word: str, count: int) -> str:
    """Sentences of a section that tell their number."""
    return " ".join(f"In {word} number {n} the patient took aspirin and did well." for n in range(count))


METHODS, RESULTS = sentences("method", 20), sentences("result", 20)
TEXT = f"## Methods\n\n{METHODS}\n\n## Results\n\n{RESULTS}"


def sourced(document: Document, settings: Settings, words: str) -> Source:
    """The source that holds these words, as an answer has it."""
    of = next(entry.passage for entry in entries(document, settings) if words in entry.passage.text)
    return source(
        1, of.text, doc_id=of.doc_id, passage=of.ordinal, start=of.start, end=of.end, hash=of.hash, places=of.places
    )


@pytest.mark.parametrize("home", ["embedded", "server"])
async def test_the_rest_of_its_page(home: str, settings: SettingsFactory, request: pytest.FixtureRequest) -> None:
    """Before and after it, to the borders of the page, in either home; a page's text is put together without gaps."""
    flags = {"index.home": home, "chunking.size": 64, "chunking.overlap": 16}
    if home == "server":
        server: QdrantServer = request.getfixturevalue("qdrant_server")
        flags["index.url"] = server.url
    own = settings(flags)
    pages = [(0, 1), (TEXT.index("In method number 5"), 2), (TEXT.index("In result number 5"), 3)]
    paper = Document("paper", "T", TEXT, places=places.paged(places.outline(TEXT), pages))
    index = await create_index(own, None)
    try:
        await index.store(entries(paper, own), [])
        of = sourced(paper, own, "method number 12")
        found = await around(of, index)
    finally:
        await index.close()
    assert places.pages(of.places) == (2, 2)
    page = TEXT[pages[1][0] : pages[2][0]]
    whole = " ".join((found.before, of.text, found.after))
    assert whole.split() == page.split()


async def test_the_rest_of_its_section_and_nothing_where_there_is_none(
    settings: SettingsFactory, tmp_path: Path
) -> None:
    """Without pages the section is the border; a document of one passage has nothing around it."""
    (tmp_path / "paper.md").write_text(TEXT, "utf-8")
    (tmp_path / "short.md").write_text("Ibuprofen may irritate the stomach lining.", "utf-8")
    own = settings({"chunking.size": 64, "chunking.overlap": 0})
    await fill(own, tmp_path / "paper.md")
    await fill(own, tmp_path / "short.md")
    engine = await Engine.open(own)
    try:
        (answer,) = [e.answer async for e in engine.ask("What of result number 7?") if isinstance(e, Answered)]
        found = [(one, await engine.around(one)) for one in answer.sources]
        (short,) = [e.answer async for e in engine.ask("What may ibuprofen irritate?") if isinstance(e, Answered)]
        assert await engine.around(short.sources[0]) == Surroundings()
    finally:
        await engine.close()
    of, near = found[0]
    assert of.where() == "Results"
    assert " ".join((near.before, of.text, near.after)).split() == f"## Results {RESULTS}".split()


async def test_of_a_document_that_changed_nothing_is_shown(settings: SettingsFactory) -> None:
    """The index holds another version than the one that was cited: its text is not passed off as the cited one's."""
    own = settings({"chunking.size": 64, "chunking.overlap": 0})
    edited = Document("paper", "T", TEXT + " Edited.")
    index = await create_index(own, None)
    try:
        await index.store(entries(edited, own), [])
        of = sourced(Document("paper", "T", TEXT), own, "method number 12")
        assert await around(of, index) == Surroundings()
    finally:
        await index.close()
