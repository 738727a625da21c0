"""Which column of a table means what, guessed from its header; and the values of cells that hold several things."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Names as PubMed, Embase, Scopus, Web of Science, Zotero, EndNote, Rayyan, ASReview and Covidence export them,
# in lower case, punctuation as blanks; earlier names win over later ones.
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "doc id", "docid", "document id", "record key", "key"),
    "pmid": ("pmid", "pubmedid", "pubmed id", "pubmed", "medline pmid"),
    "doi": ("doi", "digital object identifier", "do", "di"),
    "pmcid": ("pmcid", "pmc id", "pmc"),
    "title": ("title", "article title", "document title", "primary title", "ti", "t1", "题名", "标题"),
    "abstract": ("abstract", "abstract note", "notes abstract", "abstract text", "ab", "n2", "text", "摘要"),
    "authors": ("authors", "author", "author names", "author full names", "first authors", "au", "a1", "作者"),
    "year": ("year", "publication year", "pub year", "py", "y1", "publication date", "date published", "date", "年份"),
    "journal": (
        "journal",
        "journal name",
        "source title",
        "publication title",
        "journal book",
        "secondary title",
        "journal title",
        "source",
        "jt",
        "jf",
        "t2",
        "so",
        "期刊",
    ),
    "lang": ("language", "lang", "language of original document", "la", "语言"),
    "publication_types": ("publication type", "publication types", "document type", "pt", "dt", "type", "item type"),
    "keywords": ("keywords", "author keywords", "manual tags", "kw", "de", "关键词"),
    "mesh": ("mesh", "mesh terms", "mesh headings", "mh"),
    "url": ("url", "urls", "link", "ur"),
    "openurl": ("open url link",),
    "volume": ("volume", "vl", "vol"),
    "issue": ("issue", "is", "number"),
    "pages": ("pages", "page", "sp", "start page"),
}
# What a column may be mapped to; anything else is metadata under its own name.
MEANINGS = tuple(_NAMES)
_PUNCTUATION = re.compile(r"[\W_]+")
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
# Embase's source: name (year) volume:issue (pages). …
_EMBASE_SOURCE = re.compile(r"(?P<journal>.+?) \((?P<year>\d{4})\)(?: (?P<volume>[\w-]+)(?::(?P<issue>[\w-]+))?)?")
_INITIALS = re.compile(r"[^,;]+\s[A-Z][A-Z.-]*\.?")


def guess(header: Sequence[str], mapped: Mapping[str, str] | None = None) -> dict[str, int]:
    """Meaning → position of its column.

    Args:
        header: the cells of the first row.
        mapped: meaning → name of its column, before any guess.

    Raises:
        KeyError: a mapped column is not in the header; its name.
    """
    plain = [_PUNCTUATION.sub(" ", cell).strip().lower() for cell in header]
    found = {}
    for meaning, name in (mapped or {}).items():
        if name not in header:
            raise KeyError(name)
        found[meaning] = list(header).index(name)
    for meaning, names in _NAMES.items():
        position = next((plain.index(name) for name in names if name in plain), None)
        if meaning not in found and position is not None and position not in found.values():
            found[meaning] = position
    return found


def several(cell: str) -> list[str]:
    """The items of a cell: “a; b”, or a list as Python prints it (['a', 'b']), whatever separates them there."""
    cell = cell.strip()
    if cell.startswith("[") and cell.endswith("]"):
        return [single or double for single, double in _QUOTED.findall(cell)]
    return [part for part in re.split(r"\s*[;|\n]\s*", cell) if part]


def people(cell: str) -> list[str]:
    """Authors: as `several`, and “Liu R., Adler D.G.” where every part between commas is a name with initials."""
    names = several(cell)
    if len(names) == 1 and "," in names[0]:
        parts = [part.strip() for part in names[0].rstrip(".,").split(",")]
        if all(_INITIALS.fullmatch(part) for part in parts):
            return [part.strip() for part in names[0].split(",") if part.strip()]
    return names


def journal_and_issue(cell: str) -> dict[str, str]:
    """Journal, and what else Embase writes into the same cell."""
    found = _EMBASE_SOURCE.match(cell)
    return {key: value for key, value in found.groupdict().items() if value} if found else {"journal": cell}
