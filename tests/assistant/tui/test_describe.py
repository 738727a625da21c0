"""Answers in words: what is said of a sentence is what the reader saw of it."""

from __future__ import annotations

import pytest

from assistant.tui import verdicts


@pytest.mark.parametrize(
    ("markdown", "seen"),
    [
        ("Kidney function is **not** measured.", "Kidney function is not measured."),
        ("***Never*** `eGFR` _alone_, __nor__ *both*.", "Never eGFR alone, nor both."),
        ("**Stop *at once*.**", "Stop at once."),
        ("肾功能**不**测量。", "肾功能不测量。"),
        ("**Warning: stop it.", "Warning: stop it."),
        ("Give 5 * 3 mg of snake_case_drug, p* < 0.05.", "Give 5 * 3 mg of snake_case_drug, p* < 0.05."),
    ],
)
def test_emphasis_is_not_shown_as_asterisks(markdown: str, seen: str) -> None:
    """A doubted sentence is quoted without Markdown's characters; stars and underscores of its own stay."""
    assert verdicts.plain(markdown) == seen
