"""The answer as verbatim quotes, where no model is configured: the passages' own sentences that best answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.answering.answer import Sentence, Source
from ingest import sentences
from ingest.lexical import LexicalEncoder

# Share of the question's weight that some passage must cover before anything is quoted: more where the question has
# few terms, since one half of "the capital of France" stands in many an abstract.
_COVERAGE, _COVERAGE_OF_FEW, _FEW, _SHORT = 0.5, 0.6, 3, 5
# Words that shape a question without saying what it is about; they weigh nothing.
_FILLER = (
    "what which who whom whose when where why how much many long often soon far kind best good better does do did done is are was were "
    "should could would can may might must shall need needs used use using usually normally typically person people patient patients "
    "someone somebody person having happen happens start safe avoid take taking drink eat see show shows find found know tell explain please help give get have has had any some there this these those with without during role effect affect cause "
    "什么 怎么 怎么办 怎样 如何 多少 多久 几 哪些 哪个 哪种 为什么 是否 能否 可以 应该 应当 应 需要 必须 请问 吗 呢 患者 病人 有 要 会 能 每 了 的 是 用 吃 做 治疗"
)
_MOST = 4
_LEAST_GAIN = 0.35
_REPEATED = 0.3
_FROM_TITLE = 0.5
_OF_KIN = 0.7
_KIN = 5
_LONG_WORD = re.compile(rf"[^\W\d_]{{{_KIN},}}")
_SHORTEST, _LONGEST = 25, 600
# A structured abstract answers in its results and conclusions; its beginning repeats the question.
_SECTION = re.compile(r"([A-Z][A-Z ,/&()-]{3,60}):\s")
_ANSWERING = re.compile(r"RESULT|FINDING|CONCLUSION|INTERPRETATION|OUTCOME|ANSWER|RECOMMENDATION")
_ASKING = re.compile(
    r"\b(?:(?:aim|purpose|objective|goal)s? (?:of|was|were|is)|we (?:aimed|sought|wanted|investigated)|to (?:determine|evaluate|investigate|assess|examine|compare) )",
    re.IGNORECASE,
)
_OF_ANSWERING, _OF_OTHER_SECTION, _OF_ASKING = 1.3, 0.7, 0.5
_CLOSING = " \"'”’»」』）)]*_!！0123456789["  # what may stand behind a question mark, a reference included


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: Source
    start: int
    text: str
    terms: frozenset[int]
    title_terms: frozenset[int]
    families: frozenset[str]
    weight: float
    """How far its place in the document makes it an answer rather than a question."""


def meaningful(weights: Mapping[int, float], lexical: LexicalEncoder) -> dict[int, float]:
    """The weights of the terms a question is about: those of mere question words are left out, unless nothing else is left."""
    filler = lexical.terms(_FILLER)
    return {term: weight for term, weight in weights.items() if term not in filler} or dict(weights)


def families(question: str, lexical: LexicalEncoder) -> dict[int, str]:
    """For the question's longer words the letters they begin with, by term hash: "treated" is kin to "treatment"."""
    return {term: word[:_KIN] for word in _LONG_WORD.findall(question.lower()) for term in lexical.terms(word)}


def covered(weights: Mapping[int, float], source: Source, lexical: LexicalEncoder) -> float:
    """Which share of the question's term weight (0 … 1) occurs in a passage or its title."""
    terms = lexical.terms(f"{source.title}\n{source.text}")
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in terms) / total if total else 0.0


