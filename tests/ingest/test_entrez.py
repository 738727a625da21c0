"""PubMed as a source: a query becomes records, inside NCBI's rules; later, what is new, retracted or corrected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import CitewellError, InputError, ServerBusy, ServerGarbled, ServerRefused, ServerUnreachable
from configs.settings import Settings
from ingest.index.open import open_index
from ingest.pipeline import ingest, refresh
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import faults
from tests.support.corpora import Watcher
from tests.support.entrez_server import Article, EntrezServer, article

KIDNEY = article("101", "Metformin in kidney disease", "Metformin was safe in mild kidney disease.")
GOUT = article("102", "Colchicine in gout", "Colchicine eased gout within a day.")
RETRACTED = article(
    "101",
    "Metformin in kidney disease",
    "Metformin was safe in mild kidney disease.",
    "Retracted Publication",
    '<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><RefSource>J Test. 2026</RefSource>'
    '<PMID Version="1">999</PMID></CommentsCorrections></CommentsCorrectionsList>',
)


@pytest.fixture
def pubmed() -> Iterator[EntrezServer]:
    """PubMed with two records."""
    with EntrezServer() as server:
        server.put(Article("101", KIDNEY), Article("102", GOUT))
        yield server


@pytest.fixture
def own(settings: SettingsFactory, pubmed: EntrezServer) -> Settings:
    """Settings that ask that PubMed."""
    return settings({"pubmed.url": pubmed.url, "pubmed.patience": 0.001, "pubmed.api_key": "allows-ten-a-second"})


async def stored(settings: Settings) -> dict[str, dict[str, Any]]:
    """The metadata of each stored document."""
    index = await open_index(settings)
    try:
        ids = [document.id async for document in index.documents()]
        from ingest.lexical import LexicalEncoder

        found = await index.candidates(LexicalEncoder(settings.lexical).query("metformin colchicine aspirin"), None, 50)
        passages = await index.fetch([hit.point_id for hit in found.lexical])
        assert {passage.doc_id for passage in passages} == set(ids)
        return {passage.doc_id: dict(passage.metadata) for passage in passages}
    finally:
        await index.close()


async def test_a_query_becomes_records(own: Settings, pubmed: EntrezServer) -> None:
    """What PubMed finds is in the index under its PubMed numbers; nothing else is fetched."""
    summary = await ingest(["pubmed:metformin AND kidney"], own, Watcher())
    assert (summary.documents, summary.failed) == (1, 0)
    assert set(await stored(own)) == {"PMID_101"}
    assert {request.body["tool"] for request in pubmed.requests} == {"citewell"}
    assert (await ingest(["pubmed:metformin AND kidney"], own, Watcher())).skipped == 1


async def test_the_real_records_of_pubmed_are_read(own: Settings, pubmed: EntrezServer, shared_data: Path) -> None:
    """What efetch really sends (markup in titles, structured abstracts, books) arrives whole."""
    pubmed.articles.clear()
    for path in sorted((shared_data / "formats" / "pubmed_xml").glob("*.xml")):
        for xml in re.findall(r"<PubmedArticle>.*?</PubmedArticle>", path.read_text("utf-8"), re.DOTALL):
            number = re.search(r"<PMID[^>]*>(\d+)<", xml)
            assert number is not None
            pubmed.put(Article(number[1], xml))
    assert len(pubmed.articles) >= 5
    summary = await ingest(["pubmed:a"], own, Watcher())
    assert summary.documents + summary.failed == len(pubmed.articles)
    assert summary.failed <= 1


async def test_max_limits_what_is_fetched(own: Settings, pubmed: EntrezServer) -> None:
    """`--max` is the most records that one query brings in; all of them may take several calls."""
    pubmed.put(
        *(Article(str(n), article(str(n), f"Aspirin trial {n}", f"Aspirin, arm {n}.")) for n in range(1000, 1450))
    )
    limited = own.model_copy(update={"pubmed": own.pubmed.model_copy(update={"limit": 430})})
    assert (await ingest(["pubmed:aspirin"], limited, Watcher())).documents == 430


async def test_calls_keep_their_distance(own: Settings, pubmed: EntrezServer) -> None:
    """NCBI blocks whoever asks more than three times a second without a key."""
    pubmed.put(*(Article(str(n), article(str(n), f"Aspirin {n}", f"Arm {n}.")) for n in range(2000, 2450)))
    keyless = own.model_copy(update={"pubmed": own.pubmed.model_copy(update={"api_key": None})})
    await ingest(["pubmed:aspirin"], keyless, Watcher())
    gaps = [later - earlier for earlier, later in zip(pubmed.times, pubmed.times[1:], strict=False)]
    assert len(gaps) >= 3
    assert min(gaps) >= 0.3


async def test_a_busy_pubmed_is_asked_again(own: Settings, pubmed: EntrezServer) -> None:
    """Overload and a broken gateway cost time, not the ingest."""
    pubmed.faults.extend([faults.Status(429, {"error": "API rate limit exceeded"}), faults.Status(502, "bad gateway")])
    assert (await ingest(["pubmed:gout"], own, Watcher())).documents == 1


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (faults.Status(429, {"error": "API rate limit exceeded"}), ServerBusy, "overloaded"),
        (faults.Status(400, {"error": "API key invalid"}), ServerRefused, "API key invalid"),
        (faults.Garbage(), ServerGarbled, "not PubMed"),
    ],
)
async def test_what_pubmed_answers_instead_is_told(
    fault: faults.Fault, error: type[CitewellError], told: str, own: Settings, pubmed: EntrezServer
) -> None:
    """A PubMed that will not, and one that is none, each end in an error that says so, and where."""
    pubmed.fault = fault
    with pytest.raises(error, match=told) as caught:
        await ingest(["pubmed:gout"], own, Watcher())
    assert caught.value.where == own.pubmed.url
    assert caught.value.fix


async def test_no_network_is_told(own: Settings, pubmed: EntrezServer) -> None:
    """Unplugged, the ingest ends with where it tried; nothing stored is lost."""
    await ingest(["pubmed:gout"], own, Watcher())
    pubmed.stop()
    with pytest.raises(ServerUnreachable):
        await ingest(["pubmed:metformin"], own, Watcher())
    assert set(await stored(own)) == {"PMID_102"}


async def test_a_query_that_finds_nothing_is_an_error(own: Settings) -> None:
    """A typing error in the query is told with the word that PubMed does not know."""
    with pytest.raises(InputError, match="metfromin"):
        await ingest(["pubmed:metfromin"], own, Watcher())


async def test_the_key_goes_to_pubmed_and_into_no_message(
    settings: SettingsFactory, pubmed: EntrezServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key from the environment is sent; an error that repeats it shows stars instead."""
    monkeypatch.setenv("CITEWELL_PUBMED__API_KEY", "sesame-1234")
    flags = {"pubmed.url": pubmed.url}
    pubmed.api_key = "sesame-1234"
    assert (await ingest(["pubmed:gout"], settings(flags), Watcher())).documents == 1
    pubmed.api_key = "another"
    with pytest.raises(ServerRefused) as caught:
        await ingest(["pubmed:gout"], settings(flags), Watcher())
    assert "sesame" not in str(caught.value)
    assert "CITEWELL_PUBMED__API_KEY" in caught.value.fix


