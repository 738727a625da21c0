"""One small grammar for which records to search, and the conditions that both homes of the index understand.

    year>=2020 type:rct,meta-analysis journal:"Lancet" lang:en -retracted department:cardiology

Terms stand side by side and all must hold; a comma means or, a minus before a term not. Years compare
(`year>=2020`, `year<1990`) and span (`year:2015..2020`, `year:2019,2021..`). `retracted`, `corrected` and
`concern` stand alone; any short metadata of the corpus is a key, `has:key` asks whether a record has it at all.
Case and accents do not count. The full-width signs of Chinese keyboards and typographic quotes are taken for plain ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from configs.errors import InputError
from ingest.evidence import FLAGS, kind_of, kinds
from ingest.facets import FACETS, YEAR, fold, journal_key, label_key
from ingest.readers.languages import language_code
from ingest.text import one_line

EXAMPLE = 'year>=2020 type:rct,meta-analysis journal:"Lancet" lang:en -retracted'
FIELDS = ("year", "type", "journal", "lang", "has", *FLAGS)
_MOST_CHARACTERS = 1_000
_SHOWN_BEFORE, _SHOWN_AFTER = 40, 24
_ALIKE = str.maketrans("：，＝＞＜－–“”„＂", ':,=><--""""')
_KEY = re.compile(r"\s*(?P<no>-?)\s*(?P<key>[^\W\d][\w.-]*)(?:\s*(?P<op>>=|<=|[:=<>≥≤])\s*)?")
_VALUE = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^\s,"]+)')
_COMMA = re.compile(r"\s*,\s*")
_YEARS = re.compile(r"(?P<low>\d{4})?(?P<to>\.\.|-)?(?P<high>\d{4})?")
_SPAN = "Write year:2020, year>=2020 or year:2015..2020."

