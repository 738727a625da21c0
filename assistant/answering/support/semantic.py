"""The same check with an embedder beside it: what a source says in words that share no stem with the sentence's."""

from __future__ import annotations

import math

from assistant.answering.support.verdict import Support
from ingest.embedding import Embedder
from ingest.index.base import Vector


async def check_with(embedder: Embedder, sentence: str, source: str) -> Support:
    """`check`, the overlap in meaning counting as much as that in words; two texts are embedded, the sentence and its span.

    Raises:
        ServerError: the embedder's.
    """
    from assistant.answering.support import check

    found = check(sentence, source)
    if found.span is None:
        return found
    start, end = found.span
    ours, theirs = await embedder.embed_documents([sentence, source[start:end]])
    return check(sentence, source, similarity=cosine(ours, theirs))


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of two vectors of one size; 0 where one of them is null."""
    length = math.sqrt(sum(x * x for x in one) * sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0
