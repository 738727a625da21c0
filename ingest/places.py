"""Where in a paper something stands: the section and the page from each character on, and how a citation says it.

A text's sections are those of its heading lines (“## Methods”), as the readers of JATS, PDF, HTML and Markdown write
them; the labels of a structured abstract (“METHODS: …”) are read off when it is shown, and cost an ingest nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

PART = " > "
"""Between a section and its subsection."""
_HEADING = re.compile(r"^(#{1,6}) +(\S.*?)[ #]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)
_LABEL = re.compile(r"^([A-Z][A-Z][A-Z /&,'’()-]{1,60}): ", re.MULTILINE)
_NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,5}\.)\s+(?=\S)")
_MARKS = re.compile(r"[*`]+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_LONGEST_NAME = 120
# A heading in capitals is told in small letters, unless one of its words may be an abbreviation.
_ACRONYM = 4
_SMALL = {"AND", "OF", "THE", "IN", "FOR", "WITH", "TO", "ON"}


class Place(NamedTuple):
    """From character `start` of the document on: the section, as a path (“Methods > Setting”), and the page."""

    start: int
    section: str = ""
    page: int = 0
    """From 1; 0 where the document has none."""


Places: TypeAlias = tuple[Place, ...]


def outline(text: str, title: str = "") -> Places:
    """The sections of a text by its heading lines; a heading that repeats the document's title is none. Often empty."""
    if "#" not in text:
        return ()
    fences = [match.span() for match in _FENCE.finditer(text)] if "```" in text or "~~~" in text else []
    path: list[tuple[int, str]] = []
    found = []
    for match in _HEADING.finditer(text):
        if any(start <= match.start() < end for start, end in fences):
            continue
        depth, name = len(match[1]), _named(match[2])
        path = [(above, other) for above, other in path if above < depth]
        if name.casefold() != title.casefold():
            path.append((depth, name))
        found.append(Place(match.start(), PART.join(name for _, name in path)))
    return () if not found else (Place(0), *found) if found[0].start else tuple(found)


def paged(places: Places, pages: Sequence[tuple[int, int]]) -> Places:
    """The same with page numbers: `pages` are the characters at which the text goes over to a page, and which, in order."""
    begins = [start for start, _ in pages]
    found = []
    for start in sorted({0, *begins, *(place.start for place in places)}):
        section, page = _at(places, start), bisect_right(begins, start)
        found.append(Place(start, places[section - 1].section if section else "", pages[page - 1][1] if page else 0))
    return tuple(found)


def labelled(text: str) -> Places:
    """The sections of a structured abstract, whose paragraphs begin with labels in capitals."""
    found = [Place(match.start(), match[1].capitalize()) for match in _LABEL.finditer(text)]
    return tuple(found) if len(found) > 1 else ()


def within(places: Places, start: int, end: int) -> Places:
    """The places that hold for some of these characters: the one in force at `start`, and all that begin before `end`."""
    return places[max(0, _at(places, start) - 1) : max(_at(places, start), _at(places, end - 1))]


def sections_begin(places: Places) -> list[int]:
    """Where each top-level section begins, the first character of the text left out."""
    begins, before = [], None
    for place in places:
        name = place.section.partition(PART)[0]
        if name != before and place.start:
            begins.append(place.start)
        before = name
    return begins


def section(places: Iterable[Place]) -> str:
    """The one section that all of these lie in; two as “Results and Discussion”, more as “Methods to Discussion”."""
    paths = [place.section.split(PART) for place in places if place.section]
    if not paths:
        return ""
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))]
    if shared:
        return PART.join(shared)
    tops = list(dict.fromkeys(path[0] for path in paths))
    return f"{tops[0]} {'and' if len(tops) == 2 else 'to'} {tops[-1]}"


def pages(places: Iterable[Place]) -> tuple[int, int] | None:
    """The first page and the last; None where there are none."""
    numbers = [place.page for place in places if place.page]
    return (min(numbers), max(numbers)) if numbers else None


def told(places: Iterable[Place]) -> str:
    """“Methods > Setting, p. 4”, as every citation says it; empty where nothing is known."""
    places = list(places)
    span = pages(places)
    numbers = "" if span is None else f"p. {span[0]}" if span[0] == span[1] else f"pp. {span[0]}–{span[1]}"
    return ", ".join(part for part in (section(places), numbers) if part)


def read(stored: Iterable[Sequence[Any]] | None) -> Places:
    """The inverse of JSON: lists for places.

    Raises:
        TypeError: it holds something else.
    """
    found = tuple(Place(*one) for one in stored or ())
    if any((type(one.start), type(one.section), type(one.page)) != (int, str, int) for one in found):
        raise TypeError("a place is a character, a section and a page")
    return found


def _at(places: Places, offset: int) -> int:
    """How many places begin at this character or before it."""
    return bisect_right(places, offset, key=lambda place: place.start)


def _named(heading: str) -> str:
    """A heading without its number and emphasis, at most so long, and no path by itself."""
    name = " ".join(_MARKS.sub("", _NUMBER.sub("", heading)).split()).replace(PART, " – ")
    if name.isupper() and all(len(word) > _ACRONYM or word in _SMALL for word in name.split()):
        name = name.capitalize()
    name = name[:1].upper() + name[1:]
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
