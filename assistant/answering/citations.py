"""Markers in an answer's text ↔ its sources: sentence by sentence, unknown ones struck, nothing repaired."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from assistant.answering.answer import Sentence
from ingest import sentences

# [1]  [1, 2]  [1-3]  [^1]  【1】: a marker is brackets with source numbers and nothing else in them; [2019] is a year.
_NUMBERS = r"\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*"
_MARKER = re.compile(rf"\[{_NUMBERS}\](?!\()|【{_NUMBERS}】")
# Brackets that hold an interval and no citation: "95% CI [2, 5]", "median 3 [2–5] days", "[10-20] mg".
_SPAN = r"\d{1,3}\s*[–-]\s*\d{1,3}"
_UNIT = r"(?:%|°|(?:[mkµμn]?g|[mµμd]?[lL]|mmol|mmHg|IU|units?|points?|hours?|h|days?|weeks?|months?|years?)\b)"
_INTERVAL = re.compile(
    rf"(?<=\d)\s?\[{_SPAN}\]|\[{_SPAN}\](?=\s*{_UNIT})"
    rf"|\b(?:CI|CrI|IQR|range|interval|quartiles?)\b[:,=]?\s*\[\d{{1,3}}\s*[,;–-]\s*\d{{1,3}}\]",
    re.IGNORECASE,
)
# Markers side by side, with the space before them: struck, they leave no gap, and all else is left as it stands.
_RUN = re.compile(rf"(?<![ \t])[ \t]*(?:{_MARKER.pattern})(?:[ \t]*(?:{_MARKER.pattern}))*")
_RANGE = re.compile(r"(\d+)\s*[–-]\s*(\d+)")
_LONGEST_RANGE = 20


def resolve(text: str, known: Collection[int]) -> tuple[str, tuple[Sentence, ...]]:
    """The text with its markers in the form `[1][2]`, unknown ones struck, and its sentences.

    Args:
        text: what the model wrote.
        known: the numbers of the sources it was given.

    Returns:
        The text to show, and each sentence with the sources it cites and the unknown numbers it named.
    """
    parts: list[str] = []
    found: list[Sentence] = []
    position = 0
    # An interval's brackets stand as two characters that the text does not have, until its markers are resolved.
    free = "".join(islice((character for character in map(chr, range(0xE000, 0xF900)) if character not in text), 2))
    hide, show = str.maketrans("[]", free), str.maketrans(free, "[]")
    text = _INTERVAL.sub(lambda interval: interval[0].translate(hide), text)
    for start, end in sentences.spans(text):
        raw = text[start:end]
        numbers = list(dict.fromkeys(_numbers(raw)))
        shown = _RUN.sub(lambda run: _shown(run[0], known), raw)
        bare = _RUN.sub("", raw).strip().translate(show)
        parts += [text[position:start], shown]
        position = end
        if any(character.isalnum() for character in bare):
            found.append(
                Sentence(bare, tuple(n for n in numbers if n in known), tuple(n for n in numbers if n not in known))
            )
        elif found and numbers:
            # A marker that stands alone on a line speaks of the sentence before it.
            found[-1] = _with_more(found[-1], numbers, known)
    parts.append(text[position:])
    return "".join(parts).strip().translate(show), tuple(found)


def _numbers(text: str) -> Iterator[int]:
    """The numbers in the markers of `text`, in order."""
    for marker in _MARKER.findall(text):
        for part in re.split(r"\s*[,，、;]\s*", marker[1:-1].replace("^", "")):
            ends = _RANGE.fullmatch(part)
            if ends is not None and 0 <= int(ends[2]) - int(ends[1]) < _LONGEST_RANGE:
                yield from range(int(ends[1]), int(ends[2]) + 1)
            else:
                yield from (int(n) for n in re.findall(r"\d+", part))


def _shown(run: str, known: Collection[int]) -> str:
    kept = "".join(f"[{n}]" for n in _numbers(run) if n in known)
    return run[: len(run) - len(run.lstrip(" \t"))] + kept if kept else ""


def _with_more(sentence: Sentence, numbers: list[int], known: Collection[int]) -> Sentence:
    citations = dict.fromkeys([*sentence.citations, *(n for n in numbers if n in known)])
    unknown = dict.fromkeys([*sentence.unknown, *(n for n in numbers if n not in known)])
    return Sentence(sentence.text, tuple(citations), tuple(unknown))
