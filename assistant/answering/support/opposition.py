"""Does a source say the opposite of a sentence that another source bears out? Told only where it is plain.

Measured on SciFact's 505 judged train claims, each against the six best abstracts of BM25: 24 of 3,030 pairs are
told, 18 of them rightly by the judgments, and 6 claims get a note that the judgments do not bear out.
"""

from __future__ import annotations

import re

from assistant.answering.support import polarity
from assistant.answering.support.analysis import Analysis, analysed
from assistant.answering.support.overlap import overlap
from assistant.answering.support.verdict import judge

_COVERED = 0.7  # share of what the sentence says, its direction apart, that one sentence of the source has
_SPOKEN_OF = 0.4
_SCOPE = 4  # tokens behind a denial that it turns round
# Only words whose one sense is a change: “over”, “high” and “inhibitor” have others.
_UP = re.compile(
    r"increas\w*|higher|elevat\w*|rais(?:e|es|ed|ing)|rise|rises|rising|rose|greater|improv\w*|enhanc\w*|promot\w*"
    r"|induc(?:e|es|ed|ing)|upregulat\w*|more|longer|better|stimulat(?:e|es|ed|ing)|facilitat\w*|accelerat\w*"
    r"|exacerbat\w*|heighten\w*|activat(?:e|es|ed|ing|ion)",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"decreas\w*|reduc\w*|lower\w*|declin\w*|diminish\w*|fell|suppress(?:es|ed|ing|ion)?"
    r"|inhibit(?:s|ed|ing|ion)?|downregulat\w*|less|shorter|worse\w*|attenuat\w*|impair(?:s|ed|ing)?"
    r"|prevent(?:s|ed|ing)?|block(?:s|ed|ing)?|repress(?:es|ed|ing)?|fewer|smaller|deteriorat\w*|abrogat\w*|abolish\w*",
    re.IGNORECASE,
)


def opposes(sentence: str, source: str) -> tuple[int, int] | None:
    """Where in `source` the opposite of `sentence` stands; None where nothing plainly does.

    Either the source has it nearly word for word, turned round; or one of its sentences speaks of the same
    things and has changes in the other direction alone.
    """
    claim, passage = analysed(sentence), analysed(source)
    if not passage.tokens or not any(claim.weights) or claim.script != passage.script:
        return None
    shared = sum(w for key, w in zip(claim.keys, claim.weights, strict=True) if key in passage.positions)
    if shared < _SPOKEN_OF * sum(claim.weights):
        return None  # on something else: no need to look closer
    found = judge(claim, passage)
    if found.verdict == "contradicted" and {reason.kind for reason in found.reasons} <= {"direction", "negation"}:
        return found.span
    ours = _sign(claim, None)
    if found.verdict == "supported" or not ours:
        return None
    best, span = _COVERED, None
    for number, bounds in enumerate(passage.spans):
        if _sign(passage, number) == -ours and (covered := _covered(claim, passage, number)) >= best:
            best, span = covered, bounds
    return span


def _sign(text: Analysis, sentence: int | None) -> int:
    """The direction of all changes in a sentence, or in the whole; 0 where there is none, or they differ."""
    signs = set()
    for n, token in enumerate(text.tokens):
        if sentence is None or text.sentence_of[n] == sentence:
            sign = 1 if _UP.fullmatch(token.text) else -1 if _DOWN.fullmatch(token.text) else 0
            if sign:
                denied = any(polarity.negates(before.text) for before in text.tokens[max(0, n - _SCOPE) : n])
                signs.add(-sign if denied else sign)
    return signs.pop() if len(signs) == 1 else 0


def _covered(claim: Analysis, source: Analysis, sentence: int) -> float:
    matched = overlap(claim, source).matched
    total = covered = 0.0
    for n, token in enumerate(claim.tokens):
        if not polarity.change(token.text):
            total += claim.weights[n]
            if any(source.sentence_of[place] == sentence for place in matched.get(n, ())):
                covered += claim.weights[n]
    return covered / total if total else 0.0
