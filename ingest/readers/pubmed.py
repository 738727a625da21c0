"""PubMed's XML: the yearly baseline, its updates, and what efetch answers; articles and books.

DTD: https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/index.html
"""

from __future__ import annotations

from typing import Any, BinaryIO

from ingest.documents import Document
from ingest.readers.base import Records, Rejected, tells_damage
from ingest.readers.fields import build, distinct, doi_in, place_id, pmcid_in
from ingest.readers.markup import Element, flat, records

TAGS = ("PubmedArticle", "PubmedBookArticle")
# Links that change what a record is worth; the others (CommentIn, Cites, …) are not kept.
_LINKS = frozenset(
    f"{kind}{way}"
    for kind, ways in {
        "Retraction": ("In", "Of"),
        "PartialRetraction": ("In", "Of"),
        "Erratum": ("In", "For"),
        "ExpressionOfConcern": ("In", "For"),
        "CorrectedandRepublished": ("In", "From"),
        "RetractedandRepublished": ("In", "From"),
        "Update": ("In", "Of"),
    }.items()
    for way in ways
)
_NO_LABEL = {"", "UNLABELLED", "UNASSIGNED"}
_NO_TITLE = {"[Not Available].", "[Not Available]"}


@tells_damage
def read_pubmed(stream: BinaryIO, name: str) -> Records:
    """Yield the documents of a PubMed XML file."""
    for found in records(stream, name, TAGS, "PubMed article"):
        if isinstance(found, Rejected):
            yield found
        else:
            number, element = found
            yield _document(element, f"{name}:record {number}", place_id(name, number))


def _document(element: Element, origin: str, fallback: str) -> Document | Rejected:
    facts: dict[str, Any] = {}
    for part in element:
        if part.tag == "MedlineCitation":
            _citation(part, facts)
        elif part.tag == "BookDocument":
            _book(part, facts)
        elif part.tag in {"PubmedData", "PubmedBookData"}:
            _identifiers(part.find("ArticleIdList"), facts)
    title, text = facts.pop("title", ""), facts.pop("text", "")
    vernacular, other = facts.pop("vernacular", ""), facts.pop("other_text", "")
    if title in _NO_TITLE:
        title = ""
    facts["year"] = facts.get("year") or facts.pop("electronic", "")
    facts.pop("electronic", None)
    return build(title or vernacular, text or other, facts, origin=origin, fallback=fallback)


def _citation(citation: Element, facts: dict[str, Any]) -> None:
    for child in citation:
        tag = child.tag
        if tag == "PMID":
            facts["pmid"] = (child.text or "").strip()
        elif tag == "Article":
            _article(child, facts)
        elif tag == "MeshHeadingList":
            facts["mesh"] = [heading[0].text for heading in child if len(heading) and heading[0].text]
        elif tag == "KeywordList":
            facts["keywords"] = facts.get("keywords", []) + distinct(flat(word) for word in child)
        elif tag == "CommentsCorrectionsList":
            facts["corrections"] = [_link(link) for link in child if link.get("RefType") in _LINKS]
        elif tag == "OtherAbstract" and "other_text" not in facts:
            facts["other_text"] = _abstract(child)


def _article(article: Element, facts: dict[str, Any]) -> None:
    for child in article:
        tag = child.tag
        if tag == "ArticleTitle":
            facts["title"] = flat(child)
        elif tag == "Abstract":
            facts["text"] = _abstract(child)
        elif tag == "AuthorList":
            facts["authors"] = _authors(child)
        elif tag == "Journal":
            _journal(child, facts)
        elif tag == "Pagination":
            facts["pages"] = (child.findtext("MedlinePgn") or child.findtext("StartPage") or "").strip()
        elif tag == "ELocationID":
            if child.get("EIdType") == "doi" and child.get("ValidYN") != "N":
                facts.setdefault("doi", doi_in(child.text))
        elif tag == "Language":
            facts.setdefault("lang", child.text or "")
        elif tag == "PublicationTypeList":
            facts["publication_types"] = [kind.text for kind in child if kind.text]
        elif tag == "ArticleDate":
            facts.setdefault("electronic", child.findtext("Year") or "")
        elif tag == "VernacularTitle":
            facts["vernacular"] = flat(child)


def _book(book: Element, facts: dict[str, Any]) -> None:
    _article(book, facts)
    facts["pmid"] = (book.findtext("PMID") or "").strip()
    _identifiers(book.find("ArticleIdList"), facts)
    facts["publication_types"] = distinct(kind.text or "" for kind in book.iterfind("PublicationType")) or ["Book"]
    facts["keywords"] = distinct(flat(word) for word in book.iterfind("KeywordList/Keyword"))
    volume = book.find("Book")
    if volume is None:
        return
    facts["journal"] = flat(volume.find("BookTitle"))
    facts["title"] = facts.get("title") or facts["journal"]
    facts["year"] = _year(volume.find("PubDate"))
    authors = book.find("AuthorList")
    if authors is None:
        authors = volume.find("AuthorList")
    facts["authors"] = _authors(authors) if authors is not None else []


def _abstract(abstract: Element) -> str:
    parts: list[str] = []
    for part in abstract:
        if part.tag == "AbstractText" and (text := flat(part)):
            label = (part.get("Label") or "").strip()
            parts.append(text if label.upper() in _NO_LABEL else f"{label}: {text}")
    return "\n".join(parts)


def _authors(authors: Element) -> list[str]:
    """“Last, First”, and groups by their names."""
    names: list[str] = []
    for author in authors:
        last = first = ""
        for child in author:
            tag = child.tag
            if tag in {"LastName", "CollectiveName"}:
                last = flat(child)
            elif tag == "ForeName" or (tag == "Initials" and not first):
                first = child.text or ""
        if last:
            names.append(f"{last}, {first}" if first else last)
    return names


def _journal(journal: Element, facts: dict[str, Any]) -> None:
    for child in journal:
        if child.tag == "JournalIssue":
            for part in child:
                if part.tag == "PubDate":
                    facts["year"] = _year(part)
                elif part.tag in {"Volume", "Issue"}:
                    facts[part.tag.lower()] = part.text or ""
        elif child.tag == "Title" or (child.tag == "ISOAbbreviation" and not facts.get("journal")):
            facts["journal"] = child.text or ""


def _year(date: Element | None) -> str:
    """The year, or the free text that stands in its place (“1998 Dec-1999 Jan”)."""
    return "" if date is None else date.findtext("Year") or date.findtext("MedlineDate") or ""


def _identifiers(identifiers: Element | None, facts: dict[str, Any]) -> None:
    for identifier in identifiers if identifiers is not None else ():
        kind = identifier.get("IdType")
        if kind == "doi":
            facts["doi"] = doi_in(identifier.text) or facts.get("doi", "")
        elif kind == "pmc":
            facts["pmcid"] = pmcid_in(identifier.text)


def _link(link: Element) -> dict[str, str]:
    said = {"pmid": link.findtext("PMID") or "", "source": flat(link.find("RefSource"))}
    return {"kind": link.get("RefType"), **{key: value for key, value in said.items() if value}}
