"""The embedders: what goes over the wire, what comes back, and what is refused."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import ServerGarbled, ServerUnreachable, SettingsError
from configs.settings import EmbeddingSettings
from ingest.embedding import ServerEmbedder, dimensions_of, open_embedder
from ingest.embedding_in_process import InProcessEmbedder
from tests.support import bag_of_words, faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.openai_server import OpenAIServer


@pytest.fixture
async def embedder(openai_server: OpenAIServer) -> AsyncIterator[Callable[..., ServerEmbedder]]:
    """A function that makes embedders over the server; they are closed after the test."""
    made: list[ServerEmbedder] = []

    def make(**changes: Any) -> ServerEmbedder:
        settings = EmbeddingSettings(provider="openai", url=openai_server.url, **changes)
        made.append(ServerEmbedder(settings, retries=0))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_a_question_keeps_its_line_break(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """The instruction arrives as the model was trained on it, and so the question finds its passage."""
    ours = embedder(domain="treatment")
    vector = await ours.embed_query("aspirin for migraine")
    (sent,) = openai_server.embedded
    assert sent.startswith("Instruct: ")
    assert sent.endswith("\nQuery:aspirin for migraine")
    (same,) = await ours.embed_documents(["aspirin for migraine"])
    assert list(vector) == list(same)


async def test_documents_carry_no_instruction(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """By default they are sent as they are, line breaks and all."""
    await embedder().embed_documents(["Title\nText  with  spaces\n"])
    assert openai_server.embedded == ["Title\nText  with  spaces\n"]


@pytest.mark.parametrize("dimensions", [None, 16])
async def test_vectors_come_back_in_order_and_precise(
    dimensions: int | None, embedder: Callable[..., ServerEmbedder]
) -> None:
    """One for each text, in base64 at full float32 precision, cut to the dimensions asked for."""
    texts = [f"text number {n} on {word}" for n, word in enumerate(["stroke", "gout", "asthma"] * 20)]
    vectors = await embedder(dimensions=dimensions).embed_documents(texts)
    for text, vector in zip(texts, vectors, strict=True):
        wanted = bag_of_words.normalised(bag_of_words.embed(text, 64)[: dimensions or 64])
        assert list(vector) == pytest.approx(wanted, abs=1e-6)


async def test_a_server_that_ignores_base64_is_understood(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """Other servers answer with lists of floats whatever is asked."""
    data = [{"object": "embedding", "index": n, "embedding": [float(n), float(1 - n)]} for n in (1, 0)]
    openai_server.fault = faults.Status(200, {"object": "list", "data": data, "model": "m"})
    assert [list(v) for v in await embedder().embed_documents(["a", "b"])] == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "embedding", ["not base64!", "AAA=", "", [], [math.inf, 1.0], ["a", "b"], None, {"a": 1}], ids=repr
)
async def test_vectors_that_are_none_are_refused(
    embedding: Any, embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """Nothing that is no vector gets into an index."""
    data = [{"object": "embedding", "index": 0, "embedding": embedding}]
    openai_server.fault = faults.Status(200, {"object": "list", "data": data})
    with pytest.raises(ServerGarbled):
        await embedder().embed_documents(["a"])


async def test_other_dimensions_than_asked_for_are_refused(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """A server that ignores `dimensions` is told of, instead of spoiling the index."""
    openai_server.fault = faults.Spoil(lambda vectors: [vector[:-1] for vector in vectors])
    with pytest.raises(ServerGarbled, match=r"\[15\] dimensions came where 16"):
        await embedder(dimensions=16).embed_documents(["a"])


async def test_dimensions_are_found_by_asking(embedder: Callable[..., ServerEmbedder]) -> None:
    """A model's own size need not be set."""
    assert await dimensions_of(embedder()) == 64


async def test_a_question_is_not_kept_waiting_for_repeats(
    embedder: Callable[..., ServerEmbedder], openai_server: OpenAIServer
) -> None:
    """While a person waits, a server that hangs is asked once."""
    openai_server.fault = faults.Hang()
    with pytest.raises(ServerUnreachable):
        await embedder(timeout=0.2).embed_query("q")
    assert len(openai_server.requests) == 1


def test_an_unknown_domain_is_refused_at_once() -> None:
    """Before any server is asked."""
    with pytest.raises(SettingsError, match="cardiology"):
        open_embedder(EmbeddingSettings(provider="openai", domain="cardiology"), retries=0)


def test_a_lexical_profile_has_no_embedder() -> None:
    """None, and nothing imported for it."""
    assert open_embedder(EmbeddingSettings(provider="none"), retries=0) is None


HAS_FASTEMBED = importlib.util.find_spec("fastembed") is not None


@pytest.mark.skipif(HAS_FASTEMBED, reason="FastEmbed is installed here")
def test_a_missing_fastembed_names_its_extra() -> None:
    """The message is the command that installs it."""
    from configs.errors import NotInstalled

    with pytest.raises(NotInstalled) as caught:
        open_embedder(EmbeddingSettings(provider="fastembed"), retries=0)
    assert "citewell[local]" in caught.value.fix


@pytest.mark.skipif(not HAS_FASTEMBED, reason="FastEmbed (the extra “local”) is not installed")
def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    """The message names the folder and what belongs in it."""
    with pytest.raises(SettingsError, match=r"model\.onnx") as caught:
        InProcessEmbedder(EmbeddingSettings(provider="fastembed", model_path=tmp_path))
    assert caught.value.where == str(tmp_path)


@pytest.mark.skipif(not HAS_FASTEMBED, reason="FastEmbed (the extra “local”) is not installed")
async def test_a_real_model_finds_meaning(shared_data: Path) -> None:
    """MiniLM from a folder: a question is nearer to its answer than to another passage."""
    folder = shared_data.parent / "models" / "all-MiniLM-L6-v2"
    if not folder.is_dir():
        pytest.skip("the real model (../shared/models) is not here")
    ours = InProcessEmbedder(EmbeddingSettings(provider="fastembed", model_path=folder, domain="none"))
    question = await ours.embed_query("Which drug thins the blood?")
    near, far = await ours.embed_documents(["Warfarin is an anticoagulant.", "The femur is the longest bone."])
    cosines = [sum(a * b for a, b in zip(question, v, strict=True)) for v in (near, far)]
    assert len(question) == 384
    assert cosines[0] > cosines[1] + 0.2


@pytest.mark.skipif(not HAS_FASTEMBED, reason="FastEmbed (the extra “local”) is not installed")
async def test_fewer_dimensions_are_cut_in_process(shared_data: Path) -> None:
    """`embedding.dimensions` serves here too: the first so many of the vector, at length 1 again."""
    folder = shared_data.parent / "models" / "all-MiniLM-L6-v2"
    if not folder.is_dir():
        pytest.skip("the real model (../shared/models) is not here")
    made = EmbeddingSettings(provider="fastembed", model_path=folder, domain="none")
    whole = await InProcessEmbedder(made).embed_query("statins")
    short = await InProcessEmbedder(made.model_copy(update={"dimensions": 64})).embed_query("statins")
    length = sum(value**2 for value in whole[:64]) ** 0.5
    assert short == pytest.approx([value / length for value in whole[:64]])
