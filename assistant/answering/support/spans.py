"""Which stretch of a source bears a sentence out, as character offsets in the source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assistant.answering.support.analysis import Analysis
from assistant.answering.support.text import normalised

_ELLIPSIS = re.compile(r"\s*[\[(（]?(?:…+|\.{3,})[\])）]?\s*")
_TELLING = frozenset("%<>=≤≥±")
_SHORTEST = 8  # letters and digits that a quote needs to be one; a Chinese one needs half
_CLOSING = "\"'”’»)]）」』.!?。！？%"


def of_tokens(source: Analysis, first: int, last: int) -> tuple[int, int]:
    """From one token to another, with the punctuation that closes it."""
    start, end = source.tokens[first].start, source.tokens[last].end
    while end < len(source.text) and source.text[end] in _CLOSING:
        end += 1
    return start, end


def of_sentences_of(source: Analysis, first: int, last: int) -> tuple[int, int]:
    """The whole sentences in which the tokens from one to another stand."""
    return source.spans[source.sentence_of[first]][0], source.spans[source.sentence_of[last]][1]


def of_sentences(source: Analysis, chosen: Sequence[int]) -> tuple[int, int] | None:
    """The best of the chosen sentences, with the next best where it stands beside it."""
    if not chosen:
        return None
    numbers = [chosen[0], *(n for n in chosen[1:2] if abs(n - chosen[0]) == 1)]
    return source.spans[min(numbers)][0], source.spans[max(numbers)][1]


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Where a text has a quote, word for word; None where it has not, or where the quote is too short to be one.

    Letters, digits and the signs of comparison count, whatever the case, the typography (NFKC, ligatures,
    soft and line-end hyphens, dashes) and the white space; parts between ellipses may stand apart, in order.
    """
    parts = ["".join(letter for letter, _, _ in _letters(part)) for part in _ELLIPSIS.split(quote)]
    parts = [part for part in parts if part]
    if not parts or min(len(part) * (2 if not part.isascii() else 1) for part in parts) < _SHORTEST:
        return None
    letters = list(_letters(text))
    whole = "".join(letter for letter, _, _ in letters)
    first = position = -1
    for part in parts:
        position = _whole_words(part, whole, letters, text, max(position, 0))
        if position < 0:
            return None
        first = position if first < 0 else first
        position += len(part)
    start, end = letters[first][1], letters[position - 1][2]
    while end < len(text) and text[end] in _CLOSING:
        end += 1
    return start, end


def _letters(text: str) -> Iterator[tuple[str, int, int]]:
    """What counts of a text, one character at a time, each with the offsets of what it stands for."""
    normal, starts, ends = normalised(text)
    for n, character in enumerate(normal):
        between = normal[n - 1 : n].isdigit() and normal[n + 1 : n + 2].isdigit()
        if character.isalnum() or character in _TELLING or (character == "." and between):
            for folded in character.casefold():
                yield folded, starts[n], ends[n]


def _whole_words(part: str, whole: str, letters: Sequence[tuple[str, int, int]], text: str, position: int) -> int:
    """Where `part` stands in `whole` from `position` on, beginning and ending no Latin word or number midway; else -1."""
    while (position := whole.find(part, position)) >= 0:
        start, end = letters[position][1], letters[position + len(part) - 1][2]
        in_number = "." in (whole[position - 1 : position], whole[position + len(part) : position + len(part) + 1])
        if not in_number and not _cuts(text, start) and not _cuts(text, end):
            return position
        position += 1
    return -1


def _cuts(text: str, at: int) -> bool:
    before, behind = text[at - 1 : at], text[at : at + 1]
    return before.isalnum() and behind.isalnum() and max(before, behind) < "\u2e80"
