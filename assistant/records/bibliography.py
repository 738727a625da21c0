"""References as BibTeX, RIS and CSL-JSON, for reference managers; what a document says can break none of the three.

BibTeX: entry types and fields of the standard styles, text as TeX by pylatexenc (what TeX has no name for, Chinese say,
stays UTF-8). RIS: Research Information Systems' format of 2011, tags that `ingest.readers.ris` and Zotero read back.
CSL-JSON: the Citation Style Language's `csl-data.json`, 1.0.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from assistant.records.references import Author, Kind, Reference

# Kind of reference → BibTeX's entry type, RIS's type of reference, CSL's item type.
_TYPES: dict[Kind, tuple[str, str, str]] = {
    "article": ("article", "JOUR", "article-journal"),
    "preprint": ("unpublished", "UNPB", "article"),
    "book": ("book", "BOOK", "book"),
    "chapter": ("incollection", "CHAP", "chapter"),
    "thesis": ("phdthesis", "THES", "thesis"),
    "conference": ("inproceedings", "ABST", "paper-conference"),
    "webpage": ("misc", "ELEC", "webpage"),
    "document": ("misc", "GEN", "document"),
}
_IN_A_BOOK = ("chapter", "conference")
_RANGE = re.compile(r"(\w+)\s*[-–]+\s*(\w+)")


def to_bibtex(references: Sequence[Reference]) -> str:
    """BibTeX entries, in the order given."""
    tex = _encoder()
    return "\n".join(_entry(reference, tex) for reference in references)


def to_ris(references: Sequence[Reference]) -> str:
    """RIS records, in the order given; lines end as the format has it, CR LF."""
    return "".join(f"{tag}  - {value}\r\n" for one in references for tag, value in _tagged(one))


def to_csl(references: Sequence[Reference]) -> str:
    """CSL-JSON items, in the order given."""
    return json.dumps([_item(reference) for reference in references], ensure_ascii=False, indent=2) + "\n"


def _entry(one: Reference, tex: Callable[[str], str]) -> str:
    fields = {
        "author": " and ".join(_bibtex_name(author, tex) for author in one.authors),
        "title": " ".join(_unchanged(word, tex) for word in one.title.split(" ")),
        "booktitle" if one.kind in _IN_A_BOOK else "journal": tex(one.journal),
        "year": str(one.year or ""),
        "volume": tex(one.volume),
        "number": tex(one.issue),
        "pages": tex(_RANGE.sub(r"\1--\2", one.pages)),
        "doi": _verbatim(one.doi),
        "url": _verbatim(one.url),
        "pmid": one.pmid,
        "pmcid": one.pmcid,
        "note": tex(one.note),
    }
    rows = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{_TYPES[one.kind][0]}{{{one.key},\n{rows}}}\n"


def _bibtex_name(author: Author, tex: Callable[[str], str]) -> str:
    """“{Last}, {First}”, each in braces where it holds an “and”, a comma or blanks that would be read as parts."""

    def kept(name: str) -> str:
        whole = not author.given or "," in name or re.search(r"\band\b", name, re.IGNORECASE)
        return f"{{{tex(name)}}}" if whole else tex(name)

    return f"{kept(author.family)}, {kept(author.given)}" if author.given else kept(author.family)


def _unchanged(word: str, tex: Callable[[str], str]) -> str:
    """A word of a title; one with capitals inside (HbA1c, RNA) in braces, which keep styles from lowering them."""
    return f"{{{tex(word)}}}" if any(letter.isupper() for letter in word[1:]) else tex(word)


def _verbatim(address: str) -> str:
    """An address or a DOI, which TeX takes as it stands; what could end the field is percent-encoded."""
    return re.sub(r"[{}\\\"\s]", lambda found: f"%{ord(found[0]):02X}", address)


def _encoder() -> Callable[[str], str]:
    from pylatexenc.latexencode import (
        RULE_DICT,
        UnicodeToLatexConversionRule,
        UnicodeToLatexEncoder,
        get_builtin_conversion_rules,
    )

    # BibTeX counts braces, escaped ones too: an unpaired one would swallow the entries that follow.
    unpaired = {ord("{"): r"\textbraceleft", ord("}"): r"\textbraceright", ord('"'): r"\textquotedbl"}
    rules = [UnicodeToLatexConversionRule(RULE_DICT, unpaired), *get_builtin_conversion_rules("defaults")]
    encoder = UnicodeToLatexEncoder(
        conversion_rules=rules,
        replacement_latex_protection="braces-all",
        unknown_char_policy="keep",
        unknown_char_warning=False,
    )
    return lambda text: str(encoder.unicode_to_latex(text))


def _tagged(one: Reference) -> Iterator[tuple[str, str]]:
    yield "TY", _TYPES[one.kind][1]
    yield "ID", one.key
    pages = _RANGE.fullmatch(one.pages)
    values = [
        *(("AU", f"{author.family}, {author.given}" if author.given else author.family) for author in one.authors),
        ("TI", one.title),
        ("T2", one.journal),
        ("PY", str(one.year or "")),
        ("VL", one.volume),
        ("IS", one.issue),
        ("SP", pages[1] if pages else one.pages),
        ("EP", pages[2] if pages else ""),
        ("DO", one.doi),
        ("DB", "PubMed" if one.pmid else ""),
        ("AN", one.pmid),
        ("C2", one.pmcid),
        ("UR", one.url),
        ("LA", one.language),
        ("M3", one.study_type),
        ("N1", one.note),
    ]
    yield from ((tag, value) for tag, value in values if value)
    yield "ER", ""


def _item(one: Reference) -> dict[str, Any]:
    item = {
        "id": one.key,
        "type": _TYPES[one.kind][2],
        "title": one.title,
        "author": [
            {"family": author.family, "given": author.given} if author.given else {"literal": author.family}
            for author in one.authors
        ],
        "container-title": one.journal,
        "issued": {"date-parts": [[one.year]]} if one.year else None,
        "volume": one.volume,
        "issue": one.issue,
        "page": one.pages,
        "DOI": one.doi,
        "PMID": one.pmid,
        "PMCID": one.pmcid,
        "URL": one.url,
        "language": one.language,
        "genre": one.study_type,
        "note": one.note,
    }
    return {name: value for name, value in item.items() if value}
