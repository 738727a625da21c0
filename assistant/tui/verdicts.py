"""What was found out about an answer, in words and signs: its meter, its doubts, and where in a passage each sentence rests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.answering.findings import SIGNS
from assistant.tui.describe import STOPPED, count, cut, flags, title
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.answering.answer import Answer, Sentence, Source
    from assistant.answering.support import Verdict

_LONGEST_QUOTE = 60
# What opens and closes as Markdown has it: stars and backticks anywhere, underscores only around whole words.
_EMPHASIS = re.compile(r"(\*{1,3}|`+|(?<!\w)_{1,3})(?=[^\s*_`])(.+?)(?<=\S)\1(?!(?<=_)\w)")
INK: dict[Verdict, str] = {
    "supported": "$success",
    "partly": "$warning",
    "unsupported": "$warning",
    "contradicted": "$error",
    "unchecked": "$quiet",
}
"""The colour of a verdict; its sign says the same without colour."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a source's passage, in characters of the passage as stored."""

    sentence: int
    """Which of the answer's sentences it bears on, from 0."""
    start: int
    end: int
    against: bool = False
    """Whether it is from a source that says otherwise than one that bears the sentence out."""


def abstained(answer: Answer) -> bool:
    """Whether the corpus does not answer; a stopped answer cites nothing either, but says nothing about that."""
    return answer.status == "abstained" and STOPPED not in answer.warnings


def grave(sentence: Sentence) -> bool:
    """Whether its sources contradict it, or do not bear it out at all."""
    return sentence.verdict in ("contradicted", "unsupported")


def summary(answer: Answer) -> str:
    """How far an answer rests on its sources, in a line: less than the meter under it says."""
    if abstained(answer):
        found = len(answer.sources)
        near = f"the {count(found, 'nearest passage')} in the sources" if found else "no passage came near it"
        return f"Not answered by the corpus · {near}"
    citing = sum(bool(sentence.citations) for sentence in answer.sentences)
    struck = sum(len(sentence.unknown) for sentence in answer.sentences)
    doubtful = sum(map(grave, answer.sentences))
    total = count(len(answer.sentences), "sentence")
    if answer.mode == "quotes":
        said = f"{count(citing, 'verbatim quote')} from {count(len(answer.cited), 'source')}"
    elif doubtful:
        said = f"{doubtful} of {total} not borne out by their sources"
    elif supported := answer.tally.get("supported"):
        said = f"{supported} of {total} borne out by their sources"
    else:
        said = f"{citing} of {total} {'cites' if citing == 1 else 'cite'} a source"
    return said + (f" · {count(struck, 'unknown citation')} struck" if struck else "")


def meter(answer: Answer) -> list[tuple[str, str]]:
    """The parts of the line under an answer, with the colour of each: a count for each verdict, then how it came to them.

    None for quotes, which are verbatim and say so, and where there is nothing to count.
    """
    if answer.mode == "quotes" or not (answer.sentences or answer.withheld):
        return []
    tally = answer.tally
    parts = [
        (f"{sign} {tally[verdict]} {verdict}", INK[verdict]) for verdict, sign in SIGNS.items() if verdict in tally
    ]
    aside = [f"{len(answer.withheld)} withheld"] if answer.withheld else []
    if answer.disagreements:
        aside.append(count(len(answer.disagreements), "disagreement"))
    judges = {sentence.judged_by for sentence in (*answer.sentences, *answer.withheld)} - {None}
    if answer.verifier and "model" in judges:
        aside.append(f"read by {one_line(answer.verifier.model)}")
    elif judges:
        aside.append("compared in process")
    return [*parts, *((said, "$quiet") for said in aside)]


def flagged(answer: Answer) -> list[str]:
    """A line for each source that is cited though it was retracted, doubted or corrected."""
    return [f"! [{source.n}] {told}: {title(source)}" for source in answer.cited if (told := flags(source))]


