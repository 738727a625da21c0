"""From the passages that answers cite to references: one a document, with a key that stays the same in every export."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ingest.evidence import FLAGS
from ingest.readers.fields import doi_in, pmcid_in, pmid_in
from ingest.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assistant.answering.answer import Answer, Source
    from ingest.documents import Metadata

Kind: TypeAlias = Literal["article", "preprint", "book", "chapter", "thesis", "conference", "webpage", "document"]
# What a document's types say of where it appeared; the first that is named decides.
_KINDS: dict[str, Kind] = {
    "preprint": "preprint",
    "unpublished work": "preprint",
    "book chapter": "chapter",
    "book": "book",
    "thesis": "thesis",
    "dissertation": "thesis",
    "conference abstract": "conference",
    "meeting abstract": "conference",
    "conference paper": "conference",
}


@dataclass(frozen=True, slots=True)
class Author:
    """A person, or with no `given` name whoever is written as one: a group, a family name alone."""

    family: str
    given: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A document as a bibliography has it. Every text is on one line and free of control characters."""

    key: str
    kind: Kind
    title: str
    authors: tuple[Author, ...] = ()
    journal: str = ""
    year: int | None = None
    volume: str = ""
    issue: str = ""
    pages: str = ""
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    url: str = ""
    language: str = ""
    study_type: str = ""
    note: str = ""
    """“Retracted”, “Expression of concern” or “Corrected”, where that holds."""


def cited(answers: Iterable[Answer]) -> tuple[Reference, ...]:
    """The documents that any of these answers cites, in the order of answers and sources, each once."""
    found: dict[str, Reference] = {}
    for answer in answers:
        for source in answer.cited:
            reference = of(source)
            found.setdefault(reference.pmid or reference.doi or source.doc_id, reference)
    return tuple(found.values())


def of(source: Source) -> Reference:
    """The reference of a source's document."""
    known = source.metadata
    authors = tuple(map(_author, _texts(known.get("authors") or known.get("author"))))
    evidence = source.evidence
    year, journal = evidence.year, one_line(evidence.journal or "")
    doi, pmid = doi_in(_text(known, "doi")), pmid_in(_text(known, "pmid"))
    title = one_line(source.title) or one_line(source.doc_id)
    return Reference(
        key=_key(authors[0].family if authors else title, year, pmid, source.doc_id),
        kind=_kind(known, journal, source.url),
        title=title,
        authors=authors,
        journal=journal,
        year=year,
        volume=_text(known, "volume"),
        issue=_text(known, "issue"),
        pages=_text(known, "pages"),
        doi=doi,
        pmid=pmid,
        pmcid=f"PMC{number}" if (number := pmcid_in(_text(known, "pmcid")).removeprefix("PMC")) else "",
        url=one_line(source.url or ""),
        language=_text(known, "lang"),
        study_type=one_line(evidence.type or ""),
        note="; ".join(text.capitalize() for kind, text in evidence.badges if kind in FLAGS),
    )


def line(reference: Reference, where: str = "") -> str:
    """A reference to read, on one line: authors, title, journal, year, where in it, identifiers, whether retracted."""
    names = [author.family + (f" {_initials(author.given)}" if author.given else "") for author in reference.authors]
    who = ", ".join(names[:3]) + (" et al." if len(names) > 3 else "")
    place = ", ".join(part for part in (reference.journal, str(reference.year or "")) if part)
    ids = [f"doi:{reference.doi}" if reference.doi else "", f"PMID {reference.pmid}" if reference.pmid else ""]
    parts = [part for part in (who, reference.title, place, one_line(where), *ids, reference.note.upper()) if part]
    return " ".join(part if part.endswith((".", "?", "!", "。", "？")) else f"{part}." for part in parts)


def _key(word: str, year: int | None, pmid: str, doc_id: str) -> str:
    """Family name (else a word of the title) and year, for the eye; the document's identity, so that no two are one.

    It depends on the document alone, and so is the same in every export.
    """
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    name = max(re.findall(r"[a-z]+", plain)[:4], key=len, default="document")[:20]
    return f"{name}{year or ''}-{pmid or hashlib.sha256(doc_id.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _kind(known: Metadata, journal: str, url: str | None) -> Kind:
    for name in [*_texts(known.get("publication_types")), _text(known, "type")]:
        if kind := _KINDS.get(name.lower()):
            return kind
    if journal:
        return "article"
    return "webpage" if url else "document"


def _author(name: str) -> Author:
    """“Last, First”, or “Smith JA” as PubMed abbreviates it; any other, a group above all, as it stands."""
    family, comma, given = name.partition(",")
    if comma:
        return Author(family.strip(), given.strip())
    *words, last = name.split()
    if words and re.fullmatch(r"[A-Z]{1,3}", last):
        return Author(" ".join(words), last)
    return Author(name)


def _initials(given: str) -> str:
    if given.isupper() and given.isalpha():
        return given
    return "".join(word[0] for word in re.split(r"[\s.-]+", given) if word)


def _text(known: Metadata, key: str) -> str:
    value = known.get(key)
    return "" if value is None or isinstance(value, (list, tuple, dict, bool)) else one_line(str(value))


def _texts(value: Any) -> list[str]:
    """The texts in a list; a single text is split where its authors are parted by semicolons."""
    if isinstance(value, str):
        value = value.split(";")
    items = value if isinstance(value, (list, tuple)) else []
    return [text for item in items if isinstance(item, str) and (text := one_line(item))]
