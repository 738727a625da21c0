"""From a question to an answer as events: their order, the abstentions, and what a failure leaves behind."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from assistant.answering.answer import Answer, Answered, Failed, Retrieved, Token
from assistant.answering.engine import Engine
from configs.errors import IndexInUse, IndexMissing, ServerBusy, ServerError, ServerGarbled, ServerUnreachable
from prompts import library
from tests.assistant.answering.examples import RECORDS, answered, contents, events, fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import faults
from tests.support.openai_server import OpenAIServer

QUESTION = "What is the first-line drug for type 2 diabetes?"


async def test_retrieved_then_tokens_then_answered(filled: SettingsFactory, openai_server: OpenAIServer) -> None:
    """Sources are on screen before the first token, and the resolved answer replaces what streamed."""
    openai_server.reply = ["Metformin ", "is first ", "[1][99]", ". It lowers ", "HbA1c [1]."]
    seen = await events(filled({"generation.url": openai_server.url, "generation.model": "m"}), QUESTION)
    assert [type(event) for event in seen] == [Retrieved, *[Token] * 5, Answered]
    retrieved, answer = seen[0], answered(seen).answer
    assert isinstance(retrieved, Retrieved)
    assert retrieved.sources == answer.sources
    assert "".join(event.text for event in seen if isinstance(event, Token)) == "".join(openai_server.reply)
    assert answer.text == "Metformin is first [1]. It lowers HbA1c [1]."
    assert [(s.text, s.citations, s.unknown) for s in answer.sentences] == [
        ("Metformin is first.", (1,), (99,)),
        ("It lowers HbA1c.", (1,), ()),
    ]
    assert (answer.status, answer.mode, answer.model) == ("answered", "generated", "m")
    assert [source.doc_id for source in answer.cited] == ["metformin"]
    assert any("[99]" in warning and "no source" in warning for warning in answer.warnings)


async def test_what_a_transcript_needs_comes_with_the_answer(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Index, prompt and passages are named by hash, sources are whole, and JSON gives back the same answer."""
    answer = answered(await events(filled({"generation.url": openai_server.url}), QUESTION)).answer
    assert answer.prompt_hash == library.load("answer").hash
    assert answer.index == "default"
    assert len(answer.index_id) == 32
    assert answer.seconds > 0
    assert answer.sources[0].text == RECORDS[0]["abstract"]
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))).to_json() == answer.to_json()


