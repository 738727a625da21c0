"""All evidence on one sentence and one source, weighed into a verdict and a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from assistant.answering.support import entities, quantities, spans
from assistant.answering.support.alignment import SAME_WORDS, Twin, twin
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.conflict import Agreement, agreement
from assistant.answering.support.differences import differences, said
from assistant.answering.support.overlap import Overlap, overlap
from assistant.answering.support.reasons import Reason

Verdict: TypeAlias = Literal["supported", "partly", "unsupported", "contradicted", "unchecked"]
_SUPPORTED = 0.55
_UNSUPPORTED = 0.35
_VERBATIM = 0.9
_ENOUGH, _SWAY, _DOUBT = 0.5, 0.6, 0.9
_OPPOSITE = frozenset({"number", "unit", "direction", "negation"})


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a source bears a sentence out."""

    verdict: Verdict
    score: float
    """0 … 1; 1 where the source says it in so many words."""
    reasons: tuple[Reason, ...] = ()
    span: tuple[int, int] | None = None
    """Offsets in the source of what bears on the sentence most."""

    def to_json(self) -> dict[str, Any]:
        """As `citewell check --json` prints it."""
        return {
            "verdict": self.verdict,
            "score": round(self.score, 4),
            "reasons": [reason.to_json() for reason in self.reasons],
            "span": list(self.span) if self.span else None,
        }


UNCHECKED = Support("unchecked", 0.0)


def judge(claim: Analysis, source: Analysis, similarity: float | None = None) -> Support:
    """The verdict on a sentence that is fit to be checked."""
    beside = twin(claim, source)
    reasons = differences(claim, source, beside) if beside else []
    if beside and (
        beside.share >= (SAME_WORDS if reasons else _VERBATIM) or (reasons and _figures_alone(claim, beside))
    ):
        first, last = beside.first, beside.last
        span = spans.of_sentences_of(source, first, last) if reasons else spans.of_tokens(source, first, last)
        return _of_twin(beside.share, reasons, span)
    return _of_paraphrase(claim, source, similarity, reasons)


def _figures_alone(claim: Analysis, beside: Twin) -> bool:
    """Whether all words are the source's, in its order, and only figures differ, in however short a sentence."""
    changed = [token for segment in beside.segments for token in claim.tokens[slice(*segment.claimed)]]
    return bool(changed) and all(token.kind in ("number", "unit", "sign") for token in changed)


def _of_twin(share: float, reasons: list[Reason], span: tuple[int, int]) -> Support:
    if not reasons:
        return Support("supported", share, (), span)
    if any(reason.kind in _OPPOSITE for reason in reasons):
        return Support("contradicted", 0.15 * share, tuple(reasons), span)
    return Support("partly", 0.45 * share, tuple(reasons), span)


def _of_paraphrase(claim: Analysis, source: Analysis, similarity: float | None, reasons: list[Reason]) -> Support:
    shared = overlap(claim, source)
    span = spans.of_sentences(source, shared.chosen)
    base = (shared.whole + shared.focus) / 2
    if similarity is not None:
        base = (base + max(0.0, similarity)) / 2
    reasons = reasons or _lacking(claim, source, shared)
    directions = agreement(claim, source, shared) if base >= _UNSUPPORTED else Agreement(0.0)
    if directions.reason:
        reasons.append(directions.reason)
    score = _score(base, directions.degree, len(reasons))
    if base < _SUPPORTED:
        reasons.append(Reason("overlap", _little(shared)))
    if base < _UNSUPPORTED:
        return Support("unsupported", score, tuple(reasons), span)
    return Support("partly" if reasons else "supported", score, tuple(reasons), span)


def _lacking(claim: Analysis, source: Analysis, shared: Overlap) -> list[Reason]:
    """Figures and names that the source nowhere has."""
    figures = quantities.lacking(claim.quantities, source.quantities)
    names = [token for token in shared.missing if entities.is_name(token)]
    return [
        Reason.of("unit" if other else "number", said(claim, quantity), said(source, other) if other else "")
        for quantity, other in figures
    ] + [Reason.of("entity", token.text, "") for token in names]


def _score(base: float, agreement: float, reasons: int) -> float:
    """Beyond half the words, more of them say little; whether the directions agree says more."""
    said = min(base, _ENOUGH + (base - _ENOUGH) / 4) / (_ENOUGH + (1 - _ENOUGH) / 4)
    return said * (1 + _SWAY * agreement) / (1 + _SWAY) * _DOUBT ** min(3, reasons)


def _little(shared: Overlap) -> str:
    lacking = ", ".join(f"“{token.text}”" for token in shared.missing[:4])
    return f"the source has {shared.whole:.0%} of what the sentence speaks of" + (f"; not {lacking}" if lacking else "")
