"""MEDLINE, as PubMed and PubMed Central save it (.nbib, “PubMed format” .txt).

A tag of up to four capitals, padded, then “- ” and the value; further lines of it are indented by six blanks;
a blank line ends a record. Tags: https://www.nlm.nih.gov/bsd/mms/medlineelements.html
"""

from __future__ import annotations

import re
from typing import BinaryIO

from ingest.readers.base import Records, tells_damage
from ingest.readers.fields import distinct, doi_in, pmcid_in, pmid_in, tidy
from ingest.readers.tagged import Record, documents, records

TAG = re.compile(r"([A-Z][A-Z0-9 ]{3})- ?(.*)")
# Correction links by their names in PubMed's XML.
_LINKS = {
    "RIN": "RetractionIn",
    "ROF": "RetractionOf",
    "PRIN": "PartialRetractionIn",
    "PROF": "PartialRetractionOf",
    "EIN": "ErratumIn",
    "EFR": "ErratumFor",
    "ECI": "ExpressionOfConcernIn",
    "ECF": "ExpressionOfConcernFor",
    "CRI": "CorrectedandRepublishedIn",
    "CRF": "CorrectedandRepublishedFrom",
    "RPI": "RepublishedIn",
    "RPF": "RepublishedFrom",
    "UIN": "UpdateIn",
    "UOF": "UpdateOf",
}
_LINKED_PMID = re.compile(r"PMID:\s*(\d+)")
# A label of a structured abstract, which MEDLINE runs on into the text: a new line for each.
_LABEL = re.compile(r"(?<=[.!?)]) (?=[A-Z][A-Z ,/&-]{3,60}: )")

_NO_ABSTRACT = "Abstract available from the publisher."


@tells_damage
def read_medline(stream: BinaryIO, name: str) -> Records:
    """Yield the documents of a MEDLINE file."""
    yield from documents(records(stream, TAG, _begins), name, _read)


def _begins(tag: str, blank: bool, record: Record | None) -> bool:
    """After a blank line, or at a second number where the blank line is missing."""
    return blank or (record is not None and tag == "PMID" and bool(record.values.get("PMID")))


def _read(record: Record) -> tuple[str, str, dict[str, object]]:
    identifiers = record.all("AID", "LID")
    metadata: dict[str, object] = {
        "authors": distinct(record.all("FAU") or record.all("AU")) + distinct(record.all("CN")),
        "journal": tidy(record.first("JT", "TA", "BTI")),
        "year": record.first("DP", "DEP"),
        "lang": record.first("LA"),
        "pmid": pmid_in(record.first("PMID")),
        "pmcid": pmcid_in(record.first("PMC")),
        "doi": doi_in(*(value for value in identifiers if value.endswith("[doi]")), record.first("SO")),
        "mesh": distinct(value.split("/")[0].lstrip("*") for value in record.all("MH")),
        "keywords": distinct(value.lstrip("*") for value in record.all("OT")),
        "publication_types": distinct(record.all("PT")),
        "corrections": [_link(kind, value) for tag, kind in _LINKS.items() for value in record.all(tag)],
        "volume": record.first("VI"),
        "issue": record.first("IP"),
        "pages": record.first("PG"),
    }
    title = tidy(record.first("TI")) or tidy(record.first("TT", "BTI"))
    text = tidy(record.first("AB", "OAB"))
    return title, "" if text.endswith(_NO_ABSTRACT) else _LABEL.sub("\n", text), metadata


def _link(kind: str, value: str) -> dict[str, str]:
    source = tidy(value)
    pmid = _LINKED_PMID.search(source)
    return {"kind": kind, **({"pmid": pmid[1]} if pmid else {}), "source": source}
