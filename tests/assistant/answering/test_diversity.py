"""One result a document, no text twice, neighbours as one: which passages of a ranking a reader gets to see."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.diversity import Gathering, same
from assistant.answering.found import Dropped
from assistant.answering.retrieval import Searcher
from configs.settings import ChunkingSettings
from ingest.chunking import passages
from ingest.documents import Document, Passage
from tests.assistant.answering.examples import answered, events, fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support.openai_server import OpenAIServer

ABSTRACT = (
    "We gave 75 mg of aspirin a day to patients who had survived a first stroke and followed them for two years. "
    "Second strokes were fewer than under placebo, while bleeding from the stomach was more frequent in both sexes. "
    "Neither age nor blood pressure changed what we saw, and no patient was lost before the end of the trial. "
    "Doctors should weigh the stomach against the brain, ask about earlier ulcers, and add a drug that shields the "
    "lining wherever somebody has had one. Our finding agrees with earlier trials in other countries."
)


def chunks(doc_id: str, text: str, title: str = "", size: int = 24, overlap: int = 10) -> list[Passage]:
    """The passages of a document, as ingest makes them."""
    return passages(Document(doc_id, title, text), ChunkingSettings(size=size, overlap=overlap))


def whole(doc_id: str, text: str, title: str = "Aspirin after stroke") -> Passage:
    """A document of one passage."""
    return Passage(doc_id, 0, title, text, 0, len(text), f"hash of {doc_id}", "")


def gathered(*ranked: Passage, wanted: int = 10, join: int = 3) -> Gathering:
    """A gathering that was handed these, best first, with scores that fall slowly."""
    gathering = Gathering(wanted, join)
    for n, passage in enumerate(ranked):
        gathering.take(passage, 1.0 - n / 100)
    return gathering


LONG = " ".join(f"Sentence {n} speaks of dose {n}." for n in range(40))


def test_neighbours_that_were_both_found_are_one_longer_passage() -> None:
    """The best one's rank and score, and a verbatim slice of the document, what they share not repeated."""
    parts = chunks("book", LONG)
    assert parts[3].end > parts[4].start, "these passages should overlap"
    (result,) = gathered(parts[4], parts[3]).results()
    passage = result.passage
    assert (result.rank, result.score) == (1, 1.0)
    assert (passage.start, passage.end, passage.ordinal) == (parts[3].start, parts[4].end, 3)
    assert passage.text == LONG[passage.start : passage.end]
    assert result.hit is parts[4]
    assert result.parts == (parts[4], parts[3])


def test_neighbours_made_one_have_the_labels_that_all_of_them_have() -> None:
    """A reader is not told of a whole text what a classifier said of its first half."""
    one, other = (
        replace(part, labels={"ward": ward, "age": "adult"})
        for part, ward in zip(chunks("book", LONG)[3:5], ("ICU", "ER"), strict=True)
    )
    (result,) = gathered(one, other).results()
    assert result.passage.labels == {"age": "adult"}


def test_a_passage_apart_is_dropped_for_its_document_and_that_is_told() -> None:
    """Only what adjoins is joined; the rest of the document stays out, and `--why` can say so."""
    parts = chunks("book", LONG)
    gathering = gathered(parts[4], parts[8], parts[5])
    (result,) = gathering.results()
    assert [part.ordinal for part in result.parts] == [4, 5]
    assert gathering.dropped() == (Dropped(parts[8], "document", 1),)


def test_a_gap_that_closes_later_is_joined_all_the_same() -> None:
    """Passages 4, 6 and then 5, in the order of their rank, make one span."""
    parts = chunks("book", LONG)
    (result,) = gathered(parts[4], parts[6], parts[5]).results()
    assert sorted(part.ordinal for part in result.parts) == [4, 5, 6]
    assert result.passage.text == LONG[parts[4].start : parts[6].end]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_are_joined_than_set(most: int) -> None:
    """retrieval.join bounds a source's length; 1 joins none."""
    parts = chunks("book", LONG)
    (result,) = gathered(parts[5], parts[4], parts[6], parts[3], join=most).results()
    assert len(result.parts or [0]) == most


def test_a_poor_neighbour_does_not_lengthen_a_good_passage() -> None:
    """In a small corpus everything is found somehow: a neighbour must score half of what the best one does."""
    parts = chunks("book", LONG)
    gathering = Gathering(5, 3)
    gathering.take(parts[4], 1.0)
    gathering.take(parts[5], 0.4)
    assert gathering.results()[0].passage == parts[4]


