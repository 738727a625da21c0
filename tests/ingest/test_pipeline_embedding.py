"""Ingest with an embedding server: what is sent, how much at once, and what happens when it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import (
    CitewellError,
    IndexMismatch,
    IndexMissing,
    ServerBusy,
    ServerError,
    ServerGarbled,
    ServerRefused,
    ServerUnreachable,
)
from ingest import embedding_stage, pipeline
from ingest import run as run_module
from ingest.index.base import Counts
from ingest.index.open import open_index
from ingest.lexical import SparseVector
from tests.support import bag_of_words, faults
from tests.support.corpora import Watcher, record, records
from tests.support.openai_server import OpenAIServer

if TYPE_CHECKING:
    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def flags(openai_server: OpenAIServer) -> dict[str, Any]:
    """Settings that name the server: small batches, two at once."""
    return {
        "embedding.provider": "openai",
        "embedding.url": openai_server.url,
        "embedding.model": "fake/model",
        "embedding.batch_size": 4,
        "embedding.concurrency": 2,
        "embedding.timeout": 5,
        "embedding.wait": 0,
    }


@pytest.fixture
def home(settings: SettingsFactory, flags: dict[str, Any]) -> Settings:
    """Those settings."""
    return settings(flags)


class Alert(Watcher):
    """Says at once that the run waits, or stops."""

    def __init__(self) -> None:
        super().__init__()
        self.waited, self.stopped = asyncio.Event(), asyncio.Event()

    def waiting(self, error: CitewellError, seconds: float) -> None:
        """See `Observer.waiting`."""
        super().waiting(error, seconds)
        self.waited.set()

    def stopping(self) -> None:
        """See `Observer.stopping`."""
        super().stopping()
        self.stopped.set()


async def held(home: Settings) -> Counts:
    """What the index holds now."""
    index = await open_index(home)
    try:
        return await index.counts()
    finally:
        await index.close()


async def test_each_passage_is_embedded_once(home: Settings, ingest: Ingest, openai_server: OpenAIServer) -> None:
    """Title and text are sent as they are, line break kept, in base64; a second run sends only its probe."""
    corpus = records(10)
    await ingest(corpus, home)
    probe, *texts = openai_server.embedded
    assert sorted(texts) == sorted(f"{r['title']}\n{r['abstract']}" for r in corpus)
    assert {request.body["encoding_format"] for request in openai_server.requests} == {"base64"}
    assert max(len(request.body["input"]) for request in openai_server.requests) == 4
    openai_server.requests.clear()
    summary, _ = await ingest(corpus, home)
    assert (summary.documents, summary.skipped) == (0, 10)
    assert openai_server.embedded == [probe]


async def test_the_index_holds_the_vectors_of_the_server(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """The dense half finds a document by its own text, at cosine 1."""
    await ingest(records(20), home)
    index = await open_index(home)
    try:
        query = bag_of_words.embed(f"{record(7)['title']}\n{record(7)['abstract']}", openai_server.dimensions)
        (hit,) = (await index.candidates(SparseVector([], []), query, 1)).dense
        (passage,) = await index.fetch([hit.point_id])
    finally:
        await index.close()
    assert passage.doc_id == "doc-7"
    assert hit.score == pytest.approx(1.0, abs=1e-5)


async def test_no_more_calls_at_once_than_allowed(home: Settings, ingest: Ingest, openai_server: OpenAIServer) -> None:
    """`embedding.concurrency` is a bound, and it is used."""
    openai_server.latency = 0.02
    await ingest(records(40), home)
    assert openai_server.busiest == 2


async def test_fewer_dimensions_and_a_prefix_are_asked_for(
    flags: dict[str, Any], settings: SettingsFactory, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """`embedding.dimensions` is sent and stored; the domain's prefix stands before documents where it is set."""
    home = settings(
        flags | {"embedding.dimensions": 16, "embedding.prefix_documents": True, "embedding.domain": "treatment"}
    )
    await ingest(records(2), home)
    assert {request.body["dimensions"] for request in openai_server.requests} == {16}
    assert all(text.startswith("Treatment: ") for text in openai_server.embedded[1:])
    index = await open_index(home)
    assert index.manifest.dimensions == 16
    await index.close()


