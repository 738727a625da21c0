"""From what a record says to a document: identifiers told apart from noise, and one way to build it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingest import places
from ingest.documents import Document
from ingest.evidence import derive
from ingest.readers.base import Rejected, too_long

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
# What the ids of PubMed's records begin with.
PMID = "PMID_"
_PMID = re.compile(r"[1-9]\d{0,8}")
_PUBMED_URL = re.compile(r"(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/(?:m/)?pubmed)/([1-9]\d{0,8})(?!\d)")
_PMCID = re.compile(r"(?:PMC)?(\d{3,9})(?:\.\d+)?", re.IGNORECASE)

PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"


def build(
    title: str,
    text: str,
    metadata: Mapping[str, Any],
    *,
    origin: str,
    fallback: str,
    identity: str = "",
    headed: bool = False,
    pages: Sequence[tuple[int, int]] = (),
) -> Document | Rejected:
    """A document with its facets; `identity`, else PubMed number, DOI, or `fallback` is its id.

    Empty metadata is dropped. A record without a text is kept by its title. In a text that is `headed`, lines that begin
    with “#” are headings; `pages` are the characters at which it goes over to a page, and which, where it has any.
    """
    title, text = title.strip(), text.strip()
    if not title and not text:
        return Rejected(
            origin, "neither a title nor an abstract", json.dumps(metadata, ensure_ascii=False, default=str)
        )
    known = {key: value for key, value in metadata.items() if value not in ("", None, [], {})}
    known |= derive(known, title)
    if "pmid" in known:
        known.setdefault("url", f"{PUBMED}{known['pmid']}/")
        identity = identity or f"{PMID}{known['pmid']}"
    elif "doi" in known:
        known.setdefault("url", f"https://doi.org/{known['doi']}")
        identity = identity or f"doi:{known['doi']}"
    identity = identity or fallback
    if reason := too_long(identity, title):
        return Rejected(origin, reason, json.dumps({"title": title, **metadata}, ensure_ascii=False, default=str))
    where = places.outline(text, title) if headed else ()
    return Document(identity, title, text or title, known, origin, places.paged(where, pages) if pages else where)


def place_id(name: str, number: int | None = None) -> str:
    """Last folder and name of a file, with the number of a record in it: the id of what has none of its own.

    The same however the path was spelled and wherever the corpus was moved with its last folder.
    """
    return _place(name) if number is None else f"{_place(name)}#{number}"


@lru_cache(maxsize=16)
def _place(name: str) -> str:
    path = Path(name).absolute() if Path(name).exists() else Path(name)
    return "/".join(part for part in path.parts[-2:] if part != path.anchor)


def tidy(text: str | None) -> str:
    """On one line, every run of white space one blank."""
    return " ".join(text.split()) if text else ""


def doi_in(*texts: str | None) -> str:
    """The first DOI that stands in any of these, in lower case; empty where there is none."""
    for text in texts:
        if text and (found := _DOI.search(text.replace("%2F", "/"))):
            return found[0].rstrip(".,;)]}'").lower()
    return ""


def pmid_in(*texts: str | None) -> str:
    """The first of these that is a PubMed number, “PMID: 1” and “1.0” (a spreadsheet's) included."""
    for text in texts:
        number = (text or "").strip().lower().removeprefix("pmid").lstrip(":_ -").removesuffix(".0")
        if _PMID.fullmatch(number):
            return number
    return ""


def pmid_in_urls(urls: Iterable[str]) -> str:
    """The PubMed number that one of these addresses ends in."""
    return next((found[1] for url in urls if (found := _PUBMED_URL.search(url))), "")


def pmcid_in(*texts: str | None) -> str:
    """The first of these that is a PubMed Central number, as “PMC123”."""
    return next((f"PMC{found[1]}" for text in texts if text and (found := _PMCID.fullmatch(text.strip()))), "")


def distinct(values: Iterable[str]) -> list[str]:
    """Without blanks and repetitions, in order."""
    return list(dict.fromkeys(value for value in map(tidy, values) if value))
