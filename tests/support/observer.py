"""An ingest observer that keeps what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.documents import Document
from ingest.pipeline import Summary
from ingest.readers.base import Rejected


@dataclass
class Watcher:
    """See `ingest.pipeline.Observer`."""

    rejects: list[Rejected] = field(default_factory=list)
    replacements: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    batches: int = 0

    def progressed(self, summary: Summary, origin: str) -> None:
        """Count a stored batch."""
        self.batches += 1

    def rejected(self, record: Rejected) -> None:
        """Keep a reject."""
        self.rejects.append(record)

    def replaced(self, document: Document) -> None:
        """Keep the id of a replaced document."""
        self.replacements.append(document.id)

    def duplicated(self, document: Document, other: str) -> None:
        """Keep the ids of a document and of its double."""
        self.duplicates.append((document.id, other))
