"""Hybrid search: what is found, in which order, and what happens when half of it is missing."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest

from assistant.answering.retrieval import Found, Searcher, search
from configs.errors import IndexMissing
from configs.settings import Settings
from tests.assistant.answering.examples import answered, events, fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import faults
from tests.support.openai_server import OpenAIServer


def ids(found: Found) -> list[str]:
    """The documents found, best first."""
    return [result.passage.doc_id for result in found.results]


async def searched(settings: Settings, question: str, limit: int | None = None, *, every: bool = False) -> Found:
    """One search, the index opened and closed around it."""
    searcher = await Searcher.open(settings)
    try:
        return await searcher.search(question, limit, every_passage=every)
    finally:
        await searcher.close()


async def test_ties_do_not_depend_on_the_order_of_ingest(
    settings: SettingsFactory, corpus: CorpusWriter, tmp_path: Path
) -> None:
    """The same corpus, ingested in another order, gives the same results in the same order."""
    records = [{"id": f"d{n}", "title": "Same title", "abstract": "Metformin lowers glucose."} for n in range(8)]
    forward, backward = settings({"data_dir": tmp_path / "f"}), settings({"data_dir": tmp_path / "b"})
    await fill(forward, corpus(records, "f.jsonl"))
    await fill(backward, corpus(records[::-1], "b.jsonl"))
    found = ids(await searched(forward, "metformin", every=True))
    assert len(set(found)) == forward.retrieval.limit
    assert found == ids(await searched(backward, "metformin", every=True))


@pytest.fixture
async def long_and_short(settings: SettingsFactory, corpus: CorpusWriter) -> Settings:
    """An index where one long document owns far more matching passages than candidates are taken."""
    long = {
        "id": "book",
        "title": "Aspirin",
        "abstract": " ".join(f"Aspirin dose {n} for the heart." for n in range(500)),
    }
    short = [
        {
            "id": f"note-{n}",
            "title": "Note",
            "abstract": f"One remark, {n}, about aspirin among " + "other things " * 20,
        }
        for n in range(4)
    ]
    configured = settings({"chunking.size": 32, "chunking.overlap": 0, "retrieval.candidates": 10})
    summary = await fill(configured, corpus([long, *short]))
    assert summary.passages > 100
    return configured


async def test_one_result_a_document_and_a_long_one_does_not_crowd_out_the_others(long_and_short: Settings) -> None:
    """A textbook with hundreds of matching passages is one result; the rest of the limit is for others."""
    found = ids(await searched(long_and_short, "aspirin", 5))
    assert sorted(found) == ["book", "note-0", "note-1", "note-2", "note-3"]


async def test_every_passage_if_asked(long_and_short: Settings) -> None:
    """With --all-passages one document may fill the list; ranks count up and scores fall."""
    found = await searched(long_and_short, "aspirin", 25, every=True)
    assert len(found.results) == 25
    assert [result.rank for result in found.results] == list(range(1, 26))
    assert len({(r.passage.doc_id, r.passage.ordinal) for r in found.results}) == 25
    scores = [result.score for result in found.results]
    assert scores == sorted(scores, reverse=True)


def test_search_is_one_plain_function(filled: SettingsFactory) -> None:
    """A script without an event loop gets whole passages with their metadata in one call."""
    found = search("metformin kidney", filled(), 1)
    assert ids(found) == ["metformin"]
    passage = found.results[0].passage
    assert passage.text.startswith("Metformin is the first-line drug")
    assert passage.text.endswith("30 ml/min.")
    assert passage.metadata == {"year": 2021, "journal": "Example Medicine"}
    assert not found.warnings


@pytest.mark.parametrize("question", ["the of and", "?!…", "zyzzyva", "\x00", "💊"])
def test_a_question_without_a_known_word_finds_nothing(question: str, filled: SettingsFactory) -> None:
    """Nothing found is an empty list, not an error."""
    assert search(question, filled()).results == ()


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("布洛芬最多服用多少", "ibuprofen-zh"),
        ("Ｍｅｔｆｏｒｍｉｎ", "metformin"),
        ("strokes PREVENTED by aspirins", "aspirin"),
    ],
)
def test_words_are_found_in_their_other_forms(question: str, first: str, filled: SettingsFactory) -> None:
    """Chinese is segmented, full-width letters are folded, English words are stemmed."""
    assert ids(search(question, filled()))[0] == first


def test_an_index_that_is_not_there_is_told_with_the_command_that_makes_it(settings: SettingsFactory) -> None:
    """A fresh machine learns what to type."""
    with pytest.raises(IndexMissing) as missing:
        search("metformin", settings())
    assert "citewell ingest" in missing.value.fix


async def test_term_weights_are_bm25s_idf_worked_out_by_hand(settings: SettingsFactory, corpus: CorpusWriter) -> None:
    """ln(1 + (N - n + 0.5) / (n + 0.5)), with N and n of the passages that are stored now."""
    words = {"metformin": 7, "aspirin": 3, "heparin": 1}
    records = [
        {
            "id": str(n),
            "title": f"Study {n}",
            "abstract": f"Filler {n}." + "".join(f" {word}" for word, k in words.items() if n < k) * (n + 1),
        }
        for n in range(10)
    ]
    configured = settings()
    await fill(configured, corpus(records))

    async def weigh(total: int, counts: dict[str, int]) -> None:
        searcher = await Searcher.open(configured)
        try:
            for word, n in counts.items():
                (weight,) = (await searcher.term_weights(word)).values()
                assert weight == pytest.approx(math.log(1 + (total - n + 0.5) / (n + 0.5)), rel=1e-4), word
        finally:
            await searcher.close()

    await weigh(10, words | {"zyzzyva": 0})
    await fill(
        configured,
        corpus([{"id": "0", "title": "Edited", "abstract": "Nothing of it."}, {"id": "new", "abstract": "Aspirin."}]),
    )
    await weigh(11, {"metformin": 6, "aspirin": 3, "heparin": 0, "zyzzyva": 0})


@pytest.fixture
async def hybrid(settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer) -> Settings:
    """Settings over a hybrid index, embedded by the fake server."""
    configured = settings(
        {"embedding.provider": "openai", "embedding.url": openai_server.url, "embedding.timeout": 0.4}
    )
    await fill(
        configured,
        corpus(
            [
                {"id": "bleeding", "title": "Warfarin", "abstract": "Warfarin causes bleeding in some patients."},
                {"id": "glucose", "title": "Metformin", "abstract": "Metformin lowers glucose."},
            ]
        ),
    )
    openai_server.requests.clear()
    return configured


async def test_a_hybrid_search_asks_the_embedder_once_with_the_instruction(
    hybrid: Settings, openai_server: OpenAIServer
) -> None:
    """The query goes out in Qwen3-Embedding's form, line break and all; scores are fused ones, 0 to 1."""
    found = await searched(hybrid, "What lowers glucose?")
    (text,) = openai_server.embedded
    assert text.startswith("Instruct: ")
    assert text.endswith("\nQuery:What lowers glucose?")
    assert ids(found) == ["glucose", "bleeding"]
    assert all(0 <= result.score <= 1 for result in found.results)
    assert not found.warnings


