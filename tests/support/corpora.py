"""Small made-up corpora, and a watcher of ingests that remembers what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.chunking import passages
from ingest.index.base import Entry
from ingest.lexical import LexicalEncoder
from ingest.progress import Observer
from tests.support import bag_of_words

if TYPE_CHECKING:
    from configs.errors import CitewellError
    from configs.settings import Settings
    from ingest.documents import Document
    from ingest.progress import Summary
    from ingest.readers.base import Rejected

DRUGS = ("aspirin", "warfarin", "metformin", "insulin", "ibuprofen", "statins", "heparin", "digoxin")
ILLNESSES = ("stroke", "diabetes", "asthma", "arthritis", "migraine", "gout", "anaemia", "hepatitis", "measles")


def record(n: int, **more: Any) -> dict[str, Any]:
    """The n-th record of an endless corpus; its words, title and text are its own up to n = 71."""
    drug, illness = DRUGS[n % len(DRUGS)], ILLNESSES[n % len(ILLNESSES)]
    return {
        "id": f"doc-{n}",
        "title": f"{drug.title()} in {illness}",
        "abstract": f"Trial {n} gave {drug} to {100 + n} patients with {illness}. It was well tolerated.",
        "year": 1990 + n % 30,
        **more,
    }


def records(count: int, **more: Any) -> list[dict[str, Any]]:
    """The first `count` records."""
    return [record(n, **more) for n in range(count)]


def entries(document: Document, settings: Settings, dimensions: int | None = None) -> list[Entry]:
    """A document as ingest would store it, with bag-of-words vectors where `dimensions` are given."""
    lexical = LexicalEncoder(settings.lexical)
    return [
        Entry(
            passage,
            lexical.document(passage.searchable),
            None if dimensions is None else bag_of_words.embed(passage.searchable, dimensions),
        )
        for passage in passages(document, settings.chunking)
    ]


@dataclass
class Watcher(Observer):
    """An `Observer` that keeps everything."""

    rejects: list[Rejected] = field(default_factory=list)
    replacements: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    same_papers: list[tuple[str, str]] = field(default_factory=list)
    """What was left out, and for which."""
    removed: list[str] = field(default_factory=list)
    waits: list[CitewellError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stops: int = 0
    progress: list[int] = field(default_factory=list)
    """Documents stored so far, at each report."""

    def progressed(self, summary: Summary, origin: str) -> None:
        """See `Observer.progressed`."""
        del origin
        self.progress.append(summary.documents)

    def rejected(self, record: Rejected) -> None:
        """See `Observer.rejected`."""
        self.rejects.append(record)

    def replaced(self, document: Document) -> None:
        """See `Observer.replaced`."""
        self.replacements.append(document.id)

    def duplicated(self, document: Document, other: str) -> None:
        """See `Observer.duplicated`."""
        self.duplicates.append((document.id, other))

    def same_paper(self, left_out: str, kept: str, origin: str) -> None:
        """See `Observer.same_paper`."""
        del origin
        self.same_papers.append((left_out, kept))

    def pruned(self, doc_id: str) -> None:
        """See `Observer.pruned`."""
        self.removed.append(doc_id)

    def waiting(self, error: CitewellError, seconds: float) -> None:
        """See `Observer.waiting`."""
        del seconds
        self.waits.append(error)

    def warned(self, text: str) -> None:
        """See `Observer.warned`."""
        self.warnings.append(text)

    def stopping(self) -> None:
        """See `Observer.stopping`."""
        self.stops += 1
