"""Embedding servers other than SGLang: one setting serves them, and each one's way of saying no is understood.

vLLM's is a fake that speaks as its source says; Infinity's answers stand here as the real one gave them (0.0.78), and
`tests/live/test_infinity.py` asks it again.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import CitewellError, ServerBusy, ServerError, ServerRefused
from configs.settings import EmbeddingSettings
from ingest import pipeline
from ingest.embedding import ServerEmbedder
from tests.support import faults
from tests.support.corpora import Watcher, record, records
from tests.support.openai_server import OpenAIServer
from tests.support.vllm_server import VLLMServer

if TYPE_CHECKING:
    from tests.conftest import CorpusWriter, SettingsFactory

pytestmark = pytest.mark.usefixtures("impatient")

TEXTS = ["aspirin for migraine", "statins and stroke\nA trial.", "insulin"]
# Infinity's answers, as it gave them.
WRONG_KEY = faults.Status(401, {"detail": "Unauthorized"})
WRONG_MODEL = faults.Status(
    400,
    {
        "error": {
            "message": "Invalid model: Engine for model name `nope` not found. Available model names are ['minilm', 'other']",
            "type": None,
            "param": None,
            "code": 400,
        }
    },
)
TOO_MANY = faults.Status(
    422,
    {
        "detail": [
            {
                "type": "too_long",
                "loc": ["body", "text", "input", "list[constrained-str]"],
                "msg": "List should have at most 2048 items after validation, not 3000",
                "input": ["a patient's own words"],
            }
        ]
    },
)
OVERLOADED = faults.Status(429, {"error": {"message": "model minilm is currently overloaded", "code": 429}})
# llama.cpp's server and TEI's, as their threads tell.
TOO_LARGE = faults.Status(
    500,
    {"error": {"code": 500, "message": "input is too large to process. increase the physical batch size"}},
)
PART_FAILED = faults.Status(424, {"message": "Backend error", "type": "Backend", "code": 424})


@pytest.fixture
def vllm() -> Iterator[VLLMServer]:
    """A server that speaks as vLLM does."""
    with VLLMServer() as server:
        yield server


@pytest.fixture
async def embedder() -> AsyncIterator[Callable[..., ServerEmbedder]]:
    """A function that makes embedders over a server; they are closed after the test."""
    made: list[ServerEmbedder] = []

    def make(server: OpenAIServer, **changes: Any) -> ServerEmbedder:
        settings = EmbeddingSettings(provider="openai", url=server.url, **({"model": server.model} | changes))
        made.append(ServerEmbedder(settings, retries=0))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_another_server_is_another_address(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer, vllm: VLLMServer
) -> None:
    """The same settings with vLLM's url give the same vectors in the same order, as base64 over the wire."""
    for texts in (TEXTS, TEXTS[:1]):
        here, there = [await embedder(server).embed_documents(texts) for server in (openai_server, vllm)]
        assert [list(vector) for vector in there] == [list(vector) for vector in here]
    assert {request.body["encoding_format"] for request in vllm.requests} == {"base64"}
    assert await embedder(vllm).embed_query(TEXTS[0]) is not None


@pytest.mark.parametrize(("status", "old"), [(404, False), (404, True), (400, False)])
async def test_an_unknown_model_is_told_as_one(
    status: int, old: bool, embedder: Callable[..., ServerEmbedder], vllm: VLLMServer
) -> None:
    """Whatever status and form a version of vLLM gives it, the message names the model and the setting."""
    vllm.unknown_model, vllm.old_errors = status, old
    with pytest.raises(ServerRefused, match="knows no such model") as raised:
        await embedder(vllm, model="nope").embed_documents(TEXTS)
    assert "`nope`" in raised.value.what
    assert "embedding.model" in raised.value.fix


