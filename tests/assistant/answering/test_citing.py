"""Every way in which models cite, from the model's socket to the answer: which sentence rests on which source."""

from __future__ import annotations

import json

import pytest

from assistant.answering.answer import Answer
from assistant.answering.engine import Engine
from tests.assistant.answering.examples import answered
from tests.conftest import SettingsFactory
from tests.support.openai_server import OpenAIServer

ENGLISH = "Is metformin the first-line drug for type 2 diabetes, and does it lower HbA1c?"
CHINESE = "布洛芬24小时内最多服用多少毫克？"
FIRST, SECOND = "Metformin is the first-line drug for type 2 diabetes", "It lowers HbA1c by 1.1 %"
DOSE, OTHERS = "布洛芬24小时内最多服用1200毫克", "不要与其他止痛药同时服用"
BOTH = [(1,), (1,)]
STYLES = {
    "before the stop": "{a} [1]. {b} [1].",
    "behind the stop": "{a}. [1] {b}. [1]",
    "on a line of its own": "{a}.\n[1]\n\n{b}.\n\n[1]",
    "in front": "[1] {a}. [1] {b}.",
    "unknown beside known": "{a} [1, 99]. {b} [1][42].",
    "full-width": "{a}［1］. {b}【1】.",
    "with a dagger": "{a}【1†source】. {b}【1†L1-L3】.",
    "labelled": "{a} [Source 1]. {b} (Passage 1).",
    "by document id": "{a} [{id}]. {b} [{id}].",
    "by title": "{a} ({title}). {b} [{title}].",
    "in parentheses": "{a} (1). {b} (1).",
    "superscript": "{a}.¹ {b}.¹",
    "raised by a tag": "{a}.<sup>1</sup> {b}.<sup>1</sup>",
    "footnotes": "{a}[^1]. {b}[^2].\n\n[^1]: Passage 1\n[^2]: {title}.",
    "a list at the end": "{a}. {b}.\n\nSources:\n- [1] {title}",
    "a table": "| Fact | Source |\n|---|---|\n| {a} | [1] |\n| {b} | [1] |",
    "a nested list": "1) {a} [1]\n   * {b} [1]",
    "a list with one marker": "This is known [1]:\n\n- {a}\n- {b}",
    "a quote and a heading": "> {a} [1].\n\n### {b} [1]",
    "beside code": "{a} [1].\n\n```\narr[1]\n```\n\n{b} [1].",
    "in quotation marks": "“{a}” [1]. “{b}” [1].",
}


async def asked(engine: Engine, server: OpenAIServer, question: str, reply: str) -> Answer:
    """The answer to a scripted reply, in pieces that cut markers in two."""
    server.reply = [reply[n : n + 7] for n in range(0, len(reply), 7)]
    return answered([event async for event in engine.ask(question)]).answer


@pytest.mark.parametrize(
    ("question", "a", "b", "title", "name"),
    [
        (ENGLISH, FIRST, SECOND, "Metformin in type 2 diabetes", "metformin"),
        (CHINESE, DOSE, OTHERS, "布洛芬的用量", "ibuprofen-zh"),
    ],
)
async def test_every_style_ends_in_the_same_checked_sentences(
    question: str, a: str, b: str, title: str, name: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """Whatever the model's habit: both facts cite the source, are borne out, and show where, in passage and document."""
    engine = await Engine.open(filled({"generation.url": openai_server.url}))
    try:
        for style, template in STYLES.items():
            reply = template.format(a=a, b=b, title=title, id=name)
            if question == CHINESE:
                reply = reply.replace(". ", "。").replace(".\n", "。\n").replace(".¹", "。¹")
            answer = await asked(engine, openai_server, question, reply)
            found = [s for s in answer.sentences if a in s.text or b in s.text]
            assert [s.citations for s in found] == BOTH, (style, answer)
            assert [s.verdict for s in found] == ["supported"] * 2, (style, found)
            source = answer.sources[0]
            for sentence, words in zip(found, (a, b), strict=True):
                (check,) = sentence.to_json({1: 100})["checks"]
                start, end = check["span"]
                assert source.text[start:end].strip(".。") == words, style
                assert check["document_span"] == [100 + start, 100 + end]
            assert "99" not in answer.text
            assert Answer.from_json(json.loads(json.dumps(answer.to_json()))).to_json() == answer.to_json()
    finally:
        await engine.close()


@pytest.mark.parametrize(
    "reply",
    [
        "{a}. {b}.",
        "There are two facts: (1) {a}, (2) {b}.",
        "{a}. {b}.\n\nSources: [1], [2]",
        "See `cite[1]`: {a}. [1](https://example.org) {b}.",
        "{a} [Smith 2019]. {b} [ref].",
        "{a} [99]. {b} [2019].",
    ],
)
async def test_what_could_be_anything_cites_nothing_and_is_not_shown(
    reply: str, filled: SettingsFactory, openai_server: OpenAIServer
) -> None:
    """A source is never guessed: the reader gets the nearest passages instead of claims without evidence."""
    engine = await Engine.open(filled({"generation.url": openai_server.url}))
    try:
        answer = await asked(engine, openai_server, ENGLISH, reply.format(a=FIRST, b=SECOND))
    finally:
        await engine.close()
    assert (answer.status, answer.sentences) == ("abstained", ())
    assert "The model's reply cited no source and was withheld." in answer.warnings
