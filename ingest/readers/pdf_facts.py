"""What a PDF says of itself: title, authors, year, DOI and journal, by its XMP, its information, its first page.

In this order of trust; a title that a program put there (“draft7.doc”) is none, and an author who is one of many gives
way to the list under the title. Most XMP packets stand in a file as plain XML, by the design of the format
(https://developer.adobe.com/xmp/docs/), and only such are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from lxml import etree

from ingest.readers.fields import distinct, doi_in, tidy
from ingest.readers.pdf_page import Line

_XMP = re.compile(rb"<rdf:RDF\b.{0,200000}?</rdf:RDF>", re.DOTALL)
_SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "prism": "http://prismstandard.org/namespaces/basic/2.0/",
}
# Titles that a program put there, not the author.
_NO_TITLE = re.compile(
    r"untitled|microsoft word|\.(?:docx?|indd|dvi|tex|qxd|pdf|fm|rtf)\b|^[\W\d_]*$|\d{6,}|^\S+$|\bno job name\b",
    re.IGNORECASE,
)
# What stands above a title, in its size.
_RUBRIC = re.compile(r"(?:(?:original )?research|review|original)(?: article| paper)?\s+(?=[A-Z])", re.IGNORECASE)
_ADDRESS = re.compile(r"www\.|https?:|@")
_YEAR = re.compile(r"(?:19|20)\d{2}")
_DATED = (
    re.compile(r"(?:©|copyright|\(c\))\s*(?:the authors?\S*\s*)?((?:19|20)\d{2})", re.IGNORECASE),
    re.compile(r"\bpublished(?: online)?:?\D{0,25}((?:19|20)\d{2})", re.IGNORECASE),
    re.compile(r"\b((?:19|20)\d{2})[,;]\s*\d{1,4}\s*(?:\(\d+\))?\s*[:,]"),
    re.compile(r"\bvolume\s+((?:19|20)\d{2})", re.IGNORECASE),
    re.compile(r"\baccepted:?\D{0,20}((?:19|20)\d{2})", re.IGNORECASE),
)
_CITE = re.compile(
    r"cite this article.{0,400}?(10\.\d{4,9}/\S+)|(10\.\d{4,9}/\S+)\s{0,3}cite this article", re.I | re.S
)
_NAME = re.compile(
    r"(?:[A-Z][\w'’.-]*\s+){1,4}(?:(?:van|von|de|del|der|den|di|da|la|le|bin|al|el)\s+){0,3}[A-Z][\w'’-]+"
)
_PARTICLES = {"van", "von", "de", "del", "der", "den", "di", "da", "la", "le", "bin", "al", "el"}
_MARKS = re.compile(
    r"[\d*†‡§¶∗#]+(?:,\s*(?=[\d*†‡§¶∗]))?|\{[^}]*\}|\bet al\.?|\b(?:MD|PhD|MSc|MPH|FRCS\w*|BSc|DVM)\b", re.I
)
_LONGEST_TITLE, _SHORTEST_TITLE = 300, 12
_MOST_AUTHOR_LINES = 6


def facts(content: bytes, info: Mapping[str, str], first: Sequence[Line], text: str) -> tuple[str, dict[str, Any]]:
    """The title and the metadata of a paper, by its bytes, its information dictionary, its first page and its last text."""
    xmp = _xmp(content)
    title, below = _shown_title(first)
    stated = next((t for t in (*xmp["title"], tidy(info.get("Title"))) if t and not _NO_TITLE.search(t)), "")
    page = "\n".join(line.text for line in first)
    given = [name for one in (xmp["creator"] or [info.get("Author", "")]) for name in _names(one)]
    listed = _authors(below)
    if listed and len(listed) > len(given):
        given = listed
    cited = _CITE.search(text)
    return stated or title, {
        "authors": given,
        "year": _year(xmp["date"], info.get("Subject", ""), page),
        "doi": doi_in(*xmp["doi"], info.get("Subject"), info.get("doi"), page, *(cited.groups() if cited else ())),
        "journal": next(iter(xmp["journal"]), ""),
    }


def _xmp(content: bytes) -> dict[str, list[str]]:
    """What the file's XMP packet says; empty lists where there is none that can be read."""
    found: dict[str, list[str]] = {"title": [], "creator": [], "doi": [], "journal": [], "date": []}
    paths = {
        "title": "dc:title//rdf:li",
        "creator": "dc:creator//rdf:li",
        "doi": "prism:doi",
        "journal": "prism:publicationName",
        "date": "prism:coverDate",
    }
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    for packet in _XMP.findall(content)[-1:]:
        try:
            root = etree.fromstring(packet, parser)
        except etree.XMLSyntaxError:
            continue
        for key, path in paths.items() if root is not None else ():
            found[key] = distinct("".join(one.itertext()) for one in root.iterfind(f".//{path}", _SPACES))
    return found


def _shown_title(first: Sequence[Line]) -> tuple[str, Sequence[Line]]:
    """What is set largest on the first page, which is the title more often than the first line is; and what follows it."""
    for size in sorted({line.size for line in first}, reverse=True):
        at = [n for n, line in enumerate(first) if line.size == size]
        run = [first[n] for n, place in zip(at, range(at[0], at[0] + len(at)), strict=True) if n == place]
        found = tidy(" ".join(line.text + ("-" if line.cut else "") for line in run)).replace("- ", "-")
        found = _RUBRIC.sub("", found, count=1) if _RUBRIC.match(found) else found
        if sum(map(str.isalpha, found)) >= _SHORTEST_TITLE and not _ADDRESS.search(found):
            return (found if len(found) <= _LONGEST_TITLE else ""), first[at[0] + len(run) :]
    return "", ()


def _authors(below: Sequence[Line]) -> list[str]:
    """The names in the lines right under the title; empty where these are something else."""
    if not below:
        return []
    size = below[0].size
    lines = [line.text for line in takewhile(lambda line: line.size == size, below[:_MOST_AUTHOR_LINES])]
    best: list[str] = []
    for count in range(1, len(lines) + 1):
        parts = [part for part in re.split(r",|;|&|\band\b", _MARKS.sub(" ", " ".join(lines[:count]))) if part.strip()]
        names = [tidy(part) for part in parts]
        if not all(_NAME.fullmatch(name) for name in names):
            break
        best = names
    return [_turned(name) for name in best]


def _names(said: str) -> list[str]:
    """The persons of an author field, “Last, First” as it stands or made so."""
    said = tidy(_MARKS.sub(" ", said))
    if said.count(",") == 1 and ";" not in said and " and " not in said and len(said.split(",")[0].split()) < 3:
        return [said]
    return [_turned(part) for part in map(tidy, re.split(r";|,|\band\b|&", said)) if _NAME.fullmatch(part)]


def _turned(name: str) -> str:
    """“First Last” as “Last, First”, particles with the last name."""
    words = [word.title() if word.isupper() and len(word) > 3 else word for word in name.split()]
    at = next((n for n, word in enumerate(words[1:], 1) if word.lower() in _PARTICLES), len(words) - 1)
    return f"{' '.join(words[at:])}, {' '.join(words[:at])}"


def _year(dates: Sequence[str], subject: str, page: str) -> str:
    for said in (*dates, subject):
        if found := _YEAR.search(said.partition("doi")[0]):
            return found[0]
    return next((found[1] for pattern in _DATED if (found := pattern.search(page))), "")
