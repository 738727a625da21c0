"""The llama-index embedding sends what `ServerEmbedder` sends and returns what it returns, however it is called."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import TextNode

from configs.errors import ServerBusy, ServerRefused, SettingsError
from ingest.embedding import ServerEmbedder
from ingest.llama_embedding import InstructionEmbedding
from tests.support import faults

if TYPE_CHECKING:
    from configs.settings import EmbeddingSettings
    from tests.conftest import SettingsFactory
    from tests.support.openai_server import OpenAIServer

QUESTION = "Does metformin\nhelp in prediabetes?"
TASK = "Given a medical question, retrieve passages from the biomedical literature that answer it"
TEXTS = ["Metformin in prediabetes\nIt lowered\n\nglucose.", "二甲双胍\n降低血糖。"]


@pytest.fixture
def embedding_settings(settings: SettingsFactory, openai_server: OpenAIServer) -> EmbeddingSettings:
    """Give the sglang profile's settings, pointed at the fake server, with fewer dimensions than its own."""
    flags = {"embedding.url": openai_server.url, "embedding.dimensions": 32, "embedding.model": "fake/model"}
    return settings(flags, profile="sglang").embedding


@pytest.fixture
def embedding(embedding_settings: EmbeddingSettings) -> InstructionEmbedding:
    """Give a llama-index embedding for the fake server."""
    return InstructionEmbedding.from_settings(embedding_settings)


async def reference(settings: EmbeddingSettings) -> tuple[list[float], list[list[float]]]:
    """Ask `ServerEmbedder` for the question and the texts."""
    embedder = ServerEmbedder(settings)
    try:
        return list(await embedder.embed_query(QUESTION)), [list(v) for v in await embedder.embed_documents(TEXTS)]
    finally:
        await embedder.close()


def sent(server: OpenAIServer) -> list[dict[str, Any]]:
    """Give the bodies of the requests that came."""
    return [request.body for request in server.requests]


BODY = {"model": "fake/model", "encoding_format": "base64", "dimensions": 32}


def test_a_query_goes_out_with_its_instruction_and_line_breaks(
    embedding: InstructionEmbedding, openai_server: OpenAIServer
) -> None:
    """Qwen3-Embedding sees `Instruct: …` and `Query:…` on lines of their own, which llama-index would have joined."""
    embedding.get_query_embedding(QUESTION)
    assert sent(openai_server) == [BODY | {"input": [f"Instruct: {TASK}\nQuery:{QUESTION}"]}]


def test_documents_go_out_as_they_are(embedding: InstructionEmbedding, openai_server: OpenAIServer) -> None:
    """One request for a batch, base64 and the dimensions asked for, line breaks kept, no instruction."""
    embedding.get_text_embedding_batch(TEXTS)
    assert sent(openai_server) == [BODY | {"input": TEXTS}]


def test_documents_go_out_with_their_prefix_where_it_is_set(
    embedding_settings: EmbeddingSettings, openai_server: OpenAIServer
) -> None:
    """The domain's prefix is an option, for documents alone."""
    prefixed = embedding_settings.model_copy(update={"prefix_documents": True})
    InstructionEmbedding.from_settings(prefixed).get_text_embedding(TEXTS[0])
    assert openai_server.embedded == ["Biomedical literature: " + TEXTS[0]]


def test_dimensions_are_not_mentioned_unless_set(
    embedding_settings: EmbeddingSettings, openai_server: OpenAIServer
) -> None:
    """A server without Matryoshka refuses the word itself, so it is left out."""
    whole = embedding_settings.model_copy(update={"dimensions": None})
    assert len(InstructionEmbedding.from_settings(whole).get_query_embedding("x")) == openai_server.dimensions
    assert "dimensions" not in sent(openai_server)[0]


def test_vectors_are_those_of_search_and_ingest_without_an_event_loop(
    embedding: InstructionEmbedding, embedding_settings: EmbeddingSettings
) -> None:
    """A script gets the very vectors that citewell's own index holds."""
    query, texts = asyncio.run(reference(embedding_settings))
    assert embedding.get_query_embedding(QUESTION) == query
    assert embedding.get_text_embedding(TEXTS[1]) == texts[1]
    assert embedding.get_text_embedding_batch(TEXTS) == texts
    assert len(query) == 32


async def test_vectors_are_those_of_search_and_ingest_within_an_event_loop(
    embedding: InstructionEmbedding, embedding_settings: EmbeddingSettings
) -> None:
    """A notebook gets them too, awaited or not."""
    query, texts = await reference(embedding_settings)
    assert await embedding.aget_query_embedding(QUESTION) == query
    assert await embedding.aget_text_embedding(TEXTS[1]) == texts[1]
    assert await embedding.aget_text_embedding_batch(TEXTS) == texts
    await embedding.aclose()
    assert embedding.get_query_embedding(QUESTION) == query
    assert embedding.get_text_embedding_batch(TEXTS) == texts


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what the first loop left open
def test_one_embedding_serves_several_event_loops(embedding: InstructionEmbedding, openai_server: OpenAIServer) -> None:
    """A second `asyncio.run` does not trip over the connections of the first, even if nobody closed them."""
    first: list[float] = asyncio.run(embedding.aget_query_embedding(QUESTION))

    async def once_more() -> list[float]:
        try:
            return list(await embedding.aget_query_embedding(QUESTION))
        finally:
            await embedding.aclose()

    assert asyncio.run(once_more()) == first
    assert len(openai_server.requests) == 2
    gc.collect()  # here, not in the middle of another test, for which the warning is an error


