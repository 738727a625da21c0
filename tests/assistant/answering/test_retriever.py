"""llama-index's parts stand on citewell's retrieval: same passages, same order, same scores."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode

from assistant.answering.retrieval import Searcher
from assistant.answering.retriever import CitewellRetriever
from configs.errors import IndexStoreError
from ingest.pipeline import ingest
from tests.support.corpora import Watcher, records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.support.openai_server import OpenAIServer

QUESTION = "metformin in diabetes"


@pytest.fixture
def hybrid(settings: SettingsFactory, openai_server: OpenAIServer) -> Settings:
    """Give settings of a hybrid index whose embedder is the fake server."""
    flags = {"embedding.url": openai_server.url, "embedding.dimensions": 32, "retrieval.limit": 5}
    flags["rerank.provider"] = "none"
    return settings(flags, profile="sglang")


@pytest.fixture
async def searcher(hybrid: Settings, corpus: CorpusWriter) -> AsyncIterator[Searcher]:
    """Give an open searcher over forty documents, one of them with metadata that pretends."""
    odd = {"id": "odd", "title": "Metformin", "abstract": "Metformin in diabetes.", "doc_id": "forged", "start": 99}
    await ingest([str(corpus([*records(40), odd]))], hybrid, Watcher())
    opened = await Searcher.open(hybrid)
    yield opened
    await opened.close()


async def test_it_finds_what_search_finds(searcher: Searcher) -> None:
    """Each node is a passage: its id, text, score and place, and its document's metadata, as `citewell search` has them."""
    found = await searcher.search(QUESTION)
    nodes = await CitewellRetriever(searcher).aretrieve(QUESTION)
    assert len(nodes) == len(found.results) == 5
    for node, result in zip(nodes, found.results, strict=True):
        passage = result.passage
        assert (node.node_id, node.text, node.score) == (passage.point_id, passage.text, result.score)
        ours = {"doc_id": passage.doc_id, "title": passage.title, "passage": 0, "start": 0, "end": len(passage.text)}
        assert node.metadata == {**passage.metadata, **ours}
        assert node.node.ref_doc_id == passage.doc_id


async def test_a_document_cannot_forge_its_own_place(searcher: Searcher) -> None:
    """A record's own `doc_id` or `start` does not replace the one that a citation leads to."""
    nodes = await CitewellRetriever(searcher, 50).aretrieve(QUESTION)
    (odd,) = (node for node in nodes if node.metadata["title"] == "Metformin")
    assert (odd.metadata["doc_id"], odd.metadata["start"]) == ("odd", 0)


async def test_limit_and_documents_with_several_passages(searcher: Searcher) -> None:
    """The limit is the caller's where given, the settings' else."""
    assert len(await CitewellRetriever(searcher, 2).aretrieve(QUESTION)) == 2
    assert len(await CitewellRetriever(searcher, 9, every_passage=True).aretrieve(QUESTION)) == 9


async def test_rerankers_and_models_are_shown_what_serves_them(searcher: Searcher) -> None:
    """A reranker gets title and text, as they were embedded; a model gets the year, but no character offsets."""
    (node,) = await CitewellRetriever(searcher, 1).aretrieve("aspirin stroke trial 0")
    assert node.get_content(MetadataMode.EMBED).split() == f"title: {node.metadata['title']} {node.text}".split()
    shown = node.get_content(MetadataMode.LLM)
    assert "year: 1990" in shown
    assert "end:" not in shown


async def test_postprocessors_and_query_engines_work_on_it(searcher: Searcher) -> None:
    """What llama-index offers behind a retriever can be put behind this one."""
    retriever = CitewellRetriever(searcher)
    scores = [node.score or 0.0 for node in await retriever.aretrieve(QUESTION)]
    cutoff = SimilarityPostprocessor(similarity_cutoff=scores[1])
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM(), node_postprocessors=[cutoff])
    answer = await engine.aquery(QUESTION)
    assert [node.score for node in answer.source_nodes] == scores[:2]


async def test_a_search_by_words_alone_is_logged(
    searcher: Searcher, openai_server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    """When the embedder is down, passages still come, and the log says that they were searched by words alone."""
    openai_server.fail_with(503)
    with caplog.at_level(logging.WARNING):
        assert await CitewellRetriever(searcher).aretrieve(QUESTION)
    assert [record.message[:25] for record in caplog.records if record.name.startswith("assistant")] == [
        "Searched by words alone, "
    ]


async def test_a_thread_retrieves_while_the_loop_runs(searcher: Searcher) -> None:
    """Code that is not asynchronous, in a thread of its own, uses the loop's connections without breaking them."""
    retriever = CitewellRetriever(searcher)
    awaited = await retriever.aretrieve(QUESTION)
    assert await asyncio.to_thread(retriever.retrieve, QUESTION) == awaited
    assert await retriever.aretrieve(QUESTION) == awaited


async def test_blocking_the_loop_it_needs_is_refused(searcher: Searcher) -> None:
    """A call that could never end says what to call instead."""
    with pytest.raises(RuntimeError, match="await aretrieve"):
        CitewellRetriever(searcher).retrieve(QUESTION)


def test_a_script_retrieves_again_and_again(
    hybrid: Settings, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """Without asynchronous code of its own, a script searches as often as it likes."""
    with asyncio.Runner() as runner:
        runner.run(ingest([str(corpus(records(20)))], hybrid, Watcher()))
        searcher = runner.run(Searcher.open(hybrid))
        retriever = CitewellRetriever(searcher, loop=runner.get_loop())
        first, second = retriever.retrieve(QUESTION), retriever.retrieve(QUESTION)
        runner.run(searcher.close())
        with pytest.raises(IndexStoreError):
            retriever.retrieve(QUESTION)
    assert len(first) == 5
    assert first == second
    with pytest.raises(RuntimeError, match="await aretrieve"):
        retriever.retrieve(QUESTION)
    asked = [text for text in openai_server.embedded if text.endswith(f"\nQuery:{QUESTION}")]
    assert len(asked) == 1, "the cache of vectors knows a question that was asked before"
