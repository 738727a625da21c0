"""The span a reader is shown: the very words where they are quoted, else the sentences that come nearest."""

from __future__ import annotations

import pytest

from assistant.answering.support import check

QUOTE = "Treatment with fibrates reduced naïve T-cell counts by 0.5%."


def shown(sentence: str, source: str) -> str:
    """What is highlighted in the source."""
    found = check(sentence, source)
    assert found.span is not None
    return source[slice(*found.span)]


@pytest.mark.parametrize(
    "set_otherwise",
    [
        QUOTE,
        "Treat-\nment with ﬁbrates reduced\nnai\u0308ve T‐cell counts  by 0·5 %.",
        "Treatment with fi\u00adbrates reduced naïve T–cell counts by .5%.",
    ],
)
def test_a_quote_is_found_however_it_is_set(set_otherwise: str) -> None:
    """Ligatures, accents in two characters, soft and line-end hyphens, dashes and decimal points hide no quote."""
    source = f"Methods were sound. {set_otherwise} Other things followed."
    found = check(QUOTE, source)
    assert (found.verdict, found.score) == ("supported", 1.0)
    assert shown(QUOTE, source) == set_otherwise


def test_a_paraphrase_is_shown_the_sentence_it_rests_on() -> None:
    """Not the whole abstract: the sentence that says it."""
    source = "We studied mice. Mice lacking FGF21 developed atherosclerotic plaques and died early. Funding was public."
    assert (
        shown("Loss of FGF21 leads to atherosclerotic plaque formation.", source)
        == "Mice lacking FGF21 developed atherosclerotic plaques and died early."
    )


def test_what_contradicts_is_shown_whole() -> None:
    """The denial that was left out is inside the span, for it is what the reader must see."""
    source = "We studied 40 men. No serious adverse events occurred."
    assert shown("Serious adverse events occurred.", source) == "No serious adverse events occurred."


def test_chinese_text_has_exact_spans() -> None:
    """Chinese has no spaces to go by; full-width digits count as digits."""
    source = "目的：研究。二甲双胍可以降低血糖，每天３次。结论：有效。"
    assert shown("二甲双胍可以降低血糖，每天3次。", source) == "二甲双胍可以降低血糖，每天３次。"
