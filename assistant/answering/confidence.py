"""How likely the passages found answer the question: a small model calibrated on data, from their words alone.

Seen from the words, a question whose document is in the corpus finds one passage that covers it, in one place, and
that stands out from the rest; with the document taken out the nearest passages each share some of its words, all
alike. The measures do not use the search's scores, so that they mean the same over words, vectors and a reranker.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from itertools import pairwise

from assistant.answering import calibration
from assistant.answering.answer import Source
from ingest import sentences
from ingest.lexical import LexicalEncoder

KIN = 5
"""Letters by which words are kin: "treated" and "treatment"."""
_OF_KIN = 0.7
_LONG_WORD = re.compile(rf"[^\W\d_]{{{KIN},}}")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
# Neighbours in the question are together in a passage where so few words part them.
_NEAR = 4
# Passages that are compared: as many as an answer is given by default.
_COMPARED = 6
_USUAL_LENGTH, _LONG = 2.0, 2.7  # natural logarithms of 7 and 15 terms
# BM25's k and b, a passage's usual and least number of terms, and what a mention of a word of kin counts.
_K, _B, _USUAL_TEXT, _SHORT_TEXT, _KIN_MENTION = 1.2, 0.75, 150, 40, 0.5
_THROUGHOUT, _OPENING = 4, 3  # sentences


@dataclass(frozen=True, slots=True)
class Measures:
    """What the passages hold of a question; shares of its terms' idf, from 0 to 1, unless said otherwise."""

    passage: float
    """In the passage that covers most; words that are merely kin count 0.7."""
    sentence: float
    """In the sentence or title that covers most."""
    lead: float
    """How far the best passage, whole and in its best two sentences, is ahead of the mean of the others (0 … 2)."""
    lead_root: float
    """The square root of that: a small lead says more than its size."""
    terms: float
    """Of the terms counted alike, those in the passage that holds most."""
    together: float
    """Of neighbouring words of the question, those that are neighbours in a passage too."""
    length: float
    """The logarithm of the number of terms, less that of a usual question's."""
    lead_by_length: float
    passage_by_length: float
    message: float
    """How far the question is a whole message, in the same logarithm."""
    mentions: float
    """How far the passage that speaks of it most, by saturated frequency (BM25), is ahead of the others' mean."""
    throughout: float
    """In the best four sentences of a passage, on average."""
    opening: float
    """In the title or one of the first three sentences."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is looked for: the idf of each term it is about, their kin, its words in order."""

    weights: Mapping[int, float]
    kin: Mapping[int, str]
    neighbours: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, question: str, weights: Mapping[int, float], lexical: LexicalEncoder) -> Asked:
        """`weights` are the idf of the terms that the question is about."""
        kin = {term: word[:KIN] for word in _LONG_WORD.findall(question.lower()) for term in lexical.terms(word)}
        order = [term for term in _in_order(question, lexical) if term in weights]
        return cls(weights, kin, [(a, b) for a, b in pairwise(order) if a != b])

    def covered(self, terms: frozenset[int], families: frozenset[str]) -> float:
        """The share of the weight that these terms hold, in part where only a word of kin is there."""
        total = sum(self.weights.values())
        held = sum(
            weight if term in terms else _OF_KIN * weight if self.kin.get(term) in families else 0.0
            for term, weight in self.weights.items()
        )
        return held / total if total else 0.0


def estimate(asked: Asked, sources: Sequence[Source], lexical: LexicalEncoder) -> float:
    """The probability (0 … 1) that these passages answer what is asked; 0 without passages or terms."""
    if not sources or not asked.weights:
        return 0.0
    values = astuple(measured(asked, sources, lexical))
    z = calibration.INTERCEPT + sum(
        weight * (value - mean) / scale
        for value, (mean, scale, weight) in zip(values, calibration.WEIGHTS.values(), strict=True)
    )
    return 1.0 / (1.0 + math.exp(-z))


