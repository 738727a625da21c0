"""An answer's sentences against what they cite, as the engine does it."""

from __future__ import annotations

import pytest

from assistant.answering.answer import Sentence
from assistant.answering.checking import checked, disagreements
from tests.assistant.answering.examples import answered, events
from tests.assistant.records.examples import source
from tests.conftest import SettingsFactory
from tests.support.openai_server import OpenAIServer

DOSE = source(
    n=1, title="Enalapril in heart failure", text="Patients received enalapril 5 mg twice daily. Mortality fell."
)
RISK = source(n=2, title="", text="Cough was the commonest adverse effect.")


@pytest.mark.parametrize(
    ("sentence", "kinds"),
    [
        ("Patients received enalapril 5 mg twice daily.", set()),
        ("Patients received enalapril 50 mg twice daily.", {"number"}),
        ("Mortality did not fall.", {"negation", "direction"}),
    ],
)
def test_a_changed_dose_or_a_denial_is_told_with_its_reason(sentence: str, kinds: set[str]) -> None:
    """A reader who trusts the marker alone would take ten times the dose: the sentence is flagged, and why."""
    (result,) = checked([Sentence(sentence, (1,))], [DOSE])
    assert (result.verdict == "supported") == (not kinds)
    assert result.decisive is not None
    found = {reason.kind for reason in result.decisive.support.reasons}
    assert found <= kinds
    assert bool(found) == bool(kinds)


def test_the_span_is_counted_in_the_passage() -> None:
    """What bears a sentence out can be marked in the passage shown, though its title was read as well."""
    (result,) = checked([Sentence("Mortality fell.", (1,))], [DOSE])
    assert result.decisive is not None
    assert result.decisive.support.span is not None
    start, end = result.decisive.support.span
    assert DOSE.text[start:end] == "Mortality fell."


def test_a_sentence_that_cites_nothing_is_unchecked() -> None:
    """What was not checked says so: no verdict is made up for a sentence without a source."""
    (result,) = checked([Sentence("All patients felt better.")], [DOSE])
    assert (result.verdict, result.checks) == ("unchecked", ())


def test_sources_cited_together_are_read_together() -> None:
    """A sentence that joins two sources is not held against it that neither says all of it alone."""
    sentence = "Patients received enalapril 5 mg twice daily, and cough was the commonest adverse effect."
    (result,) = checked([Sentence(sentence, (1, 2))], [DOSE, RISK])
    assert result.verdict == "supported"


async def test_every_answer_is_checked(filled: SettingsFactory, openai_server: OpenAIServer) -> None:
    """No setting and no command is needed: the answer comes with its tally, and quotes are supported by their own words."""
    question = "What is the first-line drug for type 2 diabetes?"
    quoted = answered(await events(filled(), question)).answer
    assert quoted.tally == {"supported": len(quoted.sentences)}
    openai_server.reply = ["Bananas cure everything within 3 days [1]."]
    answer = answered(await events(filled({"generation.url": openai_server.url}), question)).answer
    assert "supported" not in answer.tally
    assert answer.to_json()["sentences"][0]["support"] == answer.sentences[0].verdict


TRIAL = source(n=1, title="", text="Vitamin D reduced the risk of falls in older adults.")
OTHER = source(n=2, title="", text="In this trial, vitamin D increased the risk of falls in older adults.")
BESIDE = source(n=3, title="", text="Vitamin C increased the length of life in mice.")


def test_a_source_that_says_the_opposite_is_told_with_its_words() -> None:
    """A reader who sees one side alone would not know that the corpus has both; an unrelated source is no opponent."""
    sentences = checked(
        [Sentence("Vitamin D reduces the risk of falls in older adults.", (1,))], [TRIAL, OTHER, BESIDE]
    )
    (found,) = disagreements(sentences, [TRIAL, OTHER, BESIDE])
    assert (found.sentence, found.n) == (0, 2)
    assert OTHER.text[slice(*found.span)] == OTHER.text
    assert disagreements(sentences, [TRIAL, BESIDE]) == ()
    (wrong,) = checked([Sentence("Vitamin D reduced the risk of strokes.", (3,))], [BESIDE])
    assert disagreements([wrong], [BESIDE, OTHER]) == ()


@pytest.mark.parametrize(
    ("passage", "sentence", "marked"),
    [
        (
            "Pa\u00adtients re­ceived 5·5 mg of metfor-\nmin. The ﬁrst dose was given — at home — on day 1. Nothing else.",
            "The trial says “The first dose was given - at  home” of it.",
            "The ﬁrst dose was given — at home",
        ),
        (
            "本品适用于成人。 布洛芬24小时内\n最多服用１２００毫克。 忌酒。",
            "说明书称“最多服用1200毫克”。",
            "最多服用１２００毫克。",
        ),
    ],
)
def test_words_in_quotation_marks_are_found_to_the_letter(passage: str, sentence: str, marked: str) -> None:
    """What the answer quotes is marked itself, not the sentence around it, however the passage is typeset."""
    (result,) = checked([Sentence(sentence, (1,))], [source(n=1, title="", text=passage)])
    assert result.decisive is not None
    assert result.decisive.support.span is not None
    assert passage[slice(*result.decisive.support.span)] == marked
