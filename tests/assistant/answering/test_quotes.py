"""The answer as verbatim quotes: what is quoted stands in the source word for word, or nothing is quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.answering import quotes
from assistant.answering.answer import Answer, Source, Token
from assistant.answering.confidence import Asked
from assistant.answering.engine import Engine
from assistant.commands.output import unescaped
from configs.settings import LexicalSettings, Settings
from ingest.lexical import LexicalEncoder
from tests.assistant.answering.examples import answered, events, fill, source
from tests.conftest import CorpusWriter, SettingsFactory

LEXICAL = LexicalEncoder(LexicalSettings())


def chosen(question: str, *sources: Source) -> list[tuple[str, tuple[int, ...]]]:
    """The quotes chosen for a question whose words all weigh the same."""
    weights = quotes.meaningful(dict.fromkeys(LEXICAL.terms(question), 1.0), LEXICAL)
    asked = Asked.of(question, weights, LEXICAL)
    return [(sentence.text, sentence.citations) for sentence in quotes.choose(asked, sources, LEXICAL)]


def check(answer: Answer) -> None:
    """Every quote is a slice of the one source it cites, and none is a question."""
    texts = {source.n: source.text for source in answer.sources}
    assert 1 <= len(answer.sentences) <= 4
    for sentence in answer.sentences:
        (n,) = sentence.citations
        assert sentence.text in texts[n]
        assert not sentence.text.rstrip("\"'”’)]").endswith(("?", "？"))
        assert f"[{n}]" in answer.text


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("What is the first-line drug for type 2 diabetes?", "Metformin is the first-line drug for type 2 diabetes."),
        ("What is the usual dose of aspirin after a stroke?", "The usual dose is 75 mg a day."),
        ("布洛芬24小时内最多服用多少毫克？", "布洛芬24小时内最多服用1200毫克。"),
    ],
)
async def test_the_sentence_that_answers_is_quoted_with_its_source(
    question: str, quoted: str, filled: SettingsFactory
) -> None:
    """With no model at all, a plain question gets the sentence that answers it, in English or Chinese."""
    seen = await events(filled(), question)
    answer = answered(seen).answer
    check(answer)
    assert quoted in [sentence.text for sentence in answer.sentences]
    assert answer.sentences[0].citations == (1,)
    assert (answer.status, answer.mode, answer.model) == ("answered", "quotes", None)
    assert [event.text for event in seen if isinstance(event, Token)] == [answer.text]


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How do I bake sourdough bread?",
        "Who won the football world cup in 2018?",
        "如何学习弹钢琴？",
        "What is the best treatment?",
        "zyzzyva?",
    ],
)
async def test_a_question_off_the_corpus_is_not_answered(question: str, filled: SettingsFactory) -> None:
    """Rather nothing than a sentence that only shares a filler word; the near passages are still shown."""
    answer = answered(await events(filled(), question)).answer
    assert answer.status == "abstained"
    assert answer.sentences == ()
    assert answer.text.startswith("语料库" if "学" in question else "The corpus (index default) does not answer this.")


async def test_real_questions_get_verbatim_quotes_and_foreign_ones_none(pubmedqa: Settings, shared_data: Path) -> None:
    """Over 1,000 real abstracts: each quote is in its source, and what the corpus cannot know is not answered."""
    with (shared_data / "pubmedqa" / "queries_train.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line)["text"] for _, line in zip(range(60), lines, strict=False)]
    engine = await Engine.open(pubmedqa)
    try:
        answers = [answered([event async for event in engine.ask(question)]).answer for question in questions]
        foreign = [
            answered([event async for event in engine.ask(question)]).answer.status
            for question in ("Who painted the Mona Lisa?", "How do I change a bicycle tyre?", "如何学习弹钢琴？")
        ]
    finally:
        await engine.close()
    quoting = [answer for answer in answers if answer.status == "answered"]
    assert len(quoting) >= 45
    for answer in quoting:
        check(answer)
    assert foreign == ["abstained"] * 3


@pytest.mark.parametrize(
    "asked",
    [
        "Is metformin safe in kidney disease?",
        "“Is metformin safe in kidney disease?”",
        "(Is metformin safe in kidney disease?)",
        "Is metformin safe in kidney disease?!",
        "Is metformin safe in kidney disease? [12]",
        "二甲双胍 metformin safe in kidney disease 安全吗？",
    ],
)
def test_a_question_in_a_document_is_no_answer(asked: str) -> None:
    """A title or heading that asks the same is never given back as if it answered."""
    answer = "Metformin is safe in mild kidney disease."
    text = f"{asked} {answer}"
    assert chosen("Is metformin safe in kidney disease?", source(1, text, title="")) == [(answer, (1,))]
    assert chosen("Is metformin safe in kidney disease?", source(1, asked, title=asked)) == []


def test_a_heading_of_a_paper_is_no_answer() -> None:
    """It has the question's words, and says nothing; the sentence under it does."""
    text = "## Sampling of the patients with malaria\n\nPatients with malaria were drawn by lot from a list."
    (quote,) = chosen("How were patients with malaria drawn for sampling?", source(1, text))
    assert quote == ("Patients with malaria were drawn by lot from a list.", (1,))


def test_quotes_come_in_the_order_of_the_sources_and_no_sentence_twice() -> None:
    """The same sentence in two documents is quoted once, from the better one."""
    same = "Metformin lowers the glucose of the blood."
    picked = chosen(
        "metformin glucose weight dose",
        source(1, f"{same} The metformin dose is 500 mg."),
        source(2, f"{same} Metformin lowers the weight as well.", score=0.9),
    )
    assert [n for _, (n,) in picked] == sorted(n for _, (n,) in picked)
    assert [text for text, _ in picked].count(same) <= 1


def test_a_fragment_and_a_wall_of_text_are_not_quoted() -> None:
    """“See Table 2.” is no answer, and neither is a page without a full stop."""
    wall = "metformin glucose " * 60
    assert chosen("metformin glucose", source(1, f"Metformin glucose.\n\n{wall}", title="")) == []


async def test_markup_in_a_document_stays_text(settings: SettingsFactory, corpus: CorpusWriter) -> None:
    """A document cannot put bold, links, images, HTML or forged citations into the answer."""
    text = "Metformin **cures** [all](http://evil) ![x](y) <b>ills</b> [2] `now` ~~or~~ &lt; a_b_c # | 100 %."
    configured = settings()
    await fill(configured, corpus([{"id": "evil", "title": "Metformin", "abstract": text}]))
    answer = answered(await events(configured, "What does metformin cure?")).answer
    assert answer.sentences[0].text == text
    assert answer.sentences[0].citations == (1,)
    (inline,) = [token for token in MarkdownIt().parse(answer.text) if token.type == "inline"]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or []) == f"“{text}” [1]"
    assert unescaped(answer.text) == f"“{text}” [1]"


@given(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
    | st.lists(st.sampled_from([*"\\`*_{}[]<>#|~!&;()", "a", "1.", "http://a.b", "&amp;", "<b>", "\\["])).map("".join)
)
def test_escaping_keeps_every_character(text: str) -> None:
    """What the reader sees of a quote is the quote, rendered as Markdown or printed as plain text."""
    (inline,) = [token for token in MarkdownIt().parse(f"“{quotes.escape(text)}”") if token.type == "inline"]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or []) == f"“{text}”"
    assert unescaped(quotes.escape(text)) == text
