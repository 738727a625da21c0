"""Sources in words: what the screen and the clipboard say of them. Plain functions; answers are in `verdicts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingest.evidence import FLAGS
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.answering.answer import Source
    from assistant.answering.found import Found

_SHOWN = {"year", "url", "journal", "source", "publisher", "type", "page_spans", *FLAGS}
_LONGEST_VALUE = 300
_LONGEST_BADGE = 16
# Kinds of evidence as there is room for in a list.
_SHORT = {"randomized controlled trial": "RCT", "conference abstract": "abstract", "expression of concern": "notice"}
STOPPED = "Stopped before its end: incomplete and unchecked."
"""The warning by which an answer that the reader stopped is known, on screen and in its session."""

ALONE = "Searched for this question alone: without a model, follow-ups are not linked to what came before."
"""The note under a session's first follow-up that no model could rewrite."""


ANEW = "The index was made anew while this chat was open; this answer is from the new one."
"""The note under the first answer after that."""


def title(source: Source) -> str:
    """Its title on one line, or its id where it has none."""
    return one_line(source.title) or one_line(source.doc_id)


def web_address(source: Source) -> str | None:
    """Its URL, if that is one a browser may be given: http or https, with a host and without blanks."""
    url = one_line(source.url or "")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if usable and " " not in url else None


def flags(source: Source) -> str:
    """What a reader must know of it before anything else: retracted, doubted or corrected; mostly empty."""
    return " · ".join(source.evidence.told(*FLAGS))


def byline(source: Source) -> str:
    """What kind of evidence it is, when and where it appeared, what it was labelled, as far as known."""
    told = source.evidence.told("type", "year", "journal", "label")
    return " · ".join(cut(one, _LONGEST_VALUE) for one in (*told, one_line(source.where())) if one)


def badges(source: Source) -> list[str]:
    """Kind of evidence and year, short enough for a list; and the year alone, shorter still."""
    known = source.evidence
    kind = _SHORT.get(known.type or "", known.type or "").removesuffix(" study").removesuffix(" trial")
    year = str(known.year or "")
    return [text for text in (f"{cut(one_line(kind), _LONGEST_BADGE)} {year}".strip(), year) if text]


def provenance(source: Source) -> str:
    """Score, document id and which characters of the document the passage is."""
    return f"score {source.score:.3g} · {one_line(source.doc_id)} · {place(source, source.start, source.end)}"


def place(source: Source, start: int, end: int) -> str:
    """Where in its document something stands: section and page, where they are known, and the characters."""
    told = one_line(source.where((start - source.start, end - source.start)))
    return " · ".join(part for part in (told, f"characters {start}–{end}") if part)


def further(source: Source) -> list[tuple[str, str]]:
    """The rest of its metadata, as name and value, each on one line."""
    names = [name for name in source.metadata if name not in _SHOWN]
    return [(one_line(name), value) for name in names if (value := _value(source, name))]


def reference(source: Source) -> str:
    """One line to cite it by: title, where and when, address, id."""
    known = source.evidence
    where = ", ".join(str(part) for part in (known.place, known.year, one_line(source.where())) if part)
    parts = [flags(source), title(source).rstrip("."), where, web_address(source) or "", f"[{one_line(source.doc_id)}]"]
    return ". ".join(part for part in parts if part)


def why(found: Found, shown: int) -> list[str]:
    """What the figures are, a line for each of the first `shown` results, and what is to be said of the search as a whole."""
    from assistant.answering.explanation import explain  # only who asks pays for it

    explained = explain(found)
    lead = "How the sources were found: rank and, in brackets, score"
    return [lead, *(f"[{n}] {how}" for n, how in enumerate(explained.results[:shown], 1)), *explained.lines()]


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cut(text: str, longest: int) -> str:
    """At most so many characters, an ellipsis for what is left out."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _value(source: Source, name: str) -> str:
    value = source.metadata.get(name)
    if value is None or value == "":
        return ""
    if isinstance(value, (list, tuple)):
        value = ", ".join(_item(item) for item in value)
    return cut(one_line(str(value)), _LONGEST_VALUE)


def _item(value: object) -> str:
    """One of a list: a link to another record as its words."""
    return " ".join(str(part) for part in value.values() if part) if isinstance(value, Mapping) else str(value)
