"""Why a result stands where it stands: ranks, scores and parts, against figures worked out by hand."""

from __future__ import annotations

import json

import pytest

from assistant.answering.explanation import Place, explain
from assistant.answering.found import Dropped, Found, Result, Trace
from assistant.answering.retrieval import Searcher
from configs.settings import RetrievalSettings
from ingest.documents import Passage
from ingest.index.base import Candidates, Hit
from prompts import library
from tests.assistant.answering.examples import fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support.openai_server import OpenAIServer


def passage(doc_id: str, ordinal: int = 0) -> Passage:
    """A passage of no matter."""
    return Passage(doc_id, ordinal, doc_id, "Text.", 0, 5, "h", "t")


def found() -> Found:
    """Two results, of which the reranker exchanged the places, and two passages that were dropped."""
    a, b, b1, c = passage("a"), passage("b"), passage("b", 1), passage("c")
    points = {name: p.point_id for name, p in {"a": a, "b": b, "b1": b1, "c": c}.items()}
    candidates = Candidates(
        lexical=[Hit(points["a"], 8.0), Hit(points["b"], 4.0)],
        dense=[Hit(points["b"], 0.9), Hit(points["b1"], 0.6), Hit(points["c"], 0.5)],
    )
    ranked = [Hit(points["b"], 0.76), Hit(points["b1"], 0.39), Hit(points["a"], 0.35), Hit(points["c"], 0.325)]
    trace = Trace(
        candidates,
        ranked,
        RetrievalSettings(dense_weight=0.65),
        instruction="Find it",
        reranked={points["b"]: 0.2, points["a"]: 0.7},
        rerank_instruction="Find it well",
        dropped=(Dropped(c, "duplicate", 1),),
    )
    return Found((Result(1, 0.7, a), Result(2, 0.2, b, (b, b1))), expanded=("myocardial infarction",), trace=trace)


def test_ranks_scores_and_parts_of_each_result() -> None:
    """What each half, their fusion and the reranker said; None for a half that did not bring it."""
    first, second = explain(found()).results
    assert (first.lexical, first.dense, first.fused) == (Place(1, 8.0), None, Place(3, 0.35))
    assert first.lexical_part == pytest.approx(0.35)
    assert first.dense_part == 0.0
    assert first.rerank == Place(1, 0.7)
    assert (second.lexical, second.dense, second.rerank) == (Place(2, 4.0), Place(1, 0.9), Place(2, 0.2))
    assert second.lexical_part == pytest.approx(0.175)
    assert second.dense_part == pytest.approx(0.585)
    assert second.passages == (0, 1)
    assert "joined" in str(second)


def test_what_is_said_of_the_search_as_a_whole() -> None:
    """Both instructions, what was searched for as well, what was dropped and for which result."""
    lines = "\n".join(explain(found()).lines())
    for said in ("Find it", "Find it well", "myocardial infarction", "c, passage 0, has the same text as 1"):
        assert said in lines
    assert json.loads(json.dumps(explain(found()).to_json()))["below_cut"] == 0


async def test_a_hybrid_search_explains_itself(
    settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """The parts of each result add up to its score; the instruction is that of the domain."""
    configured = settings({"embedding.provider": "openai", "embedding.url": openai_server.url})
    records = [
        {"id": str(n), "title": f"Study {n}", "abstract": f"Metformin {'glucose ' * n} trial."} for n in range(5)
    ]
    await fill(configured, corpus(records))
    searcher = await Searcher.open(configured)
    try:
        hybrid = await searcher.search("metformin and glucose", 3)
    finally:
        await searcher.close()
    explained = explain(hybrid)
    assert explained.instruction == library.instruction("literature").task
    for result, why in zip(hybrid.results, explained.results, strict=True):
        assert why.fused == Place(result.rank, result.score)
        assert why.lexical_part + why.dense_part == pytest.approx(result.score)
    assert explained.below == 2
