"""Texts as vectors without a model: a bag of hashed words, so that similar texts are near each other.

Each word is a fixed pseudo-random direction; a text is the normalised sum of its words. Truncating a
vector therefore keeps most of its meaning, as it does with a Matryoshka model.
"""

from __future__ import annotations

import hashlib
import math
import re
from functools import lru_cache

# A Chinese character is a word; so is a run of other letters or digits, and a mark of punctuation.
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
_QUERY = re.compile(r"Instruct: .*?\nQuery:", re.DOTALL)


def tokens(text: str) -> list[str]:
    """The words and punctuation marks of a text, lower-cased."""
    return _TOKEN.findall(text.lower())


def embed(text: str, dimensions: int) -> list[float]:
    r"""The L2-normalised vector of a text.

    An instruction in Qwen3-Embedding's form (`Instruct: …\nQuery:…`, line break and all) is
    understood: what follows it is embedded. Any other form of it counts as words of the text.
    """
    content = _QUERY.sub("", text, count=1) if text.startswith("Instruct: ") else text
    words = [word for word in tokens(content) if word[0].isalnum()] or [content]
    sums = [sum(column) for column in zip(*(_direction(word, dimensions) for word in words), strict=True)]
    return normalised([float(value) for value in sums])


def covered(question: str, text: str) -> float:
    """Which share of the question's words of four letters and more a text holds: what a reranker might make of it."""
    wanted = {word for word in tokens(question) if len(word) > 3}
    return len(wanted & set(tokens(text))) / len(wanted) if wanted else 0.0


def normalised(vector: list[float]) -> list[float]:
    """The vector at length 1."""
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


@lru_cache(maxsize=100_000)
def _direction(word: str, dimensions: int) -> tuple[int, ...]:
    # An extendable digest: the first k dimensions of a word are the same whatever their number.
    digest = hashlib.shake_128(word.encode("utf-8", "surrogatepass")).digest(dimensions)
    return tuple(2 * byte - 255 for byte in digest)
