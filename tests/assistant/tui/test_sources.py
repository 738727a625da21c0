"""From a citation to its passage: by mouse and by key, in the pane and in the drawer."""

from __future__ import annotations

import asyncio
import webbrowser
from dataclasses import replace

import pytest
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import Static

from assistant.answering.answer import Sentence
from assistant.answering.checking import checked
from assistant.answering.findings import Check
from assistant.answering.support import Reason, Support, Verdict
from assistant.answering.surroundings import Surroundings
from assistant.tui.widgets.passage import PassageView
from ingest.places import Place
from tests.assistant.tui.conftest import NARROW, WIDE, Chat, OpenChat
from tests.assistant.tui.scripted import answer, script, source

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE])


async def click_citation(c: Chat, number: int) -> None:
    """Click the `number`-th citation of the last answer (from 0)."""
    place = c.turns[-1].markdown.places()[number]
    await c.pilot.click(offset=Offset(place.block.content_region.x + place.start + 1, place.block.content_region.y))
    await c.pilot.pause()


@SIZES
async def test_a_citation_is_clicked_open(chat: OpenChat, size: tuple[int, int]) -> None:
    """A click on [2] shows the whole passage 2 and where it comes from, in pane and drawer alike."""
    two = source(
        2, "A trial of drug 2", year=2019, journal="Lancet", type="trial", url="https://example.org/2", lang="en"
    )
    async with chat(script(answer(sources=[source(1), two])), size=size) as c:
        await c.ask()
        assert c.sources.display == (size == WIDE)
        await click_citation(c, 1)
        assert c.sources.display
        assert c.shown("#passage-head").splitlines() == [
            "[2] A trial of drug 2",
            "trial · 2019 · Lancet",
        ]
        assert c.shown("#passage-address") == "https://example.org/2"
        assert c.shown("#passage-text") == two.text
        assert c.shown("#passage-rest").splitlines() == [
            f"score 0.7 · doc-2 · characters 0–{len(two.text)}",
            "lang: en",
        ]


@SIZES
async def test_a_citation_is_opened_by_key(chat: OpenChat, size: tuple[int, int]) -> None:
    """Tab to the answer, arrow to its second citation, Enter; Esc leads back to the prompt."""
    async with chat(script(answer()), size=size) as c:
        await c.ask()
        await c.pilot.press("tab", "right", "enter")
        assert c.sources.chosen == 2
        assert c.screen.query_one(PassageView).has_focus
        await c.pilot.press("escape")
        assert c.prompt.has_focus
        assert c.sources.display == (size == WIDE)


async def test_tab_goes_round_prompt_citations_and_sources(chat: OpenChat) -> None:
    """Tab and Shift+Tab reach each area, and only areas that there are."""
    async with chat(script(answer()), size=WIDE) as c:
        await c.pilot.press("tab")
        assert c.screen.focused is c.screen.query_one(PassageView)
        await c.pilot.press("shift+tab")
        view = await c.ask()
        areas = [view.markdown, c.screen.query_one(PassageView), c.prompt]
        for area in areas:
            await c.pilot.press("tab")
            assert c.screen.focused is area
        await c.pilot.press("shift+tab")
        assert c.screen.focused is areas[1]


async def test_a_digit_opens_a_source_only_in_an_empty_prompt(chat: OpenChat) -> None:
    """2 opens source 2; a digit that no source has, or that belongs to a question, is typed."""
    async with chat(script(answer())) as c:
        await c.ask()
        await c.pilot.press("2")
        assert (c.sources.chosen, c.prompt.text) == (2, "")
        await c.pilot.press("escape", "9", "1")
        assert (c.sources.chosen, c.prompt.text) == (2, "91")
        await c.pilot.press("alt+3")
        assert (c.sources.chosen, c.prompt.text) == (3, "91")


async def test_the_drawer_opens_and_closes_by_key(chat: OpenChat) -> None:
    """F2 shows and hides the sources below 100 columns, where they are hidden at first."""
    async with chat(script(answer())) as c:
        await c.ask()
        shown = []
        for key in ("f2", "ctrl+o"):
            await c.pilot.press(key)
            shown.append(c.sources.display)
        assert shown == [True, False]
        assert c.prompt.has_focus


async def test_the_clicked_citation_stays_in_sight(chat: OpenChat) -> None:
    """The drawer takes room from the conversation, not the sentence that is being checked."""
    text = "\n\n".join(["Drug 1 helps [1]."] * 7)
    async with chat(script(answer(text=text, sentences=[Sentence("Drug 1 helps.", (1,))]))) as c:
        view = await c.ask()
        await click_citation(c, 6)
        await c.pilot.pause()
        block = view.markdown.places()[6].block
        assert c.screen.query_one("Conversation").region.contains_region(block.region)


async def test_earlier_answers_keep_their_own_sources(chat: OpenChat) -> None:
    """[1] of the first answer opens its passage, and the pane says whose sources it shows."""
    first = answer("First?", sources=[source(1, "Of the first"), source(2)])
    async with chat(script(first), script(answer("Second?")), size=WIDE) as c:
        await c.ask("First?")
        await c.ask("Second?")
        await c.pilot.press("tab", "up", "enter")
        assert c.shown("#passage-head") == "[1] Of the first"
        assert "First?" in c.shown("#sources-heading")


