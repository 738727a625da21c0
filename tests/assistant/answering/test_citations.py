"""Markers in an answer ↔ its sources: the promise that every `[n]` shown can be checked."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.answering.citations import resolve

KNOWN = range(1, 7)
NAMES = {"metformin": 5, "pmid21645374": 6, "aspirinafterastroke": 4}


def cited(text: str) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Sentences as (text, citations, unknown)."""
    return [(s.text, s.citations, s.unknown) for s in resolve(text, KNOWN).sentences]


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
        ("［1］", (1,)),
        ("［１，２］", (1, 2)),
        ("【1†source】", (1,)),
        ("[1, p. 33]", (1,)),
        ("[Source 1]", (1,)),
        ("[Passages 1 and 3]", (1, 3)),
        ("[Source 1, Source 4]", (1, 4)),
        ("(source 2)", (2,)),
        ("[来源2]", (2,)),
        ("（段落1、段落2）", (1, 2)),
        ("[metformin]", (5,)),
        ("[PMID: 21645374]", (6,)),
        ("(Aspirin after a stroke)", (4,)),
        ("<sup>1,2</sup>", (1, 2)),
    ],
)
def test_every_way_a_model_writes_markers_is_understood(marker: str, numbers: tuple[int, ...]) -> None:
    """The sentence cites the sources, its own text is free of markers, and the shown form is `[n]`."""
    found = resolve(f"It lowers cholesterol {marker}.", KNOWN, NAMES)
    shown, sentences = found.text, found.sentences
    assert [(s.text, s.citations) for s in sentences] == [("It lowers cholesterol.", numbers)]
    assert tuple(dict.fromkeys(int(n) for n in re.findall(r"\[(\d+)\]", shown))) == numbers
    assert re.fullmatch(r"It lowers cholesterol ?(\[\d\])+\.", shown)


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
    found = resolve(text, KNOWN)
    (sentence,) = found.sentences
    assert (found.text, sentence.citations, sentence.unknown) == (shown, citations, unknown)
    assert found.unknown == unknown


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
    found = resolve(text, KNOWN)
    assert found.text == text
    assert found.notes == ()
    assert all(not s.citations and not s.unknown for s in found.sentences)


