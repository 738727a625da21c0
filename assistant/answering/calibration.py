"""The numbers of `assistant.answering.confidence`: written by `python -m tests.benchmarks.abstention`, not by hand."""

from __future__ import annotations

from typing import Final

INTERCEPT: Final = 1.4089
# Measure → its mean and standard deviation in the training data, and its weight once standardised.
WEIGHTS: Final = {
    "passage": (0.6683, 0.2660, -1.0424),
    "sentence": (0.5876, 0.2713, -0.1694),
    "lead": (0.4093, 0.3816, 2.2483),
    "lead_root": (0.5633, 0.3033, -1.3010),
    "terms": (0.6814, 0.2382, 0.8014),
    "together": (0.4641, 0.3320, 0.7743),
    "length": (-0.0944, 0.6189, 0.4236),
    "lead_by_length": (-0.0230, 0.2896, 1.4762),
    "passage_by_length": (-0.1459, 0.4496, -0.9225),
    "message": (0.0334, 0.1545, 1.8896),
    "mentions": (0.1524, 0.1363, 1.3034),
    "throughout": (0.4522, 0.2651, 0.2380),
    "opening": (0.5620, 0.2795, 1.6527),
}