def test_passages_of_two_versions_of_a_document_are_not_joined() -> None:
    """While a document is ingested anew, old and new passages may both be found; a splice of them is no quotation."""
    old, new = chunks("book", LONG), chunks("book", LONG.replace("dose", "drug"))
    (result,) = gathered(old[4], new[5]).results()
    assert result.passage == old[4]


@given(st.lists(st.sampled_from("ab ba. a\n\n中文。 7"), min_size=30, max_size=200).map("".join), st.integers(0, 5))
def test_whatever_is_joined_is_a_slice_of_the_document(text: str, seed: int) -> None:
    """Offsets stay right with overlaps, gaps and repetitions."""
    parts = chunks("d", text)
    random.Random(seed).shuffle(parts)  # noqa: S311
    for result in gathered(*parts, join=4).results():
        assert result.passage.text == text[result.passage.start : result.passage.end]


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (ABSTRACT, True),
        (ABSTRACT.replace("in both sexes", "in either sex"), True),
        (ABSTRACT.upper() + "  ", True),
        (ABSTRACT.replace("75 mg", "300 mg"), False),
        (ABSTRACT[:200] + "Second strokes were as frequent as under placebo. " + ABSTRACT[240:], False),
        (ABSTRACT[: len(ABSTRACT) // 2], False),
        ("", False),
    ],
)
def test_versions_of_one_text_and_what_only_looks_like_one(other: str, is_same: bool) -> None:
    """A word changed, or other capitals, and it is the same text; another number or another finding, and it is not."""
    assert same(ABSTRACT, other) is is_same


def test_a_text_under_two_ids_is_one_result_and_the_other_is_told() -> None:
    """Title alike but for capitals and marks; the better ranked stays."""
    gathering = gathered(whole("pmid", ABSTRACT), whole("preprint", ABSTRACT, "Aspirin after stroke."))
    assert [result.passage.doc_id for result in gathering.results()] == ["pmid"]
    (dropped,) = gathering.dropped()
    assert (dropped.passage.doc_id, dropped.reason, dropped.by) == ("preprint", "duplicate", 1)


def test_the_same_words_about_another_disease_are_another_text() -> None:
    """Boilerplate ("inherited in an autosomal recessive pattern") says something else under each title."""
    assert len(gathered(whole("a", ABSTRACT, "Stroke"), whole("b", ABSTRACT, "Migraine")).results()) == 2


def test_dropped_places_are_filled_by_what_comes_next() -> None:
    """Three results wanted, three results given, though a duplicate stood between."""
    ranked = [whole("a", ABSTRACT), whole("b", ABSTRACT), whole("c", "Other."), whole("d", "Further.")]
    assert [r.passage.doc_id for r in gathered(*ranked, wanted=3).results()] == ["a", "c", "d"]


async def test_an_answer_gets_one_longer_source_and_its_spans_count_in_that(
    settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """A sentence that two neighbouring passages bear out is checked against both; start, end and span stay right."""
    text = (
        "Metformin lowers glucose in the liver. It is taken with meals, twice a day. "
        "Metformin is stopped when the kidneys fail. The limit is an eGFR of 30 ml/min. " + "Unrelated filler. " * 60
    )
    configured = settings({"generation.url": openai_server.url, "chunking.size": 40, "chunking.overlap": 20})
    await fill(configured, corpus([{"id": "m", "title": "Metformin", "abstract": text}]))
    openai_server.reply = ["Metformin is stopped when the kidneys fail [1]."]
    answer = answered(
        await events(configured, "When is metformin stopped, and how does metformin lower glucose?")
    ).answer
    (source,) = answer.sources
    assert source.text == text[source.start : source.end]
    assert "lowers glucose" in source.text
    assert "kidneys fail" in source.text
    (check,) = answer.sentences[0].checks
    assert check.support.verdict == "supported"
    assert check.support.span is not None
    assert "kidneys fail" in source.text[slice(*check.support.span)]


async def test_all_passages_are_shown_as_they_are_where_these_are_asked_for(
    settings: SettingsFactory, corpus: CorpusWriter
) -> None:
    """--all-passages joins nothing and drops nothing."""
    configured = settings({"chunking.size": 24, "chunking.overlap": 10})
    await fill(
        configured, corpus([{"id": "x", "title": "T", "abstract": LONG}, {"id": "y", "title": "T", "abstract": LONG}])
    )
    searcher = await Searcher.open(configured)
    try:
        found = await searcher.search("dose", 500, every_passage=True)
    finally:
        await searcher.close()
    assert len(found.results) == 2 * len(chunks("x", LONG, "T"))
    assert not any(result.parts for result in found.results)
