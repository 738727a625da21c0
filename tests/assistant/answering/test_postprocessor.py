"""Reranking behind llama-index's retrievers and in its query engines."""

from __future__ import annotations

import asyncio
import logging

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from assistant.answering.postprocessor import CitewellRerank
from assistant.answering.rerank import Reranking, open_reranking
from assistant.answering.retrieval import Searcher
from assistant.answering.retriever import CitewellRetriever
from tests.assistant.answering.examples import fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTION = "aspirin with from about"


def opened(settings: SettingsFactory, server: OpenAIServer) -> Reranking:
    """A reranking by the fake server."""
    reranking = open_reranking(settings({"rerank.provider": "server", "rerank.url": server.url, "rerank.timeout": 30}))
    assert reranking is not None
    return reranking


def nodes() -> list[NodeWithScore]:
    """Three nodes, the worst first."""
    texts = ("Other.", "Aspirin with.", "About aspirin from with.")
    return [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]


async def test_nodes_are_put_in_order_and_the_best_kept(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    """Scores are the reranker's; `top_n` cuts after ordering."""
    reranking = opened(settings, openai_server)
    ordered = await CitewellRerank(reranking, 2).apostprocess_nodes(nodes(), query_str=QUESTION)
    assert [(node.text, node.score) for node in ordered] == [("About aspirin from with.", 1.0), ("Aspirin with.", 0.5)]
    await reranking.close()


async def test_a_failure_leaves_them_as_they_were_and_is_logged(
    settings: SettingsFactory, openai_server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipeline goes on without its reranker."""
    openai_server.fault = faults.BUSY
    reranking = opened(settings, openai_server)
    with caplog.at_level(logging.WARNING):
        kept = await CitewellRerank(reranking).apostprocess_nodes(nodes(), query_str=QUESTION)
    assert [node.text for node in kept] == [node.text for node in nodes()]
    assert any("Not reranked" in record.message for record in caplog.records)
    await reranking.close()


async def test_it_stands_in_a_query_engine_and_in_a_thread(
    settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """As llama-index's own postprocessors do, asynchronously and not."""
    configured = settings()
    records = [
        {"id": "often", "title": "Aspirin", "abstract": "Aspirin, aspirin with."},
        {"id": "all", "title": "Another", "abstract": "About aspirin from with" + " more" * 300},
    ]
    await fill(configured, corpus(records))
    searcher, reranking = await Searcher.open(configured), opened(settings, openai_server)
    rerank = CitewellRerank(reranking)
    engine = RetrieverQueryEngine.from_args(CitewellRetriever(searcher), llm=MockLLM(), node_postprocessors=[rerank])
    answer = await engine.aquery(QUESTION)
    assert [node.metadata["doc_id"] for node in answer.source_nodes] == ["all", "often"]
    found = await CitewellRetriever(searcher).aretrieve(QUESTION)
    ordered = await asyncio.to_thread(rerank.postprocess_nodes, found, QueryBundle(QUESTION))
    assert [node.metadata["doc_id"] for node in ordered] == ["all", "often"]
    await reranking.close()
    await searcher.close()
