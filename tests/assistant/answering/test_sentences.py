"""Sentence boundaries: what a citation is tied to and what a quote is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import sentences

# Text rich in what can go wrong: stops, markers, quotes, brackets, breaks, Chinese, abbreviations.
TEXTS = st.lists(
    st.sampled_from([*'.!?。！？；,;:()[]"”*_-#>|•', " ", "  ", "\n", "\n\n", "\t", "\u3000", "[1]", "[2, 3]", "[1-3]"])
    | st.sampled_from(["【1】", "[^2]", "[1](u)", "e.g.", "Fig.", "i.v.", "E. coli", "3.5", "1. ", "2) ", "mg", "The"])
    | st.text(max_size=6),
    max_size=40,
).map("".join)


@given(TEXTS)
def test_spans_are_ordered_disjoint_and_lose_nothing(text: str) -> None:
    """No word of a passage falls between two sentences, and none is in two: quotes are verbatim slices."""
    spans = sentences.spans(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()
    assert sentences.split(text) == [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Metformin is first. It lowers HbA1c! Is it safe? Yes.", 4),
        ("二甲双胍是首选。它降低血糖！安全吗？是。", 4),
        ("The dose is 2.5 mg. It is halved at 0.5 mg/dl.", 2),
        ("A p-value of .05 was used. It was 3.14.", 2),
        ("Give i.v. fluids, e.g. saline, vs. oral ones (cf. Fig. 2, Smith et al. 2019). Then stop.", 2),
        ("E. coli and S. aureus were found. Both were resistant.", 2),
        ("Dr. Lind treated scurvy. Prof. Weil agreed.", 2),
        ("Take it b.i.d. with food. See example.org for more.", 2),
        ("He said “stop.” Then he left.", 2),
        ("(It was stopped.) Then it was resumed.", 2),
        ("**Metformin is first.** It lowers glucose.", 2),
        ("no stop at the end", 1),
        ("", 0),
        (" \n\n ", 0),
    ],
)
def test_stops_that_end_a_sentence_and_stops_that_do_not(text: str, expected: int) -> None:
    """Medicine's abbreviations and decimals do not tear a sentence apart, in English or Chinese."""
    assert len(sentences.split(text)) == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("It lowers LDL. [1] Next.", "It lowers LDL. [1]"),
        ("It lowers LDL.[1][2] Next.", "It lowers LDL.[1][2]"),
        ("It lowers LDL. [1, 2] [3-5] Next.", "It lowers LDL. [1, 2] [3-5]"),
        ("**It lowers LDL.** [1] Next.", "**It lowers LDL.** [1]"),
        ("降低血糖。【1】下一句。", "降低血糖。【1】"),
        ("It lowers LDL [1]. Next.", "It lowers LDL [1]."),
    ],
)
def test_a_marker_behind_the_stop_belongs_to_the_sentence_before(text: str, first: str) -> None:
    """A model that writes `. [1]` cites for the sentence that just ended, not for the next one."""
    assert sentences.split(text)[0] == first


def test_blank_lines_list_items_headings_and_rows_end_a_sentence() -> None:
    """An item without a full stop is a sentence of its own, so that its citation is not its neighbour's."""
    text = "# Doses\n\n- adults: 500 mg [1]\n- children: 10 mg/kg [2]\n1. rest\n2) sleep\n> quoted\n| a | b |"
    assert sentences.split(text) == [
        "# Doses",
        "- adults: 500 mg [1]",
        "- children: 10 mg/kg [2]",
        "1. rest",
        "2) sleep",
        "> quoted",
        "| a | b |",
    ]


def test_a_line_break_inside_a_paragraph_ends_nothing() -> None:
    """Text that is wrapped at 80 columns has the same sentences as text that is not."""
    assert sentences.split("Metformin is the\nfirst drug. It is\ncheap.") == [
        "Metformin is the\nfirst drug.",
        "It is\ncheap.",
    ]


def test_a_letter_that_names_a_vitamin_or_a_virus_ends_its_sentence() -> None:
    """Two statements are not quoted as one because the first ends in "vitamin K" or "hepatitis C"."""
    text = "It blocks vitamin K. It treats hepatitis C. J. Smith wrote so."
    assert sentences.split(text) == ["It blocks vitamin K.", "It treats hepatitis C.", "J. Smith wrote so."]
