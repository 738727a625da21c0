"""What was found out about an answer, on screen: its meter, signs in its text, and the words a citation opens on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.content import Content

from assistant.answering.answer import Answer, Answered, Checking, Retrieved, Sentence
from assistant.answering.findings import Check, Disagreement, Opinion, Verifier
from assistant.answering.support import Reason, Support, Verdict
from ingest.places import Place
from tests.assistant.tui.conftest import NARROW, WIDE
from tests.assistant.tui.scripted import answer, script, source

if TYPE_CHECKING:
    import asyncio

    from assistant.records.sessions import SessionStore
    from tests.assistant.tui.conftest import Chat, OpenChat

FAR = "What was done before is told here at length. " * 40
ONE = source(1, "A trial", text=f"{FAR}Pain fell by half. Nausea was rare.", type="rct", year=2019, journal="Lancet")
TWO = source(2, "Another", text="Pain did not fall.", retracted=True)
SAID: list[tuple[str, tuple[int, ...], Verdict, str]] = [
    ("Pain fell by half.", (1,), "supported", "Pain fell by half."),
    ("Nausea was frequent.", (1,), "contradicted", "Nausea was rare."),
    ("Sleep was better.", (2,), "unsupported", ""),
    ("It is cheap.", (), "unchecked", ""),
]


def checked(*, withheld: int = 0) -> Answer:
    """An answer with a sentence for each of some verdicts, each with its place."""
    text, sentences = "", []
    for said, cited, verdict, words in SAID:
        marked = said[:-1] + "".join(f" [{n}]" for n in cited) + "."
        passage = {1: ONE, 2: TWO}[cited[0]].text if cited else ""
        span = (passage.index(words), passage.index(words) + len(words)) if words else None
        reasons = () if verdict == "supported" else (Reason("direction", "the source says otherwise"),)
        checks = tuple(Check(n, Support(verdict, 0.5, reasons, span)) for n in cited)
        sentences.append(Sentence(said, cited, checks=checks, place=(len(text), len(text) + len(marked))))
        text += f"{marked} "
    whole = answer(text=text.strip(), sentences=sentences, sources=[ONE, TWO])
    other = Disagreement(0, 2, (0, len(TWO.text)))
    return replace(whole, disagreements=(other,), withheld=tuple(sentences[2:3]) * withheld)


def marked(c: Chat, style: str) -> list[str]:
    """The words of the passage on show that have this style."""
    content = c.screen.query_one("#passage-text").content  # type: ignore[attr-defined]
    return [content.plain[span.start : span.end] for span in content.spans if style in str(span.style)]


async def open_citation(c: Chat, number: int) -> None:
    """Open the `number`-th citation of the last answer by key."""
    c.turns[-1].markdown.focus()
    await c.pilot.press(*["right"] * number, "enter")
    await c.pilot.pause()
    await c.pilot.pause()


@pytest.mark.parametrize("size", [(40, 24), NARROW, WIDE])
async def test_the_meter_counts_every_verdict_with_a_sign(chat: OpenChat, size: tuple[int, int]) -> None:
    """A count and a sign that needs no colour for each verdict, what is withheld, and who judged; never cut in a part."""
    async with chat(script(checked(withheld=1)), size=size) as c:
        view = await c.ask()
        meter = view.query_one(".meter")
        lines = "\n".join(strip.text.rstrip() for strip in meter.render_lines(meter.outer_size.region))
        parts = [part for line in lines.splitlines() for part in line.strip().split("  ") if part]
        assert parts == [
            *("✓ 1 supported", "○ 1 unsupported", "✗ 1 contradicted", "? 1 unchecked"),
            *("1 withheld", "1 disagreement", "compared in process"),
        ]
        notes = str(view.notes.visual)
        assert notes.index("! [2] RETRACTED") < notes.index("✗ Contradicted") < notes.index("≠ [2] says otherwise")
        assert "○ Withheld, unsupported: “Sleep was better.”" in notes


async def test_quotes_have_no_meter(chat: OpenChat) -> None:
    """They are verbatim and say so above; a line of ticks under them would be noise."""
    quoted = answer(text="“It helps.” [1]", sentences=[Sentence("It helps.", (1,))], mode="quotes")
    async with chat(script(quoted), mode="quotes") as c:
        view = await c.ask()
        assert not view.query_one(".meter").display


async def test_a_doubtful_sentence_bears_its_sign_and_the_text_stays_as_it_is(chat: OpenChat) -> None:
    """The sign stands behind the sentence, in its colour; what is kept and exported has none."""
    async with chat(script(checked())) as c:
        view = await c.ask()
        content = view.markdown.places()[0].block.content
        assert isinstance(content, Content)
        assert content.plain == "Pain fell by half [1]. Nausea was frequent [1].✗ Sleep was better [2].○ It is cheap."
        inked = {content.plain[span.start : span.end].strip(): str(span.style) for span in content.spans}
        assert (inked["✗"], inked["○"]) == ("$error", "$warning")
        assert view.markdown.source == checked().text


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_citation_opens_on_the_words_its_sentence_rests_on(chat: OpenChat, size: tuple[int, int]) -> None:
    """These strongly, those of other sentences lightly, scrolled into sight, with verdict, reason and place in the document."""
    async with chat(script(checked()), size=size) as c:
        await c.ask()
        await open_citation(c, 1)
        assert marked(c, "$mark-strong") == ["Nausea was rare."]
        assert "Pain fell by half." in marked(c, "on $mark")
        assert c.shown("#finding") == "[1] ✗ Contradicted: the source says otherwise"
        start = ONE.text.index("Nausea")
        assert f"marked: characters {start}–{start + 16}" in c.shown("#passage-rest")
        passage = c.screen.query_one("#passage")
        await c.until(lambda: passage.scroll_y > 0)
        await c.pilot.pause()
        assert "Nausea&#160;was&#160;rare." in c.app.export_screenshot()
        await c.pilot.press("escape")
        await open_citation(c, 0)
        assert c.sources.chosen == 1


async def test_another_source_that_says_otherwise_is_marked_where_it_does(chat: OpenChat) -> None:
    """Its words are underlined in its passage; a retracted source says so beside what was found in it."""
    async with chat(script(checked()), size=WIDE) as c:
        await c.ask()
        await c.pilot.press("alt+2")
        assert marked(c, "underline") == [TWO.text]
        assert c.shown("#passage-head").splitlines()[1].startswith("RETRACTED")


async def test_a_supported_sentence_never_hides_that_its_source_was_retracted(chat: OpenChat) -> None:
    """“Supported” by a retracted source is no good news, and is not said in green."""
    support = Support("supported", 1.0, (), (0, 4))
    whole = answer(
        text="Pain did not fall [2].",
        sentences=[Sentence("Pain did not fall.", (2,), checks=(Check(2, support),), place=(0, 22))],
        sources=[ONE, TWO],
    )
    async with chat(script(whole), size=WIDE) as c:
        await c.ask()
        await open_citation(c, 0)
        assert c.shown("#finding") == "[2] ✓ Supported, but this source is marked: RETRACTED"


async def test_the_answer_is_there_while_a_second_model_reads_it(chat: OpenChat, store: SessionStore) -> None:
    """Checked in process it is shown at once; Esc then keeps it as it is, the model's opinion is not waited for."""
    import asyncio

    gate: asyncio.Event = asyncio.Event()
    first = checked()
    async with chat([Retrieved(first.question, first.sources), Checking(first), gate]) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].has_class("-has-meter"))
        await c.pilot.press("escape")
        await c.until(lambda: "without the second opinion" in c.status)
        assert not c.turns[-1].has_class("-stopped")
        await c.until(lambda: store.list())
        assert store.load(store.list()[0].id).answers[0].tally == first.tally