async def test_a_passage_without_a_common_word_is_found_by_meaning_alone(hybrid: Settings) -> None:
    """The dense half brings what the words do not."""
    assert len((await searched(hybrid, "zyzzyva")).results) == 2


@pytest.mark.parametrize(
    "fault", [faults.BUSY, faults.CRASHED, faults.Garbage(), faults.Hang(), faults.NAN_VECTORS, None]
)
async def test_with_the_embedder_down_the_words_are_searched_and_a_warning_says_so(
    fault: faults.Fault | None, hybrid: Settings, openai_server: OpenAIServer
) -> None:
    """A broken embedder costs the dense half, never the search; the reader is told which server and why."""
    if fault is None:
        openai_server.stop()
    openai_server.fault = fault
    found = await searched(hybrid, "What lowers glucose?")
    assert ids(found) == ["glucose"]
    (warning,) = found.warnings
    assert "by words alone" in warning
    assert openai_server.url in warning


async def test_the_answer_carries_the_warning(hybrid: Settings, openai_server: OpenAIServer) -> None:
    """A transcript shows that an answer rests on half a search."""
    openai_server.stop()
    answer = answered(await events(hybrid, "Metformin lowers glucose")).answer
    assert answer.status == "answered"
    assert any("by words alone" in warning for warning in answer.warnings)


@pytest.mark.xdist_group("pubmedqa")
def test_pubmedqa_recall_at_10(pubmedqa: Settings, shared_data: Path) -> None:
    """On 500 real questions over 1,000 abstracts the right abstract is among the first ten, 98 times of 100."""
    with (shared_data / "pubmedqa" / "queries_train.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line) for line in lines]
    assert len(questions) == 500

    async def recall() -> float:
        searcher = await Searcher.open(pubmedqa)
        try:
            found = [set(ids(await searcher.search(q["text"], 10))) & set(q["gold_ids"]) for q in questions]
        finally:
            await searcher.close()
        return sum(map(bool, found)) / len(questions)

    assert asyncio.run(recall()) >= 0.98
