"""Results worth reading: one a document, no text twice, neighbouring passages as one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from assistant.answering.found import Dropped, Reason, Result
from ingest.documents import Passage
from ingest.evidence import retracted

# Letters and digits make words; a Chinese character is one. Titles that differ in nothing else are the same.
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_DIGITS = re.compile(r"\d+")
_RESEMBLANCE = 0.9
# Texts that differ more in length cannot resemble each other so much, and need not be read.
_LEAST_LENGTH = 0.8
# A neighbour counts as found where it scores at least this share of the best passage of its document.
_NEARLY_AS_GOOD = 0.5

Triples = frozenset[tuple[str, ...]]


@dataclass(slots=True)
class _Kept:
    """A result in the making."""

    score: float
    best: Passage
    neighbours: dict[int, Passage] = field(default_factory=dict)
    """Other passages of its document that may join it, by ordinal, better ones first."""


class Gathering:
    """Takes passages best first and keeps those worth reading.

    Args:
        wanted: results, at most.
        join: passages put together in one result, at most.
        every_passage: keep all that is taken, as it is.
        retracted: keep retracted documents too.
    """

    def __init__(self, wanted: int, join: int, *, every_passage: bool = False, retracted: bool = True) -> None:
        self.wanted = wanted
        self._join = join
        self._every = every_passage
        self._retracted = retracted
        self._kept: list[_Kept] = []
        self._of_document: dict[str, int] = {}
        self._of_title: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._dropped: list[tuple[Passage, Reason, int]] = []

    @property
    def full(self) -> bool:
        """Whether there are as many results as wanted."""
        return len(self._kept) == self.wanted

    def take(self, passage: Passage, score: float) -> None:
        """The next best passage. Of documents that are not among the results none is taken once these are full."""
        place = None if self._every else self._of_document.get(passage.doc_id)
        if place is not None:
            kept = self._kept[place]
            if passage.hash == kept.best.hash and score >= _NEARLY_AS_GOOD * kept.score:
                kept.neighbours[passage.ordinal] = passage
            else:
                self._dropped.append((passage, "document", place + 1))
            return
        if self.full:
            return
        if not self._retracted and retracted(passage.metadata, passage.title):
            self._dropped.append((passage, "retracted", len(self._kept) + 1))
            return
        title = tuple(_words(passage.title))
        twin = None if self._every else self._twin(passage, title)
        if twin is not None:
            self._dropped.append((passage, "duplicate", twin + 1))
            return
        self._of_document[passage.doc_id] = len(self._kept)
        self._of_title[title].append(len(self._kept))
        self._kept.append(_Kept(score, passage))

    def results(self) -> tuple[Result, ...]:
        """What was kept, neighbours joined."""
        return tuple(self._result(rank, kept) for rank, kept in enumerate(self._kept, 1))

    def dropped(self) -> tuple[Dropped, ...]:
        """What was not, in the order in which it was found; to be asked for after `results`."""
        return tuple(Dropped(passage, reason, by) for passage, reason, by in self._dropped)

    def _twin(self, passage: Passage, title: tuple[str, ...]) -> int | None:
        """Of the results under the same title, the one with the same text."""
        places = self._of_title.get(title, ())
        return next((place for place in places if same(passage.text, self._kept[place].best.text)), None)

    def _result(self, rank: int, kept: _Kept) -> Result:
        parts = joinable(kept.best, kept.neighbours, self._join)
        joined = {part.ordinal for part in parts}
        self._dropped += [(p, "document", rank) for n, p in kept.neighbours.items() if n not in joined]
        if len(parts) == 1:
            return Result(rank, kept.score, kept.best)
        return Result(rank, kept.score, span(parts), tuple(parts))


def same(text: str, other: str) -> bool:
    """Whether two texts are versions of one: nine tenths of their word triples in common, and all of their numbers.

    Resemblance of shingles (Broder, 1997). On 1,500 MedQuAD questions, whose judgments count a text under two ids
    twice, it costs .0006 nDCG@10; at eight tenths .0012, and dropping what another text merely contains .0028.
    """
    if text == other:
        return True
    if min(len(text), len(other)) < _LEAST_LENGTH * max(len(text), len(other)):
        return False
    if _digits(text) != _digits(other):
        return False  # told apart at a tenth of the cost: few abstracts share all their figures
    (numbers, triples), (their_numbers, their_triples) = _makeup(text), _makeup(other)
    return numbers == their_numbers and len(triples & their_triples) >= _RESEMBLANCE * len(triples | their_triples) > 0


def joinable(best: Passage, neighbours: dict[int, Passage], most: int) -> list[Passage]:
    """The best passage and those that adjoin it without a gap, one after another, the better side first; `most` in all.

    Neighbours are of the same document, by ordinal, in the order of their rank.
    """
    rank = {ordinal: n for n, ordinal in enumerate(neighbours)}
    parts, first, last = [best], best, best
    while len(parts) < most:
        before, after = neighbours.get(first.ordinal - 1), neighbours.get(last.ordinal + 1)
        sides = [
            p for p in (before, after) if p is not None and (_adjoin(p, first) if p is before else _adjoin(last, p))
        ]
        if not sides:
            break
        part = min(sides, key=lambda side: rank[side.ordinal])
        parts.append(part)
        first, last = (part, last) if part is before else (first, part)
    return parts


def span(parts: Iterable[Passage]) -> Passage:
    """Adjoining passages as one: a verbatim slice of the document still, under the first one's ordinal.

    It has the labels that all of them have: no other would be true of the whole.
    """
    first, *rest = sorted(parts, key=lambda part: part.ordinal)
    text, end, places, labels = first.text, first.end, set(first.places), dict(first.labels)
    for part in rest:
        text += part.text[end - part.start :]
        end = part.end
        places |= set(part.places)
        labels = {key: label for key, label in labels.items() if part.labels.get(key) == label}
    return replace(first, text=text, end=end, places=tuple(sorted(places)), labels=labels)


def _adjoin(one: Passage, other: Passage) -> bool:
    """Whether the second goes on where the first ends, or before: what both hold must then be the same."""
    shared = one.end - other.start
    return 0 <= shared <= min(len(one.text), len(other.text)) and one.text.endswith(other.text[:shared])


def _words(text: str) -> Sequence[str]:
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=512)
def _digits(text: str) -> frozenset[str]:
    return frozenset(_DIGITS.findall(text))


@lru_cache(maxsize=512)
def _makeup(text: str) -> tuple[frozenset[str], Triples]:
    """Which numbers stand in a text, and which three words in a row; kept, since each result is compared with many."""
    words = _words(text)
    numbers = frozenset(word for word in words if any(map(str.isdigit, word)))
    return numbers, frozenset(zip(words, words[1:], words[2:], strict=False))