async def test_batches_go_out_side_by_side_as_many_as_the_settings_allow(
    embedding_settings: EmbeddingSettings, openai_server: OpenAIServer
) -> None:
    """`embedding.batch_size` and `embedding.concurrency` hold in a llama-index pipeline as in citewell's own."""
    tuned = embedding_settings.model_copy(update={"batch_size": 2, "concurrency": 3})
    embedding = InstructionEmbedding.from_settings(tuned)
    openai_server.fault = faults.Hang()
    asked = asyncio.create_task(embedding.aget_text_embedding_batch([f"text {n}" for n in range(10)]))
    await asyncio.to_thread(openai_server.wait_for, 3)
    assert len(openai_server.requests) == 3
    openai_server.release()
    assert len(await asked) == 10
    await embedding.aclose()
    assert sorted(len(body["input"]) for body in sent(openai_server)) == [2, 2, 2, 2, 2]


def test_a_llama_index_pipeline_embeds_its_nodes(embedding: InstructionEmbedding, openai_server: OpenAIServer) -> None:
    """It is a transformation like any other of llama-index's."""
    nodes = IngestionPipeline(transformations=[embedding]).run(nodes=[TextNode(text=text) for text in TEXTS])
    assert [node.embedding for node in nodes] == embedding.get_text_embedding_batch(TEXTS)
    assert openai_server.embedded == TEXTS * 2


def test_a_failure_is_one_of_ours(embedding_settings: EmbeddingSettings, openai_server: OpenAIServer) -> None:
    """A wrong key or an overload is told as everywhere in citewell, not as a traceback of the client."""
    openai_server.api_key = "right"
    with pytest.raises(ServerRefused, match="refuses the API key"):
        InstructionEmbedding.from_settings(embedding_settings).get_query_embedding("x")
    openai_server.api_key = None
    openai_server.fail_with(503, faults.error_body("The request queue is full.", "SERVICE_UNAVAILABLE", 503))
    impatient = InstructionEmbedding.from_settings(embedding_settings)
    impatient.max_retries = 0
    with pytest.raises(ServerBusy):
        impatient.get_text_embedding_batch(["x"])


def test_the_key_is_sent_and_nowhere_shown(
    settings: SettingsFactory, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key reaches the server it is for, not a log or a dumped pipeline; OPENAI_API_KEY goes nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    openai_server.api_key = "s3cret"
    flags = {"embedding.url": openai_server.url, "embedding.dimensions": 32}
    keyed = settings(flags | {"embedding.api_key": "s3cret"}, profile="sglang").embedding
    embedding = InstructionEmbedding.from_settings(keyed)
    embedding.get_query_embedding("x")
    assert "s3cret" not in repr(embedding) + str(embedding) + embedding.to_json() + json.dumps(embedding.to_payload())
    keyless = InstructionEmbedding.from_settings(settings(flags, profile="sglang").embedding)
    with pytest.raises(ServerRefused):
        keyless.get_query_embedding("x")
    assert [request.headers["Authorization"] for request in openai_server.requests] == ["Bearer s3cret", "Bearer none"]


def test_worker_processes_get_a_copy_that_works(
    embedding_settings: EmbeddingSettings, openai_server: OpenAIServer
) -> None:
    """Pickled for llama-index's workers, it keeps key, instruction, prefix and dimensions."""
    changed = embedding_settings.model_copy(update={"domain": "chinese", "prefix_documents": True})
    copied = pickle.loads(pickle.dumps(InstructionEmbedding.from_settings(changed)))  # noqa: S301 — our own
    copied.get_query_embedding("糖尿病")
    copied.get_text_embedding("糖尿病")
    assert openai_server.embedded[0].endswith("\nQuery:糖尿病")
    assert openai_server.embedded[1] == "医学文献：糖尿病"
    assert sent(openai_server)[0]["dimensions"] == 32


@pytest.mark.parametrize(
    ("change", "told"), [({"domain": "astrology"}, "astrology"), ({"provider": "none"}, "embedding.provider is none")]
)
def test_settings_that_cannot_work_are_refused_at_once(
    embedding_settings: EmbeddingSettings, change: dict[str, str], told: str
) -> None:
    """Not at the first document, hours into a run."""
    with pytest.raises(SettingsError, match=told):
        InstructionEmbedding.from_settings(embedding_settings.model_copy(update=change))
