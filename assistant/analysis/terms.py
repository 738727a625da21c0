"""How near terms are to each other: the nearest of a list, and pairs of two lists; cosine of their embeddings.

Every term, on whichever side, is sent in the same form (`prompts.library.TermForm`), so that a term is at cosine 1 with
itself. Lists stream through: memory holds what is kept, not all vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.term_lists import TermList
from configs.errors import InputError
from ingest.matrix import Embedded, Matrix, embed_blocks, embed_texts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from configs.settings import Settings
    from ingest.progress import Observer
    from prompts.library import TermForm

_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """What embeds terms: settings, the domain's form, and who is told how far it is."""

    settings: Settings
    form: TermForm
    progress: Callable[[int, int], None]
    observer: Observer

    def blocks(self, terms: Sequence[str]) -> AsyncGenerator[Embedded, None]:
        """See `ingest.matrix.embed_blocks`."""
        sent = [self.form.sent(term) for term in terms]
        return embed_blocks(sent, self.settings, task=self.form.task, progress=self.progress, observer=self.observer)

    async def matrix(self, terms: TermList) -> tuple[list[int], Matrix]:
        """Numbers of the terms that the embedder takes, and their vectors; the list is told of the others.

        Raises:
            ServerError, SettingsError, NotInstalled: the embedder cannot do it.
            InputError: it refuses every term.
        """
        sent = [self.form.sent(term) for term in terms.terms]
        found = await embed_texts(
            sent, self.settings, task=self.form.task, progress=self.progress, observer=self.observer
        )
        terms.reject({n: refusal.what for n, refusal in found.refused.items()})
        kept = [n for n in range(len(sent)) if n not in found.refused]
        if not kept:
            raise InputError(
                "the embedder refuses every term", where=terms.name, fix=str(next(iter(found.refused.values())))
            )
        return kept, found.vectors if len(kept) == len(sent) else found.vectors[kept]


@dataclass(frozen=True, slots=True)
class Near:
    """A term of the list, by its number, and its cosine."""

    number: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Similar:
    """For each query the nearest terms, best first; and the cosines of all that are named, each with each."""

    ranked: list[list[Near]]
    shown: list[str]
    """The queries, then the nearest of them all, best first; each once."""
    cosines: Matrix
    """Shape (shown, shown)."""


async def similar(queries: Sequence[str], among: TermList, top: int, embed: Terms) -> Similar:
    """The nearest of a list to each query, by a stream that keeps the best `top`.

    Raises:
        InputError: the embedder refuses a query.
        ServerError, SettingsError, NotInstalled: the embedder cannot do it.
    """
    count = len(queries)
    asked: list[NDArray[np.float32]] = []
    best: list[list[Near]] = [[] for _ in queries]
    kept: dict[int, NDArray[np.float32]] = {}
    async with aclosing(embed.blocks([*queries, *among.terms])) as blocks:
        async for block in blocks:
            if (refused := next((n for n in block.refused if n < count), None)) is not None:
                raise InputError(f"the embedder refuses “{queries[refused]}”: {block.refused[refused].what}")
            among.reject({n - count: refusal.what for n, refusal in block.refused.items()})
            begin = max(0, count - block.start)
            asked += list(block.vectors[:begin])
            rows = [n for n in range(begin, len(block.vectors)) if block.start + n not in block.refused]
            scores = np.asarray(asked) @ block.vectors[rows].T
            for row, ranking in zip(scores, best, strict=True):
                few = _best(row[None], top)[0]
                ranking += [Near(block.start + rows[n] - count, float(row[n])) for n in few]
                ranking.sort(key=lambda near: -near.cosine)
                del ranking[top:]
            wanted = {near.number for ranking in best for near in ranking}
            fresh = {block.start + n - count: block.vectors[n] for n in rows if block.start + n - count in wanted}
            kept = {n: vector for n, vector in {**kept, **fresh}.items() if n in wanted}
    vectors = dict(zip(queries, asked, strict=True))
    for near in sorted((near for ranking in best for near in ranking), key=lambda near: -near.cosine):
        vectors.setdefault(among.terms[near.number], kept[near.number])
    rows_shown = np.asarray(list(vectors.values()))
    return Similar(best, list(vectors), np.clip(rows_shown @ rows_shown.T, -1, 1))


@dataclass(frozen=True, slots=True)
class Matched:
    """For each left term the nearest right ones, best first: numbers and cosines of shape (left, top).

    A left term that the embedder refused has the number -1. `mutual` says that the first is the other's first, too.
    """

    numbers: NDArray[np.int64]
    cosines: Matrix
    mutual: NDArray[np.bool_]
    alike: int
    """Different right terms that have the vector of another: the embedder cannot tell them apart."""

    def found(self, truth: Mapping[int, set[int]], within: int) -> tuple[int, int]:
        """How many left terms have a right one of theirs among the first so many, and of how many that have one."""
        hits = [bool(pairs & set(self.numbers[n, :within].tolist())) for n, pairs in truth.items()]
        return sum(hits), len(hits)


async def match(left: TermList, right: TermList, top: int, embed: Terms) -> Matched:
    """The nearest right terms of each left one; the right list is held as a matrix, the left one streams by.

    Raises:
        InputError: the embedder refuses every term of a list.
        ServerError, SettingsError, NotInstalled: the embedder cannot do it.
    """
    kept, others = await embed.matrix(right)
    index, top = np.asarray(kept), min(top, len(kept))
    numbers = np.full((len(left.terms), top), -1, np.int64)
    cosines = np.zeros((len(left.terms), top), np.float32)
    nearest, by = np.full(len(kept), -np.inf, np.float32), np.full(len(kept), -1, np.int64)
    async with aclosing(embed.blocks(left.terms)) as blocks:
        async for block in blocks:
            left.reject({n: refusal.what for n, refusal in block.refused.items()})
            rows = [n for n in range(len(block.vectors)) if block.start + n not in block.refused]
            if not rows:
                continue
            scores = block.vectors[rows] @ others.T
            few = _best(scores, top)
            at = block.start + np.asarray(rows)
            numbers[at], cosines[at] = index[few], np.take_along_axis(scores, few, axis=1)
            first, highest = at[scores.argmax(axis=0)], scores.max(axis=0)
            by, nearest = np.where(highest > nearest, first, by), np.maximum(nearest, highest)
    back = np.full(len(right.terms), -1, np.int64)
    back[index] = by
    mutual = (numbers[:, 0] >= 0) & (back[numbers[:, 0]] == np.arange(len(left.terms)))
    return Matched(numbers, cosines, mutual, alike(others))


def _best(scores: Matrix, top: int) -> NDArray[np.int64]:
    """Columns of the highest of each row, highest first, equals in their order."""
    if top < scores.shape[1]:
        few = np.sort(np.argpartition(scores, -top, axis=1)[:, -top:], axis=1)
    else:
        few = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, few, axis=1), axis=1, kind="stable")
    return np.take_along_axis(few, order, axis=1)


def alike(vectors: Matrix) -> int:
    """How many rows repeat another; padding moves the last digits of a vector, so the first two count.

    Of vectors, or of the cosines of each with each, which are equal where vectors are.
    """
    return len(vectors) - len({row.tobytes() for row in np.round(vectors, _DECIMALS) + np.float32(0)})
