"""One paper from several sources is one document: by PMID or DOI, whichever came first, and it stays so."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest import pipeline
from ingest import run as run_module
from ingest.index.embedded import EmbeddedIndex
from ingest.index.open import ledger_of, open_index
from ingest.papers import identifiers
from ingest.rebuild import rebuild
from ingest.run import PLAIN, Manner
from tests.support.corpora import Watcher, record

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.documents import Passage
    from ingest.progress import Summary
    from tests.conftest import SettingsFactory
    from tests.support.openai_server import OpenAIServer

PAPER = {"title": "Aspirin in stroke", "text": "Aspirin was given to 100 patients.", "pmid": "77", "doi": "10.1000/aBc"}
RIS = "TY  - JOUR\nTI  - Aspirin in stroke\nAB  - Aspirin, given to 100.\nDO  - https://doi.org/10.1000/ABC\nER  - \n"
CSV = "title,abstract,pmid\nAspirin in stroke,Aspirin was given.,77\n"
JATS = """<article><front><article-meta><article-id pub-id-type="doi">10.1000/ABC</article-id>
<title-group><article-title>Aspirin in stroke</article-title></title-group>
<abstract><p>Aspirin was given to 100.</p></abstract></article-meta></front></article>"""
PUBMED = """<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>77</PMID><Article>
<ArticleTitle>Aspirin in stroke</ArticleTitle><Abstract><AbstractText>Aspirin was given.</AbstractText></Abstract>
<ELocationID EIdType="doi">10.1000/abc</ELocationID></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"""
FILES = {"a.jsonl": json.dumps({"id": "own-1", **PAPER}), "b.ris": RIS, "c.csv": CSV, "d.nxml": JATS, "e.xml": PUBMED}


@pytest.fixture
def home(settings: SettingsFactory) -> Settings:
    """Settings of a lexical index."""
    return settings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same paper in five formats, under three ids."""
    made = tmp_path / "papers"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_text(content, "utf-8")
    return made


async def run(home: Settings, *paths: Path, manner: Manner = PLAIN) -> tuple[Summary, Watcher]:
    """An ingest of these paths."""
    watcher = Watcher()
    return await pipeline.ingest([str(path) for path in paths], home, watcher, manner), watcher


async def ids(home: Settings) -> list[str]:
    """The documents that the index holds."""
    index = await open_index(home)
    try:
        return sorted([stored.id async for stored in index.documents()])
    finally:
        await index.close()


def lines(path: Path, *records: dict[str, Any]) -> Path:
    """These records as a JSON Lines file."""
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


async def test_five_exports_of_a_paper_are_one_document(home: Settings, folder: Path) -> None:
    """An answer cannot cite it twice; each that was left out is named with the one that is kept, in every run."""
    for _ in range(2):
        summary, watcher = await run(home, folder)
        assert await ids(home) == ["own-1"]
        assert summary.same_paper == 4
        assert watcher.same_papers == [
            ("doi:10.1000/abc", "own-1"),
            ("PMID_77", "own-1"),
            ("doi:10.1000/abc", "own-1"),
            ("PMID_77", "own-1"),
        ]
    summary, watcher = await run(
        home, *(folder / name for name in sorted(FILES, reverse=True))
    )  # PubMed's first: nothing changes
    assert (await ids(home), summary.documents, summary.skipped) == (["own-1"], 0, 1)


async def test_in_batches_apart_too(home: Settings, tmp_path: Path) -> None:
    """The first is stored long before the second is read, or read in the same batch: it makes no difference."""
    first = lines(tmp_path / "1.jsonl", {"id": "a", **PAPER}, *(record(n) for n in range(300)))
    second = lines(tmp_path / "2.jsonl", {"id": "b", **PAPER}, {"id": "c", "title": "Other", "pmid": 78})
    summary, watcher = await run(home, first, second)
    assert (summary.documents, watcher.same_papers) == (302, [("b", "a")])