async def test_what_bears_a_sentence_out_is_marked_in_its_passage(chat: OpenChat) -> None:
    """The words of the passage that a sentence rests on are marked, so the eye finds them, and what is in doubt is told."""
    whole = source(1, text="Aspirin was given to forty patients. Pain fell by half within two hours.")
    said = ["Aspirin was given to forty patients.", "Pain did not fall by half within two hours."]
    sentences = checked([Sentence(sentence, (1,)) for sentence in said], [whole])
    async with chat(script(answer(sentences=sentences, sources=[whole])), size=WIDE) as c:
        await c.ask()
        content = c.screen.query_one("#passage-text").content  # type: ignore[attr-defined]
        assert said[0] in [content.plain[span.start : span.end] for span in content.spans]
        assert c.status.startswith("1 of 2 sentences ")
        assert said[1] in str(c.turns[0].query_one(".notes", Static).content)


@pytest.mark.parametrize("size", [(40, 12), NARROW, WIDE])
async def test_doubts_stand_out_and_leave_the_answer_in_sight(chat: OpenChat, size: tuple[int, int]) -> None:
    """What no source bears out is in the warning colour, what one partly does is quiet; the answer stays in view."""
    doubtful: list[Verdict] = ["partly", "unsupported"]
    verdicts: list[Verdict] = ["contradicted", *doubtful * 4]
    said = [f"Sentence number {n} is about what patients with asthma need." for n in range(len(verdicts))]
    reason = Reason("overlap", "the source has little of what the sentence speaks of")
    sentences = [
        Sentence(one, (1,), checks=(Check(1, Support(verdict, 0.2, (reason,), None)),))
        for one, verdict in zip(said, verdicts, strict=True)
    ]
    text = " ".join(f"{sentence[:-1]} [1]." for sentence in said)
    async with chat(script(answer(text=text, sentences=sentences, sources=[source(1)])), size=size) as c:
        view = await c.ask()
        conversation = c.screen.query_one("Conversation")
        await c.until(lambda: view.markdown.region.bottom - 2 > conversation.region.y)
        assert view.query_one(".meter").region.y < conversation.region.bottom
        content = view.notes.content
        assert isinstance(content, Content)
        loud = [content.plain[span.start : span.end] for span in content.spans if str(span.style).startswith("$")]
        quiet = [line for line in content.plain.splitlines() if line not in loud]
        assert [line.split(":")[0] for line in loud] == ["✗ Contradicted", *["○ Unsupported"] * 4]
        assert [line.split(":")[0] for line in quiet] == ["◐ Partly"] * 4
        assert c.screen.status.has_class("-warning")


async def test_what_the_reader_chose_stays_when_the_answer_ends(chat: OpenChat) -> None:
    """A passage opened while the answer streams is not swapped for another when the answer is whole."""
    gate = asyncio.Event()
    async with chat(script(answer(), gate), size=WIDE) as c:
        await c.type("Does it help?")
        await c.pilot.press("enter")
        await c.until(lambda: c.turns and c.turns[-1].text)
        await c.pilot.press("alt+3")
        gate.set()
        await c.until(lambda: not c.screen.busy)
        assert c.sources.chosen == 3
        assert c.shown("#sources-heading") == "Sources · 2 of 3 cited"


async def test_only_web_addresses_are_opened(chat: OpenChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """O opens http and https in the browser; a file or a script address is refused."""
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")

    def browse(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    sources = [
        source(1, url="https://example.org/1"),
        source(2, url="file:///etc/passwd"),
        source(3, url="javascript:x"),
    ]
    async with chat(script(answer(sources=sources)), size=WIDE) as c:
        await c.ask()
        await c.pilot.press("1", "o")
        await c.until(lambda: c.status == "Opened https://example.org/1")
        for number in "23":
            await c.pilot.press(number, "o")
            assert c.status == "This source has no web address."
        assert opened == ["https://example.org/1"]


async def test_a_reference_is_copied(chat: OpenChat) -> None:
    """Y sends a line to cite the source by, and does not claim that the terminal took it."""
    cited = source(1, "A trial.", year=2019, journal="Lancet", doi="10.1000/x")
    async with chat(script(answer(sources=[cited, source(2)]))) as c:
        await c.ask()
        await c.pilot.press("1", "y")
        assert c.app.clipboard == "A trial. Lancet, 2019. https://doi.org/10.1000/x. [doc-1]"
        assert c.status == "Sent to the clipboard, if the terminal allows it."


async def test_citations_in_a_table_that_streamed_are_alive(chat: OpenChat) -> None:
    """A table that grew row by row has citations that open, as any other text."""
    text = "|drug|effect|\n|-|-|\n|one|helps [1]|\n|two|helps [2]|\n"
    async with chat(script(answer(text=text)), size=WIDE) as c:
        await c.ask()
        await click_citation(c, 1)
        assert c.sources.chosen == 2


async def test_the_text_around_a_passage_is_there_to_be_read(chat: OpenChat) -> None:
    """What stands before and after it in its paper comes into the pane, set apart; the passage stays where it was."""
    paper = replace(source(1, text="Pain fell by half."), places=(Place(0, "Results", 4),))
    whole = answer(sources=[paper, source(2), source(3)])
    async with chat(script(whole), size=WIDE) as c:
        c.engine.surroundings["doc-1"] = Surroundings("What came before it. " * 60, "What came after it. " * 60)
        await c.ask()
        await c.until(lambda: c.shown("#passage-before").startswith("What came before"))
        assert c.shown("#passage-after").startswith("What came after")
        assert c.shown("#passage-where") == "Results, p. 4"
        view, text = c.screen.query_one(PassageView), c.screen.query_one("#passage-text")
        await c.until(lambda: view.region.contains_region(text.region))
        assert c.shown("#passage-text") == "Pain fell by half."
        await c.pilot.press("alt+2")
        await c.until(lambda: not c.screen.query_one("#passage-before").display)
        assert not c.screen.query_one("#passage-after").display
