"""All evidence on one sentence and one source, weighed into a verdict and a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from assistant.answering.support import entities, quantities, spans
from assistant.answering.support.alignment import twin
from assistant.answering.support.analysis import Analysis
from assistant.answering.support.conflict import NO_CONFLICT, conflict
from assistant.answering.support.differences import differences, said
from assistant.answering.support.overlap import Overlap, overlap
from assistant.answering.support.reasons import Reason

Verdict: TypeAlias = Literal["supported", "partly", "unsupported", "contradicted", "unchecked"]
_SUPPORTED = 0.55
_UNSUPPORTED = 0.35
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
    if beside := twin(claim, source):
        return _of_twin(differences(claim, source, beside), spans.of_tokens(source, beside.first, beside.last))
    shared = overlap(claim, source)
    span = spans.of_sentences(source, shared.chosen)
    return _of_paraphrase(claim, source, shared, similarity, span)


def _of_twin(reasons: list[Reason], span: tuple[int, int]) -> Support:
    if not reasons:
        return Support("supported", 1.0, (), span)
    if any(reason.kind in _OPPOSITE for reason in reasons):
        return Support("contradicted", 0.15, tuple(reasons), span)
    return Support("partly", 0.45, tuple(reasons), span)


def _of_paraphrase(
    claim: Analysis, source: Analysis, shared: Overlap, similarity: float | None, span: tuple[int, int] | None
) -> Support:
    reasons = [
        Reason.of("unit" if other else "number", said(claim, quantity), said(source, other) if other else "")
        for quantity, other in quantities.lacking(claim.quantities, source.quantities)
    ]
    names = [token for token in shared.missing if entities.is_name(token)]
    reasons += [Reason.of("entity", token.text, "") for token in names]
    base = (shared.whole + shared.focus) / 2
    if similarity is not None:
        base = (base + max(0.0, similarity)) / 2
    against = conflict(claim, source, shared) if base >= _UNSUPPORTED else NO_CONFLICT
    if against.reason:
        reasons.append(against.reason)
    score = base * (1 - 0.25 * against.strength) * (0.85 ** min(3, len(reasons)))
    if base < _UNSUPPORTED:
        return Support("unsupported", score, (*reasons, Reason("overlap", _little(shared))), span)
    if base < _SUPPORTED:
        reasons.append(Reason("overlap", _little(shared)))
    return Support("partly" if reasons else "supported", score, tuple(reasons), span)


def _little(shared: Overlap) -> str:
    lacking = ", ".join(f"“{token.text}”" for token in shared.missing[:4])
    return f"the source has {shared.whole:.0%} of what the sentence speaks of" + (f"; not {lacking}" if lacking else "")
