"""How good labels are: macro-F1, accuracy and each label's precision and recall, from counts alone; and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 10


@dataclass(frozen=True)
class Tally:
    """How often texts of each label (row) were given each (column)."""

    confusion: NDArray[np.int64]

    @classmethod
    def of(cls, true: NDArray[np.intp], given: NDArray[np.intp], labels: int) -> Tally:
        """Count pairs of label numbers."""
        flat = np.bincount(true * labels + given, minlength=labels * labels)
        return cls(flat.reshape(labels, labels))

    def per_class(self, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Precision, recall, F1 and number of texts of each label that stands or was given."""
        precision, recall, f1 = _figures(self.confusion)
        support, given = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return {
            label: {
                "precision": round(float(precision[n]), 4),
                "recall": round(float(recall[n]), 4),
                "f1": round(float(f1[n]), 4),
                "examples": int(support[n]),
            }
            for n, label in enumerate(labels)
            if support[n] or given[n]
        }


def macro_f1(tally: Tally) -> float:
    """The mean F1 of all labels that stand or were given; where nothing of one is right its F1 is 0, as scikit-learn has it."""
    counted = (tally.confusion.sum(axis=1) + tally.confusion.sum(axis=0)) > 0
    return float(_figures(tally.confusion)[2][counted].mean()) if counted.any() else 0.0


def accuracy(tally: Tally) -> float:
    """The share of texts that were labelled rightly."""
    return float(np.trace(tally.confusion) / max(1, tally.confusion.sum()))


def calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins (Naeini et al., 2015): the mean distance of probability and share of right ones."""
    bins = np.minimum((probabilities * _BINS).astype(np.intp), _BINS - 1)
    sums = np.bincount(bins, probabilities, _BINS) - np.bincount(bins, right.astype(np.float64), _BINS)
    return float(np.abs(sums).sum() / max(1, len(right)))


def _figures(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    right = np.diag(confusion).astype(np.float64)
    given, stand = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = right / np.maximum(1, given)
    recall = right / np.maximum(1, stand)
    return precision, recall, 2 * right / np.maximum(1, given + stand)