def test_each_sentence_has_its_own_citations() -> None:
    """The whole point: which source bears out which sentence."""
    text = "Metformin is first [1]. **It is cheap.** [2] It lowers HbA1c by 1.1 % [1][3].\n\n- no evidence\n- weight falls [4]"
    assert cited(text) == [
        ("Metformin is first.", (1,), ()),
        ("**It is cheap.**", (2,), ()),
        ("It lowers HbA1c by 1.1 %.", (1, 3), ()),
        ("no evidence", (), ()),
        ("weight falls", (4,), ()),
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
@example("^[1]")
def test_nothing_but_markers_and_their_space_is_changed(text: str) -> None:
    """Whatever a model writes, its words, numbers and line breaks reach the reader in order and unaltered."""
    marker = r"\^?(?:\[\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*\](?!\()|【\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*】)"
    run = re.compile(rf"[ \t]*{marker}(?:[ \t]*{marker})*")
    found = resolve(text, KNOWN)
    shown, sentences = found.text, found.sentences
    assert re.sub(r"[ \t]", "", run.sub("", shown)).strip() == re.sub(r"[ \t]", "", run.sub("", text)).strip()
    # Two halves left over may look like a marker, what stands in maths is none, and an interval does by its nature.
    if not set("[]【】$") & set(run.sub("", text)) and "[3-5]" not in shown:
        assert {int(n) for n in re.findall(r"\d+", "".join(re.findall(marker, shown)))} <= set(KNOWN)
    for sentence in sentences:
        assert set(sentence.citations) <= set(KNOWN)
        assert not set(sentence.unknown) & set(KNOWN)


def test_an_interval_behind_a_number_is_no_marker() -> None:
    """A median with its interquartile range keeps its numbers, and cites nothing by accident."""
    found = resolve("The median stay was 3 [2–5] days at 10 [1-3] mg [1].", {1, 2, 3})
    (sentence,) = found.sentences
    assert found.text == "The median stay was 3 [2–5] days at 10 [1-3] mg [1]."
    assert sentence.citations == (1,)


@pytest.mark.parametrize("interval", ["3.2 (95% CI [2, 5])", "Dose range [1-3] mg", "IQR: [1; 3]", "for [1–2] weeks"])
def test_an_interval_is_kept_and_cites_nothing(interval: str) -> None:
    """Confidence intervals and dose ranges in brackets stay in the answer as they are."""
    found = resolve(f"It was {interval} [2].", {1, 2, 3})
    (sentence,) = found.sentences
    assert (found.text, sentence.citations) == (f"It was {interval} [2].", (2,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LDL falls (1). Weight falls (2).", [(1,), (2,)]),
        ("甲升高（1）。乙降低（2）。", [(1,), (2,)]),
        ("Mortality.¹² Weight is 30 kg/m² in adults.³", [(1, 2), (3,)]),
        ("甲升高¹。乙降低²。", [(1,), (2,)]),
        ("[1] LDL falls. [2] Weight falls.", [(1,), (2,)]),
        ("[1] LDL falls. Weight falls [2].", [(1,), (2,)]),
        ("LDL falls. (2)", [(2,)]),
        ("LDL [^1] falls[^b].\n\n[^1]: Passage 2\n[^b]: Aspirin after a stroke, 2019", [(2, 4)]),
        ("LDL falls [^1].\n\n[^1]: Smith 2020", [(1,)]),
        ("LDL falls. Weight falls.\n\nSources: [1]", [(1,), (1,)]),
        ("LDL falls.\n\nSources: [1], [3]", [(1, 3)]),
        ("甲升高。\n\n参考文献：\n[2] 布洛芬", [(2,)]),
        ("LDL falls. Weight falls.\n\nSources:\n- [1] Metformin\n- [2] Aspirin", [(), ()]),
        ("LDL falls [1]. Weight falls.\n\nReferences\n\n1. Metformin\n2. Aspirin", [(1,), ()]),
    ],
)
def test_small_models_that_cite_badly_are_read_as_far_as_they_can_be(
    text: str, expected: list[tuple[int, ...]]
) -> None:
    """A model that knows its sources but not the form is not refused; what could be one of two things stays uncited."""
    found = resolve(text, KNOWN, NAMES)
    assert [sentence.citations for sentence in found.sentences] == expected
    assert not any("Sources" in sentence.text or "参考" in sentence.text for sentence in found.sentences)


@pytest.mark.parametrize(
    "text",
    [
        "Three groups: (1) first, (2) second.",
        "- (1) rest\n- (2) ice",
        "（1）休息；（2）冷敷。",
        "See Table (1). It rose in 12 (2).",
        "Nausea (3), vomiting (2) and rash (1) occurred.",
        "LDL falls (1). Weight falls (9).",
        "An area of 5 m² and 10³ cells in ¹⁸F, Ca²⁺ and R².",
        "It cost $5 [sic].",
        "Set `arr[1]` and $x[1]$ and https://example.org/a[1] and \\[1\\].",
        "```python\narr[1] = b[2]\n```",
        "~~~\n[1]\n~~~",
        "Sources of iron: red meat (see table).",
    ],
)
def test_enumerations_exponents_code_and_formulas_cite_nothing(text: str) -> None:
    """What only looks like a citation is left as it is: no source is credited by accident."""
    found = resolve(text, KNOWN)
    assert found.text == text
    assert all(not s.citations and not s.unknown for s in found.sentences)
    assert found.notes == ()


def test_a_table_a_nested_list_a_quote_and_a_heading_keep_their_citations() -> None:
    """A row is one sentence that cites what its cells and the table's head cite; bullets and pipes are no words."""
    text = (
        "# Doses [1]\n\n## Bare heading\n\n| Drug | Dose [2] |\n|---|---|\n| A [1] | 5 mg |\n| B | 6 mg [99] |\n\n[3]\n\n"
        "Effects are [4]:\n\n1. nausea\n   - severe\n2. rash\n\n> quoted [5]\n> words.\n\n- own [6]\n  - nested"
    )
    found = resolve(text, KNOWN)
    assert [(s.text, s.citations) for s in found.sentences] == [
        ("Doses", (1,)),
        ("A; 5 mg", (1, 2)),
        ("B; 6 mg", (3, 2)),
        ("Effects are:", (4,)),
        ("nausea", (4,)),
        ("severe", (4,)),
        ("rash", (4,)),
        ("quoted words.", (5,)),
        ("own", (6,)),
        ("nested", ()),
    ]
    assert found.text == text.replace(" [99]", "")
    assert found.unknown == (99,)


def test_what_was_read_otherwise_than_written_is_told() -> None:
    """Nothing is repaired in silence: the reader learns that numbers were put in or a list left out."""
    found = resolve("LDL falls¹.\n\nSources:\n[1] Metformin\n[42] Invented", KNOWN)
    assert found.text == "LDL falls[1]."
    assert found.unknown == (42,)
    assert [note.split(";")[0] for note in found.notes] == [
        "The model cited in superscript",
        "The model's own list of references was left out",
    ]
    assert resolve("LDL falls [1].", KNOWN).notes == ()


@given(
    st.lists(
        st.sampled_from(
            ["A. ", "b [1]", "[99] ", "\n", "\n\n", "- ", "> ", "| ", "|-|\n", "# ", "\t", "(1)", "¹", "\r", "甲。"]
        )
        | st.text(max_size=3),
        max_size=30,
    ).map("".join)
)
@example("- \ta [1]\n\t- b\n> \tc [99] d")
@example("| a |\n|---|\n| b [1] \\| c |")
def test_each_sentence_is_where_its_place_says(text: str) -> None:
    """The screen marks a sentence where it stands in the answer: its words are all there, in order, and none of another's."""
    found = resolve(text, KNOWN)
    behind = 0
    for sentence in found.sentences:
        assert sentence.place is not None
        start, end = sentence.place
        assert behind <= start <= end <= len(found.text)
        behind = end
        shown = iter(re.sub(r"\s", "", found.text[start:end]))
        assert all(c in shown for c in re.sub(r"[\s;\ufffd\0]", "", sentence.text)), (sentence, found.text[start:end])