def doubts(answer: Answer) -> list[tuple[Verdict, str]]:
    """A line for each sentence that its sources do not bear out, with its verdict; the grave ones first.

    Sign and verdict, the sentence's beginning, which is enough to find it again, and the first and sharpest reason.
    """
    found = [one for one in answer.sentences if one.judged_by and (grave(one) or one.verdict == "partly")]
    lines = [(one.verdict, _doubt(one.verdict.capitalize(), one)) for one in found]
    return sorted(lines, key=lambda line: ("contradicted", "unsupported", "partly").index(line[0]))


def withheld(answer: Answer) -> list[str]:
    """A line for each sentence that the settings keep out of the answer."""
    return [
        _doubt(f"Withheld, {sentence.verdict if sentence.citations else 'uncited'}", sentence)
        for sentence in answer.withheld
    ]


def disagreements(answer: Answer) -> list[str]:
    """A line for each source that says otherwise than one which bears a sentence out."""
    texts = {source.n: source.text for source in answer.sources}
    return [
        f"≠ [{one.n}] says otherwise than “{_quoted(answer.sentences[one.sentence].text)}”: “{cut(one_line(words), 160)}”"
        for one in answer.disagreements
        if (words := texts.get(one.n, "")[slice(*one.span)])
    ]


def marks(answer: Answer, source: Source) -> list[Mark]:
    """The stretches of a source's passage on which sentences of the answer rest, and those that speak against one.

    A model's quote stands in place of what code found where its verdict does.
    """
    found = []
    for number, sentence in enumerate(answer.sentences):
        spans = [check.support.span for check in sentence.checks if check.n == source.n and check.support.span]
        said = sentence.opinion
        if said and said.n == source.n and said.span and sentence.judged_by == "model":
            spans = [said.span]
        found += [Mark(number, *span) for span in spans]
    for one in answer.disagreements:
        if one.n == source.n:
            found.append(Mark(one.sentence, *one.span, against=True))
    return [mark for mark in found if mark.start < mark.end]


def finding(answer: Answer, number: int, source: Source) -> tuple[str, str] | None:
    """What was found of sentence `number` in this source, and its colour; None where the sentence does not cite it."""
    sentence = answer.sentences[number]
    check = next((one for one in sentence.checks if one.n == source.n), None)
    if check is None:
        return None
    judged = sentence.judged_by == "model"
    verdict = sentence.verdict if judged or len(sentence.checks) == 1 else check.support.verdict
    reasons = sentence.reasons if judged else tuple(reason.text for reason in check.support.reasons)
    named = "verbatim" if answer.mode == "quotes" and verdict == "supported" else verdict
    told = f"{SIGNS[verdict]} {named.capitalize()}" + (" here" if len(sentence.citations) > 1 else "")
    if verdict != sentence.verdict:
        told += f", {sentence.verdict} by its sources together"
    if judged and answer.verifier:
        told += f", says {one_line(answer.verifier.model)}"
    if verdict == "supported" and (known := flags(source)):
        return "$error", f"{told}, but this source is marked: {known}"
    return INK[verdict], told + (f": {one_line(reasons[0])}" if reasons and verdict != "supported" else "")


def plain(markdown: str) -> str:
    """A sentence on one line without its emphasis, also where that began or ends in another sentence."""
    text, found = one_line(markdown), 1
    while found:
        text, found = _EMPHASIS.subn(r"\2", text)
    return re.sub(r"^(\*\*|__)(?=\S)|(?<=\S)(\*\*|__)$", "", text)


def _doubt(lead: str, sentence: Sentence) -> str:
    reasons = [f" ({one_line(reason)})" for reason in sentence.reasons[:1]]
    return "".join((f"{SIGNS[sentence.verdict]} {lead}: “{_quoted(sentence.text)}”", *reasons))


def _quoted(text: str) -> str:
    return cut(plain(text), _LONGEST_QUOTE)
