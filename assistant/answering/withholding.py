"""Sentences taken out of an answer, because its sources do not bear them out and the settings say so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from assistant.answering.answer import Answer, Sentence
from configs.settings import AnsweringSettings

# What may be left of a line that has lost its words: indent, quote marks, a bullet, a heading's signs.
_BARE = re.compile(r"[ \t>]*(?:(?:[-*+•]|\d{1,9}[.)])(?:[ \t]+\[[ xX]\])?)?[ \t]*#{0,6}[ \t]*")
_MARKERS_ALONE = re.compile(r"\s*\n\s*(?:\[\d{1,3}\][ \t]*)+(?=\n|$)")


def withheld(answer: Answer, settings: AnsweringSettings) -> Answer:
    """The answer without the sentences that `settings` withhold; they are kept in its `withheld`, and a warning counts them.

    What is left may cite nothing: then it is no answer, and the caller abstains.
    """
    out = [sentence for sentence in answer.sentences if _is_out(sentence, settings)]
    if answer.mode == "quotes" or not out:
        return answer
    text, moved = _without(answer, out)
    kept = [
        (n, replace(one, place=one.place and (moved[one.place[0]], moved[one.place[1]])))
        for n, one in enumerate(answer.sentences)
        if one not in out
    ]
    new = {n: k for k, (n, _) in enumerate(kept)}
    return replace(
        answer,
        text=text,
        sentences=tuple(one for _, one in kept),
        withheld=tuple(replace(one, place=None) for one in out),
        disagreements=tuple(
            replace(one, sentence=new[one.sentence]) for one in answer.disagreements if one.sentence in new
        ),
        warnings=(*answer.warnings, _told(out)),
    )


def _is_out(sentence: Sentence, settings: AnsweringSettings) -> bool:
    if not sentence.citations:
        return settings.uncited == "withhold"
    return settings.unsupported == "withhold" and sentence.verdict in ("unsupported", "contradicted")


def _told(out: Iterable[Sentence]) -> str:
    reasons = [sentence.verdict if sentence.citations else "uncited" for sentence in out]
    counts = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
    return f"{len(reasons)} {'sentence was' if len(reasons) == 1 else 'sentences were'} withheld: {counts}."


def _without(answer: Answer, out: Iterable[Sentence]) -> tuple[str, list[int]]:
    """The text without these sentences and the lines they leave empty; and where each of its offsets has moved."""
    text = answer.text
    gone = bytearray(len(text) + 1)
    for start, end in (sentence.place for sentence in out if sentence.place):
        behind = _MARKERS_ALONE.match(text, end)
        end = behind.end() if behind else end
        start -= start > 0 and text[start - 1] == " " and text[end : end + 1] in (" ", "\n", "")
        gone[start:end] = b"\1" * (end - start)
    begin = 0
    for line in text.splitlines(keepends=True):
        end = begin + len(line)
        left = "".join(character for n, character in enumerate(line) if not gone[begin + n])
        if any(gone[begin:end]) and _BARE.fullmatch(left.rstrip("\r\n")):
            gone[begin:end] = b"\1" * (end - begin)
        begin = end
    kept = "".join(character for character, out_of_it in zip(text, gone, strict=False) if not out_of_it)
    lead = len(kept) - len(kept.lstrip())
    moved = [n - taken - lead for n, taken in enumerate(accumulate(gone, initial=0))]
    return kept.strip(), [max(0, n) for n in moved]
