"""Where a sentence in other words than its source's says the opposite: its polarity against that of the sentences it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.answering.support import polarity
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.overlap import Overlap
from assistant.answering.support.reasons import Kind, Reason
from assistant.answering.support.text import Token

_REACH = 6  # tokens from a word of polarity to the words it is about
_SCOPE = 4  # tokens that a denial turns round


@dataclass(frozen=True, slots=True)
class Conflict:
    """How far the polarities disagree (0 … 1), and on what."""

    strength: float
    reason: Reason | None


NO_CONFLICT = Conflict(0.0, None)


def conflict(claim: Analysis, source: Analysis, shared: Overlap) -> Conflict:
    """Weigh the source's words of direction and denial near the shared words against the sentence's own."""
    ours = _signed(claim, range(len(claim.tokens)))
    denied = polarity.negations(claim.tokens)
    agree = disagree = 0.0
    witness: Token | None = None
    denials: list[Token] = []
    near = _near(shared, source)
    for rank, sentence in enumerate(shared.chosen):
        weight = 1.0 / (rank + 1)
        within = [n for n in near if source.sentence_of[n] == sentence]
        denials += [source.tokens[n] for n in within if polarity.negates(source.tokens[n].text)]
        for token, sign in _signed(source, within):
            for _, own in ours[:1]:
                if sign == own:
                    agree += weight
                else:
                    disagree += weight
                    witness = witness or token
    if ours and witness and disagree > agree:
        strength = (disagree - agree) / (disagree + agree)
        return Conflict(strength, Reason.of("direction", ours[0][0].text, witness.text))
    if bool(denied) != bool(denials) and not (ours and agree > disagree):
        kind: Kind = "negation"
        return Conflict(
            0.6 if denied else 0.3,
            Reason.of(kind, denied[0].text if denied else "", denials[0].text if denials else ""),
        )
    return NO_CONFLICT


def _near(shared: Overlap, source: Analysis) -> list[int]:
    found: set[int] = set()
    for places in shared.matched.values():
        for place in places:
            found.update(range(max(0, place - _REACH), min(len(source.tokens), place + _REACH + 1)))
    return sorted(found)


def _signed(analysis: Analysis, indices: range | list[int]) -> list[tuple[Token, int]]:
    """The words of change among some tokens, each with its direction, turned round where it is denied."""
    found = []
    for n in indices:
        token = analysis.tokens[n]
        if token.kind != "sign" and (sign := polarity.change(token.text)):
            before = analysis.tokens[max(0, n - _SCOPE) : n]
            found.append((token, -sign if polarity.negations(before) else sign))
    return found
