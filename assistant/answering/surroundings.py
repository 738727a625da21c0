"""What stands around a source in its document: the rest of its pages, else of its section, as far as the index holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest import places
from ingest.documents import Passage, point_id

if TYPE_CHECKING:
    from assistant.answering.answer import Source
    from ingest.index.base import Index
    from ingest.places import Place

# Neighbouring passages that are looked at, on each side; a source itself may be put together of some.
_REACH = 12
# Characters shown on each side at most; and where neither page nor section is known.
_MOST, _PLAIN = 6_000, 1_500
# White space that may be missing between two passages, where they were cut; more than that is a passage that is gone.
_WIDEST_CUT = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text right before a source and right after it; empty where there is none."""

    before: str = ""
    after: str = ""


async def around(source: Source, index: Index) -> Surroundings:
    """The text around a source; nothing where it is its whole document, or the document was edited since.

    Raises:
        IndexStoreError, ServerError: the index cannot be read.
    """
    near = range(max(0, source.passage - _REACH), source.passage + 2 * _REACH)
    points = [point_id(source.doc_id, ordinal, source.hash) for ordinal in near]
    passages = sorted(await index.fetch(points), key=lambda passage: passage.start)
    if not passages:
        return Surroundings()
    first, last = _borders(source, passages)
    return Surroundings(
        _stretch(passages, max(first, source.start - _MOST), source.start),
        _stretch(passages, source.end, min(last, source.end + _MOST)),
    )


def _borders(source: Source, passages: Sequence[Passage]) -> tuple[int, int]:
    """Where the pages of a source begin and end, or else its section, in characters of its document."""
    known = sorted({place for passage in passages for place in passage.places})
    if not known or not source.places:
        return source.start - _PLAIN, source.end + _PLAIN
    pages = places.pages(source.places)
    tops = {_top(place) for place in source.places}

    def within(place: Place) -> bool:
        return pages[0] <= place.page <= pages[1] if pages else _top(place) in tops

    before = [place.start for place in known if place.start <= source.start and not within(place)]
    after = [place.start for place in known if place.start >= source.end and not within(place)]
    return _following(known, max(before, default=-1)), min(after, default=max(p.end for p in passages))


def _following(known: Sequence[Place], start: int) -> int:
    return next((place.start for place in known if place.start > start), 0)


def _top(place: Place) -> str:
    return place.section.partition(places.PART)[0]


def _stretch(passages: Sequence[Passage], first: int, last: int) -> str:
    """These characters of a document out of its passages; what is missing between two is the white space of their cut."""
    text, at = "", first
    for passage in passages:
        start, end = max(passage.start, at), min(passage.end, last)
        if start < end:
            if text and start > at:
                text += " … " if start - at > _WIDEST_CUT else " " if start - at == 1 else "\n\n"
            text += passage.text[start - passage.start : end - passage.start]
            at = end
    return text.strip()