def choose(
    weights: Mapping[int, float],
    sources: Sequence[Source],
    lexical: LexicalEncoder,
    kin: Mapping[int, str] | None = None,
) -> tuple[Sentence, ...]:
    """Up to four sentences of `sources`, verbatim, each citing its source; none where no passage covers the question.

    Greedy: the next sentence is the one that adds most of the question's weight, terms that are quoted
    already counting little, a better passage's sentence counting more.

    Args:
        weights: idf of each of the question's `meaningful` terms, by term hash.
        sources: the passages, best first.
        lexical: the analyser that made the hashes.
        kin: the question's `families`; a word of the same family counts in part.
    """
    if not weights:
        return ()
    # Only from passages that are about the question: "it can be used in pregnancy" may speak of another drug.
    about = [source for source in sources if _is_about(source, weights, lexical)]
    best_score = max((source.score for source in about), default=0.0) or 1.0
    pool = [candidate for source in about for candidate in _candidates(source, lexical)]
    chosen: list[_Candidate] = []
    seen: set[int] = set()
    first_gain = 0.0
    while pool and len(chosen) < _MOST:
        gains = [
            _gain(candidate, weights, kin or {}, seen) * candidate.weight * (candidate.source.score / best_score)
            for candidate in pool
        ]
        gain = max(gains)
        if gain <= 0 or gain < _LEAST_GAIN * first_gain:
            break
        first_gain = first_gain or gain
        pick = pool.pop(gains.index(gain))
        chosen.append(pick)
        seen |= pick.terms
        pool = [candidate for candidate in pool if candidate.text != pick.text]
    chosen.sort(key=lambda candidate: (candidate.source.n, candidate.start))
    return tuple(Sentence(candidate.text, (candidate.source.n,)) for candidate in chosen)


def _is_about(source: Source, weights: Mapping[int, float], lexical: LexicalEncoder) -> bool:
    """Whether a passage covers enough of the question; of a short one it must have the rarest term, its topic."""
    if len(weights) <= _SHORT and not covered({max(weights, key=weights.__getitem__): 1.0}, source, lexical):
        return False
    return covered(weights, source, lexical) >= (_COVERAGE_OF_FEW if len(weights) <= _FEW else _COVERAGE)


def text(quoted: Sequence[Sentence]) -> str:
    """The quotes as Markdown, a paragraph each, in quotation marks, with their markers."""
    return "\n\n".join(
        f"“{escape(' '.join(sentence.text.split()))}” {''.join(f'[{n}]' for n in sentence.citations)}"
        for sentence in quoted
    )


def escape(quoted: str) -> str:
    """A document's words as Markdown text: nothing in them is markup, a marker or a link."""
    return "".join("\\" + character if character in "\\`*_{}[]<>#|~!&" else character for character in quoted)


def _candidates(source: Source, lexical: LexicalEncoder) -> list[_Candidate]:
    title_terms = lexical.terms(source.title)
    found = []
    section = 1.0
    for start, end in sentences.spans(source.text):
        sentence = source.text[start:end]
        if heading := _SECTION.match(sentence):
            section = _OF_ANSWERING if _ANSWERING.search(heading[1]) else _OF_OTHER_SECTION
        if sentence.rstrip(_CLOSING).endswith(("?", "？")):
            continue  # a question answers nothing
        if sentence == source.title or (len(sentence.encode()) >= _SHORTEST and len(sentence) <= _LONGEST):
            begins = frozenset(word[:_KIN] for word in _LONG_WORD.findall(sentence.lower()))
            weight = section * (_OF_ASKING if _ASKING.search(sentence) else 1.0)
            found.append(_Candidate(source, start, sentence, lexical.terms(sentence), title_terms, begins, weight))
    return found


def _gain(candidate: _Candidate, weights: Mapping[int, float], kin: Mapping[int, str], seen: set[int]) -> float:
    """The question's weight that a sentence adds: its own terms fully, kin of them and its title's terms in part."""
    own = title = 0.0
    for term, weight in weights.items():
        if term in candidate.terms:
            own += weight * (_REPEATED if term in seen else 1.0)
        elif kin.get(term) in candidate.families:
            own += weight * _OF_KIN
        elif term in candidate.title_terms:
            title += weight
    return own + (_FROM_TITLE * title if own else 0.0)
