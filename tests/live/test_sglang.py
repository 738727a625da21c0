"""The main job against a real SGLang: embed, retrieve, stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.answering.answer import Answered, Token
from assistant.answering.engine import Engine
from assistant.answering.rerank import ServerReranker
from assistant.answering.retrieval import Searcher
from configs.errors import ServerBusy
from configs.settings import Settings
from ingest.embedding import ServerEmbedder
from ingest.index.open import open_index
from ingest.lexical import SparseVector
from ingest.llama_embedding import InstructionEmbedding
from ingest.pipeline import ingest
from tests.conftest import SettingsFactory
from tests.support.corpora import Watcher

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]

_DOCUMENTS = 150


def _served(settings: SettingsFactory, sglang: tuple[str, str]) -> Settings:
    embedding, generation = sglang
    return settings(
        {
            "embedding.url": embedding,
            "embedding.model": "minilm",
            "embedding.dimensions": None,
            "embedding.domain": "none",
            "rerank.provider": "none",
            "generation.url": generation,
            "generation.model": "chat",
            "generation.max_tokens": 24,
            "generation.temperature": 1.0,  # at 0 random weights may well end at once
        },
        profile="sglang",
    )


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


async def test_pubmedqa_over_real_sglang(
    settings: SettingsFactory, sglang: tuple[str, str], shared_data: Path, tmp_path: Path
) -> None:
    """Real abstracts embedded by a real SGLang are found by their questions, and its chat model streams over them.

    The chat model has random weights: what it writes cites nothing, so the answer must be withheld.
    """
    served = _served(settings, sglang)
    rows = list(_lines(shared_data / "pubmedqa" / "corpus.jsonl"))[:_DOCUMENTS]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    summary = await ingest([str(corpus)], served, Watcher())
    assert (summary.documents, summary.failed) == (_DOCUMENTS, 0)

    ids = {row["id"] for row in rows}
    questions = [q for q in _lines(shared_data / "pubmedqa" / "queries_train.jsonl") if f"PMID_{q['id'][2:]}" in ids]
    assert len(questions) >= 40
    searcher = await Searcher.open(served)
    try:
        found = [await searcher.search(question["text"], 10) for question in questions]
    finally:
        await searcher.close()
    assert not any(result.warnings for result in found)
    hits = sum(
        f"PMID_{question['id'][2:]}" in {result.passage.doc_id for result in one.results}
        for question, one in zip(questions, found, strict=True)
    )
    assert hits / len(questions) >= 0.98

    engine = await Engine.open(served)
    try:
        events = [event async for event in engine.ask(questions[0]["text"])]
    finally:
        await engine.close()
    last = events[-1]
    assert isinstance(last, Answered), last
    assert sum(isinstance(event, Token) for event in events) > 1
    assert last.answer.status == "abstained"
    assert len(last.answer.sources) == served.retrieval.limit


async def test_an_ingest_survives_the_overload_it_makes(
    settings: SettingsFactory, sglang_small_queue: str, shared_data: Path, tmp_path: Path
) -> None:
    """Calls larger than the server's queue, many at once: it answers 503 to some, and each document is stored, with its vector."""
    served = _served(settings, (sglang_small_queue, ""))
    served = served.model_copy(
        update={"embedding": served.embedding.model_copy(update={"batch_size": 32, "concurrency": 16})}
    )
    rows = list(_lines(shared_data / "pubmedqa" / "corpus.jsonl"))[:_DOCUMENTS]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    watcher = Watcher()
    summary = await ingest([str(corpus)], served, watcher)
    assert (summary.documents, summary.failed) == (_DOCUMENTS, 0)
    assert summary.retries == len(watcher.waits) > 0
    assert {type(error) for error in watcher.waits} == {ServerBusy}

    index = await open_index(served)
    embedder = ServerEmbedder(served.embedding)
    try:
        assert (await index.counts()).documents == _DOCUMENTS
        # A vector for every passage: by vectors alone each of them is found, all in one list.
        question = await embedder.embed_query("a trial")
        found = await index.candidates(SparseVector([], []), question, 2 * summary.passages)
        assert len(found.dense) == summary.passages
    finally:
        await embedder.close()
        await index.close()


async def test_the_llama_index_embedding_is_the_same_embedder(
    settings: SettingsFactory, sglang: tuple[str, str]
) -> None:
    """Whoever builds a llama-index pipeline over our embedder gets the very vectors that citewell searches with."""
    embedding = _served(settings, sglang).embedding.model_copy(update={"domain": "literature"})
    plain = ServerEmbedder(embedding)
    try:
        ours = list(await plain.embed_query("statins and stroke"))
    finally:
        await plain.close()
    llama = InstructionEmbedding.from_settings(embedding)
    try:
        theirs = await llama.aget_query_embedding("statins and stroke")
    finally:
        await llama.aclose()
    assert theirs == pytest.approx(ours, abs=1e-4)


async def test_reranking_speaks_sglangs_protocol_and_random_weights_are_found_out(
    settings: SettingsFactory, sglang_reranker: str, tmp_path: Path
) -> None:
    """Real scores come one a text, whatever their order; a model that judges by chance fails the check on known texts."""
    configured = settings({"rerank.provider": "server", "rerank.url": sglang_reranker, "rerank.timeout": 60})
    reranker = ServerReranker(configured.rerank, "Find what answers the question")
    texts = ["Metformin lowers blood sugar.", "The library opens at nine.", "二甲双胍降低血糖。"]
    try:
        scores = await reranker.scores("What lowers blood sugar?", texts)
        backwards = await reranker.scores("What lowers blood sugar?", texts[::-1])
    finally:
        await reranker.close()
    assert all(0 < score < 1 for score in scores)
    assert backwards == pytest.approx(scores[::-1], abs=1e-3)

    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps({"id": str(n), "abstract": t}) for n, t in enumerate(texts)), "utf-8")
    await ingest([str(corpus)], configured, Watcher())
    searcher = await Searcher.open(configured)
    try:
        found = await searcher.search("metformin and the library")
    finally:
        await searcher.close()
    assert len(found.results) == 2
    (warning,) = found.warnings
    assert warning.startswith("Not reranked, because the reranker's scores mean nothing")
