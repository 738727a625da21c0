"""The numbers of `assistant.answering.confidence`: written by `python -m tests.benchmarks.abstention`, not by hand."""

from __future__ import annotations

from typing import Final

INTERCEPT: Final = 0.0
# Measure → its mean and standard deviation in the training data, and its weight once standardised.
WEIGHTS: Final = {
    "passage": (0.6, 0.25, 1.0),
    "sentence": (0.5, 0.25, 0.3),
    "lead": (0.4, 0.25, 1.0),
    "terms": (0.6, 0.25, 0.3),
    "together": (0.4, 0.25, 0.3),
    "length": (0.0, 0.6, 0.0),
    "lead_by_length": (0.0, 0.3, 0.0),
    "passage_by_length": (0.0, 0.3, 0.0),
    "message": (0.1, 0.2, 0.0),
}
