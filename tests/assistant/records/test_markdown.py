"""Whatever a document, a model or a user writes, the exported Markdown renders it as text and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.answering.answer import Sentence
from assistant.records import markdown
from assistant.records.as_markdown import to_markdown
from assistant.records.sessions import Session
from ingest.text import printable
from tests.assistant.records.examples import answer, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

# What markup is made of: each piece means something to CommonMark, to GitHub or to a terminal.
PIECES = """# |## x|> |- |+ |* |1. |2) |--- |***|___|===|```|~~~|~~|`|``|*|**|_|__|\\|\\\\|\\[|[|]|(|)|[a]|[1]|[1]:|[a]: http://evil.example|](http://evil.example)
![|<|>|<b>|</b>|<!-- |-->|<?php|<script>|<http://evil.example>|<a@evil.example>|&lt;|&#60;|&#x3c;|&amp|;|!|:|:-|-|=|.|)|a|b c|7|é|中|http://evil.example|"t"|'"""
WRITTEN = [piece for row in PIECES.split("\n") for piece in row.split("|")]
SPACES = [
    "|",
    "|---|",
    " ",
    "  ",
    "    ",
    "\t",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "\xa0",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\x00",
    "\x1b[31m",
    "\x1b]8;;http://evil.example\x07",
    "\u202e",
]
hostile = st.one_of(st.lists(st.sampled_from(WRITTEN + SPACES), max_size=25).map("".join), st.text(max_size=40))

INERT = {"inline", "text", "softbreak", "paragraph_open", "paragraph_close", "blockquote_open", "blockquote_close"}
LISTS = {f"{kind}_{end}" for kind in ("bullet_list", "ordered_list", "list_item") for end in ("open", "close")}
EMPHASIS = {f"{kind}_{end}" for kind in ("em", "strong") for end in ("open", "close")}


def parsed(text: str) -> Iterator[Token]:
    """Give every token of a rendering with CommonMark and, since GitHub shows many a file, its tables and strikethrough."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def kinds(text: str) -> set[str]:
    """Name what a text renders to, lists of `- ` and the like included."""
    return {token.type for token in parsed(text)}


def words(tokens: list[Token]) -> str:
    """Give the text that a reader sees, white space made one."""
    rows = (
        "".join(token.content if token.type == "text" else " " for token in inline.children or ()) for inline in tokens
    )
    return " ".join(" ".join(rows).split())


@settings(deadline=None)
@given(hostile)
@example("a\n===")
@example("[x]: http://evil.example\n\n[x]")
@example("1) a\n---\n|a|\n|-|")
@example(":-|-:\n")
def test_a_passage_renders_as_its_own_words_in_one_quote(text: str) -> None:
    """The whole passage stands in its block quote, word for word, and nothing in it is markup or ends the quote."""
    rendered = list(parsed(markdown.quote(text) + "\n\nafter\n"))
    assert {token.type for token in rendered} <= INERT
    inlines = [token for token in rendered if token.type == "inline"]
    assert words(inlines[:-1] if len(inlines) > 1 else []) == " ".join(printable(text).split())
    assert inlines[-1].content == "after"
    assert inlines[-1].level == 1


@settings(deadline=None)
@given(hostile)
def test_a_title_or_a_warning_renders_as_its_own_words_on_one_line(text: str) -> None:
    """A field stays in its list item, whatever it says."""
    shown = " ".join(printable(text).split())
    for before in ("- ", "1. ", "- **Title:** "):
        rendered = list(parsed(f"{before}{markdown.line(text)}\n{before}after"))
        assert {token.type for token in rendered} <= INERT | LISTS | EMPHASIS
        assert [token.type for token in rendered].count("list_item_open") == 2
        *first, second = (token for token in rendered if token.type == "inline")
        assert words(first).removeprefix("Title:").strip() == shown
        assert words([second]).endswith("after")


@settings(deadline=None)
@given(hostile)
def test_an_answer_keeps_emphasis_and_lists_and_no_other_markup(text: str) -> None:
    """A model's Markdown cannot make headings, links, images, HTML, code or rules, which might pass for citewell's own."""
    rendered = list(parsed(markdown.prose(text) + "\n\n### Sources\n"))
    assert {token.type for token in rendered[:-4]} <= INERT | LISTS | EMPHASIS | {"hardbreak"}
    assert [token.type for token in rendered[-4:]] == ["heading_open", "inline", "text", "heading_close"]


def test_an_answer_reads_as_it_did_in_the_chat() -> None:
    """Bold words, lists, escaped brackets and the markers [n] come through as they are."""
    text = "**Metformin** lowers HbA1c [1][2].\n\n- not in _renal failure_ [3]\n1. first\n\n“A \\[note\\] & 5 < 6” [1]"
    assert markdown.prose(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Mortality fell (OR 0.64 [95% CI 0.5-0.8], p<0.05, n=120); ~50 mg/day & more [1].",
        "IL_6 and TNF-α: 3/4 vs. 5 (see http://example.org/a_b).",
        "5 mg\n-5 °C\n3.5 %",
        "糖尿病患者应每年检查一次眼底（见[2]）。",
    ],
)
def test_ordinary_medical_text_is_left_as_it_is(text: str) -> None:
    """A passage can be searched for in the file by its own words, since only what would be markup is escaped."""
    assert markdown.literal(text) == text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://a b",
        "http://a>b",
        "https://a\nb",
        "data:text/html,x",
        "http://a](",
    ],
)
def test_an_address_that_is_not_plain_http_is_no_link(address: str) -> None:
    """A document's `url` cannot run anything, reach a file or show another address than it leads to."""
    assert "link_open" not in kinds(markdown.url(address))


def test_an_address_is_a_link_to_itself() -> None:
    """A source can be opened from the transcript, and the link says where it leads."""
    (inline,) = (token for token in parsed(markdown.url("https://example.org/a_b?x=1&y=2")) if token.type == "inline")
    link, text, _ = inline.children or []
    assert link.attrs["href"] == text.content == "https://example.org/a_b?x=1&y=2"


HEADING = re.compile(
    r"Transcript|(Question|Answer) \d+|Warnings|Each sentence and what it cites|How it was made|Sources|Nearest passages|Source \[\d+\]"
)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_no_text_of_others_becomes_structure_of_a_transcript(data: st.DataObject) -> None:
    """In a whole transcript every heading is citewell's, every link a source's address, and every quote is in its place."""

    def draw() -> str:
        return data.draw(hostile)

    changes = {
        "doc_id": draw(),
        "title": draw(),
        "text": draw(),
        "hash": draw(),
        "metadata": {draw(): draw(), "year": draw(), "url": draw(), draw(): [draw()]},
    }
    said = answer(
        draw(),
        text=draw(),
        sentences=(Sentence(draw(), (1,), (9,)), Sentence(draw())),
        sources=(source(1, **changes), source(2, text=draw())),
        model=draw(),
        standalone=draw(),
        warnings=(draw(),),
        index=draw(),
        index_id=draw(),
        prompt_hash=draw(),
    )
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    rendered = list(parsed(to_markdown(Session("id", moment, moment, draw(), (said, said)))))
    links = [token.attrs["href"] for token in rendered if token.type == "link_open"]
    assert set(links) <= {source.url for source in said.sources}
    allowed = INERT | LISTS | EMPHASIS | {"heading_open", "heading_close", "link_open", "link_close", "hardbreak"}
    assert {token.type for token in rendered} <= allowed
    headings = [inline.content for token, inline in pairwise(rendered) if token.type == "heading_open"]
    assert [heading for heading in headings if not HEADING.fullmatch(heading)] == []
    assert len(headings) == 1 + 2 * 8
    assert [token.type for token in rendered].count("blockquote_open") == 2 * (1 + len(said.sources))
