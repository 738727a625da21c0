"""What a record says of itself, as facets: kind of evidence, retracted or corrected, year, journal, language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ingest.readers.languages import language_code
from ingest.text import one_line

# What a record is, before any question of strength: these notices are no evidence themselves.
_NOTICES = {
    "retraction notice": ("retraction of publication", "retraction", "retraction notice"),
    "expression of concern": ("expression of concern",),
    "erratum": ("published erratum", "erratum", "correction", "corrigendum"),
}
# Strongest first: a record with several publication types is the first of these that it names.
# Names are MEDLINE's publication types, with those of Embase, JATS and everyday exports beside them.
_STRENGTH = {
    "guideline": (
        "practice guideline",
        "guideline",
        "consensus development conference",
        "consensus development conference, nih",
        "consensus statement",
    ),
    "meta-analysis": ("meta analysis", "network meta analysis"),
    "systematic review": ("systematic review",),
    "randomized controlled trial": (
        "randomized controlled trial",
        "randomized controlled trial, veterinary",
        "equivalence trial",
        "rct",
        "randomized trial",
    ),
    "clinical trial": (
        "clinical trial",
        "controlled clinical trial",
        "adaptive clinical trial",
        "pragmatic clinical trial",
        "clinical trial, phase i",
        "clinical trial, phase ii",
        "clinical trial, phase iii",
        "clinical trial, phase iv",
        "clinical trial, veterinary",
    ),
    "cohort study": ("cohort study",),
    "case-control study": ("case control study",),
    "cross-sectional study": ("cross sectional study",),
    "observational study": ("observational study", "observational study, veterinary"),
    "case report": ("case reports", "case report", "case series"),
    "review": ("review", "review article", "scoping review", "literature review", "short survey"),
    "protocol": ("clinical trial protocol", "study protocol", "protocol"),
    "conference abstract": ("conference abstract", "meeting abstract"),
    "editorial": ("editorial",),
    "letter": ("letter", "reply"),
    "comment": ("comment", "commentary", "article commentary"),
    "preprint": ("preprint", "unpublished work"),
}
# MEDLINE has no publication type for these designs; its indexers state them as MeSH headings.
_DESIGNS = {
    "cohort study": (
        "cohort studies",
        "follow up studies",
        "longitudinal studies",
        "prospective studies",
        "retrospective studies",
    ),
    "case-control study": ("case control studies",),
    "cross-sectional study": ("cross sectional studies",),
}


def _ranked(*tables: Mapping[str, Iterable[str]]) -> dict[str, tuple[int, str]]:
    kinds = [item for table in tables for item in table.items()]
    return {name: (rank, kind) for rank, (kind, names) in enumerate(kinds) for name in names}


_BY_TYPE = _ranked(_NOTICES, _STRENGTH)
_BY_MESH = _ranked(_DESIGNS)

_RETRACTED_TYPES = {"retracted publication", "retracted article", "retracted"}
_CORRECTIONS = {"ErratumIn", "CorrectedandRepublishedIn", "PartialRetractionIn"}
_CONCERN = "ExpressionOfConcernIn"
# A reader must know of these before trusting a source; the gravest first.
FLAGS = ("retracted", "concern", "corrected")
_TOLD = {"retracted": "RETRACTED", "concern": "expression of concern", "corrected": "corrected"}
# Where records that no reader of ours made say these things, in whatever form.
_TYPE_KEYS = ("type", "study_type", "publication_type", "document_type")
_PLACE_KEYS = ("journal", "source", "publisher")
_RETRACTED_TITLE = re.compile(r"\W*retracted(?: (?:article|paper|publication))?\W*[:\]]", re.IGNORECASE)
_NO = frozenset({"", "0", "false", "no", "none", "n", "n/a"})
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the evidence that a stored record is; None and () where nothing is said."""

    type: str | None
    year: int | None
    journal: str | None
    place: str | None
    """Where it appeared: the journal, else its source or publisher."""
    lang: str | None
    flags: tuple[str, ...]
    """Those of `FLAGS` that hold."""
    labels: tuple[tuple[str, str], ...] = ()
    """What classifiers made of it, by key."""

    @property
    def badges(self) -> tuple[tuple[str, str], ...]:
        """What weighs a source at a glance, as kind and text: what a reader must know of it first."""
        told = ((flag, _TOLD[flag]) for flag in self.flags)
        known = (("type", self.type), ("year", self.year), ("journal", self.place))
        labels = (("label", f"{key}: {label}") for key, label in self.labels)
        return (*told, *((kind, one_line(str(value))) for kind, value in (*known, *labels) if value))

    def told(self, *kinds: str) -> list[str]:
        """The texts of its badges of these kinds, in this order."""
        return [text for wanted in kinds for kind, text in self.badges if kind == wanted]


