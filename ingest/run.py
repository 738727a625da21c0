"""One pass over some records: which of them are new, changed, the same paper or a duplicate; `ingest.batches` stores them.

What interrupts a run lets it finish what is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from configs.errors import CitewellError, InputError, ServerRefused
from configs.settings import Settings
from ingest.batches import GRACE, STORED_AT_ONCE, Batch, Batches
from ingest.documents import Document, point_id
from ingest.embedding import Embedder
from ingest.embedding_stage import EmbeddingStage
from ingest.evidence import retracted
from ingest.index.base import Index
from ingest.labelling import Labeller
from ingest.ledger import Ledger
from ingest.papers import Known, Papers
from ingest.preparing import Preparer
from ingest.progress import Observer, Summary
from ingest.readers.base import Rejected
from ingest.reading import Chunk, Sourced, read_ahead

# Documents a batch, at most: enough to make the store's own overhead vanish. With an embedder a batch is about a call,
# since a crash costs the batches under way.
_BATCH = 256


@dataclass(frozen=True)
class Manner:
    """How a run goes about it."""

    prune: bool = False
    """Afterwards delete the documents that once came from these paths and are no longer there."""
    dry_run: bool = False
    """Read and compare everything, embed and store nothing."""
    strict: bool = False
    """End at the first record that has to be rejected."""
    columns: Mapping[str, str] | None = None
    """What the columns of tables mean (`ingest.mapping`); None: as before, else as guessed."""
    every: bool = False
    """Store also what is the same paper as a document from another source."""
    processes: bool = False
    """Prepare large corpora in processes of their own; for programs whose main module can be imported (`multiprocessing`)."""


PLAIN = Manner()


class Run:
    """One pass over some records; without an index all of them are new."""

    def __init__(
        self,
        settings: Settings,
        index: Index | None,
        ledger: Ledger,
        embedder: Embedder | None,
        observer: Observer,
        manner: Manner,
    ) -> None:
        """Without an index nothing is stored, and the ledger notes what would have been."""
        self.ledger = ledger
        self.left_out: set[str] = set()
        """Documents that are not stored because another is the same paper; noted where `prune`."""
        self.summary = Summary(index=settings.index.name, dry_run=manner.dry_run)
        self._settings = settings
        self._index = index
        self._stage = None if embedder is None else EmbeddingStage(embedder, settings.embedding, self.summary, observer)
        self._observer = observer
        self._manner = manner
        self._preparer = Preparer(settings, manner.processes, lambda: self.expected())
        self._batch = _BATCH if embedder is None else min(_BATCH, settings.embedding.batch_size)
        self._batches = Batches(
            None if manner.dry_run else index,
            ledger,
            self._stage,
            self._preparer,
            Labeller(settings),
            STORED_AT_ONCE + (1 if embedder is None else settings.embedding.concurrency),
            self._stored,
            self._refused,
        )
        self._unstored: dict[str, Document] = {}
        self._texts: dict[str, str] = {}
        """Which document in `_unstored` has a text, by its hash."""
        self._papers = Papers(ledger)
        self._deferred: dict[str, tuple[str | None, Document]] = {}
        self._yielded: dict[str, list[tuple[str | None, Document]]] = {}
        """The documents that were left out for one in `_unstored`, by its id: should the embedder refuse it, they come."""
        self._seen: set[str] = set()
        self._damaged: set[str | None] = set()
        """Sources that something was rejected of: what is missing from them may only be unreadable."""
        self.expected: Callable[[], int] = lambda: 0
        """About how many records come, as far as that is known; 0: not known."""
        self._origin = ""
        self._started = time.monotonic()

    async def over(self, records: Sourced) -> None:
        """Store what is new and changed among these."""
        await self.over_chunks(read_ahead(records, self._batch))

    async def over_chunks(self, chunks: AsyncGenerator[Chunk, None]) -> None:
        """Store what is new and changed among the records of these lists."""
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    self._batches.check()
                    if chunk:
                        await self._take(chunk)
            await self._batches.finish()
            await self._take_deferred()
        except asyncio.CancelledError:
            self._observer.stopping()
            if self._stage is not None:
                self._stage.stop()
            with suppress(CitewellError, TimeoutError):  # it was the interruption that ended the run
                async with asyncio.timeout(GRACE):
                    await self._batches.finish()
            raise
        finally:
            await self._batches.abandon()
            await self._preparer.close()
            if self._index is not None and not self._manner.dry_run:
                await self._index.flush()
            self._tell()

    async def prune(self, covered: Callable[[str], bool]) -> None:
        """Delete the documents that came from sources so covered and were not seen in this run."""
        await self._delete(
            [
                id_
                for id_, source in self.ledger.sources()
                if id_ not in self._seen and source not in self._damaged and covered(source)
            ]
        )

    async def prune_unseen(self) -> None:
        """Delete every document that was not seen in this run."""
        await self._delete([id_ for id_ in self.ledger.ids("") if id_ not in self._seen])

    async def _delete(self, gone: list[str]) -> None:
        for start in range(0, len(gone), _BATCH):
            page = gone[start : start + _BATCH]
            if self._index is not None and not self._manner.dry_run:
                await self._index.store([], page)
                self.ledger.forget(page)
            self.summary.pruned += len(page)
            for id_ in page:
                self._observer.pruned(id_)
        if self._index is not None and gone and not self._manner.dry_run:
            await self._index.flush()

    def finished(self) -> Summary:
        """What the run did, when it is over."""
        self._tell()
        return self.summary

    def _tell(self) -> None:
        self.summary.expected = self.expected()
        self.summary.seconds = round(time.monotonic() - self._started, 3)
        self._observer.progressed(self.summary, self._origin)

    async def _take(self, chunk: Chunk) -> None:
        """Sort out what is unchanged, cut the rest into passages and send them on their way."""
        distinct: dict[str, tuple[str | None, Document]] = {}
        for source, record in chunk:
            self._origin = record.origin
            if isinstance(record, Rejected):
                self._reject(record, source)
                continue
            if record.id in distinct or record.id in self._unstored:
                # The same id twice in flight: the earlier record is stored first, so that the later surely replaces it.
                await self._dispatch(list(distinct.values()))
                await self._batches.finish()
                distinct = {}
            distinct[record.id] = (source, record)
            if self._manner.prune:
                self._seen.add(record.id)
        await self._dispatch(list(distinct.values()))

    async def _take_deferred(self) -> None:
        """Store what waited in vain for something that comes later; see `_is_settled`. Some may have to wait for others of it."""
        while waiting := list(self._deferred.values()):
            self._deferred.clear()
            self.summary.skipped -= len(waiting)
            for start in range(0, len(waiting), self._batch):
                await self._dispatch(waiting[start : start + self._batch], last=True)
            await self._batches.finish()

    async def _dispatch(self, chunk: list[tuple[str | None, Document]], *, last: bool = False) -> None:
        withdrawn = set() if self._manner.every else await self._withdrawn([document for _, document in chunk])
        # From here on nothing is awaited, so that what the ledger says stays true.
        stored = self.ledger.hashes([document.id for _, document in chunk])
        new = [document for _, document in chunk if stored.get(document.id) != document.hash]
        papers = {} if self._manner.every else self._papers.stored(new)
        superseded = set() if last else self.ledger.superseded(new)
        same_texts = self.ledger.same_texts(new)
        batch = Batch()
        unchanged: list[tuple[str | None, str]] = []
        for source, document in chunk:
            if not last and self._is_settled(source, document, stored.get(document.id), superseded):
                self.summary.skipped += 1
                unchanged.append((source, document.id))
                continue
            if not self._manner.every and (other := self._papers.other(source, document, papers)) is not None:
                if document.id not in stored and not self._takes_its_place(source, document, other, withdrawn):
                    continue
                if other.id in self._unstored:
                    self._defer(source, document)
                    self.summary.skipped += 1
                    continue
                batch.ousted[document.id] = other.id
            if document.id in stored:
                batch.stale.append(document.id)
            self._papers.takes(source, document, batch.ousted.get(document.id))
            self._look_for_duplicate(document, same_texts.get(document.id))
            self._unstored[document.id] = document
            self._texts[document.text_hash] = document.id
            batch.documents.append(document)
            batch.sources.append(source)
        self.ledger.came_from(unchanged)
        if batch.documents:
            await self._batches.add(batch)

    def _is_settled(self, source: str | None, document: Document, stored: str | None, superseded: set[str]) -> bool:
        """Whether there is nothing to store for it, at least until the input has ended.

        A version that once gave way to another waits for the end: where the other comes again there was
        nothing to do, so that a corpus with an id twice is as free to run again as any.
        """
        self._deferred.pop(document.id, None)
        if stored == document.hash:
            return True
        if document.id not in superseded:
            return False
        self._defer(source, document)
        return True

    def _defer(self, source: str | None, document: Document) -> None:
        self._deferred[document.id] = (source, document)

    async def _withdrawn(self, documents: Sequence[Document]) -> set[str]:
        """Of the documents in the index, or on their way there, that are the same papers as retracted ones of these: the retracted."""
        asked = [one for one in documents if retracted(one.metadata, one.title)]
        known = self.ledger.hashes([one.id for one in asked]) if asked else {}
        if not (asked := [one for one in asked if known.get(one.id) != one.hash]):
            return set()
        coming = {id_ for id_, one in self._unstored.items() if retracted(one.metadata, one.title)}
        others = {one.id: one for found in self._papers.stored(asked).values() for one in found}.values()
        points = [point_id(one.id, 0, one.hash) for one in others]
        first = await self._index.fetch(points) if self._index is not None and points else []
        return coming | {one.doc_id for one in first if retracted(one.metadata, one.title)}

    def _takes_its_place(self, source: str | None, document: Document, other: Known, withdrawn: set[str]) -> bool:
        """Whether this one is stored in place of another that is the same paper: where it alone says that it is retracted."""
        coming = self._unstored.get(other.id)
        known = other.id in withdrawn or (coming is not None and retracted(coming.metadata, coming.title))
        if retracted(document.metadata, document.title) and not known:
            return True
        if coming is not None:
            self._yielded.setdefault(other.id, []).append((source, document))
        self._leave_out(document.id, other.id, document.origin)
        return False

    def _leave_out(self, left_out: str, kept: str, origin: str) -> None:
        self.summary.same_paper += 1
        self._observer.same_paper(left_out, kept, origin)
        if self._manner.prune:
            self.left_out.add(left_out)

    def _look_for_duplicate(self, document: Document, stored: str | None) -> None:
        other = stored or self._texts.get(document.text_hash, document.id)
        if other != document.id:
            self.summary.duplicates += 1
            self._observer.duplicated(document, other)

    def _forget(self, document: Document) -> None:
        """It is stored, or never will be."""
        self._unstored.pop(document.id, None)
        self._texts.pop(document.text_hash, None)
        self._papers.arrived(document)

    def _stored(self, batch: Batch) -> None:
        for document in batch.documents:
            if document.id in batch.stale:
                self.summary.replaced += 1
                self._observer.replaced(document)
            if document.id in batch.ousted:
                self._leave_out(batch.ousted[document.id], document.id, document.origin)
            self._yielded.pop(document.id, None)
            self._forget(document)
        self.summary.documents += len(batch.documents)
        self.summary.passages += len(batch.entries)
        self._tell()

    def _refused(self, document: Document, source: str | None, refusal: ServerRefused) -> None:
        self._forget(document)
        for its_source, other in self._yielded.pop(document.id, ()):  # whose paper would be nowhere
            self._defer(its_source, other)
            self.left_out.discard(other.id)
            self.summary.same_paper -= 1
            self.summary.skipped += 1  # until then
        self._reject(Rejected(document.origin, f"the embedder refuses it: {refusal.what}"), source)

    def _reject(self, record: Rejected, source: str | None) -> None:
        self.summary.failed += 1
        self._damaged.add(source)
        self._observer.rejected(record)
        if self._manner.strict:
            raise InputError(record.reason, where=record.origin, fix="Mend it, or leave out --strict.")
