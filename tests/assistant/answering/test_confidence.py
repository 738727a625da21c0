"""When to abstain: a probability that rises with what the passages hold of the question, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answering import calibration, quotes
from assistant.answering.answer import Source
from assistant.answering.confidence import Asked, Measures, estimate
from assistant.answering.engine import Engine
from configs.settings import LexicalSettings, Settings
from ingest.lexical import LexicalEncoder
from tests.assistant.answering.examples import RECORDS, answered, events, fill, source
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support.openai_server import OpenAIServer

LEXICAL = LexicalEncoder(LexicalSettings())
QUESTION = "Does metformin lower the risk of stroke in diabetes?"
ANSWERING = "Metformin lowers the risk of stroke in patients with diabetes."
BESIDE = ["Warfarin prevents stroke.", "Diabetes is common.", "The risk of falls is known.", "Insulin lowers glucose."]


def probability(question: str, *sources: Source) -> float:
    """The estimate for a question whose words all weigh the same."""
    weights = quotes.meaningful(dict.fromkeys(LEXICAL.terms(question), 1.0), LEXICAL)
    return estimate(Asked.of(question, weights, LEXICAL), sources, LEXICAL)


def beside(*texts: str) -> list[Source]:
    """Sources without titles."""
    return [source(n, text, title="") for n, text in enumerate(texts, start=1)]


def test_the_passage_that_answers_makes_the_difference() -> None:
    """With it the question is answerable; with it taken out what lies near is not enough."""
    assert probability(QUESTION, *beside(ANSWERING, *BESIDE)) > 0.8
    assert probability(QUESTION, *beside(*BESIDE)) < 0.3
    assert probability("二甲双胍能降低中风的风险吗？", *beside("二甲双胍降低中风的风险。")) > 0.5
    assert probability(QUESTION) == 0.0


def test_the_numbers_fit_the_measures() -> None:
    """Calibrated for exactly what is measured, in that order."""
    assert list(calibration.WEIGHTS) == [field.name for field in fields(Measures)]


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60),
    st.lists(st.tuples(st.text(max_size=15), st.text(min_size=1, max_size=120)), max_size=8),
)
def test_whatever_is_asked_of_whatever_text_quotes_are_slices_and_the_estimate_a_probability(
    question: str, texts: list[tuple[str, str]]
) -> None:
    """No text, however odd, breaks the estimate or makes a quote that its source does not hold."""
    sources = [source(n, text, title=title) for n, (title, text) in enumerate(texts, start=1)]
    assert 0.0 <= probability(question, *sources) <= 1.0
    asked = Asked.of(question, dict.fromkeys(LEXICAL.terms(question), 1.0), LEXICAL)
    for sentence in quotes.choose(asked, sources, LEXICAL):
        (n,) = sentence.citations
        assert sentence.text in sources[n - 1].text


async def test_the_threshold_is_the_readers(settings: SettingsFactory, corpus: CorpusWriter) -> None:
    """At 1 nothing is quoted, at 0 whatever says a little of it; the estimate itself stays."""
    await fill(settings(), corpus(RECORDS))
    question = "What is the first-line drug for type 2 diabetes?"
    seen = {
        bound: answered(await events(settings({"answering.abstain_below": bound}), question)).answer
        for bound in (0.0, 0.5, 1.0)
    }
    assert {bound: answer.status for bound, answer in seen.items()} == {
        0.0: "answered",
        0.5: "answered",
        1.0: "abstained",
    }
    assert len({answer.confidence for answer in seen.values()}) == 1
    loose = answered(await events(settings({"answering.abstain_below": 0.0}), "Is aspirin made in Leverkusen?")).answer
    assert loose.status == "answered"


async def test_an_abstention_names_what_was_searched(settings: SettingsFactory, corpus: CorpusWriter) -> None:
    """The index, how much it holds, the filter, and the question as it was searched."""
    await fill(settings(), corpus(RECORDS))
    told = answered(await events(settings({"retrieval.filter": "year>=2020"}), "Who painted the Mona Lisa?")).answer
    assert told.text == (
        "The corpus (index default) does not answer this. "
        "Searched: 1 passage of 1 document that pass the filter year>=2020. "
        "No passage came near it."
    )


async def test_a_model_answers_on_thin_evidence_with_a_warning(
    settings: SettingsFactory, corpus: CorpusWriter, openai_server: OpenAIServer
) -> None:
    """It has read the passages and may refuse by itself; the reader is told that they hold hardly anything."""
    await fill(settings(), corpus(RECORDS))
    configured = settings({"generation.url": openai_server.url})
    openai_server.reply = ["Aspirin is made there [1]."]
    thin = answered(await events(configured, "Which company in Leverkusen first sold aspirin tablets?")).answer
    assert thin.status == "answered"
    assert any(warning.startswith("Little in the corpus speaks to this question") for warning in thin.warnings)
    openai_server.reply = ["The usual dose is 75 mg a day [1]."]
    firm = answered(await events(configured, "What is the usual dose of aspirin after a stroke?")).answer
    assert firm.warnings == ()


@pytest.mark.parametrize("name", ["pubmedqa"])
async def test_every_quote_from_real_abstracts_is_verbatim(name: str, pubmedqa: Settings, shared_data: Path) -> None:
    """Loosened to quote on any evidence at all, what is quoted still stands in its passage, word for word."""
    with (shared_data / name / "queries_train.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line)["text"] for _, line in zip(range(40), lines, strict=False)]
    loose = pubmedqa.model_copy(update={"answering": pubmedqa.answering.model_copy(update={"abstain_below": 0.0})})
    engine = await Engine.open(loose)
    try:
        answers = [answered([event async for event in engine.ask(question)]).answer for question in questions]
    finally:
        await engine.close()
    quoted = [(answer, sentence) for answer in answers for sentence in answer.sentences]
    assert len(quoted) >= 40
    for answer, sentence in quoted:
        texts = {one.n: one.text for one in answer.sources}
        assert all(sentence.text in texts[n] for n in sentence.citations)