@pytest.mark.parametrize("old", [False, True])
async def test_fewer_dimensions_that_are_refused_name_the_setting(
    old: bool, embedder: Callable[..., ServerEmbedder], vllm: VLLMServer
) -> None:
    """A model that is not marked as a Matryoshka one gives none with vLLM; the message says what to unset or start."""
    vllm.old_errors = old
    with pytest.raises(ServerRefused, match="does not support matryoshka") as raised:
        await embedder(vllm, dimensions=32).embed_documents(TEXTS)
    assert "embedding.dimensions" in raised.value.fix


async def test_the_right_key_opens_and_a_wrong_one_is_told(
    embedder: Callable[..., ServerEmbedder], vllm: VLLMServer
) -> None:
    """`embedding.api_key` is what vLLM's --api-key wants."""
    vllm.api_key = "right"
    await embedder(vllm, api_key="right").embed_documents(TEXTS)
    with pytest.raises(ServerRefused, match="API key"):
        await embedder(vllm, api_key="wrong").embed_documents(TEXTS)


async def test_an_over_long_record_is_rejected_alone_with_vllms_words(
    settings: SettingsFactory, corpus: CorpusWriter, vllm: VLLMServer
) -> None:
    """An ingest over vLLM stores the rest of the list that one record fails."""
    vllm.context_length = 40
    made = settings({"embedding.provider": "openai", "embedding.url": vllm.url, "embedding.model": vllm.model})
    watcher = Watcher()
    path = corpus([*records(5), {**record(5), "abstract": "word " * 50}])
    summary = await pipeline.ingest([str(path)], made, watcher)
    assert (summary.documents, summary.failed) == (5, 1)
    assert "maximum context length is 40 tokens" in watcher.rejects[0].reason


async def test_a_model_says_how_much_it_reads(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer, vllm: VLLMServer
) -> None:
    """SGLang and vLLM tell it among their models; of several, that of ours counts."""
    vllm.context_length = 512
    assert await embedder(vllm).longest() == 512
    assert await embedder(openai_server, model="called otherwise here").longest() == 32_768
    for fault in (faults.Status(404, {"detail": "Not Found"}), faults.Garbage()):
        openai_server.fault = fault
        assert await embedder(openai_server).longest() is None


@pytest.mark.parametrize(
    ("fault", "kind", "told", "fix"),
    [
        (WRONG_KEY, ServerRefused, "API key", "CITEWELL_EMBEDDING__API_KEY"),
        (WRONG_MODEL, ServerRefused, "Available model names", "embedding.model"),
        (TOO_MANY, ServerRefused, "422: List should have at most 2048 items", ""),
        (OVERLOADED, ServerBusy, "overloaded", ""),
        (TOO_LARGE, ServerRefused, "too large", "chunking.size"),
        (PART_FAILED, ServerError, "failed", "log"),
    ],
    ids=["wrong key", "wrong model", "too many", "overloaded", "too large", "a part failed"],
)
async def test_each_servers_no_is_understood(
    fault: faults.Fault,
    kind: type[CitewellError],
    told: str,
    fix: str,
    embedder: Callable[..., ServerEmbedder],
    openai_server: OpenAIServer,
) -> None:
    """What to wait for, what to change and which text to leave out are told apart; no text that was sent is repeated."""
    openai_server.fault = fault
    with pytest.raises(CitewellError, match=told) as raised:
        await embedder(openai_server).embed_documents(["a patient's own words"])
    assert type(raised.value) is kind
    assert fix in raised.value.fix
    assert "own words" not in str(raised.value)


async def test_vectors_come_out_at_length_one(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """Infinity cuts to fewer dimensions and leaves it at that; what compares them counts on length 1."""
    (whole,) = await embedder(openai_server).embed_documents(TEXTS[:1])
    openai_server.fault = faults.Spoil(lambda vectors: [[value / 3 for value in vector] for vector in vectors])
    (vector,) = await embedder(openai_server).embed_documents(TEXTS[:1])
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-6)
    assert list(vector) == pytest.approx(list(whole), abs=1e-6)
