"""JATS, as PubMed Central and publishers give it (.nxml, .xml): the whole article as text.

The text is the abstract, then the body. The name of a section stands on a line of its own after as many “#” as
it lies deep, so that a passage shows where it comes from; tables are lines of cells between “|”, with their
captions; figures are their captions. References, acknowledgements and formulas in TeX are left out.
Tag library: https://jats.nlm.nih.gov/archiving/tag-library/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from ingest.documents import Document
from ingest.readers.base import Records, Rejected, tells_damage
from ingest.readers.fields import build, distinct, doi_in, place_id, pmcid_in, pmid_in
from ingest.readers.markup import Element, flat, local, prose, records

# What an article-type says in the words of MEDLINE's publication types.
_TYPES = {
    "research-article": "Journal Article",
    "review-article": "Review",
    "retraction": "Retraction of Publication",
    "correction": "Published Erratum",
    "expression-of-concern": "Expression of Concern",
    "retracted-article": "Retracted Publication",
    "case-report": "Case Reports",
}
# Related articles whose link changes what one of the two is worth.
_LINKS = {
    "retraction-forward": "RetractionIn",
    "retracted-article": "RetractionOf",
    "correction-forward": "ErratumIn",
    "corrected-article": "ErratumFor",
    "concern-forward": "ExpressionOfConcernIn",
    "object-of-concern": "ExpressionOfConcernFor",
}
# Abstracts that repeat the article for other readers, or in a picture.
_NOT_THE_ABSTRACT = {"graphical", "toc", "teaser", "video", "key-points", "author-highlights"}
_DATES = ("ppub", "collection", "epub", "pub", "")
_LEFT_OUT = {"ref-list", "ack", "fn-group", "label", "title", "object-id", "permissions", "supplementary-material"}
_INSIDE_A_PARAGRAPH = {
    "table-wrap",
    "fig",
    "list",
    "disp-quote",
    "boxed-text",
    "table-wrap-group",
    "fig-group",
    "def-list",
}


@tells_damage
def read_jats(stream: BinaryIO, name: str) -> Records:
    """Yield the articles of a JATS file: one, or a set of them."""
    for found in records(stream, name, ("article",), "JATS article"):
        if isinstance(found, Rejected):
            yield found
        else:
            number, element = found
            yield _document(element, f"{name}:record {number}", place_id(name, number))


def _document(article: Element, origin: str, fallback: str) -> Document | Rejected:
    meta = article.find("{*}front/{*}article-meta")
    if meta is None:
        return Rejected(origin, "has no front/article-meta")
    parts = [*_abstracts(meta)]
    for place in ("body", "floats-group"):
        for part in article.iterfind(f"{{*}}{place}"):
            parts += _blocks(part, 2)
    titles = [flat(meta.find(f"{{*}}title-group/{{*}}{tag}")) for tag in ("article-title", "subtitle")]
    title = ": ".join(part for part in titles if part)
    text = "\n\n".join(part for part in parts if part)
    return build(title, text, _facts(article, meta), origin=origin, fallback=fallback, headed=True)


def _facts(article: Element, meta: Element) -> dict[str, Any]:
    ids = {kind.get("pub-id-type"): (kind.text or "").strip() for kind in meta.iterfind("{*}article-id")}
    kind = article.get("article-type") or ""
    first, last = meta.findtext("{*}fpage") or "", meta.findtext("{*}lpage") or ""
    return {
        "authors": [*_authors(meta)],
        "journal": flat(article.find("{*}front/{*}journal-meta//{*}journal-title")),
        "year": _year(meta),
        "lang": article.get("{http://www.w3.org/XML/1998/namespace}lang") or "",
        "pmid": pmid_in(ids.get("pmid")),
        "pmcid": pmcid_in(ids.get("pmcid"), ids.get("pmc"), ids.get("pmcaid")),
        "doi": doi_in(ids.get("doi")),
        "keywords": distinct(flat(word) for word in meta.iterfind("{*}kwd-group/{*}kwd")),
        "publication_types": [_TYPES.get(kind, kind.replace("-", " "))] if kind else [],
        "corrections": [*_links(meta)],
        "volume": meta.findtext("{*}volume") or "",
        "issue": meta.findtext("{*}issue") or "",
        "pages": f"{first}-{last}"
        if first and last and first != last
        else first or meta.findtext("{*}elocation-id") or "",
    }


def _authors(meta: Element) -> Iterator[str]:
    for author in meta.iterfind("{*}contrib-group/{*}contrib"):
        if author.get("contrib-type", "author") == "author":
            last = flat(author.find(".//{*}surname"))
            first = flat(author.find(".//{*}given-names"))
            yield from (
                [", ".join(part for part in (last, first) if part)]
                if last
                else distinct([flat(author.find(".//{*}collab")), flat(author.find(".//{*}string-name"))])
            )


def _year(meta: Element) -> str:
    """The year of the issue before that of the first appearance, as PubMed has it."""
    years: dict[str, str] = {}
    for date in meta.iterfind("{*}pub-date"):
        years.setdefault(date.get("pub-type") or date.get("date-type") or "", date.findtext("{*}year") or "")
    return next((years[kind] for kind in _DATES if years.get(kind)), next(iter(years.values()), ""))


def _links(meta: Element) -> Iterator[dict[str, str]]:
    for link in meta.iterfind("{*}related-article"):
        kind = _LINKS.get(link.get("related-article-type") or "")
        if kind:
            target = link.get("{http://www.w3.org/1999/xlink}href") or ""
            pmid = target if link.get("ext-link-type") == "pubmed" else ""
            yield {"kind": kind, **({"pmid": pmid} if pmid else {}), "source": target or flat(link)}


def _abstracts(meta: Element) -> Iterator[str]:
    for abstract in meta.iterfind("{*}abstract"):
        if abstract.get("abstract-type") not in _NOT_THE_ABSTRACT:
            title = flat(abstract.find("{*}title"))
            yield f"## {title or 'Abstract'}"
            yield from _blocks(abstract, 3)


def _blocks(element: Element, depth: int) -> Iterator[str]:
    """The parts of a section, each a paragraph of the text."""
    for child in element:
        tag = local(child)
        if tag == "sec":
            title, inside = flat(child.find("{*}title")), [*_blocks(child, depth + 1)]
            yield from [f"{'#' * min(depth, 6)} {title}"] if title and any(inside) else []
            yield from inside
        elif tag == "p":
            yield from _paragraph(child, depth)
        elif tag == "table-wrap":
            yield _table(child)
        elif tag == "fig":
            yield _captioned(child)
        elif tag == "list":
            yield "\n".join(f"- {text}" for item in child.iterfind("{*}list-item") if (text := prose(item)))
        elif tag == "def-list":
            yield "\n".join(": ".join(map(prose, item)) for item in child.iterfind("{*}def-item"))
        elif tag in {"disp-quote", "boxed-text", "table-wrap-group", "fig-group", "statement", "app", "app-group"}:
            title = flat(child.find("{*}title"))
            yield from [title] if title else []
            yield from _blocks(child, depth + 1)
        elif tag and tag not in _LEFT_OUT:
            yield prose(child)


def _paragraph(paragraph: Element, depth: int) -> Iterator[str]:
    """A paragraph, and after it the tables, figures and lists that stand inside."""
    inside = [child for child in paragraph if local(child) in _INSIDE_A_PARAGRAPH]
    for child in inside:
        tail = child.tail
        child.tail = None
        place = paragraph.index(child)
        before = paragraph[place - 1] if place else None
        if before is None:
            paragraph.text = f"{paragraph.text or ''} {tail or ''}"
        else:
            before.tail = f"{before.tail or ''} {tail or ''}"
        paragraph.remove(child)
    yield prose(paragraph)
    if inside:
        holder = paragraph.makeelement("inside")
        holder.extend(inside)
        yield from _blocks(holder, depth)


def _captioned(element: Element) -> str:
    """“Figure 1. Its caption”."""
    label, caption = flat(element.find("{*}label")).rstrip(".:"), element.find("{*}caption")
    said = " ".join(prose(part) for part in caption) if caption is not None and len(caption) else flat(caption)
    return f"{label}. {said}" if label and said else label or said


def _table(wrap: Element) -> str:
    """Caption, one line a row, footnotes."""
    rows = [" | ".join(prose(cell) for cell in row) for row in wrap.iterfind(".//{*}tr")]
    notes = [prose(note) for note in wrap.iterfind("{*}table-wrap-foot")]
    return "\n".join(line for line in (_captioned(wrap), *rows, *notes) if line.strip(" |"))
