"""The answer as verbatim quotes, where no model is configured: the passages' own sentences that best answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.answering.answer import Sentence, Source
from assistant.answering.confidence import Asked, families, terms_of
from ingest import sentences
from ingest.lexical import LexicalEncoder

# What a passage must cover of the question, against the one that covers most: the others speak of something else.
_ABOUT, _LEAST_COVERAGE = 0.7, 0.15
# Words that shape a question without saying what it is about; they weigh nothing.
_FILLER = (
    "what which who whom whose when where why how much many long often soon far kind best good better does do did done is are was were "
    "should could would can may might must shall need needs used use using usually normally typically person people patient patients "
    "someone somebody person having happen happens start safe avoid take taking drink eat see show shows find found know tell explain please help give get have has had any some there this these those with without during role effect affect cause "
    "什么 怎么 怎么办 怎样 如何 多少 多久 几 哪些 哪个 哪种 为什么 是否 能否 可以 应该 应当 应 需要 必须 请问 吗 呢 患者 病人 有 要 会 能 每 了 的 是 用 吃 做 治疗"
)
_MOST, _OPENING = 4, 2
_LEAST_GAIN = 0.35
_REPEATED = 0.3
_FROM_TITLE = 0.5
_OF_KIN = 0.7
_SHORTEST, _LONGEST = 25, 600
# A structured abstract answers in its results and conclusions; its beginning repeats the question.
_SECTION = re.compile(r"([A-Z][A-Z ,/&()-]{3,60}):\s")
_HEADING = re.compile(r"#{1,6} [^\n]*\Z")
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


def choose(asked: Asked, sources: Sequence[Source], lexical: LexicalEncoder) -> tuple[Sentence, ...]:
    """Up to four sentences of `sources`, verbatim, each citing its source; none where none says what is asked.

    Whether the passages answer at all is for `confidence` to say, before.

    Greedy: the next sentence is the one that adds most of the question's weight, terms that are quoted
    already counting little, a better passage's sentence counting more.

    Args:
        asked: the question, with the weights of its `meaningful` terms.
        sources: the passages, best first.
        lexical: the analyser that made the hashes.
    """
    # Only from passages that are about the question: "it can be used in pregnancy" may speak of another drug.
    coverage = [_coverage(asked, source, lexical) for source in sources]
    least = max(_ABOUT * max(coverage, default=0.0), _LEAST_COVERAGE)
    about = [source for source, covered in zip(sources, coverage, strict=True) if covered >= least]
    best_score = max((source.score for source in about), default=0.0) or 1.0
    pool = [candidate for source in about for candidate in _candidates(source, lexical)]
    chosen: list[_Candidate] = []
    seen: set[int] = set()
    first_gain = 0.0
    while pool and len(chosen) < _MOST:
        gains = [
            _gain(candidate, asked, seen) * candidate.weight * (candidate.source.score / best_score)
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
    if not chosen and pool:  # it is the title that asks: what follows it answers
        chosen = [one for one in pool if one.source is pool[0].source][:_OPENING]
    chosen.sort(key=lambda candidate: (candidate.source.n, candidate.start))
    return tuple(Sentence(candidate.text, (candidate.source.n,)) for candidate in chosen)


def _coverage(asked: Asked, source: Source, lexical: LexicalEncoder) -> float:
    text = f"{source.title}\n{source.text}"
    return asked.covered(lexical.terms(text), families(text))


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
    title_terms = terms_of(source.title, lexical)
    found = []
    section = 1.0
    for start, end in sentences.spans(source.text):
        sentence = source.text[start:end]
        if heading := _SECTION.match(sentence):
            section = _OF_ANSWERING if _ANSWERING.search(heading[1]) else _OF_OTHER_SECTION
        if sentence.rstrip(_CLOSING).endswith(("?", "？")):
            continue  # a question answers nothing
        if _HEADING.match(sentence):
            continue  # nor does a heading of a paper
        if sentence == source.title or (len(sentence.encode()) >= _SHORTEST and len(sentence) <= _LONGEST):
            weight = section * (_OF_ASKING if _ASKING.search(sentence) else 1.0)
            found.append(
                _Candidate(
                    source, start, sentence, terms_of(sentence, lexical), title_terms, families(sentence), weight
                )
            )
    return found


def _gain(candidate: _Candidate, asked: Asked, seen: set[int]) -> float:
    """The question's weight that a sentence adds: its own terms fully, kin of them and its title's terms in part."""
    own = title = 0.0
    for term, weight in asked.weights.items():
        if term in candidate.terms:
            own += weight * (_REPEATED if term in seen else 1.0)
        elif asked.kin.get(term) in candidate.families:
            own += weight * _OF_KIN
        elif term in candidate.title_terms:
            title += weight
    return own + (_FROM_TITLE * title if own else 0.0)
