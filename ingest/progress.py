"""What a run of the ingest tells whoever watches it: its counts, its remarks, and what it waits for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from configs.errors import CitewellError
from ingest.documents import Document
from ingest.readers.base import Rejected


@dataclass
class Summary:
    """What one run did. `documents` counts records stored, those that `replaced` an earlier one included."""

    documents: int = 0
    passages: int = 0
    skipped: int = 0
    failed: int = 0
    replaced: int = 0
    duplicates: int = 0
    same_paper: int = 0
    """Left out: the same paper (PMID or DOI) is stored under another id."""
    pruned: int = 0
    tokens: int = 0
    """Of the texts that were embedded, estimated; 0 without an embedder."""
    recalled: int = 0
    """Texts whose vectors were in the embedding cache."""
    retries: int = 0
    """Calls to the embedder that were repeated."""
    expected: int = 0
    """About how many records there are in all, by the bytes read so far of the files' bytes; 0: not known."""
    seconds: float = 0.0
    index: str = ""
    dry_run: bool = False

    @property
    def done(self) -> int:
        """Records that are dealt with."""
        return self.documents + self.skipped + self.failed + self.same_paper

    def to_json(self) -> dict[str, Any]:
        """As `citewell ingest --json` prints it."""
        return asdict(self)


class Observer:
    """Who watches a run: the command line's display, or a test. It overrides what it wants to hear."""

    def progressed(self, summary: Summary, origin: str) -> None:
        """A batch was stored; `origin` is the last record read, as `file:line`."""

    def rejected(self, record: Rejected) -> None:
        """A record cannot be used."""

    def replaced(self, document: Document) -> None:
        """An earlier record of the same id gave way to this one."""

    def duplicated(self, document: Document, other: str) -> None:
        """The same title and text are stored under another id as well."""

    def same_paper(self, left_out: str, kept: str, origin: str) -> None:
        """Of two documents from two sources that are one paper (see `ingest.papers`), one is not stored (any more)."""

    def pruned(self, doc_id: str) -> None:
        """A document that its source no longer has was deleted."""

    def warned(self, text: str) -> None:
        """Something does not work that the run can do without."""

    def waiting(self, error: CitewellError, seconds: float) -> None:
        """The embedder does not do its part; it is asked again after so many seconds."""

    def stopping(self) -> None:
        """The run was interrupted and finishes what is under way."""
