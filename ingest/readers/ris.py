"""RIS, in the dialects of PubMed, Embase, Ovid, Scopus, Zotero, EndNote and Lens.

Two characters, two blanks, “- ” and the value, from TY to ER. Further lines of a value have no tag. A record whose
ER is missing ends where the next TY stands. The tag ID is a number in somebody's own library, no identity.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from ingest.evidence import is_publication_type
from ingest.readers.base import Records, tells_damage
from ingest.readers.fields import distinct, doi_in, pmcid_in, pmid_in, pmid_in_urls, tidy
from ingest.readers.tagged import Record, documents, records

TAG = re.compile(r"\ufeff?([A-Z][A-Z0-9]) {1,2}-(?: (.*)|$)")
# What the type of reference says about the kind of text; the rest says only where it was printed.
_KINDS = {"UNPB": "Preprint", "ABST": "Conference Abstract", "THES": "Thesis", "BOOK": "Book", "CHAP": "Book Chapter"}
_PUBMED = ("pubmed", "medline", "nlm")


@tells_damage
def read_ris(stream: BinaryIO, name: str) -> Records:
    """Yield the documents of a RIS file."""
    yield from documents(records(stream, TAG, _begins, end="ER"), name, _read)


def _begins(tag: str, blank: bool, record: Record | None) -> bool:
    return tag == "TY" and record is not None


def _read(record: Record) -> tuple[str, str, dict[str, object]]:
    urls = [
        url for url in " ".join(record.all("UR", "L2", "LK", "L1")).split() if url.startswith(("http://", "https://"))
    ]
    from_pubmed = any(word in record.first("DB", "DP").lower() for word in _PUBMED)
    types = [
        _KINDS.get(record.first("TY"), ""),
        *(kind for kind in record.all("M3", "PT") if is_publication_type(kind)),
    ]
    start, end = record.first("SP"), record.first("EP")
    metadata: dict[str, object] = {
        "authors": distinct(record.all("AU", "A1")),
        "journal": tidy(record.first("JF", "T2", "JO", "J2", "JA")),
        "year": record.first("PY", "Y1") or record.first("DA"),
        "lang": record.first("LA"),
        "pmid": pmid_in(*record.all("AN") if from_pubmed else ()) or pmid_in_urls(urls),
        "pmcid": pmcid_in(*(value for value in record.all("C2", "AN") if value[:3].upper() == "PMC")),
        "doi": doi_in(*record.all("DO", "M3", "L3"), *(url for url in urls if "doi.org/" in url)),
        "keywords": distinct(word for value in record.all("KW") for word in value.splitlines()),
        "publication_types": distinct(types),
        "notes": distinct(record.all("N1")),
        "volume": record.first("VL"),
        "issue": record.first("IS"),
        "pages": f"{start}-{end}" if start and end.isdigit() and end not in start else start,
    }
    if urls and not metadata["pmid"] and not metadata["doi"]:  # a database's link to its own page is the last resort
        metadata["url"] = urls[0]
    return tidy(record.first("TI", "T1", "CT", "BT", "ST")), _text(record), metadata


def _text(record: Record) -> str:
    """The abstract; its own line breaks stay where they begin a labelled part."""
    text = record.first("AB", "N2")
    return "\n".join(tidy(part) for part in re.split(r"\n(?=[A-Z][\w ,/&-]{2,60}:)", text))
