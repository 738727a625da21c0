"""Markers in an answer's text ↔ its sources: sentence by sentence, unknown ones struck, nothing repaired."""

from __future__ import annotations

import re
from collections.abc import Collection

from assistant.answering.answer import Sentence
from ingest import sentences

# [1]  [1, 2]  [1-3]  【1】: a marker is brackets with source numbers and nothing else in them.
_MARKER = re.compile(r"\[(\d{1,4}(?:\s*[,，、;–-]\s*\d{1,4})*)\](?!\()|【(\d{1,4}(?:\s*[,，、;–-]\s*\d{1,4})*)】")
_RANGE = re.compile(r"(\d+)\s*[–-]\s*(\d+)")
_LONGEST_RANGE = 20
_ORPHAN_SPACE = re.compile(r"[ \t]+(?=[.,;:!?。，；：！？)）]|$)", re.MULTILINE)


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
    for start, end in sentences.spans(text):
        raw = text[start:end]
        numbers = list(dict.fromkeys(n for match in _MARKER.finditer(raw) for n in _numbers(match)))
        shown = _tidy(_MARKER.sub(lambda match: _shown(match, known), raw))
        bare = _tidy(_MARKER.sub("", raw)).strip()
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
    return "".join(parts).strip(), tuple(found)


def _numbers(match: re.Match[str]) -> list[int]:
    inside = match[1] or match[2]
    numbers: list[int] = []
    for part in re.split(r"\s*[,，、;]\s*", inside):
        ends = _RANGE.fullmatch(part)
        if ends is None:
            numbers += [int(n) for n in re.findall(r"\d+", part)]
            continue
        first, last = int(ends[1]), int(ends[2])
        numbers += range(first, last + 1) if first <= last < first + _LONGEST_RANGE else [first, last]
    return numbers


def _shown(match: re.Match[str], known: Collection[int]) -> str:
    return "".join(f"[{n}]" for n in _numbers(match) if n in known)


def _tidy(text: str) -> str:
    return _ORPHAN_SPACE.sub("", text)


def _with_more(sentence: Sentence, numbers: list[int], known: Collection[int]) -> Sentence:
    citations = dict.fromkeys([*sentence.citations, *(n for n in numbers if n in known)])
    unknown = dict.fromkeys([*sentence.unknown, *(n for n in numbers if n not in known)])
    return Sentence(sentence.text, tuple(citations), tuple(unknown))