@pytest.mark.parametrize(
    "reply",
    ["NOT IN CORPUS", "**Not in corpus**", "NOT IN CORPUS [1][2].", "NOT IN CORPUS. However, [1] speaks of metformin."],
)
async def test_a_model_that_finds_no_answer_gives_an_abstention(
    reply: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """The reader is told that the corpus does not answer, with the nearest passages and no warning."""
    openai_server.reply = list(reply)
    answer = answered(await events(filled({"generation.url": openai_server.url}), QUESTION)).answer
    assert (answer.status, answer.sentences, answer.warnings) == ("abstained", (), ())
    assert answer.text.startswith(
        "The corpus (index default) does not answer this. Searched: 4 passages of 4 documents. The nearest passages"
    )
    assert answer.sources[0].doc_id == "metformin"
    assert answer.cited == ()


@pytest.mark.parametrize(
    ("reply", "warning"),
    [
        ("Metformin, as everybody knows.", "The model's reply cited no source and was withheld."),
        ("Metformin [99].", "The model's reply cited no source and was withheld."),
        ("[1]", "The model's reply cited no source and was withheld."),
        ("", "The model replied nothing."),
    ],
)
async def test_an_answer_without_evidence_is_withheld_and_the_reader_is_told(
    reply: str, warning: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """No marker, no claim: what the model says on its own authority is not shown."""
    openai_server.reply = [reply]
    answer = answered(await events(filled({"generation.url": openai_server.url}), QUESTION)).answer
    assert (answer.status, answer.sentences) == ("abstained", ())
    assert answer.text.startswith("The model gave no answer that rests on the corpus; the nearest passages")
    assert warning in answer.warnings


async def test_a_model_cut_while_thinking_is_not_taken_for_a_corpus_without_an_answer(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Nothing is said of the corpus, in the reader's language, and the setting to raise is named."""
    openai_server.reply = ["<think>", "Perhaps ", "metformin?", "</think>", "Metformin [1]."]
    configured = filled({"generation.url": openai_server.url, "generation.max_tokens": 3})
    answer = answered(await events(configured, "布洛芬24小时内最多服用多少毫克？")).answer
    assert answer.status == "abstained"
    assert answer.text == "模型没有给出有语料库依据的回答；最接近的段落列出如下，供自行判断。"
    assert answer.sources[0].doc_id == "ibuprofen-zh"
    assert "The model was cut at generation.max_tokens (3) before it had answered; raise it." in answer.warnings


async def test_thoughts_whose_opening_tag_stood_in_the_prompt_are_no_answer(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """What a reasoning model considered and dropped is not a cited sentence."""
    openai_server.reply = ["Perhaps insulin [2].\n", "</think>\n\n", "Metformin is first [1]."]
    answer = answered(await events(filled({"generation.url": openai_server.url}), QUESTION)).answer
    assert answer.text == "Metformin is first [1]."
    assert [sentence.citations for sentence in answer.sentences] == [(1,)]


async def test_an_answer_cut_at_max_tokens_says_so(filled: SettingsFactory, openai_server: OpenAIServer) -> None:
    """Half an answer is marked as such, with the setting that cut it."""
    openai_server.reply = ["Metformin is first [1]. ", "It lowers ", "HbA1c [1]."]
    configured = filled({"generation.url": openai_server.url, "generation.max_tokens": 2})
    answer = answered(await events(configured, QUESTION)).answer
    assert answer.status == "answered"
    assert "The answer was cut at generation.max_tokens (2)." in answer.warnings


async def test_where_nothing_is_near_the_model_is_not_asked(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """No passage, no answer: a model without evidence would only talk from memory."""
    answer = answered(await events(filled({"generation.url": openai_server.url}), "zyzzyva qwerty")).answer
    assert openai_server.requests == []
    assert (answer.status, answer.sources) == ("abstained", ())
    assert answer.text.endswith("No passage came near it.")


async def test_a_chinese_question_gets_a_chinese_abstention(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """The reader's language, not the program's."""
    openai_server.reply = ["NOT IN CORPUS"]
    answer = answered(await events(filled({"generation.url": openai_server.url}), "布洛芬的发明者是谁？")).answer
    assert (
        answer.text
        == "语料库（索引 default）没有回答这个问题。已检索 4 篇文献的 4 个段落。最接近的段落列出如下，供自行判断。"
    )


@pytest.mark.parametrize(
    ("fault", "kind", "partial"),
    [
        (faults.Hang(), ServerUnreachable, ""),
        (faults.StreamSilence(after=2), ServerUnreachable, "Metformin is "),
        (faults.StreamCut(after=2), ServerUnreachable, "Metformin is "),
        (faults.BUSY, ServerBusy, ""),
        (faults.StreamError(after=1), ServerBusy, "Metformin "),
        (faults.CRASHED, ServerError, ""),
        (faults.Garbage(), ServerGarbled, ""),
    ],
)
async def test_every_failure_comes_as_an_event_with_what_had_streamed_and_the_engine_lives_on(
    fault: faults.Fault, kind: type[ServerError], partial: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Nothing is raised into the chat; the next question, the server mended, is answered by the same engine."""
    openai_server.reply = ["Metformin ", "is ", "first [1]."]
    engine = await Engine.open(filled({"generation.url": openai_server.url, "generation.timeout": 0.4}))
    try:
        openai_server.fault = fault
        seen = [event async for event in engine.ask(QUESTION)]
        assert isinstance(seen[0], Retrieved)
        last = seen[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, kind)
        assert last.partial == partial
        openai_server.heal()
        again = [event async for event in engine.ask(QUESTION)]
        assert answered(again).answer.text == "Metformin is first [1]."
    finally:
        await engine.close()


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_stopping_an_answer_hangs_up_and_the_engine_lives_on(
    how: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Esc in the chat frees the server at once and does not spoil the next question."""
    openai_server.fault = faults.StreamSilence(after=1)
    engine = await Engine.open(filled({"generation.url": openai_server.url}))
    started = asyncio.Event()

    async def read() -> None:
        async with aclosing(engine.ask(QUESTION)) as asked:
            async for event in asked:
                if isinstance(event, Token):
                    started.set()
                    if how == "close":
                        return

    try:
        reader = asyncio.create_task(read())
        await asyncio.wait_for(started.wait(), 10)
        if how == "cancel":
            reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        assert reader.cancelled() == (how == "cancel")
        assert await asyncio.to_thread(openai_server.requests[0].hung_up.wait, 10)
        openai_server.heal()
        assert answered([event async for event in engine.ask(QUESTION)]).answer.status == "answered"
    finally:
        await engine.close()


async def test_the_server_is_asked_only_when_there_is_a_question(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """The chat opens with every server down: opening the engine calls none."""
    openai_server.stop()
    engine = await Engine.open(filled({"generation.url": openai_server.url}))
    assert engine.model is not None
    assert engine.index_name == "default"
    await engine.close()


async def test_the_question_goes_to_the_model_with_rules_and_passages(
    filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """The model is told to cite, to abstain and to use nothing else."""
    await events(filled({"generation.url": openai_server.url}), QUESTION)
    sent = contents(openai_server.requests[0].body)
    assert "NOT IN CORPUS" in sent
    assert '<passage n="1" title="Metformin in type 2 diabetes" year="2021" journal="Example Medicine">' in sent
    assert RECORDS[0]["abstract"] in sent


async def test_an_index_that_is_missing_or_held_is_told_when_it_is_opened(
    settings: SettingsFactory, corpus: CorpusWriter
) -> None:
    """Not at the first question: the chat says what is wrong as it opens, and a held index stays usable."""
    with pytest.raises(IndexMissing):
        await Engine.open(settings())
    alone = settings({"index.shared": False})
    await fill(alone, corpus(RECORDS))
    engine = await Engine.open(alone)
    try:
        with pytest.raises(IndexInUse, match="in use by process"):
            await Engine.open(alone)
        assert answered([event async for event in engine.ask(QUESTION)]).answer.status == "answered"
    finally:
        await engine.close()