async def test_a_wrong_key_is_told_before_anything_is_read(
    flags: dict[str, Any], settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """One call is made, no index is left behind, and the message names the variable but not the key."""
    openai_server.api_key = "right"
    home = settings(flags | {"embedding.api_key": "sk-wrong"})
    watcher = Watcher()
    path = corpus([{"id": "bad record"}, *records(3)])
    with pytest.raises(ServerRefused, match="refuses the API key") as caught:
        await pipeline.ingest([str(path)], home, watcher)
    assert "CITEWELL_EMBEDDING__API_KEY" in caught.value.fix
    assert "sk-wrong" not in str(caught.value)
    assert (len(openai_server.requests), watcher.rejects) == (1, [])
    with pytest.raises(IndexMissing):
        await open_index(home)
    await pipeline.ingest([str(path)], settings(flags | {"embedding.api_key": "right"}), watcher)


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (faults.Garbage(), ServerGarbled, "OpenAI protocol"),
        (faults.Status(200, {"data": "no"}), ServerGarbled, "OpenAI protocol"),
        (faults.BUSY, ServerBusy, "The request queue is full"),
        (faults.Status(429, {}), ServerBusy, "overloaded"),
        (faults.CRASHED, ServerError, "CUDA out of memory"),
        (faults.Status(404, {"detail": "Not Found"}), ServerRefused, "no such model or path"),
        (faults.NAN_VECTORS, ServerGarbled, "NaN"),
        (faults.TOO_FEW_VECTORS, ServerGarbled, "0 embeddings came for 1 texts|No embedding data"),
    ],
    ids=["garbage", "not the protocol", "503", "429", "500", "404", "nan", "too few"],
)
async def test_a_server_that_fails_from_the_start_is_explained(
    fault: faults.Fault,
    error: type[ServerError],
    told: str,
    home: Settings,
    corpus: CorpusWriter,
    openai_server: OpenAIServer,
) -> None:
    """Each failure has its own message with the address and a remedy; nothing is made."""
    openai_server.fault = fault
    with pytest.raises(error, match=told) as caught:
        await pipeline.ingest([str(corpus(records(3)))], home, Watcher())
    assert type(caught.value) is error
    assert caught.value.where == openai_server.url
    assert caught.value.fix
    with pytest.raises(IndexMissing):
        await open_index(home)


