"""A question before it is searched for: refused when it is none, made to stand alone when it follows others."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.answering.answer import Answered, Failed, Retrieved, Turn
from assistant.answering.question import MAX_CHARACTERS, checked
from configs.errors import InputError
from tests.assistant.answering.examples import answered, contents, events
from tests.conftest import SettingsFactory
from tests.support import faults
from tests.support.openai_server import OpenAIServer

HISTORY = (Turn("What is the first-line drug for type 2 diabetes?", "Metformin is the first-line drug [1]."),)


@pytest.mark.parametrize("question", ["", "   \n\t ", "\u3000"])
def test_an_empty_question_is_refused_with_an_example(question: str) -> None:
    """Nothing is searched for nothing; the message shows how to ask."""
    with pytest.raises(InputError, match="empty") as refusal:
        checked(question)
    assert "citewell ask" in refusal.value.fix


def test_an_over_long_question_is_refused_with_both_lengths() -> None:
    """A pasted book is no question: the limit and its length are told."""
    assert checked("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
    with pytest.raises(InputError, match="20,001 characters; 20,000"):
        checked("x" * (MAX_CHARACTERS + 1))


@pytest.mark.parametrize("question", ["", "x" * (MAX_CHARACTERS + 1)])
async def test_a_bad_question_fails_as_an_event(question: str, filled: SettingsFactory) -> None:
    """The chat stays up: a bad question comes as `Failed`, not as an exception."""
    configured = filled()
    (event,) = await events(configured, question)
    assert isinstance(event, Failed)
    assert isinstance(event.error, InputError)


async def test_half_a_surrogate_pair_and_control_characters_do_no_harm(filled: SettingsFactory) -> None:
    """A broken paste is searched for what is whole in it."""
    configured = filled()
    answer = answered(await events(configured, " \ud83d metformin\x00 first-line drug type 2 diabetes\udc00")).answer
    assert answer.status == "answered"
    assert answer.question.encode("utf-8")


async def test_a_first_question_costs_one_call(filled: SettingsFactory, openai_server: OpenAIServer) -> None:
    """Condensing is for follow-ups; a first question is not rewritten and not waited for."""
    configured = filled({"generation.url": openai_server.url})
    answer = answered(await events(configured, "What is metformin?")).answer
    assert len(openai_server.requests) == 1
    assert answer.standalone == ""


async def test_a_follow_up_is_condensed_searched_and_told(filled: SettingsFactory, openai_server: OpenAIServer) -> None:
    """“And when must it be stopped?” finds metformin's passages, and the reader sees what was searched for."""

    def reply(body: dict[str, Any]) -> list[str]:
        if "Rewrite the last question" in contents(body):
            return ["<think>it is metformin</think>", "When must\nmetformin", " be stopped?"]
        return ["Below 30 ml/min [1]."]

    openai_server.reply = reply
    configured = filled({"generation.url": openai_server.url})
    seen = await events(configured, "And when must it be stopped?", history=HISTORY)
    condense, generate = openai_server.requests
    assert HISTORY[0].question in contents(condense.body)
    assert HISTORY[0].answer in contents(condense.body)
    assert "And when must it be stopped?" in contents(condense.body)
    assert isinstance(seen[0], Retrieved)
    assert seen[0].question == "When must metformin be stopped?"
    assert seen[0].sources[0].doc_id == "metformin"
    assert contents(generate.body).endswith("Question: When must metformin be stopped?")
    answer = answered(seen).answer
    assert (answer.question, answer.standalone) == ("And when must it be stopped?", "When must metformin be stopped?")


@pytest.mark.parametrize("rewritten", ["", "   ", "<think>endless", "So, " * 500])
async def test_a_rewriting_that_is_none_is_not_used(
    rewritten: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """A model that rambles or says nothing leaves the question as the reader asked it."""
    openai_server.reply = lambda body: [rewritten] if "Rewrite" in contents(body) else ["It is aspirin [1]."]
    configured = filled({"generation.url": openai_server.url})
    answer = answered(await events(configured, "What about aspirin?", history=HISTORY)).answer
    assert answer.standalone == ""
    assert answer.sources[0].doc_id == "aspirin"


async def test_with_the_model_down_for_the_rewriting_the_question_is_searched_as_it_stands(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """One failed call costs the rewriting, not the answer; a warning says so."""
    openai_server.faults.extend([faults.BUSY, None])
    configured = filled({"generation.url": openai_server.url})
    seen = await events(configured, "What about aspirin?", history=HISTORY)
    answer = answered(seen).answer
    assert isinstance(seen[0], Retrieved)
    assert any("as it stands" in warning and "overloaded" in warning for warning in seen[0].warnings)
    assert answer.warnings[: len(seen[0].warnings)] == seen[0].warnings
    assert answer.status == "answered"


async def test_without_a_model_history_changes_nothing(filled: SettingsFactory) -> None:
    """Quotes need no server, so a follow-up is searched as it stands and nothing is called."""
    configured = filled()
    seen = await events(configured, "usual dose of aspirin after a stroke", history=HISTORY)
    assert isinstance(seen[-1], Answered)
    assert seen[-1].answer.standalone == ""
    assert not seen[-1].answer.warnings
