"""Is this sentence borne out by the passage it cites? Checked in process, in milliseconds, without a model.

A sentence that stands nearly word for word in its source is laid beside that place, and what differs is
judged: a number, a unit, a direction, a denial, a name. One in other words is judged by how much of it
the source says, by the figures and names it lacks, and by the direction of the words around.
"""

from __future__ import annotations

from assistant.answering.support.analysis import Analysis, analysed
from assistant.answering.support.opposition import opposes
from assistant.answering.support.reasons import Kind, Reason
from assistant.answering.support.semantic import check_with
from assistant.answering.support.spans import locate
from assistant.answering.support.verdict import UNCHECKED, Support, Verdict, judge

__all__ = ["UNCHECKED", "Kind", "Reason", "Support", "Verdict", "check", "check_with", "locate", "opposes"]


def check(sentence: str, source: str, *, similarity: float | None = None) -> Support:
    """Whether `source` bears `sentence` out, and where; citation markers are to be taken out before.

    Args:
        sentence: one sentence, of any source or model.
        source: the passage it cites; it is analysed once and kept for the next sentence.
        similarity: cosine of the two (or of the sentence and the span found without it), where there is an embedder.

    Returns:
        `unchecked` where either says nothing, or they are in languages that share nothing to be compared.
    """
    claim, passage = analysed(sentence), analysed(source)
    if not _comparable(claim, passage):
        return UNCHECKED
    return judge(claim, passage, similarity)


def _comparable(claim: Analysis, source: Analysis) -> bool:
    if not any(claim.weights) or not source.tokens:
        return False
    return not claim.script or claim.script == source.script
