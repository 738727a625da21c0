"""What of a record can be filtered by: its year, and short texts such as `type=review`, folded for comparison.

A point of either home has them at the top of its payload, `year` as an integer and `facets` as keywords:

    type=… journal=… lang=…     of `ingest.evidence`
    retracted concern corrected where that holds
    department=… department     any other short value of its metadata, and that it has one at all; or a classifier's label
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ingest.documents import Passage
from ingest.evidence import FLAGS, evidence
from ingest.text import one_line

YEAR = "year"
FACETS = "facets"
# Longest value, and most values of one key, that are a label rather than a text or a bibliography.
LONGEST = 80
_MOST = 16
# What identifies a record or is a bulk of terms is no label; the last are facets of their own.
_IDENTITY = ("authors", "volume", "issue", "pages", "pmid", "pmcid", "doi", "url", "page_spans", "encoding")
_BULK = ("mesh", "keywords", "publication_types", "corrections")
NO_LABELS = {*_IDENTITY, *_BULK, "type", "year", "journal", "lang", "language", "has", *FLAGS}
_JOURNAL_EXTRAS = re.compile(r"^the |\s*\([^()]*\)$|[.,;:]+$")


def stored(passage: Passage) -> dict[str, Any]:
    """The payload of a passage, with what it can be filtered by."""
    known = evidence(passage.metadata, passage.title)
    payload = passage.payload()
    if known.year is not None:
        payload[YEAR] = known.year
    found = {"type": known.type, "journal": known.journal and journal_key(known.journal), "lang": known.lang}
    facets = [f"{key}={fold(value)}" for key, value in found.items() if value]
    payload[FACETS] = [*facets, *known.flags, *_labels({**passage.metadata, **classified(passage)})]
    return payload


@lru_cache(maxsize=2**14)  # labels are a vocabulary, and come with every record
def fold(text: str) -> str:
    """Without case, accents, full-width forms and needless blanks: what compares equal was meant to be the same."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", one_line(text)) if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", bare.casefold()).split())


@lru_cache(maxsize=2**14)
def journal_key(name: str) -> str:
    """A journal's name folded, without article and place: “The Lancet” is MEDLINE's “Lancet (London, England)”."""
    folded = fold(name).replace(" & ", " and ")
    return _JOURNAL_EXTRAS.sub("", folded) or folded


def summary(facets: Mapping[str, int], classified: Iterable[str] = ()) -> dict[str, Any]:
    """What an index can be filtered by, from its facets (see `Index.facets`): documents of each kind, most first.

    Of the keys that are `classified`, whose values come of a classifier and are few, those are told too.
    """
    grouped: dict[str, dict[str, int]] = {}
    for facet, count in facets.items():
        key, _, value = facet.partition("=")
        grouped.setdefault(key, {})[value] = count
    years = sorted(int(year) for year in grouped.get(YEAR, ()))
    return {
        "years": [years[0], years[-1]] if years else None,
        "types": grouped.get("type", {}),
        "languages": grouped.get("lang", {}),
        "flags": {flag: grouped[flag][""] for flag in FLAGS if flag in grouped},
        "journals": len(grouped.get("journal", ())),
        "labels": {key: values[""] for key, values in grouped.items() if "" in values and key not in FLAGS},
        "values": {key: {value: n for value, n in grouped.get(key, {}).items() if value} for key in classified},
    }


def label_key(name: str) -> str:
    """A metadata key as filters name it: “Study Site” is `study_site`."""
    return fold(name).replace(" ", "_")


def classified(passage: Passage) -> dict[str, str]:
    """The labels that classifiers gave it, for what its metadata do not say: those that filters know."""
    said = {label_key(name) for name, value in passage.metadata.items() if value not in (None, "", [])}
    return {key: label for key, label in passage.labels.items() if label_key(key) not in said}


def _labels(metadata: Mapping[str, Any]) -> Iterator[str]:
    for name, value in metadata.items():
        key = label_key(name)
        values = value if isinstance(value, (list, tuple)) else (value,)
        if key in NO_LABELS or len(values) > _MOST:
            continue
        labels = {label for item in values if (label := _label(item))}
        if labels:
            yield key
        yield from (f"{key}={label}" for label in sorted(labels))


def _label(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return fold(str(value)) if isinstance(value, (str, int)) and len(str(value)) <= LONGEST else ""
