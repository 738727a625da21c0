"""The same ingest on many machines: Ray Data reads the files, workers chunk, embed and store in a Qdrant server.

    files → rows of records (a task a file) → stored (N workers) → what was stored (here, into the ledger)

A task that Ray repeats stores the same points again, by the same ids: nothing is there twice. What is stored already a
worker learns from the server, since the ledger lies here. Where a document comes twice, workers may store both versions,
or the wrong one last; a last pass here, in the order of the files, leaves the right one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, cast

from configs import errors
from configs.errors import CitewellError, InputError, NotInstalled
from configs.settings import Settings
from ingest import places, sources
from ingest.documents import Document
from ingest.index.base import IDENTIFIERS, StoredDocument
from ingest.ledger import empty_ledger
from ingest.pipeline import opened, sourced
from ingest.progress import Observer, Summary
from ingest.readers import registry
from ingest.readers.base import Rejected
from ingest.run import PLAIN, Run

if TYPE_CHECKING:
    from ray.data import Dataset

    from ingest.index.server import ServerIndex

# Records of a row block: one pass of a worker over them fills many calls to the embedder.
_ROWS = 2048
# Of a processor: a worker mostly waits for the embedder and the store.
_SHARE = 0.5


async def ingest_on_ray(paths: Sequence[str], settings: Settings, observer: Observer, workers: int) -> Summary:
    """As `ingest.pipeline.ingest`, by so many workers; every machine has to see the files under the same path.

    The cluster is that of RAY_ADDRESS, or one that is started on this machine.

    Raises:
        NotInstalled, InputError: Ray is missing; the index is embedded, or something else than files is named.
        IndexMismatch, IndexStoreError, ServerError, SettingsError
    """
    if settings.index.home != "server":
        raise InputError(
            "workers on Ray cannot share an embedded index, which one process of one machine holds",
            fix="Name a Qdrant server: --set index.home=server --set index.url=…; or leave out --engine ray.",
            usage=True,
        )
    files = registry.find_files(paths)
    if any(name == registry.STANDARD_INPUT or registry.is_query(name) for name in files):
        raise InputError("Ray reads files and folders only", fix="Leave out --engine ray.", usage=True)
    with closing(_Seen()) as seen:
        async with opened(settings, observer, PLAIN) as run:  # makes the index, and tells at once what is wrong
            async for told in _results([sources.named(name) for name in files], settings, workers):
                _take(told, run, observer)
                seen.add(told["stored"], twice=told["twice"])
            summary = run.finished()
        async with opened(settings, Observer(), PLAIN) as last:  # it would tell the rejects again
            if seen.twice or last.ledger.torn():
                await last.over(sourced(files, settings))
                summary.replaced += last.finished().documents
        return summary


class _Seen:
    """The versions of documents that came in a run, on disk where they are many."""

    def __init__(self) -> None:
        self.twice = False
        """Whether a document came in two versions."""
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, hash TEXT) WITHOUT ROWID")

    def add(self, stored: Sequence[Sequence[str]], *, twice: bool) -> None:
        """Note these, each an id and a hash first."""
        for id_, hash_, *_ in stored:
            self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id_, hash_))
            query = "SELECT 1 FROM seen WHERE id = ? AND hash <> ?"
            twice = twice or self._database.execute(query, (id_, hash_)).fetchone() is not None
        self.twice = self.twice or twice

    def close(self) -> None:
        """Forget them."""
        self._database.close()


def _take(told: dict[str, Any], run: Run, observer: Observer) -> None:
    """Note what a worker has done; raise what it failed by."""
    if "error" in told:
        known = getattr(errors, told["error"].pop("kind"), CitewellError)
        raise known(**told["error"])
    run.ledger.record([StoredDocument(*one) for one in told["stored"]], told["sources"])
    for rejected in told["rejected"]:
        observer.rejected(Rejected(**rejected))
    for field in fields(Summary):
        if type(done := told["summary"][field.name]) is int:
            setattr(run.summary, field.name, getattr(run.summary, field.name) + done)
    observer.progressed(run.summary, told["origin"])


async def _results(files: list[str], settings: Settings, workers: int) -> AsyncIterator[dict[str, Any]]:
    """What the workers tell, block by block; Ray is let go of at the end if it was started here."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
        import ray
        import ray.data
    except ImportError:
        raise NotInstalled("Ray is not installed", fix="pip install 'citewell[ray]'") from None
    ours = not ray.is_initialized()
    if ours:
        cluster: dict[str, Any] = (
            {} if "RAY_ADDRESS" in os.environ else {"num_cpus": workers + 1, "include_dashboard": False}
        )
        await asyncio.to_thread(ray.init, log_to_driver=False, logging_level=logging.ERROR, **cluster)
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = iter(_dataset(ray.data.from_items([{"file": name} for name in files]), settings, workers).iter_rows())
        while (row := await asyncio.to_thread(next, rows, None)) is not None:
            yield json.loads(row["told"])
    finally:
        if ours:
            ray.shutdown()