async def test_a_server_that_is_not_there_is_told_at_once(
    flags: dict[str, Any], settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """A server that never answered is not waited for: it says what to start or to correct."""
    openai_server.stop()
    watcher = Watcher()
    with pytest.raises(ServerUnreachable, match="does not answer") as caught:
        await pipeline.ingest([str(corpus(records(3)))], settings(flags | {"embedding.wait": 900}), watcher)
    assert watcher.waits == []
    assert "embedding.url" in caught.value.fix


async def test_a_server_that_hangs_is_given_up(
    flags: dict[str, Any], settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """After `embedding.timeout` seconds, once, and the server is hung up on."""
    openai_server.fault = faults.Hang()
    with pytest.raises(ServerUnreachable, match="in time"):
        await pipeline.ingest([str(corpus(records(3)))], settings(flags | {"embedding.timeout": 1.0}), Watcher())
    (request,) = openai_server.requests
    assert await asyncio.to_thread(request.hung_up.wait, 10)


@pytest.mark.parametrize(
    "fault",
    [
        faults.BUSY,
        faults.CRASHED,
        faults.Status(401, {"error": "Unauthorized"}),
        faults.Garbage(),
        faults.NAN_VECTORS,
        faults.RAGGED_VECTORS,
        faults.TOO_FEW_VECTORS,
    ],
    ids=["503", "500", "401", "garbage", "nan", "ragged", "too few"],
)
async def test_what_was_stored_stays_when_the_server_fails_in_mid_run(
    fault: faults.Fault, home: Settings, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """No document is rejected for the server's fault, and the same call goes on from there."""
    openai_server.faults.extend([None] * 4)
    openai_server.fault = fault
    watcher = Watcher()
    path = str(corpus(records(40)))
    with pytest.raises(ServerError):
        await pipeline.ingest([path], home, watcher)
    assert watcher.rejects == []
    stored = (await held(home)).documents
    assert stored == watcher.progress[-1]
    assert 0 < stored < 40
    openai_server.heal()
    summary = await pipeline.ingest([path], home, watcher)
    assert (summary.documents, summary.skipped, summary.failed, summary.replaced) == (40 - stored, stored, 0, 0)
    assert await held(home) == Counts(40, 40)


async def test_a_short_overload_is_waited_out(
    flags: dict[str, Any], settings: SettingsFactory, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """One 503 in mid-run costs half a second, not the run; who watches is told."""
    openai_server.faults.extend([None, None, faults.BUSY])
    summary, watcher = await ingest(records(20), settings(flags | {"embedding.wait": 60}))
    assert (summary.documents, summary.retries) == (20, 1)
    assert [type(error) for error in watcher.waits] == [ServerBusy]


async def test_calls_shrink_to_what_the_servers_queue_takes(
    flags: dict[str, Any],
    settings: SettingsFactory,
    ingest: Ingest,
    openai_server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SGLang's --max-queued-requests counts texts: a call of more of them than it takes would be refused for ever."""
    monkeypatch.setattr(embedding_stage, "_SHORTEST_WAIT", 0.01)
    openai_server.queue = 2
    own = settings(flags | {"embedding.wait": 60})
    summary, watcher = await ingest(records(60), own)
    assert (summary.documents, summary.failed) == (60, 0)
    assert summary.retries == len(watcher.waits) > 0
    assert await held(own) == Counts(60, 60)
    served = [len(request.body["input"]) for request in openai_server.requests[1:]]
    assert sum(size > 2 for size in served) < len(served) / 2  # most calls fit, once it is known what does


async def test_a_server_that_goes_away_is_waited_for(
    flags: dict[str, Any],
    settings: SettingsFactory,
    corpus: CorpusWriter,
    openai_server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unplugged in mid-run and plugged in again, the ingest goes on by itself and loses nothing."""
    monkeypatch.setattr(embedding_stage, "_SHORTEST_WAIT", 0.05)
    openai_server.faults.extend([None] * 4)
    openai_server.fault = faults.Hang()
    watcher = Alert()
    path, own = str(corpus(records(40))), settings(flags | {"embedding.wait": 60})
    run = asyncio.create_task(pipeline.ingest([path], own, watcher))
    await asyncio.to_thread(openai_server.wait_for, 5)
    await asyncio.to_thread(openai_server.stop)
    await asyncio.wait_for(watcher.waited.wait(), 20)
    back = OpenAIServer()
    back.port = openai_server.port
    with back:
        summary = await run
    assert (summary.documents, summary.failed) == (40, 0)
    assert summary.retries == len(watcher.waits) >= 1
    assert isinstance(watcher.waits[0], ServerUnreachable)
    assert await held(own) == Counts(40, 40)


async def test_calls_hold_texts_of_like_length(
    flags: dict[str, Any],
    settings: SettingsFactory,
    ingest: Ingest,
    openai_server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long text does not make the server pad all short ones, and no call is larger than `embedding.batch_tokens`."""
    monkeypatch.setattr(run_module, "_BATCH", 64)
    mixed = [{**record(n), "abstract": f"Trial {n}. " + "word " * (200 if n % 2 else 2)} for n in range(32)]
    await ingest(mixed, settings(flags | {"embedding.batch_size": 16, "embedding.batch_tokens": 2_000}))
    calls = [request.body["input"] for request in openai_server.requests[1:]]
    assert max(sum(map(len, call)) // 4 for call in calls) <= 2_000
    for call in calls:
        assert max(map(len, call)) - min(map(len, call)) < 200 or len(call) <= 8
    assert max(map(len, calls)) == 8


async def test_an_over_long_record_is_found_and_rejected_alone(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """Although one long item fails its whole list, the rest of the list is stored, and the server's word is told."""
    openai_server.context_length = 40
    long = [{**record(n), "abstract": "word " * 50} for n in (3, 9)]
    summary, watcher = await ingest([*records(3), long[0], *(record(n) for n in range(4, 9)), long[1]], home)
    assert (summary.documents, summary.failed) == (8, 2)
    assert sorted(reject.origin.rpartition(":")[2] for reject in watcher.rejects) == ["10", "4"]
    assert "longer than the model's context length" in watcher.rejects[0].reason
    assert await held(home) == Counts(8, 8)
    openai_server.context_length = 32_768
    summary, _ = await ingest([*records(3), *long], home)
    assert (summary.documents, summary.skipped) == (2, 3)


async def test_a_refused_edit_leaves_the_earlier_version(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """What the server will not take does not delete what it took before."""
    await ingest(records(3), home)
    openai_server.context_length = 40
    summary, _ = await ingest([{**record(1), "abstract": "word " * 50}], home)
    assert (summary.documents, summary.failed, summary.replaced) == (0, 1, 0)
    assert await held(home) == Counts(3, 3)


async def test_a_server_without_matryoshka_says_so(
    flags: dict[str, Any], settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """SGLang started without the override refuses `dimensions`; its own words are passed on."""
    openai_server.matryoshka = False
    with pytest.raises(ServerRefused, match="matryoshka"):
        await pipeline.ingest([str(corpus(records(1)))], settings(flags | {"embedding.dimensions": 64}), Watcher())


async def test_another_model_behind_the_same_address_is_noticed(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """Vectors of another size are refused with both sizes, before any is stored."""
    await ingest(records(3), home)
    openai_server.dimensions = 32
    with pytest.raises(IndexMismatch, match=r"dimensions = 64.*now say 32"):
        await ingest(records(6), home)


async def test_a_question_of_another_size_is_searched_by_words(
    home: Settings, ingest: Ingest, openai_server: OpenAIServer
) -> None:
    """Where the model behind the address changed after the ingest, search goes on and says so."""
    await ingest(records(3), home)
    openai_server.dimensions = 32
    searcher = await Searcher.open(home)
    found = await searcher.search("warfarin for diabetes")
    await searcher.close()
    assert found.results[0].passage.doc_id == "doc-1"
    assert "32 dimensions, the index has 64" in found.warnings[0]


async def test_cancelling_keeps_what_was_stored(
    home: Settings, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """Ctrl-C in mid-run finishes what is under way and closes everything; the next run goes on."""
    openai_server.faults.extend([None] * 4)
    openai_server.fault = faults.Hang()
    path, watcher = str(corpus(records(40))), Alert()
    run = asyncio.create_task(pipeline.ingest([path], home, watcher))
    await asyncio.to_thread(openai_server.wait_for, 6)
    stored = (watcher.progress or [0])[-1]
    run.cancel()
    await watcher.stopped.wait()
    openai_server.heal()
    openai_server.release()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert watcher.progress[-1] > stored
    summary = await pipeline.ingest([path], home, Watcher())
    assert summary.documents + summary.skipped == 40
    assert 0 < summary.skipped < 40
    assert await held(home) == Counts(40, 40)