async def test_when_the_kept_one_vanishes_the_other_comes_in(home: Settings, folder: Path) -> None:
    """Pruned with its source; the next run finds the paper in another one."""
    await run(home, folder)
    (folder / "a.jsonl").unlink()
    await run(home, folder, manner=Manner(prune=True))
    assert await ids(home) == []
    await run(home, folder)
    # RIS has no PubMed number and the table no DOI: PubMed's record tells that theirs is one paper.
    assert await ids(home) == ["PMID_77"]
    summary, _ = await run(home, folder)
    assert (await ids(home), summary.documents) == (["PMID_77"], 0)


async def test_a_newer_version_is_no_duplicate(home: Settings, tmp_path: Path) -> None:
    """The same id again replaces, wherever it comes from."""
    await run(home, lines(tmp_path / "1.jsonl", {"id": "PMID_77", **PAPER}))
    newer = lines(tmp_path / "2.jsonl", {"id": "PMID_77", **PAPER, "text": "Corrected."})
    summary, watcher = await run(home, newer)
    assert (summary.replaced, watcher.same_papers, await ids(home)) == (1, [], ["PMID_77"])


@pytest.mark.parametrize("together", [True, False])
async def test_a_retraction_is_not_left_out(together: bool, home: Settings, tmp_path: Path) -> None:
    """The record that says so takes the place of the one that does not, and keeps it; a second one is left out."""
    plain = lines(tmp_path / "1.jsonl", {"id": "own", **PAPER})
    told = lines(tmp_path / "2.jsonl", {"id": "PMID_77", **PAPER, "retracted": True})
    again = lines(tmp_path / "3.jsonl", {"id": "third", **PAPER, "retracted": True})
    for paths in [[plain, told, again]] if together else [[plain], [told], [again]]:
        await run(home, *paths)
    assert await ids(home) == ["PMID_77"]
    summary, _ = await run(home, plain, told, again)
    assert (await ids(home), summary.documents, summary.same_paper) == (["PMID_77"], 0, 2)