async def test_a_sentence_that_is_withheld_while_it_is_read_is_no_longer_pointed_to(chat: OpenChat) -> None:
    """What the reader opened meanwhile stays open; the mark of a sentence that is gone does not pass to another."""
    import asyncio

    gate: asyncio.Event = asyncio.Event()
    first = checked()
    last = answer(text="Pain fell by half [1].", sentences=first.sentences[:1], sources=first.sources)
    async with chat([Retrieved(first.question, first.sources), Checking(first), gate, Answered(last)], size=WIDE) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].has_class("-has-meter"))
        await open_citation(c, 2)
        gate.set()
        await c.until(lambda: not c.screen.busy)
        await c.pilot.pause()
        assert (c.sources.chosen, c.shown("#finding"), marked(c, "strong")) == (2, "", [])


async def test_the_models_quote_counts_where_its_verdict_does(chat: OpenChat) -> None:
    """The pane marks what the model quotes, and both pane and meter say who judged."""
    first = checked()
    opinion = Opinion("contradicted", 1, (0, 13))
    sentences = (replace(first.sentences[0], opinion=opinion), *first.sentences[1:])
    judged = replace(first, sentences=sentences, verifier=Verifier("a-judge", "hash"))
    async with chat([Retrieved(first.question, first.sources), Checking(first), Answered(judged)], size=WIDE) as c:
        view = await c.ask()
        assert "read by a-judge" in str(view.query_one(".meter").content)  # type: ignore[attr-defined]
        await open_citation(c, 0)
        assert marked(c, "$mark-strong") == [ONE.text[:13]]
        assert "says a-judge" in c.shown("#finding")


