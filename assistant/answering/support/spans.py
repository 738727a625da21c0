"""Which stretch of a source bears a sentence out, as character offsets in the source."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.answering.support.analysis import Analysis

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
