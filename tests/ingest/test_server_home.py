"""The server home when the server is not what it should be: each failure told, with its remedy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from configs.errors import (
    IndexMissing,
    IndexStoreError,
    ServerBusy,
    ServerError,
    ServerGarbled,
    ServerRefused,
    ServerUnreachable,
)
from ingest import pipeline, run
from ingest.index.base import Counts
from ingest.index.open import create_index, delete_index, ledger_of, list_indexes, open_index
from ingest.lexical import SparseVector
from tests.support import faults
from tests.support.corpora import Watcher, records

if TYPE_CHECKING:
    from collections.abc import Callable

    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.qdrant_server import QdrantServer


@pytest.fixture
def home(settings: SettingsFactory, qdrant_server: QdrantServer) -> Settings:
    """Settings that name the server."""
    return settings({"index.home": "server", "index.url": qdrant_server.url, "index.timeout": 1})


CALLS: list[Callable[[Settings], object]] = [
    open_index,
    list_indexes,
    delete_index,
    lambda home: create_index(home, None),
]


@pytest.mark.parametrize("call", CALLS, ids=["open", "list", "delete", "create"])
@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (faults.Status(401, "Must provide an API key"), ServerRefused, "refuses the API key"),
        (faults.Status(403, "Invalid API key or JWT"), ServerRefused, "refuses the API key"),
        (faults.Status(503, "busy"), ServerBusy, "overloaded"),
        (faults.Status(429, {"status": {"error": "slow"}}, {"Retry-After": "3"}), ServerBusy, "overloaded"),
        (faults.Status(429, {}), ServerBusy, "overloaded"),
        (faults.Status(500, {"status": {"error": "disk"}}), ServerError, "500"),
        (faults.Status(404, "nothing here"), ServerError, "404"),
        (faults.Garbage(), ServerGarbled, "not what a Qdrant server says"),
        (faults.Status(200, {"ok": True}), ServerGarbled, "not what a Qdrant server says"),
    ],
    ids=["401", "403", "503", "429 later", "429", "500", "404", "page", "other json"],
)
async def test_what_a_server_can_answer_is_explained(
    fault: faults.Fault,
    error: type[ServerError],
    told: str,
    call: Callable[[Settings], object],
    home: Settings,
    qdrant_server: QdrantServer,
) -> None:
    """The message has the address, what the server did, and a remedy; no traceback of qdrant-client."""
    qdrant_server.fault = fault
    with pytest.raises(error, match=told) as caught:
        await call(home)  # type: ignore[misc]
    assert caught.value.where.startswith(qdrant_server.url)
    assert caught.value.fix


@pytest.mark.parametrize("kind", ["not there", "hangs", "wrong scheme", "no such host"])
async def test_a_server_that_does_not_answer_is_given_up(
    kind: str, home: Settings, settings: SettingsFactory, qdrant_server: QdrantServer
) -> None:
    """In time, and saying what to start or to correct."""
    if kind == "not there":
        qdrant_server.stop()
    qdrant_server.fault = faults.Hang()
    urls = {"wrong scheme": qdrant_server.url.replace("http", "https"), "no such host": "http://citewell.invalid:6333"}
    home = settings({"index.home": "server", "index.url": urls.get(kind, qdrant_server.url), "index.timeout": 1})
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match="does not answer") as caught:
        await open_index(home)
    assert time.monotonic() - started < 10
    assert "index.url" in caught.value.fix


async def test_a_right_key_is_sent(settings: SettingsFactory, qdrant_server: QdrantServer) -> None:
    """With the key the same calls work, without a warning on the way."""
    qdrant_server.api_key = "qd-secret"
    flags = {"index.home": "server", "index.url": qdrant_server.url}
    with pytest.raises(ServerRefused) as caught:
        await list_indexes(settings(flags | {"index.api_key": "qd-wrong"}))
    assert "qd-wrong" not in str(caught.value)
    assert "CITEWELL_INDEX__API_KEY" in caught.value.fix
    assert await list_indexes(settings(flags | {"index.api_key": "qd-secret"})) == []


async def test_a_stranger_s_collection_is_left_alone(home: Settings, qdrant_server: QdrantServer) -> None:
    """A collection of our name that citewell did not make is refused, and others are not listed."""
    qdrant_server.store.create_collection("unrelated", vectors_config={})
    qdrant_server.store.create_collection("citewell-default", vectors_config={})
    assert await list_indexes(home) == ["default"]
    with pytest.raises(IndexStoreError, match="not made by citewell"):
        await open_index(home)


async def test_none_of_that_name_names_the_server(home: Settings, qdrant_server: QdrantServer) -> None:
    """So that a person who looks at the wrong server sees it."""
    with pytest.raises(IndexMissing, match=qdrant_server.url):
        await open_index(home)


async def test_a_half_made_collection_is_removed(home: Settings, qdrant_server: QdrantServer) -> None:
    """A server that fails between the two steps leaves nothing that would pass for an index."""
    qdrant_server.faults.extend([None, faults.CRASHED])  # the collection is made, its first payload index is not
    with pytest.raises(ServerError):
        await create_index(home, None)
    assert await list_indexes(home) == []
    await (await create_index(home, None)).close()


async def test_deleting_takes_the_ledger_along(home: Settings, ingest: Ingest) -> None:
    """Nothing of the index stays on this machine, and the ledger of another one does."""
    await ingest(records(3), home)
    ledger = ledger_of(home)
    assert ledger.exists()
    other = ledger.with_name("default.sqlite.sqlite")
    other.touch()
    await delete_index(home)
    assert list(ledger.parent.iterdir()) == [other]


async def test_what_was_stored_stays_when_the_server_fails_in_mid_run(
    home: Settings, corpus: CorpusWriter, qdrant_server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call goes on from there."""
    monkeypatch.setattr(run, "_BATCH", 10)
    path = str(corpus(records(40)))
    await (await create_index(home, None)).close()
    before = len(qdrant_server.requests)
    watcher = Watcher()
    monkeypatch.setattr(watcher, "progressed", lambda summary, _: fail_after(summary.documents))

    def fail_after(documents: int) -> None:
        watcher.progress.append(documents)
        if documents == 20:
            qdrant_server.fault = faults.Status(503, "busy")

    with pytest.raises(ServerBusy):
        await pipeline.ingest([path], home, watcher)
    assert len(qdrant_server.requests) > before
    qdrant_server.heal()
    summary = await pipeline.ingest([path], home, Watcher())
    told = watcher.progress[-1]
    assert told in (20, 30)  # the next batch may have been on its way already
    assert (summary.documents, summary.skipped) == (40 - told, told)
    index = await open_index(home)
    assert await index.counts() == Counts(40, 40)
    await index.close()


async def test_reading_fails_as_clearly_as_writing(home: Settings, ingest: Ingest, qdrant_server: QdrantServer) -> None:
    """Every call of an open index explains itself, not only the opening."""
    await ingest(records(3), home)
    index = await open_index(home)
    qdrant_server.fault = faults.Garbage()
    calls = (
        index.counts,
        lambda: index.fetch(["00000000-0000-4000-8000-000000000000"]),
        lambda: index.candidates(SparseVector([1], [1.0]), None, 3),
        index.documents().__anext__,
        lambda: index.store([], ["doc-1"]),
    )
    for call in calls:
        with pytest.raises(ServerGarbled):
            await call()
    await index.close()
