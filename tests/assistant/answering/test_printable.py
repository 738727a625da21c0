"""Untrusted text made harmless before it is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.text import one_line, printable

HOSTILE = st.text() | st.lists(
    st.sampled_from(["\x1b", "[", "]", "31m", "0;title", "\x07", "\x1b\\", "\x9b", "\x9d", "\x9c", "P", "\u202e", "\r"])
    | st.text(max_size=3),
    max_size=20,
).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\text", "text"),
        ("\x9b31mred", "red"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1b(0text", "text"),
        ("\x1bctext", "text"),
        ("a\x08\x08b\x00c\x7f", "abc"),
        ("safe\rEVIL", "safe\nEVIL"),
        ("10\u202e gm \u202c\u2066x\u2069\u200f\ufeff", "10 gm x"),
        ("half \ud800 a pair", "half  a pair"),
        ("a\u2028b\u2029c\x85d\x0be\x0cf\r\ng", "a\nb\nc\nd\ne\nf\ng"),
        (
            "tab\tand newline\n stay: 5 µg/µl, ≥ 3 × 10⁹, 二甲双胍 😀",
            "tab\tand newline\n stay: 5 µg/µl, ≥ 3 × 10⁹, 二甲双胍 😀",
        ),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out_and_the_rest_stays(text: str, shown: str) -> None:
    """A document cannot colour, clear, retitle, link, overwrite or reorder what a reader sees."""
    assert printable(text) == shown


@given(HOSTILE)
def test_nothing_dangerous_survives_whatever_the_text(text: str) -> None:
    """No control character, no reordering mark and no half surrogate is left, and a second pass changes nothing."""
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert printable(shown) == shown
    assert "\n" not in one_line(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=60))
def test_honest_text_is_left_as_it_is(text: str) -> None:
    """Letters, digits, punctuation and symbols of every script reach the reader unchanged."""
    assert printable(text) == text
