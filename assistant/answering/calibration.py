"""The numbers of `assistant.answering.confidence`: written by `python -m tests.benchmarks.abstention`, not by hand."""

from __future__ import annotations

from typing import Final

INTERCEPT: Final = 1.3349
# Measure → its mean and standard deviation in the training data, and its weight once standardised.
WEIGHTS: Final = {
    "passage": (0.6680, 0.2669, -0.7579),
    "sentence": (0.5871, 0.2723, 1.4916),
    "lead": (0.4083, 0.3807, 3.6148),
    "lead_root": (0.5628, 0.3027, -1.7309),
    "terms": (0.6812, 0.2390, 0.6839),
    "together": (0.4651, 0.3321, 0.8895),
    "length": (-0.0929, 0.6252, 0.4115),
    "lead_by_length": (-0.0231, 0.2852, 1.4384),
    "passage_by_length": (-0.1475, 0.4510, -0.9965),
    "message": (0.0358, 0.1585, 1.8201),
}
