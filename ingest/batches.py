"""What a run stores, batch by batch: prepared, embedded, stored and noted, a bounded number of them under way at once.

A batch is stored and then noted in the ledger, so that a crash costs at most the batches under way and the next run
goes on from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from configs.errors import ServerRefused
from ingest.documents import Document
from ingest.embedding_stage import EmbeddingStage
from ingest.index.base import Entry, Index
from ingest.labelling import Labeller
from ingest.ledger import Ledger
from ingest.preparing import Preparer

# Batches that are stored at once: the store works on one while the next is sent.
STORED_AT_ONCE = 2
# Seconds that what is under way is given when the run is interrupted, or has failed.
GRACE = 5.0


@dataclass
class Batch:
    """Documents that go through a run together, no two of any batches under way with the same id."""

    documents: list[Document] = field(default_factory=list)
    sources: list[str | None] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """The ids of those that replace an earlier version."""
    ousted: dict[str, str] = field(default_factory=dict)
    """Documents of another id that some of these take the place of."""


class Batches:
    """The batches under way. Where there is no index, or no embedder, they do without."""

    def __init__(
        self,
        index: Index | None,
        ledger: Ledger,
        embedding: EmbeddingStage | None,
        preparer: Preparer,
        labeller: Labeller,
        most: int,
        stored: Callable[[Batch], None],
        refused: Callable[[Document, str | None, ServerRefused], None],
    ) -> None:
        """At `most` so many at once; `stored` hears of each that is through, `refused` of documents that the embedder will not have."""
        self._index = index
        self._ledger = ledger
        self._embedding = embedding
        self._preparer = preparer
        self._labeller = labeller
        self._most = most
        self._stored = stored
        self._refused = refused
        self._pending: deque[asyncio.Task[None]] = deque()
        self._storing: set[asyncio.Task[Any] | None] = set()

    async def add(self, batch: Batch) -> None:
        """Send a batch on its way as soon as there is room; raises what an earlier one failed of."""
        while self._pending and (len(self._pending) >= self._most or self._pending[0].done()):
            await self._finish_oldest()
        before = self._pending[-STORED_AT_ONCE] if len(self._pending) >= STORED_AT_ONCE else None
        self._pending.append(asyncio.create_task(self._carry_out(batch, before)))
        await asyncio.sleep(0)  # lets the new request leave before the next records are taken

    def check(self) -> None:
        """Raise what a batch has failed of, though an earlier one is still under way, and though no other comes."""
        for task in self._pending:
            if task.done():
                task.result()

    async def finish(self) -> None:
        """Wait until none is under way; raises what one failed of. An interruption leaves them at their work."""
        while self._pending:
            await self._finish_oldest()

    async def abandon(self) -> None:
        """End what is under way; what is being stored is stored, and noted, unless that takes too long."""
        storing = [task for task in self._pending if task in self._storing]
        for task in self._pending:
            if task not in storing:
                task.cancel()
        if storing:
            await asyncio.wait(storing, timeout=GRACE)
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _finish_oldest(self) -> None:
        await asyncio.wait({self._pending[0]})
        self._pending.popleft().result()

    async def _carry_out(self, batch: Batch, before: asyncio.Task[None] | None) -> None:
        batch = await self._prepared(batch)
        if before is not None:
            await asyncio.wait({before})
        storing = asyncio.current_task()
        self._storing.add(storing)
        try:
            await self._store(batch)
        finally:
            self._storing.discard(storing)
        self._stored(batch)

    async def _prepared(self, batch: Batch) -> Batch:
        """The batch with its entries and their vectors, without the documents that the embedder refuses."""
        batch.entries = await self._preparer.entries(batch.documents)
        if self._embedding is None:
            return batch
        outcomes = await self._embedding.vectors([entry.passage.searchable for entry in batch.entries])
        refused = {
            entry.passage.doc_id: outcome
            for entry, outcome in zip(batch.entries, outcomes, strict=True)
            if isinstance(outcome, ServerRefused)
        }
        for document, source in zip(batch.documents, batch.sources, strict=True):
            if document.id in refused:
                self._refused(document, source, refused[document.id])
        kept = [pair for pair in zip(batch.documents, batch.sources, strict=True) if pair[0].id not in refused]
        return Batch(
            [document for document, _ in kept],
            [source for _, source in kept],
            [
                Entry(entry.passage, entry.lexical, outcome)
                for entry, outcome in zip(batch.entries, outcomes, strict=True)
                if not isinstance(outcome, ServerRefused) and entry.passage.doc_id not in refused
            ],
            [id_ for id_ in batch.stale if id_ not in refused],
            {id_: other for id_, other in batch.ousted.items() if id_ not in refused},
        )

    async def _store(self, batch: Batch) -> None:
        """Storing one once more, as the next run may, changes nothing."""
        if ousted := list(batch.ousted.values()):  # first, so that a kill leaves one of the two, never both
            if self._index is not None:
                await self._index.store([], ousted)
            self._ledger.forget(ousted)
        if self._index is not None:
            await self._index.store(self._labeller.labelled(batch.entries), batch.stale)
        self._ledger.record(batch.documents, batch.sources)
