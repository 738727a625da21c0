"""Read → chunk → embed → store, in batches, a bounded number of them under way at once.

A batch is stored and then noted in the ledger, so that a crash costs at most the batches under way
and the next run goes on from there.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

from configs.errors import CitewellError, IndexMissing, InputError, ServerRefused
from configs.settings import Settings
from ingest.chunking import passages
from ingest.documents import Document
from ingest.embedding import Embedder, dimensions_of, open_embedder
from ingest.index.base import Entry, Index, Vector
from ingest.index.open import create_index, ledger_of, open_index
from ingest.ledger import Ledger, open_ledger
from ingest.lexical import LexicalEncoder
from ingest.readers import registry
from ingest.readers.base import Records, Rejected
from ingest.readers.fields import PMID

# How often a failed embedding call is repeated, with growing waits.
_RETRIES = 3
# Passages a batch without an embedder: large enough to make the store's own overhead vanish.
_LEXICAL_BATCH = 256
# Under this name the ledger notes when stored records were last compared with PubMed's; it is no query.
_COMPARED = "pubmed"
_LONG_AGO = date(1800, 1, 1)


@dataclass
class Summary:
    """What one run did. `documents` counts records stored, those that `replaced` an earlier one included."""

    documents: int = 0
    passages: int = 0
    skipped: int = 0
    failed: int = 0
    replaced: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    index: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `citewell ingest --json` prints it."""
        return asdict(self)


class Observer(Protocol):
    """Who watches a run: the command line's progress display, or a test."""

    def progressed(self, summary: Summary, origin: str) -> None:
        """A batch was stored; `origin` is the last record read, as `file:line`."""
        ...

    def rejected(self, record: Rejected) -> None:
        """A record cannot be used."""
        ...

    def replaced(self, document: Document) -> None:
        """An earlier record of the same id gave way to this one."""
        ...

    def duplicated(self, document: Document, other: str) -> None:
        """The same title and text are stored under another id as well."""
        ...


@dataclass
class _Batch:
    documents: list[Document] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


async def ingest(paths: Sequence[str], settings: Settings, observer: Observer) -> Summary:
    """Bring the documents of `paths` into the index of these settings, making it where there is none.

    Whatever happens, what was stored stays, and the same call goes on from there.

    Raises:
        InputError: a path is not there or of no known format; nothing was done then.
        IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
    """
    files = registry.find_files(paths)
    async with _opened(settings, observer, make=True) as run:
        summary = await run.over(record for name in files for record in registry.read(name, settings.pubmed))
        run.ledger.asked(filter(registry.is_query, files), datetime.now(UTC).date())
        return summary


async def refresh(settings: Settings, observer: Observer) -> Summary:
    """Bring in what PubMed has new for the queries of this index, and what it has changed of the records in it.

    A record that was retracted or corrected since replaces the one that is stored.

    Raises:
        InputError: nothing in the index is from PubMed.
        IndexMissing, IndexInUse, IndexMismatch, IndexStoreError, ServerError, SettingsError
    """
    # Imported here: files need no network.
    from ingest.entrez import read_changes

    async with _opened(settings, observer, make=False) as run:
        queries = run.ledger.queries()
        numbers = [id_.removeprefix(PMID) for id_ in run.ledger.ids(PMID)]
        if not queries and not numbers:
            raise InputError(
                f"nothing in index “{run.index.name}” is from PubMed",
                fix="Ingest some first: citewell ingest pubmed:QUERY.",
            )
        today = datetime.now(UTC).date()
        compared = queries.pop(_COMPARED, min(queries.values(), default=_LONG_AGO))
        summary = await run.over(read_changes(queries, numbers, compared, settings.pubmed))
        run.ledger.asked([*queries, _COMPARED], today)
        return summary


@asynccontextmanager
async def _opened(settings: Settings, observer: Observer, *, make: bool) -> AsyncIterator[_Run]:
    """A run over an open index, with its ledger and embedder; all closed at the end."""
    embedder = open_embedder(settings.embedding, retries=_RETRIES)
    try:
        # One probe before anything is read: a wrong key or address is told at once.
        dimensions = None if embedder is None else await dimensions_of(embedder)
        try:
            index = await open_index(settings, dimensions=dimensions, writing=True)
        except IndexMissing:
            if not make:
                raise
            index = await create_index(settings, dimensions)
        try:
            ledger = await open_ledger(ledger_of(settings), index)
            try:
                yield _Run(settings, index, ledger, embedder, observer)
            finally:
                ledger.close()
        finally:
            await index.close()
    finally:
        if embedder is not None:
            await embedder.close()


