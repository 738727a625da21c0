"""Where a sentence in other words than its source's says the opposite: the direction near each word they share."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answering.support import polarity
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.overlap import Overlap
from assistant.answering.support.reasons import Reason

_ENOUGH = 3  # shared words that agree or disagree for the matter to be settled
_DENIAL = 0.3
_DISAGREES = -0.3


@dataclass(frozen=True, slots=True)
class Agreement:
    """From -1, the directions are opposite, over 0, nothing can be said, to 1, they are the same."""

    degree: float
    reason: Reason | None = None


def agreement(claim: Analysis, source: Analysis, shared: Overlap) -> Agreement:
    """Compare the words of direction around each word that sentence and source share, and what either denies.

    “Statins lower mortality” and “mortality rose with statins” share `mortality`, which goes down in one and up in the other.
    """
    ours, theirs = claim.leanings, source.leanings
    both = [(ours[key], theirs[key]) for key in ours if key in theirs]
    degree = sum(_sign(mine[0] * other[0]) for mine, other in both) / _ENOUGH
    denied = polarity.negations(claim.tokens)
    if denied and not source.denying.intersection(shared.chosen):
        degree -= _DENIAL
    pair = polarity.affix_negated(shared.missing, source.words)
    if pair:
        degree -= _DENIAL
    degree = max(-1.0, min(1.0, degree))
    if degree > _DISAGREES:
        return Agreement(degree)
    if pair:
        return Agreement(degree, Reason.of("negation", pair[0].text, pair[1]))
    if opposite := [(mine[1], other[1]) for mine, other in both if mine[0] * other[0] < 0]:
        return Agreement(degree, Reason.of("direction", opposite[0][0].text, opposite[0][1].text))
    return Agreement(degree, Reason.of("negation", denied[0].text, "")) if denied else Agreement(degree)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