Years = tuple[int | None, int | None]
"""First and last year, both included; None where it is open."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: any of these facets (see `ingest.facets`), or any of these spans of years."""

    key: str
    negated: bool
    facets: tuple[str, ...]
    years: tuple[Years, ...]
    at: int
    """Where its key stands in the text."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it was written, and its terms. With no terms it lets everything pass. Made by `parse`."""

    text: str
    terms: tuple[Term, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The keys that only the corpus can know."""
        has = [facet for term in self.terms if term.key == "has" for facet in term.facets]
        return tuple(key for key in [*(term.key for term in self.terms), *has] if key not in FIELDS)

    @property
    def about_retraction(self) -> bool:
        """Whether it says itself if retracted records are wanted."""
        return any("retracted" in term.facets for term in self.terms)

    def unknown(self, label: str, known: Iterable[str]) -> InputError:
        """That no record carries this label; `known` are those that records carry."""
        term = next(term for term in self.terms if term.key == label or label in term.facets)
        keys = sorted({*known, *FIELDS})
        return _error(self.text, term.at, f"no record carries “{label}”", _nearest(label, keys))

    def nearest(self, facets: Iterable[str]) -> str:
        """What records carry (see `Index.facets`) and is most like a value here that none carries, as a filter; "" for nothing."""
        import difflib  # what is found needs it not

        carried: dict[str, list[str]] = {}
        for facet in facets:
            key, _, value = facet.partition("=")
            carried.setdefault(key, []).append(value)
        for term in self.terms:
            wanted = () if term.negated else [facet.partition("=")[::2] for facet in term.facets]
            if any(value in carried.get(key, ()) for key, value in wanted):
                continue
            for key, value in wanted:
                if close := difflib.get_close_matches(value, carried.get(key, ()), n=1):
                    return f'{key}:"{close[0]}"' if " " in close[0] else f"{key}:{close[0]}"
        return ""

    def pushed_down(self, api: Any) -> Any:
        """As the Filter of `api`: qdrant_edge and qdrant_client.models name their classes alike."""
        conditions: dict[bool, list[Any]] = {False: [], True: []}
        for term in self.terms:
            conditions[term.negated].append(_condition(term, api))
        return api.Filter(must=conditions[False], must_not=conditions[True])


def _condition(term: Term, api: Any) -> Any:
    if term.facets:
        return api.FieldCondition(key=FACETS, match=api.MatchAny(any=list(term.facets)))
    span = getattr(api, "RangeFloat", None) or api.Range
    return api.Filter(should=[api.FieldCondition(key=YEAR, range=span(gte=low, lte=high)) for low, high in term.years])


def labels_among(facets: Iterable[str]) -> list[str]:
    """The keys that only this corpus has, among its facets (see `Index.facets`)."""
    return [facet for facet in facets if "=" not in facet and facet not in FLAGS]


def parse(text: str, said_in: str = "filter") -> Filter:
    """The filter that a text says; `said_in` is what an error names as its place.

    Raises:
        InputError: it is none; shows the text with a mark under the character at fault.
    """
    shown = one_line(text)
    if len(shown) > _MOST_CHARACTERS:
        raise InputError(f"a filter has at most {_MOST_CHARACTERS:,} characters", fix="Shorten it.", usage=True)
    try:
        return Filter(shown, tuple(_terms(shown)))
    except InputError as error:
        error.where = said_in
        raise


def _terms(shown: str) -> Iterator[Term]:
    text = shown.translate(_ALIKE)
    at = 0
    while at < len(text):
        found = _KEY.match(text, at)
        if not found:
            raise _error(shown, at + text[at:].startswith(" "), "a key is wanted here", f"For example: {EXAMPLE}")
        start, operator, at = found.start("key"), found["op"], found.end()
        key, negated = label_key(found["key"]), bool(found["no"])
        key = "lang" if key == "language" else key
        if operator is None:
            yield Term("has", negated, (_flag(shown, start, key),), (), start)
            continue
        if key in FLAGS:
            raise _error(shown, found.start("op"), f"“{key}” takes no value", f"Write {key} or -{key}.")
        values, at = _values(shown, text, at, key)
        if key == "year":
            years = tuple(_years(shown, where, operator, value, several=len(values) > 1) for where, value, _ in values)
            yield Term(key, negated, (), years, start)
            continue
        if operator not in ":=":
            raise _error(
                shown,
                found.start("op"),
                f"only years compare, “{key}” does not",
                _nearest(key, ["year"], f"Write {key}:VALUE."),
            )
        facets = tuple(_facet(shown, where, key, value, as_is=quoted) for where, value, quoted in values)
        yield Term(key, negated, facets, (), start)


def _values(shown: str, text: str, at: int, key: str) -> tuple[list[tuple[int, str, bool]], int]:
    """Each value of a list with where it stands and whether it was quoted; and where the list ends."""
    values = []
    while True:
        found = _VALUE.match(text, at)
        if not found:
            unclosed = text.startswith('"', at)
            what = "this quote is not closed" if unclosed else f"“{key}” wants a value here"
            raise _error(shown, at, what, 'Close it with ".' if unclosed else f"For example: {EXAMPLE}")
        quoted = found["quoted"] is not None
        value = shown[found.start("quoted") : found.end("quoted")] if quoted else found["plain"]
        if not fold(value):
            raise _error(shown, at, "a value cannot be empty", f"has:{key} asks whether there is any at all.")
        values.append((found.start(), value, quoted))
        at = found.end()
        comma = _COMMA.match(text, at)
        if not comma:
            return values, at
        at = comma.end()


def _flag(shown: str, at: int, word: str) -> str:
    if word in FLAGS:
        return word
    if word in ("and", "or", "not"):
        told = "Terms side by side must all hold; a comma means or, a minus not."
    elif word in FIELDS:
        told = _SPAN if word == "year" else f"Write {word}:VALUE."
    else:
        told = _nearest(word, FIELDS, f"Write {word}:VALUE, or has:{word}.")
    raise _error(shown, at, f"“{word}” stands alone and is none of {', '.join(FLAGS)}", told)


def _facet(shown: str, at: int, key: str, value: str, *, as_is: bool) -> str:
    """The facet that a value names; what stands in quotes need be no known type or language."""
    match key:
        case "has":
            if (label := label_key(value)) in FIELDS and label not in FLAGS:
                raise _error(shown, at, f"has: is for labels of the corpus, not for {label}", f"Write {label}:VALUE.")
            return label
        case "journal":
            return f"journal={journal_key(value)}"
        case "type":
            if not (kind := kind_of(value) or (value if as_is else None)):
                raise _error(shown, at, f"unknown type “{value}”", _nearest(value, ["rct", *kinds()]))
            return f"type={fold(kind)}"
        case "lang":
            if not (code := language_code(value) or (value if as_is else None)):
                raise _error(shown, at, f"unknown language “{value}”", "Write two letters or its name: lang:en.")
            return f"lang={fold(code)}"
    return f"{key}={fold(value)}"


def _years(shown: str, at: int, operator: str, value: str, *, several: bool) -> Years:
    found = _YEARS.fullmatch(value)
    if not found or not (found["low"] or found["high"]) or (found["low"] and found["high"] and not found["to"]):
        raise _error(shown, at, f"“{value}” is no year", _SPAN)
    low, high = (int(found[side]) if found[side] else None for side in ("low", "high"))
    if operator not in ":=":
        if found["to"] or several or low is None:
            raise _error(shown, at, f"year{operator} wants one year", _SPAN)
        return {">": (low + 1, None), "<": (None, low - 1), ">=": (low, None), "≥": (low, None)}.get(
            operator, (None, low)
        )
    if not found["to"]:
        return low, low
    if low is not None and high is not None and low > high:
        raise _error(shown, at, f"{low} is after {high}", f"Write year:{high}..{low}.")
    return low, high


def _nearest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    import difflib  # what is right needs it not

    names = {fold(name): name for name in known}
    close = difflib.get_close_matches(fold(word), names, n=1, cutoff=0.5)
    return f"Did you mean {names[close[0]]}?" if close else otherwise or f"There are {', '.join(names.values())}."


def _error(text: str, at: int, what: str, fix: str) -> InputError:
    """The text with a mark under character `at`; of a long text, what is around it."""
    first = max(0, at - _SHOWN_BEFORE)
    line = text[first : at + _SHOWN_AFTER]
    before = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text[first:at])
    return InputError(f"{what}\n    {line}\n    {' ' * before}^", where="filter", fix=fix, usage=True)
