"""Many texts to one matrix: in order, cached, patient, and what the embedder refuses named by its place."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from configs.errors import CitewellError, ServerError, SettingsError
from configs.settings import Settings
from ingest import embedding_stage
from ingest.matrix import embed_blocks, embed_texts
from ingest.progress import Observer
from tests.conftest import SettingsFactory
from tests.support import bag_of_words, faults
from tests.support.openai_server import OpenAIServer

PROBE = ["dimensions"]


@pytest.fixture
def own(settings: SettingsFactory, openai_server: OpenAIServer) -> Settings:
    """Settings that name the server."""
    return settings({"embedding.provider": "openai", "embedding.url": openai_server.url, "embedding.wait": 5})


def terms(count: int) -> list[str]:
    """Terms of different lengths, none like another."""
    return [f"term{n} " + "of the heart " * (n % 5) for n in range(count)]


async def test_rows_stand_in_the_order_of_the_texts(own: Settings, openai_server: OpenAIServer) -> None:
    """However the calls are cut, sorted and sent at once: row n is text n, float32, at length 1; progress ends whole."""
    texts, told = terms(700), list[tuple[int, int]]()
    openai_server.latency = 0.01
    found = await embed_texts(texts, own, progress=lambda *at: told.append(at))
    assert found.vectors.shape == (700, 64)
    assert found.vectors.dtype == np.float32
    for n in (0, 255, 256, 511, 699):
        wanted = bag_of_words.normalised(bag_of_words.embed(texts[n], 64))
        assert found.vectors[n] == pytest.approx(np.asarray(wanted), abs=1e-5)
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, 700), (700, 700))
    assert openai_server.busiest > 1


async def test_what_is_known_is_not_sent_again(own: Settings, openai_server: OpenAIServer) -> None:
    """A second run costs one word to the server, and gives the same matrix."""
    first = await embed_texts(terms(20), own)
    openai_server.requests.clear()
    again = await embed_texts(terms(20), own)
    assert openai_server.embedded == PROBE
    assert np.array_equal(first.vectors, again.vectors)


async def test_a_task_makes_queries_of_them(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    """They go out in the form Qwen3-Embedding was trained on, whatever the documents' prefix; without one as passages do."""
    flags = {"embedding.provider": "openai", "embedding.url": openai_server.url, "embedding.prefix_documents": True}
    await embed_texts(["asthma"], settings(flags), task="Group diseases")
    assert openai_server.embedded[-1] == "Instruct: Group diseases\nQuery:asthma"
    await embed_texts(["asthma"], settings(flags), task="")
    assert openai_server.embedded[-1] == "asthma"
    await embed_texts(["asthma"], settings(flags))
    assert openai_server.embedded[-1] == "Biomedical literature: asthma"


async def test_what_is_refused_is_named_by_its_place(own: Settings, openai_server: OpenAIServer) -> None:
    """An over-long text costs its own row, not the run; a blank one is not even sent, since servers refuse its neighbours too."""
    openai_server.context_length = 20
    texts = terms(300)
    texts[7], texts[290] = "word " * 30, " \t"
    found = await embed_texts(texts, own)
    assert list(found.refused) == [7, 290]
    assert "longer than the model" in str(found.refused[7])
    assert not found.vectors[[7, 290]].any()
    assert found.vectors[8].any()
    assert all(text.strip() for text in openai_server.embedded)


async def test_nothing_gives_an_empty_matrix(own: Settings, openai_server: OpenAIServer) -> None:
    """No texts, no call."""
    assert (await embed_texts([], own)).vectors.shape == (0, 0)
    assert openai_server.requests == []


async def test_without_an_embedder_the_remedy_is_named(settings: SettingsFactory) -> None:
    """The quickstart profile has none: that is told with what to add, before anything is read."""
    with pytest.raises(SettingsError, match="no embedder") as caught:
        await embed_texts(["asthma"], settings())
    assert "--profile local" in caught.value.fix


async def test_a_busy_server_is_waited_for_and_a_dead_one_told_at_once(
    own: Settings, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience of an ingest: an overload in mid-run is told to who watches and repeated; a wrong address fails at once."""
    monkeypatch.setattr(embedding_stage, "_SHORTEST_WAIT", 0.01)
    waits: list[CitewellError] = []

    class Watcher(Observer):
        def waiting(self, error: CitewellError, seconds: float) -> None:
            waits.append(error)

    openai_server.faults.extend([None, faults.BUSY])
    assert (await embed_texts(terms(10), own, observer=Watcher())).vectors.all(axis=1).size == 10
    assert len(waits) == 1
    openai_server.stop()
    with pytest.raises(ServerError):
        await embed_texts(terms(10), own)


async def test_blocks_hold_no_more_than_what_is_under_way(
    settings: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Four times as many texts do not take four times the memory where blocks are used and let go."""
    flags: dict[str, Any] = {"embedding.provider": "openai", "embedding.url": openai_server.url, "cache.kind": "none"}
    own = settings(flags | {"embedding.concurrency": 1})

    async def most(count: int) -> int:
        texts = terms(100) * (count // 100)
        tracemalloc.start()
        try:
            async for _ in embed_blocks(texts, own):
                openai_server.requests.clear()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await most(100)  # imports
    few = await most(500)
    assert await most(2_000) < 2 * few
