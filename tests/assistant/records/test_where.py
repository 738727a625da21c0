"""Where in a paper a source stands: every form of a record says section and page, of what is cited, in one wording."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from assistant.answering.answer import Answer, Sentence, Source
from assistant.answering.findings import Check
from assistant.answering.support import Support
from assistant.records import as_html, as_json, as_markdown, evidence_table
from assistant.records.sessions import Session, utc_now
from ingest.places import Place
from tests.assistant.records.examples import answer, source

TEXT = "Metformin was given twice a day. HbA1c fell by 1.1 %."
FELL = (TEXT.index("HbA1c"), len(TEXT))
PLACES = (Place(0, "Methods > Drug", 3), Place(500 + FELL[0], "Results", 4))


def paper(text: str = TEXT, span: tuple[int, int] = FELL, places: tuple[Place, ...] = PLACES) -> Answer:
    """An answer whose one sentence rests on a span of a passage at character 500 of its paper."""
    of = source(text=text, start=500, end=500 + len(text), places=places)
    said = Sentence("HbA1c fell.", (1,), checks=(Check(1, Support("supported", 0.9, (), span)),))
    return answer(text="HbA1c fell [1].", sentences=(said,), sources=(of,))


def session(*answers: Answer) -> Session:
    """A session of these answers."""
    return Session("20261121-080000-aaaaaa", utc_now(), utc_now(), "Metformin", answers)


def test_what_is_cited_is_told_more_exactly_than_its_passage() -> None:
    """The passage goes over two sections and pages; the cited words stand in one."""
    (of,) = paper().sources
    assert of.where() == "Methods and Results, pp. 3–4"
    assert paper().where(of) == "Results, p. 4"
    assert (of.to_json()["section"], of.to_json()["pages"]) == ("Methods and Results", (3, 4))
    abstract = paper("METHODS: A trial.\nRESULTS: HbA1c fell.", (27, 38), ())
    assert abstract.sources[0].where() == ""
    assert abstract.where(abstract.sources[0]) == "Results"


def test_every_form_says_so() -> None:
    """Markdown beside the citation, HTML at the source, JSON as fields, a table in its citation."""
    one = session(paper())
    assert "HbA1c fell. — [1] (Results, p. 4); supported" in as_markdown.to_markdown(one)
    assert "**Place:** Methods and Results, pp. 3–4" in as_markdown.to_markdown(one)
    assert '<span class="badge b-where">Results, p. 4</span>' in as_html.to_html(one)
    stored = json.loads(as_json.to_json(one))["answers"][0]["sources"][0]
    assert (stored["section"], stored["pages"]) == ("Methods and Results", [3, 4])
    row = evidence_table.of_answer(paper())["sources"][0]
    assert row["where"] == "Results, p. 4"
    assert "2019. Results, p. 4. doi:" in row["citation"]


def test_a_source_comes_back_with_its_places() -> None:
    """From a transcript, also from one that an older citewell wrote; what is no place is refused."""
    (of,) = paper().sources
    stored = json.loads(json.dumps(of.to_json()))
    assert Source.from_json(stored) == of
    older = {key: value for key, value in stored.items() if key not in ("section", "pages", "places")}
    assert Source.from_json(older) == replace(of, places=())
    with pytest.raises(TypeError):
        Source.from_json(stored | {"places": [["500", "Methods", 1]]})


def test_hostile_section_names_stay_text() -> None:
    """A heading is a document's: no markup and no terminal escape comes of it."""
    hostile = paper(places=(Place(0, "<b>x</b> [a](http://b) \x1b[31m", 1),))
    page, text = as_html.to_html(session(hostile)), as_markdown.to_markdown(session(hostile))
    assert "<b>x</b>" not in page
    assert "\x1b" not in page.partition('id="citewell-transcript"')[0] + text
    assert "[a](http" not in text