async def test_a_retraction_on_its_way_keeps_its_place(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored while the next records are looked up, in place of one that then comes edited: the retraction stays."""
    stored, fetched = EmbeddedIndex.store, EmbeddedIndex.fetch

    async def store(index: EmbeddedIndex, *what: Any) -> None:
        await asyncio.sleep(0.02)
        await stored(index, *what)

    async def fetch(index: EmbeddedIndex, points: Sequence[str]) -> list[Passage]:
        await asyncio.sleep(0.2)
        return await fetched(index, points)

    first, second = {**PAPER, "pmid": "1", "doi": ""}, {**PAPER, "pmid": "2", "doi": ""}
    home = home.model_copy(update={"index": home.index.model_copy(update={"shared": False})})
    await run(home, lines(tmp_path / "1.jsonl", {"id": "A", **first}, {"id": "B", **second}))
    monkeypatch.setattr(EmbeddedIndex, "store", store)
    monkeypatch.setattr(EmbeddedIndex, "fetch", fetch)
    monkeypatch.setattr(run_module, "_BATCH", 2)
    told = lines(tmp_path / "2.jsonl", {"id": "X", **first, "retracted": True}, record(1))
    more = lines(
        tmp_path / "3.jsonl", {"id": "Y", **second, "retracted": True}, {"id": "A", **first, "text": "Edited."}
    )
    await run(home, told, more)
    assert await ids(home) == ["X", "Y", record(1)["id"]]


async def test_what_gives_way_leaves_none_out(home: Settings, tmp_path: Path) -> None:
    """Two records of a file are one paper with a stored one: the retracted takes its place, and the other stands beside that."""
    await run(home, lines(tmp_path / "1.jsonl", {"id": "own", **PAPER}))
    await run(home, lines(tmp_path / "2.jsonl", {"id": "a", **PAPER, "retracted": True}, {"id": "b", **PAPER}))
    assert await ids(home) == ["a", "b"]


async def test_a_refused_record_leaves_its_paper_to_the_other(
    settings: SettingsFactory, tmp_path: Path, openai_server: OpenAIServer
) -> None:
    """The embedder will not have two of three records of one paper: the third is stored, though it was left out for them."""
    openai_server.context_length = 60
    home = settings({"embedding.provider": "openai", "embedding.url": openai_server.url})
    texts = {"long": "word " * 100, "longer": "word " * 200, "short": "Aspirin."}
    files = [lines(tmp_path / f"{name}.jsonl", {"id": name, **PAPER, "text": text}) for name, text in texts.items()]
    summary, _ = await run(home, *files, manner=Manner(prune=True))
    assert await ids(home) == ["short"]
    assert (summary.documents, summary.failed, summary.same_paper, summary.skipped) == (1, 2, 0, 0)


async def test_sections_and_meeting_abstracts_stand(home: Settings, tmp_path: Path) -> None:
    """Records of one file with ids of their own, and papers with PubMed numbers of their own, are no duplicates."""
    sections = lines(tmp_path / "1.jsonl", {"id": "77-1", **PAPER}, {"id": "77-2", **PAPER, "text": "Methods."})
    abstracts = [{"id": f"PMID_{n}", "title": f"Talk {n}", "doi": "10.1000/meeting"} for n in (5, 6)]
    summary, _ = await run(home, sections, lines(tmp_path / "2.jsonl", *abstracts))
    assert (summary.documents, summary.same_paper) == (4, 0)


async def test_all_are_kept_where_that_is_asked_for(home: Settings, folder: Path) -> None:
    """`--keep-duplicates` stores each under its id."""
    summary, _ = await run(home, folder, manner=Manner(every=True))
    assert (await ids(home), summary.same_paper) == (["PMID_77", "doi:10.1000/abc", "own-1"], 0)


async def test_a_dry_run_tells_them_and_stores_nothing(home: Settings, tmp_path: Path) -> None:
    """Even where more than a batch lies between the two."""
    first = lines(tmp_path / "1.jsonl", {"id": "a", **PAPER}, *(record(n) for n in range(900)))
    summary, _ = await run(home, first, lines(tmp_path / "2.jsonl", {"id": "b", **PAPER}), manner=Manner(dry_run=True))
    assert (summary.documents, summary.same_paper) == (901, 1)


async def test_a_rebuild_lets_go_of_those_that_were_stored_before(home: Settings, folder: Path) -> None:
    """An index that has a paper twice, made anew from itself, has it once; that counts as no loss."""
    await run(home, folder, manner=Manner(every=True))
    summary = await rebuild([], home, Watcher())
    assert (summary.documents, summary.same_paper, len(await ids(home))) == (1, 2, 1)


async def test_a_ledger_of_the_version_before_learns_of_papers(home: Settings, folder: Path) -> None:
    """From the index, keeping whence its documents came, which the index does not know."""
    first, *others = [folder / name for name in FILES]
    await run(home, first)
    with sqlite3.connect(ledger_of(home)) as database:
        database.executescript(
            "DROP INDEX by_pmid; DROP INDEX by_doi; ALTER TABLE documents DROP COLUMN pmid;"
            "ALTER TABLE documents DROP COLUMN doi; PRAGMA user_version = 2;"
        )
    database.close()
    summary, _ = await run(home, *others)
    assert (summary.documents, summary.same_paper) == (0, 4)
    with sqlite3.connect(ledger_of(home)) as database:
        assert database.execute("SELECT id, source FROM documents").fetchall() == [("own-1", str(first))]
    database.close()


def test_identifiers_are_compared_in_their_plain_form() -> None:
    """Case, addresses, prefixes and a spreadsheet's decimals make no other paper."""
    assert identifiers("x", {"pmid": 77, "doi": "https://doi.org/10.1000/ABC"}) == (77, "10.1000/abc")
    assert identifiers("x", {"PMID": "77.0", "DOI": "doi:10.1000/abc."}) == (77, "10.1000/abc")
    assert identifiers("PMID_77", {}) == (77, None)
    assert identifiers("doi:10.1000/abc", {"pmid": None, "doi": ["?"]}) == (None, "10.1000/abc")
    assert identifiers("77", {"pmid": "none"}) == (None, None)


async def test_real_exports_name_papers_twice(home: Settings, shared_data: Path) -> None:
    """A reference manager's file has three papers both with a PubMed number and without."""
    summary, _ = await run(home, shared_data / "formats" / "ris" / "schoot-ptsd-included-1.ris")
    assert summary.same_paper == 3
