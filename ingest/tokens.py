"""Counting tokens (cl100k), without the network: llama-index carries tiktoken's file."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

# Words whose tokens are remembered, at most, and the longest of them: a vocabulary, not a corpus.
_MOST_WORDS, _LONGEST_WORD = 2**17, 40


@cache
def encoding() -> Encoding:
    """Tiktoken's cl100k_base; the first call takes about a quarter of a second."""
    # find_spec, because importing llama_index.core for its folder would take over a second.
    spec = find_spec("llama_index.core")
    if spec is not None and spec.origin is not None:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(spec.origin).parent / "_static" / "tiktoken_cache"))
    import tiktoken

    return tiktoken.get_encoding("cl100k_base")


def count(text: str) -> int:
    """Tokens in `text`; special tokens in it count as ordinary text.

    Added up word by word, each with the blank before it, since no token of cl100k reaches over a blank: exact but for
    runs of blanks, which count one each. Words come again and again, so this takes a fraction of the time of encoding.
    """
    first, *words = text.split(" ")
    known = _words()
    long = 0
    for word in {word for word in words if word not in known}:
        tokens = len(encoding().encode_ordinary(f" {word}"))
        if len(word) <= _LONGEST_WORD:
            known[word] = tokens
        else:
            long += words.count(word) * (tokens - known[word])
    total = len(encoding().encode_ordinary(first)) + sum(map(known.__getitem__, words)) + long
    if len(known) > _MOST_WORDS:
        known.clear()
    return total


def fits(text: str, budget: int) -> bool:
    """Whether `text` has at most `budget` tokens. Counted only where words that were not met yet leave doubt."""
    if len(text) * (1 if text.isascii() else 4) <= budget:  # a token is a byte or more
        return True
    return sum(map(_words().__getitem__, text.split(" "))) <= budget or count(text) <= budget


class _Words(dict[str, int]):
    """Tokens of the words met so far, each with the blank before it; of others the most that there can be."""

    def __missing__(self, word: str) -> int:
        return len(word.encode()) + 1


@cache
def _words() -> _Words:
    return _Words()