class _Run:
    """One pass over some files."""

    def __init__(
        self, settings: Settings, index: Index, ledger: Ledger, embedder: Embedder | None, observer: Observer
    ) -> None:
        self._settings = settings
        self.index = index
        self.ledger = ledger
        self._embedder = embedder
        self._observer = observer
        self._lexical = LexicalEncoder(settings.lexical)
        self._batch_size = _LEXICAL_BATCH if embedder is None else settings.embedding.batch_size
        self._pending: deque[asyncio.Task[_Batch]] = deque()
        self._unstored: dict[str, Document] = {}
        self._texts: dict[str, str] = {}
        """Which document in `_unstored` has a text, by its hash."""
        self._deferred: dict[str, Document] = {}
        self._origin = ""
        self.summary = Summary(index=index.name)

    async def over(self, records: Records) -> Summary:
        """Store what is new and changed among these."""
        started = time.monotonic()
        try:
            for chunk in self._chunks(records):
                await self._take(chunk)
            await self._drain()
            await self._take_deferred()
            await self._drain()
        finally:
            for task in self._pending:
                task.cancel()
            await asyncio.gather(*self._pending, return_exceptions=True)
            await self.index.flush()
            self.summary.seconds = round(time.monotonic() - started, 3)
            self._observer.progressed(self.summary, self._origin)
        return self.summary

    def _chunks(self, records: Records) -> Iterator[list[Document]]:
        """Documents in lists that the ledger is asked about at once; rejects are told on the way."""
        chunk: list[Document] = []
        for record in records:
            if isinstance(record, Rejected):
                self._reject(record)
                continue
            self._origin = record.origin
            chunk.append(record)
            if len(chunk) >= self._batch_size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    async def _take(self, chunk: list[Document]) -> None:
        """Sort out what is unchanged, cut the rest into passages and send them on their way."""
        distinct: dict[str, Document] = {}
        for document in chunk:
            if document.id in distinct or document.id in self._unstored:
                # The same id twice in flight: the earlier record is stored first, so that the later surely replaces it.
                await self._dispatch(list(distinct.values()))
                await self._drain()
                distinct = {}
            distinct[document.id] = document
        await self._dispatch(list(distinct.values()))

    async def _take_deferred(self) -> None:
        """Store the versions that waited in vain for a later one; see `_is_settled`."""
        waiting = list(self._deferred.values())
        self.summary.skipped -= len(waiting)
        for start in range(0, len(waiting), self._batch_size):
            await self._dispatch(waiting[start : start + self._batch_size], last=True)

    async def _dispatch(self, chunk: list[Document], *, last: bool = False) -> None:
        stored = self.ledger.hashes([document.id for document in chunk])
        batch = _Batch()
        for document in chunk:
            if not last and self._is_settled(document, stored.get(document.id)):
                self.summary.skipped += 1
                continue
            if document.id in stored:
                batch.stale.append(document.id)
            self._look_for_duplicate(document)
            self._unstored[document.id] = document
            self._texts[document.text_hash] = document.id
            batch.documents.append(document)
            batch.entries += [
                Entry(p, self._lexical.passage(p.title, p.text)) for p in passages(document, self._settings.chunking)
            ]
        if not batch.documents:
            return
        while len(self._pending) >= self._settings.embedding.concurrency:
            await self._store_oldest()
        self._pending.append(asyncio.create_task(self._embed(batch)))
        await asyncio.sleep(0)  # lets the new request leave before the next file is read on

    def _is_settled(self, document: Document, stored: str | None) -> bool:
        """Whether there is nothing to store for it, at least until the input has ended.

        A version that once gave way to another waits for the end: where the other comes again there was
        nothing to do, so that a corpus with an id twice is as free to run again as any.
        """
        self._deferred.pop(document.id, None)
        if stored == document.hash:
            return True
        if not self.ledger.superseded(document):
            return False
        self._deferred[document.id] = document
        return True

    def _look_for_duplicate(self, document: Document) -> None:
        other = self.ledger.same_text(document) or self._texts.get(document.text_hash, document.id)
        if other != document.id:
            self.summary.duplicates += 1
            self._observer.duplicated(document, other)

    def _forget(self, document: Document) -> None:
        """It is stored, or never will be."""
        self._unstored.pop(document.id, None)
        self._texts.pop(document.text_hash, None)

    async def _drain(self) -> None:
        while self._pending:
            await self._store_oldest()

    async def _store_oldest(self) -> None:
        batch = await self._pending[0]
        self._pending.popleft()
        await self.index.store(batch.entries, batch.stale)
        self.ledger.record(batch.documents)
        for document in batch.documents:
            if document.id in batch.stale:
                self.summary.replaced += 1
                self._observer.replaced(document)
            self._forget(document)
        self.summary.documents += len(batch.documents)
        self.summary.passages += len(batch.entries)
        self._observer.progressed(self.summary, self._origin)

    async def _embed(self, batch: _Batch) -> _Batch:
        """The batch with vectors; documents that the server refuses are rejected alone."""
        if self._embedder is None:
            return batch
        refused: dict[str, CitewellError] = {}
        vectors: list[Vector | None] = []
        size = self._settings.embedding.batch_size
        texts = [(entry.passage.doc_id, entry.passage.searchable) for entry in batch.entries]
        for start in range(0, len(texts), size):
            vectors += await self._bisect(self._embedder, texts[start : start + size], refused)
        for document in batch.documents:
            if document.id in refused:
                self._reject(Rejected(document.origin, f"the embedder refuses it: {refused[document.id].what}"))
                self._forget(document)
        return _Batch(
            [document for document in batch.documents if document.id not in refused],
            [
                Entry(entry.passage, entry.lexical, vector)
                for entry, vector in zip(batch.entries, vectors, strict=True)
                if vector is not None and entry.passage.doc_id not in refused
            ],
            [id_ for id_ in batch.stale if id_ not in refused],
        )

    async def _bisect(
        self, embedder: Embedder, texts: list[tuple[str, str]], refused: dict[str, CitewellError]
    ) -> list[Vector | None]:
        """Vectors for (document id, text) pairs; where a call is refused, halves are tried until the culprit stands alone."""
        try:
            return list(await embedder.embed_documents([text for _, text in texts]))
        except ServerRefused as error:
            if len(texts) == 1:
                await dimensions_of(embedder)  # raises where it is not this text that is refused
                refused[texts[0][0]] = error
                return [None]
        middle = len(texts) // 2
        return await self._bisect(embedder, texts[:middle], refused) + await self._bisect(
            embedder, texts[middle:], refused
        )

    def _reject(self, record: Rejected) -> None:
        self.summary.failed += 1
        self._observer.rejected(record)
