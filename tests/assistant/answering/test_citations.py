"""Markers in an answer ↔ its sources: the promise that every `[n]` shown can be checked."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.answering.citations import resolve

KNOWN = range(1, 7)


def cited(text: str) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Sentences as (text, citations, unknown)."""
    return [(s.text, s.citations, s.unknown) for s in resolve(text, KNOWN)[1]]


@pytest.mark.parametrize(
    ("marker", "numbers"),
    [
        ("[1]", (1,)),
        ("[1][2]", (1, 2)),
        ("[1] [2]", (1, 2)),
        ("[1, 2]", (1, 2)),
        ("[1,2;3]", (1, 2, 3)),
        ("[1-3]", (1, 2, 3)),
        ("[2–4]", (2, 3, 4)),
        ("[1, 3-5]", (1, 3, 4, 5)),
        ("【1】", (1,)),
        ("【1，2】", (1, 2)),
        ("[1、2]", (1, 2)),
        ("[^2]", (2,)),
        ("[3][1][3]", (3, 1)),
    ],
)
def test_every_way_a_model_writes_markers_is_understood(marker: str, numbers: tuple[int, ...]) -> None:
    """The sentence cites the sources, its own text is free of markers, and the shown form is `[n]`."""
    shown, sentences = resolve(f"It lowers LDL {marker}.", KNOWN)
    assert [(s.text, s.citations) for s in sentences] == [("It lowers LDL.", numbers)]
    assert tuple(dict.fromkeys(int(n) for n in re.findall(r"\[(\d+)\]", shown))) == numbers
    assert re.fullmatch(r"It lowers LDL (\[\d\])+\.", shown)


@pytest.mark.parametrize(
    ("text", "shown", "citations", "unknown"),
    [
        ("A [99].", "A.", (), (99,)),
        ("A [10].", "A.", (), (10,)),
        ("A [0].", "A.", (), (0,)),
        ("A [1][99].", "A [1].", (1,), (99,)),
        ("A [1, 99] rises.", "A [1] rises.", (1,), (99,)),
        ("A [99][2] rises.", "A [2] rises.", (2,), (99,)),
        ("A [99] rises [2].", "A rises [2].", (2,), (99,)),
        ("A [5-8].", "A [5][6].", (5, 6), (7, 8)),
        ("A [1-999].", "A [1].", (1,), (999,)),
        ("甲【9】。", "甲。", (), (9,)),
    ],
)
def test_a_number_that_no_source_has_is_struck_and_told(
    text: str, shown: str, citations: tuple[int, ...], unknown: tuple[int, ...]
) -> None:
    """An invented source never looks like a source, and the reader learns that it was invented."""
    answer, (sentence,) = resolve(text, KNOWN)
    assert (answer, sentence.citations, sentence.unknown) == (shown, citations, unknown)


@pytest.mark.parametrize(
    "text",
    [
        "p < .05 and a dose of .5 mg, a ratio of 1 : 2 , and so on .",
        "As shown [2019], in [5.5–6.0] of cases [n = 12] and [95% CI 1-2].",
        "See [1](https://example.org) and ![2](x.png).",
        "Hard break  \nnext line  \n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "- item\n  - nested\n\n> quote [a] [ ] []",
        "```\ncode  \n  indented\n```",
    ],
)
def test_what_is_no_marker_is_left_alone(text: str) -> None:
    """Doses, years, intervals, links, tables and spacing stand in the answer exactly as the model wrote them."""
    shown, sentences = resolve(text, KNOWN)
    assert shown == text
    assert all(not s.citations and not s.unknown for s in sentences)


def test_each_sentence_has_its_own_citations() -> None:
    """The whole point: which source bears out which sentence."""
    text = "Metformin is first [1]. **It is cheap.** [2] It lowers HbA1c by 1.1 % [1][3].\n\n- no evidence\n- weight falls [4]"
    assert cited(text) == [
        ("Metformin is first.", (1,), ()),
        ("**It is cheap.**", (2,), ()),
        ("It lowers HbA1c by 1.1 %.", (1, 3), ()),
        ("- no evidence", (), ()),
        ("- weight falls", (4,), ()),
    ]


def test_chinese_sentences_have_their_own_citations() -> None:
    """Chinese stops end a sentence without a space behind them."""
    assert cited("二甲双胍是首选[1]。它便宜【2】。没有依据！") == [
        ("二甲双胍是首选。", (1,), ()),
        ("它便宜。", (2,), ()),
        ("没有依据！", (), ()),
    ]


def test_markers_alone_on_a_line_speak_of_the_sentence_before() -> None:
    """A model that puts its markers on a line of their own has cited all the same."""
    assert cited("Metformin is first.\n\n[1][99]\n\nNext.") == [("Metformin is first.", (1,), (99,)), ("Next.", (), ())]


def test_markers_before_any_sentence_cite_nothing() -> None:
    """A lone marker with nothing before it is no sentence and no evidence."""
    assert cited("[1]\n\n") == []


@given(
    st.lists(
        st.sampled_from(
            ["[1]", "[99]", "[1, 2]", "[3-5]", "【2】", ". ", ".5", " ", "  ", "\n", "\n\n", "- ", "。", "mg"]
        )
        | st.text(max_size=5),
        max_size=25,
    ).map("".join)
)
@example("a [1]\t[99] .5 [2] ( x )")
@example("[1][")
def test_nothing_but_markers_and_their_space_is_changed(text: str) -> None:
    """Whatever a model writes, its words, numbers and line breaks reach the reader in order and unaltered."""
    marker = r"(?:\[\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*\](?!\()|【\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*】)"
    run = re.compile(rf"[ \t]*{marker}(?:[ \t]*{marker})*")
    shown, sentences = resolve(text, KNOWN)
    assert re.sub(r"[ \t]", "", run.sub("", shown)).strip() == re.sub(r"[ \t]", "", run.sub("", text)).strip()
    # Two halves left over may look like a marker, and an interval does by its nature.
    if not set("[]【】") & set(run.sub("", text)) and "[3-5]" not in shown:
        assert {int(n) for n in re.findall(r"\d+", "".join(re.findall(marker, shown)))} <= set(KNOWN)
    for sentence in sentences:
        assert set(sentence.citations) <= set(KNOWN)
        assert not set(sentence.unknown) & set(KNOWN)


def test_an_interval_behind_a_number_is_no_marker() -> None:
    """A median with its interquartile range keeps its numbers, and cites nothing by accident."""
    text, (sentence,) = resolve("The median stay was 3 [2–5] days at 10 [1-3] mg [1].", {1, 2, 3})
    assert text == "The median stay was 3 [2–5] days at 10 [1-3] mg [1]."
    assert sentence.citations == (1,)


@pytest.mark.parametrize("interval", ["3.2 (95% CI [2, 5])", "Dose range [1-3] mg", "IQR: [1; 3]", "for [1–2] weeks"])
def test_an_interval_is_kept_and_cites_nothing(interval: str) -> None:
    """Confidence intervals and dose ranges in brackets stay in the answer as they are."""
    text, (sentence,) = resolve(f"It was {interval} [2].", {1, 2, 3})
    assert (text, sentence.citations) == (f"It was {interval} [2].", (2,))
