"""How much of a sentence a source says in whatever words: content words found, weighed by how much they say."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answering.support import entities
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.text import Token

_MOST_SENTENCES = 3
_LEAST_GAIN = 0.08


@dataclass(frozen=True, slots=True)
class Overlap:
    """Shares (0 … 1) of the sentence's weight that the source has; and where."""

    whole: float
    """In the source as a whole."""
    best: float
    """In its best sentence."""
    focus: float
    """In the few sentences that together say most of it: `chosen`."""
    chosen: tuple[int, ...]
    """Numbers of those sentences, the most telling first."""
    matched: dict[int, tuple[int, ...]]
    """Token of the sentence → tokens of the source."""
    missing: tuple[Token, ...]
    """Content tokens the source lacks."""


def overlap(claim: Analysis, source: Analysis) -> Overlap:
    """Which of a sentence's content words a source has, and in which of its sentences."""
    other_form = entities.abbreviated(claim, source)
    matched: dict[int, tuple[int, ...]] = {}
    gains: list[dict[int, float]] = []
    total = covered = 0.0
    missing = []
    for n, token in enumerate(claim.tokens):
        weight = claim.weights[n]
        total += weight
        if not weight:
            continue
        places, surety = source.places(token)
        if not places and n in other_form:
            places, surety = [other_form[n]], 1.0
        if not places:
            missing.append(token)
            continue
        matched[n] = tuple(places)
        covered += weight * surety
        gains.append({source.sentence_of[place]: weight * surety for place in places})
    if not total:
        return Overlap(0.0, 0.0, 0.0, (), {}, ())
    chosen, shares = _greedy(gains, total)
    return Overlap(covered / total, shares[0] if shares else 0.0, sum(shares), chosen, matched, tuple(missing))


def _greedy(gains: list[dict[int, float]], total: float) -> tuple[tuple[int, ...], list[float]]:
    """The sentences that cover most, one after the other, each for what it adds."""
    chosen: list[int] = []
    shares: list[float] = []
    left = gains
    while left and len(chosen) < _MOST_SENTENCES:
        sums: dict[int, float] = {}
        for gain in left:
            for sentence, amount in gain.items():
                sums[sentence] = sums.get(sentence, 0.0) + amount
        best = max(sums, key=lambda sentence: (sums[sentence], -sentence))
        if chosen and sums[best] < _LEAST_GAIN * total:
            break
        chosen.append(best)
        shares.append(sums[best] / total)
        left = [gain for gain in left if best not in gain]
    return tuple(chosen), shares