async def test_quotes_are_tied_to_their_words_by_their_order(chat: OpenChat) -> None:
    """Quotes, and answers of older sessions, do not say where their sentences stand: the order of citations does."""
    spans = [(len(FAR), len(FAR) + 18), (len(FAR) + 19, len(ONE.text))]
    sentences = [
        Sentence(ONE.text[slice(*span)], (1,), checks=(Check(1, Support("supported", 1.0, (), span)),))
        for span in spans
    ]
    text = "\n\n".join(f"“{one.text}” [1]" for one in sentences)
    whole = answer(text=text, sentences=sentences, sources=[ONE], mode="quotes")
    async with chat(script(whole), mode="quotes", size=WIDE) as c:
        await c.ask()
        await open_citation(c, 1)
        assert marked(c, "$mark-strong") == ["Nausea was rare."]
        assert c.shown("#finding") == "[1] ✓ Verbatim"


async def test_a_session_of_an_earlier_version_opens(chat: OpenChat, store: SessionStore) -> None:
    """Answers stored before there were verdicts, places, filters and the rest are shown, as unchecked."""
    session = store.create()
    store.append(session.id, answer())
    path = next(store.folder.glob("*.jsonl"))
    head, record = map(json.loads, path.read_text("utf-8").splitlines())
    old = record["answer"]
    for name in ("withheld", "disagreements", "verifier", "settings", "emergency", "filter", "confidence"):
        del old[name]
    for sentence in old["sentences"]:
        for name in ("checks", "opinion", "place", "judged_by", "support"):
            del sentence[name]
    for one in old["sources"]:
        del one["flags"]
    path.write_text("".join(json.dumps(line) + "\n" for line in (head, record)), "utf-8")
    async with chat(session_id=session.id, size=WIDE) as c:
        await c.until(lambda: c.turns and c.turns[0].has_class("-has-meter"))
        assert str(c.turns[0].query_one(".meter").content) == "? 3 unchecked"  # type: ignore[attr-defined]
        await open_citation(c, 1)
        assert c.sources.chosen == 2


async def test_section_and_page_are_told(chat: OpenChat) -> None:
    """A passage of a paper says in which section and on which page it stands; an older index's pages are passed over."""
    paged = replace(source(1, text="Pain fell by half.", page_spans=[[0, 9]]), places=(Place(0, "Results > Pain", 4),))
    async with chat(script(answer(sources=[paged])), size=WIDE) as c:
        await c.ask()
        assert "Results > Pain, p. 4" in c.shown("#passage-head")
        assert "doc-1 · Results > Pain, p. 4 · characters" in c.shown("#passage-rest")
        assert "page_spans" not in c.shown("#passage-rest")


async def test_the_list_says_what_evidence_each_source_is(chat: OpenChat) -> None:
    """Kind and year stand at the right end of a line, the year alone where the title needs the room."""
    long = source(2, "A title that takes most of the room that a line of this list has", type="guideline", year=2020)
    async with chat(script(answer(sources=[ONE, long])), size=WIDE) as c:
        await c.ask()
        lines = [
            strip.text.rstrip()
            for line in c.screen.query("SourceLine")
            for strip in line.render_lines(line.outer_size.region)
        ]
        assert lines[0].endswith("RCT 2019")
        assert "… " in lines[1]
        assert lines[1].endswith("2020")