async def test_refresh_brings_what_is_new_and_what_was_retracted(own: Settings, pubmed: EntrezServer) -> None:
    """A record retracted since is replaced and known as such; new ones come in; the rest is not fetched again."""
    await ingest(["pubmed:kidney", "pubmed:gout"], own, Watcher())
    pubmed.put(
        Article("101", RETRACTED, changed="2999/01/01"),
        Article("103", article("103", "Aspirin in gout", "Aspirin is no cure for gout."), changed="2999/01/01"),
    )
    pubmed.requests.clear()
    summary = await refresh(own, Watcher())
    assert (summary.documents, summary.replaced) == (2, 1)
    found = await stored(own)
    assert set(found) == {"PMID_101", "PMID_102", "PMID_103"}
    assert found["PMID_101"]["retracted"] is True
    fetched = ",".join(request.body["id"] for request in pubmed.requests if "id" in request.body).split(",")
    assert sorted(fetched) == ["101", "103"]


async def test_refresh_looks_after_records_that_came_from_files(
    own: Settings, pubmed: EntrezServer, corpus: CorpusWriter
) -> None:
    """PubMed numbers from a file are compared with PubMed as well; records without one are left alone."""
    records = [
        {"id": "PMID_101", "title": "Old", "abstract": "Metformin, as it was."},
        {"id": "note", "abstract": "Aspirin."},
    ]
    await ingest([str(corpus(records))], own, Watcher())
    pubmed.put(Article("101", RETRACTED, changed="2999/01/01"))
    summary = await refresh(own, Watcher())
    assert summary.replaced == 1
    assert (await stored(own))["PMID_101"]["retracted"] is True


async def test_refresh_of_an_index_without_pubmed_says_so(own: Settings, corpus: CorpusWriter) -> None:
    """Nothing from PubMed, nothing to refresh: an error, not a silent success."""
    await ingest([str(corpus([{"id": "note", "abstract": "Aspirin."}]))], own, Watcher())
    with pytest.raises(InputError, match="nothing in index"):
        await refresh(own, Watcher())


async def test_a_refresh_that_breaks_off_is_made_up_for(own: Settings, pubmed: EntrezServer) -> None:
    """The days are noted only when all has been stored: what a failed refresh missed, the next one brings."""
    await ingest(["pubmed:kidney"], own, Watcher())
    pubmed.put(Article("101", RETRACTED, changed="2999/01/01"))
    pubmed.fail_with(503)
    with pytest.raises(ServerBusy):
        await refresh(own, Watcher())
    pubmed.heal()
    assert (await refresh(own, Watcher())).replaced == 1
