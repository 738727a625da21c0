"""One paper, one document: a record that another source has brought already, under another id, is told by PMID or DOI.

The first that came is kept, so that no answer cites one paper as two sources. Save that a record which says that the paper
is retracted takes the place of one that does not: who asks must learn of it; and so does a newer version of a stored record,
which may be the first to tell that two are one paper. Records of one source that have ids of their
own (the sections of an article, each with its PMID) stand beside each other, and so do two PubMed numbers that share a DOI
(a meeting's abstracts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ingest.index.base import IDENTIFIERS
from ingest.readers.fields import PMID, doi_in, pmid_in

if TYPE_CHECKING:
    from ingest.documents import Document
    from ingest.ledger import Ledger

_DOI = "doi:"


class Identifiers(NamedTuple):
    """Of a paper, in their plain form; None where the record states none."""

    pmid: int | None
    doi: str | None


_NEITHER = Identifiers(None, None)


class Known(NamedTuple):
    """A document that is stored, or will be, with the identifiers of its paper."""

    id: str
    hash: str
    pmid: int | None
    doi: str | None
    source: str | None

    def repeats(self, doc_id: str, ours: Identifiers, source: str | None) -> bool:
        """Whether a record of another id, with these identifiers, is the same paper."""
        if source is not None and source == self.source and not (_is_paper(doc_id) and _is_paper(self.id)):
            return False
        if self.pmid is not None and ours.pmid is not None:
            return self.pmid == ours.pmid
        return self.doi is not None and self.doi == ours.doi


def identifiers(doc_id: str, metadata: Mapping[str, Any]) -> Identifiers:
    """PMID and DOI of a record, of its id where that is one, whatever their case and the address they stand in."""
    pmid, pmid_too, doi, doi_too = map(metadata.get, IDENTIFIERS)
    return _identifiers(doc_id, _text(pmid or pmid_too), _text(doi or doi_too))


@lru_cache(maxsize=4096)  # a record on its way is asked for twice: when it comes, and when it is noted
def _identifiers(doc_id: str, pmid: str, doi: str) -> Identifiers:
    pmid = pmid_in(doc_id if doc_id.startswith(PMID) else "", pmid)
    doi = doi_in(doc_id if doc_id.startswith(_DOI) else "", doi)
    return Identifiers(int(pmid) if pmid else None, doi or None)


def _is_paper(doc_id: str) -> bool:
    """Whether an id says which paper it is, not which record of it."""
    return doc_id.startswith((PMID, _DOI))


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


class Papers:
    """The papers that an index holds (its ledger knows them), and those that are on their way into it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked: dict[str, Identifiers] = {}
        """Of the documents that `stored` was last asked about."""
        self._coming: dict[int | str, Known] = {}
        self._taken: dict[str, Known] = {}
        self._leaving: dict[str, str] = {}
        """Stored documents that give way, by the document on its way that takes their place."""

    def stored(self, new: Sequence[Document]) -> dict[int | str, list[Known]]:
        """The stored documents that share an identifier with these, by identifier; ask it before the others."""
        if not new:
            return {}
        self._asked = {document.id: identifiers(document.id, document.metadata) for document in new}
        ours = self._asked.values()
        found: dict[int | str, list[Known]] = {}
        for known in self._ledger.papers([one.pmid for one in ours if one.pmid], [one.doi for one in ours if one.doi]):
            for key in (known.pmid, known.doi):
                if key is not None:
                    found.setdefault(key, []).append(known)
        return found

    def other(self, source: str | None, document: Document, stored: Mapping[int | str, list[Known]]) -> Known | None:
        """The document under another id that is the same paper; None where there is none."""
        ours = self._asked.get(document.id, _NEITHER)
        for key in ours:
            if key is None or not (key in self._coming or key in stored):
                continue
            coming = self._coming.get(key)
            for known in [*([coming] if coming else []), *stored.get(key, [])]:
                if known.id == document.id or known.id in self._leaving.values():
                    continue
                if known.repeats(document.id, ours, source):
                    return known
        return None

    def takes(self, source: str | None, document: Document, ousted: str | None = None) -> None:
        """This one is on its way into the index, in place of the one `ousted`; nothing to note where all are stored unasked."""
        if ousted is not None:
            self._leaving[document.id] = ousted
        ours = self._asked.get(document.id, _NEITHER)
        if ours != _NEITHER:
            known = self._taken[document.id] = Known(document.id, document.hash, ours.pmid, ours.doi, source)
            for key in ours:
                if key is not None:
                    self._coming.setdefault(key, known)

    def arrived(self, document: Document) -> None:
        """It is in the index, or never will be."""
        self._leaving.pop(document.id, None)
        known = self._taken.pop(document.id, None)
        if known is not None:
            for key in (known.pmid, known.doi):
                if key is not None and self._coming.get(key) is known:
                    del self._coming[key]