def measured(asked: Asked, sources: Sequence[Source], lexical: LexicalEncoder) -> Measures:
    """What the best of `sources` hold of the question."""
    read = [_Read.of(asked, source, lexical) for source in sources[:_COMPARED]]
    passage = max(one.passage for one in read)
    lead = _lead([one.passage + one.place for one in read])
    length = math.log(len(asked.weights))
    return Measures(
        passage=passage,
        sentence=max(one.sentence for one in read),
        lead=lead,
        lead_root=math.sqrt(lead),
        terms=max(one.terms for one in read),
        together=max(one.together for one in read),
        length=length - _USUAL_LENGTH,
        lead_by_length=lead * (length - _USUAL_LENGTH),
        passage_by_length=passage * (length - _USUAL_LENGTH),
        message=max(0.0, length - _LONG),
        mentions=_lead([one.mentions for one in read]),
        throughout=max(one.throughout for one in read),
        opening=max(one.opening for one in read),
    )


def _lead(values: Sequence[float]) -> float:
    """How far the highest is ahead of the mean of the others; passages that were not found count as 0."""
    *others, best = sorted(values)
    return max(0.0, best - sum(others) / (_COMPARED - 1))  # 0 but for rounding


def families(text: str) -> frozenset[str]:
    """The letters that a text's longer words begin with."""
    return frozenset(word[:KIN] for word in _LONG_WORD.findall(text.lower()))


@dataclass(frozen=True, slots=True)
class _Read:
    """What one passage holds of the question; see `Measures`."""

    passage: float
    sentence: float
    place: float
    """In its best two sentences that follow one another, or in its title."""
    terms: float
    together: float
    mentions: float
    throughout: float
    opening: float

    @classmethod
    def of(cls, asked: Asked, source: Source, lexical: LexicalEncoder) -> _Read:
        parts = [
            (terms_of(text, lexical), families(text)) for text in [source.title, *sentences.split(source.text)] if text
        ]
        terms = frozenset().union(*(part for part, _ in parts))
        kin = frozenset().union(*(part for _, part in parts))
        passage = asked.covered(terms, kin)
        each = [asked.covered(*part) for part in parts]
        alone = max(each, default=0.0)
        body = parts[bool(source.title) :]
        place = max((asked.covered(a | c, b | d) for (a, b), (c, d) in pairwise(body)), default=0.0)
        return cls(
            passage,
            alone,
            max(alone, place),
            sum(term in terms for term in asked.weights) / len(asked.weights),
            _together(asked, source, lexical) if asked.neighbours else passage,
            _mentions(asked, f"{source.title}\n{source.text}", lexical),
            sum(sorted(each)[-_THROUGHOUT:]) / max(min(len(each), _THROUGHOUT), 1),
            max(each[: _OPENING + bool(source.title)], default=0.0),
        )


def _mentions(asked: Asked, text: str, lexical: LexicalEncoder) -> float:
    """BM25 of a text over the highest there can be, for the question's terms; words of kin count half, twice at most."""
    held = Counter(term for word in _WORD.findall(text) for term in terms_of(word, lexical))
    kin = Counter(word[:KIN] for word in _LONG_WORD.findall(text.lower()))
    half = _K * (1 - _B + _B * max(held.total(), _SHORT_TEXT) / _USUAL_TEXT)
    found = 0.0
    for term, weight in asked.weights.items():
        times = held[term] or _KIN_MENTION * min(kin[asked.kin.get(term, "")], 2)
        found += weight * times / (times + half)
    total = sum(asked.weights.values())
    return found / total if total else 0.0


def _together(asked: Asked, source: Source, lexical: LexicalEncoder) -> float:
    places: dict[int, list[int]] = {}
    for place, term in enumerate(_in_order(f"{source.title}\n{source.text}", lexical)):
        if term in asked.weights:
            places.setdefault(term, []).append(place)
    near = whole = 0.0
    for a, b in asked.neighbours:
        weight = asked.weights[a] + asked.weights[b]
        whole += weight
        if any(abs(at - other) <= _NEAR for at in places.get(a, ()) for other in places.get(b, ())):
            near += weight
    return near / whole


def _in_order(text: str, lexical: LexicalEncoder) -> list[int]:
    """A text's terms as they stand in it, of words between spaces; one that falls into several terms is left out."""
    found = (terms_of(word, lexical) for word in _WORD.findall(text))
    return [next(iter(terms)) for terms in found if len(terms) == 1]


@lru_cache(maxsize=20_000)
def terms_of(text: str, lexical: LexicalEncoder) -> frozenset[int]:
    """The terms of a word or a sentence, kept: the estimate and the choice of quotes look at the same."""
    return lexical.terms(text)