def _dataset(files: Dataset, settings: Settings, workers: int) -> Dataset:
    from ray.data import ActorPoolStrategy

    rows = files.repartition(files.count()).map_batches(read_files, batch_size=1, num_cpus=_SHARE)
    return rows.map_batches(
        Worker,
        batch_size=_ROWS,
        compute=ActorPoolStrategy(size=workers),
        num_cpus=_SHARE,
        fn_constructor_args=(settings,),
    )


def read_files(batch: dict[str, Any]) -> Iterator[dict[str, list[str]]]:
    """The records of these files as JSON, in blocks; run by Ray."""
    rows: list[str] = []
    for name in map(str, batch["file"]):
        for record in registry.read(name):
            kind = "rejected" if isinstance(record, Rejected) else "document"
            rows.append(json.dumps({"source": name, kind: asdict(record)}))
            if len(rows) >= _ROWS:
                yield {"row": rows}
                rows = []
    if rows:
        yield {"row": rows}


class Worker:
    """Stores records in the index, with an embedder and connections of its own for each block; made and called by Ray."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """One block of rows, stored; what became of it, as one row of JSON. Ray would repeat what raises, so errors are told."""
        rows = [json.loads(str(row)) for row in batch["row"]]
        try:
            told = asyncio.run(self._store(rows))
        except CitewellError as error:
            about = {"what": error.what, "where": error.where, "fix": error.fix, "usage": error.usage}
            told = {"error": {"kind": type(error).__name__, **about}}
        return {"told": [json.dumps(told)]}

    async def _store(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        from ingest.embedding_cache import open_cached
        from ingest.index.open import open_index

        records = [
            (row["source"], _document(row["document"]) if "document" in row else Rejected(**row["rejected"]))
            for row in rows
        ]
        documents = {record.id: (source, record) for source, record in records if isinstance(record, Document)}
        watcher = _Collector()
        async with contextlib.AsyncExitStack() as stack:
            embedder = open_cached(self._settings, retries=0)
            if embedder is not None:
                stack.push_async_callback(embedder.close)
            index = cast("ServerIndex", await open_index(self._settings, writing=True))
            stack.push_async_callback(index.close)
            ledger = empty_ledger()
            stack.callback(ledger.close)
            ledger.record(known := _single(await index.stored(list(documents))), [None] * len(known))
            run = Run(self._settings, index, ledger, embedder, watcher, PLAIN)
            await run.over(iter(records))
            noted = ledger.hashes(list(documents))
        versions = {(one.id, one.hash) for _, one in records if isinstance(one, Document)}
        stored = [(source, one) for source, one in documents.values() if noted.get(one.id) == one.hash]
        return {
            "stored": [(one.id, one.hash, one.text_hash, _stated(one)) for _, one in stored],
            "sources": [source for source, _ in stored],
            "twice": len(versions) > len(documents),
            "rejected": [asdict(one) for one in watcher.rejects],
            "summary": run.finished().to_json(),
            "origin": records[-1][1].origin if records else "",
        }


def _stated(document: Document) -> dict[str, Any]:
    """What a ledger needs of its metadata."""
    return {key: document.metadata[key] for key in IDENTIFIERS if key in document.metadata}


def _document(stored: dict[str, Any]) -> Document:
    return Document(**stored | {"places": places.read(stored["places"])})


class _Collector(Observer):
    """Keeps the rejects."""

    def __init__(self) -> None:
        self.rejects: list[Rejected] = []

    def rejected(self, record: Rejected) -> None:
        """See `Observer`."""
        self.rejects.append(record)


def _single(stored: Sequence[StoredDocument]) -> list[StoredDocument]:
    """One of each document; of one with several versions it equals none, so that it is stored anew."""
    known: dict[str, StoredDocument] = {}
    for one in stored:
        known[one.id] = StoredDocument(one.id, "", one.text_hash) if one.id in known else one
    return list(known.values())
