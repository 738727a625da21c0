"""What becomes of sentences that nothing bears out, where the settings withhold them."""

from __future__ import annotations

import pytest

from assistant.answering.answer import Answer, Sentence
from assistant.answering.citations import resolve
from assistant.answering.findings import Check
from assistant.answering.support import Support
from assistant.answering.withholding import withheld
from configs.settings import AnsweringSettings
from tests.assistant.answering.examples import answered, events, source
from tests.conftest import SettingsFactory
from tests.support.openai_server import OpenAIServer

QUESTION = "What is the first-line drug for type 2 diabetes?"
WITHHOLD = AnsweringSettings(unsupported="withhold")


def judged(text: str) -> Answer:
    """An answer in which whatever cites [2] is contradicted."""
    found = resolve(text, {1, 2})
    sentences = tuple(
        Sentence(
            s.text,
            s.citations,
            checks=tuple(Check(n, Support("contradicted" if n == 2 else "supported", 1.0)) for n in s.citations),
            place=s.place,
        )
        for s in found.sentences
    )
    return Answer("Q?", found.text, sentences, (source(1), source(2)), "generated")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("One [1]. Two [2]. Three [1].", "One [1]. Three [1]."),
        ("Two [2]. One [1].", "One [1]."),
        ("One [1].\n\nTwo [2].\n\nThree [1].", "One [1].\n\n\nThree [1]."),
        ("- one [1]\n- two [2]\n  - three [1]", "- one [1]\n  - three [1]"),
        ("| A |\n|---|\n| one [1] |\n| two [2] |\n| three [1] |", "| A |\n|---|\n| one [1] |\n| three [1] |"),
        ("> One [1].\n> Two\n> goes on [2].", "> One [1]."),
        ("一[1]。二[2]。三[1]。", "一[1]。三[1]。"),
        ("One [1].\n\nTwo.\n\n[2]\n\nThree [1].", "One [1].\n\n\nThree [1]."),
        ("1. two [2]\n2. one [1]", "2. one [1]"),
    ],
)
def test_the_text_loses_the_sentence_and_nothing_else(text: str, left: str) -> None:
    """Bullets, rows and markers of what is withheld go with it, and what stays is where its place says."""
    answer = withheld(judged(text), WITHHOLD)
    assert answer.text == left
    assert [sentence.citations for sentence in answer.withheld] == [(2,)]
    assert "1 sentence was withheld: 1 contradicted." in answer.warnings
    for sentence in answer.sentences:
        assert sentence.place is not None
        assert sentence.text.split()[0].strip(".。") in answer.text[slice(*sentence.place)]


def test_uncited_sentences_go_only_where_that_is_asked_for() -> None:
    """Strictness has two keys: what is wrong, and what has no source."""
    answer = judged("One [1]. Nothing. Two [2].")
    assert withheld(answer, AnsweringSettings()) is answer
    assert withheld(answer, AnsweringSettings(uncited="withhold")).text == "One [1]. Two [2]."
    both = withheld(answer, AnsweringSettings(uncited="withhold", unsupported="withhold"))
    assert both.text == "One [1]."
    assert "2 sentences were withheld: 1 uncited, 1 contradicted." in both.warnings


async def test_what_is_withheld_is_in_the_json_and_nowhere_else(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """The reader sees what holds and how much was taken out, a program what it was and why."""
    openai_server.reply = ["It lowers HbA1c by 1.1 % [1]. It lowers HbA1c by 11 % [1]."]
    flags = {"generation.url": openai_server.url, "answering.unsupported": "withhold"}
    answer = answered(await events(filled(flags), QUESTION)).answer
    assert answer.text == "It lowers HbA1c by 1.1 % [1]."
    assert answer.tally == {"supported": 1}
    (gone,) = answer.to_json()["withheld"]
    assert (gone["text"], gone["support"]) == ("It lowers HbA1c by 11 %.", "contradicted")
    assert gone["checks"][0]["reasons"][0]["kind"] == "number"


async def test_where_nothing_is_left_the_corpus_has_no_answer(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """An empty page is no answer: the reader gets the nearest passages instead."""
    openai_server.reply = ["It lowers HbA1c by 11 % [1]."]
    flags = {"generation.url": openai_server.url, "answering.unsupported": "withhold"}
    answer = answered(await events(filled(flags), QUESTION)).answer
    assert (answer.status, answer.sentences, len(answer.withheld)) == ("abstained", (), 1)
    assert answer.text.startswith("The model gave no answer that rests on the corpus")


async def test_quotes_are_never_withheld(filled: SettingsFactory) -> None:
    """They are the corpus's own words."""
    flags = {"answering.unsupported": "withhold", "answering.uncited": "withhold"}
    answer = answered(await events(filled(flags), QUESTION)).answer
    assert (answer.status, answer.withheld) == ("answered", ())
