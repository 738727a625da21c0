"""Texts as bags of words, and of single characters and pairs where words are not spaced: what a classifier reads of them.

Weighted by 1 + log of the frequency and by the inverse document frequency, at length 1 (Salton and Buckley, 1988). Pure
numpy, since whoever labels needs nothing more; what is learned from is built in `assistant.analysis.training`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(r"\w\w+")
_ANY_UNSPACED = re.compile(f"[{_UNSPACED}]")
_MIXED = re.compile(rf"(?P<run>[{_UNSPACED}]+)|(?:(?![{_UNSPACED}])\w){{2,}}")
# Characters of one text that are read: more would change no label.
_MOST = 100_000


def terms(text: str) -> Counter[str]:
    """The terms of a text and how often each stands there, without case and full-width forms."""
    text = unicodedata.normalize("NFKC", text[:_MOST]).casefold()
    if not _ANY_UNSPACED.search(text):
        return Counter(_WORD.findall(text))
    counted: Counter[str] = Counter()
    for found in _MIXED.finditer(text):
        if run := found["run"]:
            counted.update(run)
            counted.update(run[at : at + 2] for at in range(len(run) - 1))
        else:
            counted[found[0]] += 1
    return counted


class Bag:
    """The terms that count, in a fixed order, and the weight of each."""

    def __init__(self, vocabulary: Sequence[str], idf: Floats) -> None:
        self.vocabulary = vocabulary
        self.idf = idf

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.vocabulary)}

    def row(self, text: str) -> tuple[NDArray[np.intp], Floats]:
        """The columns of a text that are not 0, and their values; both empty where it holds no known term."""
        known = [(column, n) for term, n in terms(text).items() if (column := self._columns.get(term)) is not None]
        columns = np.array([column for column, _ in known], np.intp)
        values = (1 + np.log(np.array([n for _, n in known], np.float32))) * self.idf[columns]
        length = np.linalg.norm(values)
        return columns, values / length if length else values