def evidence(metadata: Mapping[str, Any], title: str = "", labels: Mapping[str, str] | None = None) -> Evidence:
    """The evidence of a record in whatever form its metadata is: a reader's, or a JSON record's own.

    What is derived goes before what is merely said: a `type` that no table knows is kept in small letters.
    """
    derived = derive(metadata, title)
    said = {flag: _holds(metadata.get(flag)) for flag in FLAGS}
    links = _links(metadata)
    marked = {
        "retracted": derived["retracted"] or said["retracted"],
        "concern": _CONCERN in links or said["concern"],
        "corrected": derived["corrected"] or said["corrected"],
    }
    kind = _first(metadata, _TYPE_KEYS).lower()
    return Evidence(
        type=derived.get("type") or kind_of(kind) or kind or None,
        year=derived.get("year"),
        journal=derived.get("journal"),
        place=_first(metadata, _PLACE_KEYS) or None,
        lang=derived.get("lang") or language_code(str(metadata.get("language") or "")),
        flags=tuple(flag for flag in FLAGS if marked[flag]),
        labels=tuple((labels or {}).items()),
    )


def retracted(metadata: Mapping[str, Any], title: str = "") -> bool:
    """Whether `evidence` would flag a record as retracted; every search asks this of all that it finds."""
    return _holds(metadata.get("retracted")) or _withdrawn(_types(metadata), _links(metadata), title)


def kind_of(name: str) -> str | None:
    """The kind of evidence that a publication type, or a person, calls so: “RCT”, “cohort”, “case-report”."""
    plain = _plain(name.replace("_", " "))
    found = _BY_TYPE.get(plain) or _BY_TYPE.get(f"{plain} study")
    return found[1] if found else None


def kinds() -> list[str]:
    """Every kind of evidence that records are told apart by, notices first, then the strongest."""
    return [*_NOTICES, *_STRENGTH]


def derive(metadata: Mapping[str, Any], title: str = "") -> dict[str, Any]:
    """The facets of a record from its metadata (keys as in `ingest.readers.base`).

    `type` is the strongest that its publication types name, else the study design among its MeSH headings;
    `retracted` and `corrected` are always there, the others where the record gives ground for them.
    """
    types, links = _types(metadata), _links(metadata)
    found: dict[str, Any] = {
        "type": _kind(types, _texts(metadata.get("mesh"))),
        "year": year_of(metadata.get("year")),
        "journal": " ".join(str(metadata.get("journal") or "").split()) or None,
        "lang": language_code(str(metadata.get("lang") or "")),
    }
    facets = {key: value for key, value in found.items() if value is not None}
    facets["retracted"] = _withdrawn(types, links, title)
    facets["corrected"] = bool(_CORRECTIONS & links or "corrected and republished article" in types)
    return facets


def year_of(value: object) -> int | None:
    """The first plausible year (1500 to 2099) in a number or a date as text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    found = _YEAR.search(str(value))
    return int(found[0]) if found else None


def is_publication_type(name: str) -> bool:
    """Whether a publication type of this name would decide anything here."""
    plain = _plain(name)
    return plain in _BY_TYPE or plain in _RETRACTED_TYPES


def _types(metadata: Mapping[str, Any]) -> list[str]:
    return [_plain(name) for name in _texts(metadata.get("publication_types"))]


def _withdrawn(types: list[str], links: set[object], title: str) -> bool:
    return bool(_RETRACTED_TYPES.intersection(types) or "RetractionIn" in links or _RETRACTED_TITLE.match(title))


def _kind(types: list[str], mesh: list[str]) -> str | None:
    ranked = min((_BY_TYPE[name] for name in types if name in _BY_TYPE), default=None)
    if ranked is not None and ranked[1] != "observational study":
        return ranked[1]
    design = min((_BY_MESH[key] for name in mesh if (key := _plain(name)) in _BY_MESH), default=ranked)
    return design[1] if design else None


@lru_cache(maxsize=2**15)  # the names are those of a vocabulary, and come with every record
def _plain(name: str) -> str:
    return name.strip().lower().replace("-", " ").replace("randomised", "randomized")


def _links(metadata: Mapping[str, Any]) -> set[object]:
    """The kinds of links to other records: a retraction, an erratum."""
    links = metadata.get("corrections")
    return (
        {link.get("kind") for link in links or () if isinstance(link, Mapping)}
        if isinstance(links, (list, tuple))
        else set()
    )


def _holds(value: object) -> bool:
    """Whether a record affirms something: `true`, or any text but “no”, “false” and the like, a date say."""
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)


def _first(metadata: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The first text under any of these keys, on one line."""
    return next((text for key in keys for item in _texts(metadata.get(key)) if (text := " ".join(item.split()))), "")


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []
