"""The HTML transcript shows everything, needs nothing else, and lets nothing that a document or a model says become markup."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lxml import html

from assistant.answering.answer import Answer, Sentence
from assistant.answering.findings import Check, Opinion
from assistant.answering.support import Reason, Support
from assistant.records.as_html import data_of, to_html
from tests.assistant.records.examples import answer, source
from tests.assistant.records.test_transcript import WHOLE, session_of

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>alert(1)</script>",
    "\u202egnp.exe\u2066 \x1b]8;;http://evil\x1b\\click\x1b[2J",
    "[click](javascript:alert(1)) ![i](http://evil.example/x.png) <http://evil.example> &lt;b&gt;",
    '" onmouseover="alert(1)" x="',
    "{{ 7 * 7 }}{% raw %}",
    "<svg/onload=alert(1)></style></title></blockquote></details>",
    "{\ue0000\ue001 [1]: http://evil.example",
)
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "article", "footer", "nav", "script"),
    *("p", "h1", "h2", "h3", "h4", "div", "span", "a", "ol", "ul", "li", "dl", "dt", "dd", "details", "summary"),
    *(
        "blockquote",
        "mark",
        "code",
        "pre",
        "em",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "s",
        "br",
        "hr",
    ),
}


def parsed(text: str) -> html.HtmlElement:
    """The page as a browser would see it, comments and all."""
    return html.document_fromstring(text)


def hostile(text: str) -> Answer:
    """An answer in which every field that comes from outside says the same."""
    metadata = {"journal": text, "type": text, "authors": [text], "url": f"https://example.org/{text}", text: text}
    return answer(
        text,
        text=f"{text} [1].\n\n| {text} |\n|---|\n| {text} |\n\n`{text}`\n\n```{text}\n{text}\n```",
        sentences=(Sentence(f"{text}.", (1,), checks=(Check(1, Support("partly", 0.4, (Reason("entity", text),))),)),),
        sources=(source(title=text, text=f"{text} passage", doc_id=text, end=120 + len(text) + 8, metadata=metadata),),
        warnings=(text,),
        model=text,
        index=text,
        emergency=text,
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("mode", ["generated", "quotes"])
def test_nothing_hostile_becomes_markup(text: str, mode: Any) -> None:
    """Whatever a document, a model or a user writes: no element, attribute, link or escape comes of it."""
    page = to_html(
        session_of(Answer(**{f: getattr(hostile(text), f) for f in Answer.__dataclass_fields__} | {"mode": mode}))
    )
    tree = parsed(page)
    assert {element.tag for element in tree.iter()} <= _TAGS
    assert [script.get("type") for script in tree.iter("script")] == ["application/json"]
    for element in tree.iter():
        assert not [name for name in element.attrib if name.startswith("on") or name in ("style", "src", "srcset")]
    links = [link.get("href") for link in tree.iter("a")]
    assert [link for link in links if not re.match(r"#|https://example\.org/", link)] == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert "49" not in tree.find(".//h1").text_content()


def test_the_page_needs_nothing_and_allows_nothing() -> None:
    """No address is loaded, scripts and forms are forbidden, and the style that is there is the one that may be."""
    page = to_html(session_of(WHOLE))
    tree = parsed(page)
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"url\(|@import|<link|<img|<iframe|<form", page)
    outside = [link for link in tree.iter("a") if not link.get("href").startswith("#")]
    assert {link.get("rel") for link in outside} == {"noreferrer noopener"}
    assert {link.get("href") for link in outside} == {"https://doi.org/10.1000/x1", "https://example.org/2"}


def test_every_link_within_the_page_leads_somewhere() -> None:
    """A citation leads to the words that it rests on, and these lead back to the sentence."""
    tree = parsed(to_html(session_of(WHOLE, WHOLE)))
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    inner = {link.get("href")[1:] for link in tree.iter("a") if link.get("href").startswith("#")}
    assert inner <= set(ids)
    assert {"a1-s1", "a1-s1-q1", "a1-q1", "a2-s1-q1"} <= inner


def test_what_bears_a_sentence_out_is_marked_in_the_passage() -> None:
    """The marked words are the span's own, the passage is whole, and overlapping spans stay apart."""
    text = "Metformin lowered HbA1c. It was tolerated. Nothing else."
    sentences = (
        Sentence("It lowers HbA1c.", (1,), checks=(Check(1, Support("supported", 0.9, (), (0, 24))),)),
        Sentence("It does.", (1,), checks=(Check(1, Support("contradicted", 0.1, (), (10, 42))),)),
        Sentence("So.", (1,), checks=(Check(1, Support("partly", 0.4)),), opinion=Opinion("supported", 1, (43, 56))),
    )
    tree = parsed(to_html(session_of(answer(sentences=sentences, sources=(source(text=text, end=176),)))))
    marks = [(mark.get("class"), mark.text_content()) for mark in tree.iter("mark")]
    assert marks == [
        ("v-supported", "Metformin "),
        ("v-supported", "lowered HbA1c."),
        ("v-contradicted", " It was tolerated."),
        ("v-supported", "Nothing else."),
    ]
    (passage,) = tree.iter("blockquote")
    assert re.sub(r"↑\d", "", passage.text_content()) == text


def test_each_verdict_stands_at_its_sentence_with_the_reason() -> None:
    """In the answer a sign after the sentence, in the list the verdict in words and why; in a table inside the row."""
    said = "It cures [1]. It helps [1].\n\n| a | b |\n|---|---|\n| x | y [1] |"
    check = (Check(1, Support("unsupported", 0.1, (Reason("entity", "the name “cures” is not in the source"),))),)
    sentences = (
        Sentence("It cures.", (1,), checks=check, place=(0, 13)),
        Sentence("It helps.", (1,), checks=check, place=(14, 27)),
        Sentence("x; y", (1,), checks=check, place=(said.index("| x"), len(said))),
    )
    tree = parsed(to_html(session_of(answer(text=said, sentences=sentences))))
    (shown,) = tree.find_class("answer")
    assert [mark.get("href") for mark in shown.find_class("mark")] == ["#a1-q1", "#a1-q2", "#a1-q3"]
    assert shown.text_content().split() == ["It", "cures", "[1].○", "It", "helps", "[1].○", "a", "b", "x", "y", "[1]○"]
    assert len(shown.findall(".//td")) == 2
    (first, *_) = tree.xpath("//li[@id='a1-q1']")
    assert "unsupported" in first.text_content()
    assert "“cures” is not in the source" in first.text_content()


def test_badges_tell_what_a_source_is_before_it_is_opened() -> None:
    """Retracted comes first, then type, year and journal, all in the folded line."""
    metadata = {"retracted": True, "type": "randomized controlled trial", "year": 2019, "journal": "J Example Med"}
    tree = parsed(to_html(session_of(answer(sources=(source(metadata=metadata),)))))
    badges = [badge.text_content() for summary in tree.iter("summary") for badge in summary.find_class("badge")]
    assert badges == ["RETRACTED", "randomized controlled trial", "2019", "J Example Med"]


def test_the_page_carries_its_transcript() -> None:
    """The data in the page is the JSON transcript, whatever stands in it; a page without it is not taken for one."""
    page = to_html(session_of(hostile(HOSTILE[0]), WHOLE))
    data = data_of(page)
    assert data is not None
    assert [Answer.from_json(one).question for one in data["answers"]] == [HOSTILE[0], WHOLE.question]
    assert json.loads(json.dumps(data)) == data
    assert data_of(page.replace("citewell-transcript", "other")) is None
    assert to_html(session_of(WHOLE)) == to_html(session_of(WHOLE))
