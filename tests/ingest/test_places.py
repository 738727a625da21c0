"""Places: each passage knows the section and the page that it stands in, and says so in few words."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from configs.settings import WHOLE, ChunkingSettings
from ingest import places, tokens
from ingest.chunking import passages
from ingest.documents import Document, Passage
from ingest.places import Place
from ingest.rebuild import put_together

PAPER = """## Abstract

Aspirin helps.

## Methods

### Setting

Two wards.

### 2.2 Statistical *analysis*

We counted.

## Results

None died."""


def test_sections_are_paths_without_their_numbers() -> None:
    """A subsection is named under its section; numbers, emphasis and a heading that repeats the title are left out."""
    found = {place.section for place in places.outline(PAPER)}
    assert found == {
        "Abstract",
        "Methods",
        "Methods > Setting",
        "Methods > Statistical analysis",
        "Results",
    }
    assert {one.section for one in places.outline("# A title\n\nText.\n\n## Care\n\nMore.", "A title")} == {"", "Care"}


def test_what_looks_like_a_heading_in_code_is_none() -> None:
    """A comment in a fenced block is no section."""
    assert [one.section for one in places.outline("```sh\n# comment\n```\n\n# Use\n\nText.")] == ["", "Use"]
    assert places.outline("No headings. C# and #hashtag.") == ()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([Place(0, "Methods > Setting", 3)], "Methods > Setting, p. 3"),
        ([Place(0, "Methods > Setting", 3), Place(9, "Methods > Sampling", 4)], "Methods, pp. 3–4"),
        ([Place(0, "Results", 0), Place(9, "Discussion", 0)], "Results and Discussion"),
        ([Place(0, "Abstract", 1), Place(5, "Methods", 2), Place(9, "Results", 6)], "Abstract to Results, pp. 1–6"),
        ([Place(0, "", 7)], "p. 7"),
        ([], ""),
    ],
)
def test_a_place_is_told_in_few_words(found: list[Place], told: str) -> None:
    """As a reader would write it: the section all of it is in, then the page or the pages."""
    assert places.told(found) == told


def test_the_labels_of_a_structured_abstract_are_sections() -> None:
    """PubMed's labels are read off the text as it is; one alone, or a formula, is no structure."""
    text = "BACKGROUND: Pain.\nMETHODS: A trial.\nMAIN RESULTS: It fell."
    found = places.labelled(text)
    assert [one.section for one in found] == ["Background", "Methods", "Main results"]
    assert places.told(places.within(found, text.index("A trial"), text.index("\nMAIN"))) == "Methods"
    assert places.labelled("NOTE: only this.") == ()


def test_no_passage_straddles_two_sections() -> None:
    """A long paper is cut at its top-level sections, and each passage says which it is of."""
    body = "The patients of this group were treated with aspirin once a day. " * 30
    text = f"## Methods\n\n{body}\n\n## Results\n\n{body}".strip()
    document = Document("d", "T", text, places=places.paged(places.outline(text), [(0, 1), (len(text) // 2, 2)]))
    found = passages(document, ChunkingSettings(size=128, overlap=16))
    assert len(found) > 4
    assert {places.section(passage.places) for passage in found} == {"Methods", "Results"}
    assert {places.pages(passage.places) for passage in found} >= {(1, 1), (2, 2)}


def test_places_survive_storing_and_putting_together() -> None:
    """As JSON and back, and out of its passages again; what an older index stored has none and is read all the same."""
    text = PAPER + " It rained on the second day." * 60
    document = Document("d", "T", text, places=places.paged(places.outline(text), [(0, 1), (40, 2), (700, 4)]))
    found = [
        Passage.from_payload(json.loads(json.dumps(passage.payload())))
        for passage in passages(document, ChunkingSettings(size=64, overlap=0))
    ]
    assert len(found) > 3
    whole = put_together(found)
    assert whole is not None
    assert (whole.text, whole.hash, whole.places) == (document.text, document.hash, document.places)
    (plain,) = passages(Document("d", "T", "Short."), ChunkingSettings())
    assert "places" not in plain.payload()
    assert Passage.from_payload(plain.payload()) == plain
    with pytest.raises(TypeError):
        places.read([["0", "Methods", 1]])


def test_whole_documents_stay_whole() -> None:
    """`size = "whole"` cuts nothing that an embedder of 32k tokens takes, and 1024 with 256 is a size like any other."""
    text = "Aspirin lowers the risk of stroke in adults. " * 1500
    whole = ChunkingSettings.model_validate({"size": "whole"})
    assert whole.size == WHOLE
    assert len(passages(Document("d", "T", text), whole)) == 1
    assert all(tokens.count(one.text) <= WHOLE for one in passages(Document("d", "T", text * 3), whole))
    text = " ".join(f"Patient number {n} was given drug {n % 7} and did well." for n in range(900))
    cut = passages(Document("d", "T", text), ChunkingSettings(size=1024, overlap=256))
    assert len(cut) > 8
    assert all(tokens.count(one.text) <= 1026 for one in cut)
    assert all(200 < tokens.count(text[after.start : one.end]) <= 258 for one, after in itertools.pairwise(cut))


NAMES = st.sampled_from(["Methods", "Results", "Setting", "方法", "a > b", "2.1 Sampling"])
BLOCKS = st.one_of(
    st.tuples(st.integers(1, 4), NAMES).map(lambda one: f"{'#' * one[0]} {one[1]}"),
    st.sampled_from(["Aspirin lowers the risk of stroke. " * 9, "- item", "病人服用阿司匹林。" * 8, "# ", "#tag"]),
)


@given(st.lists(BLOCKS, min_size=1, max_size=25), st.lists(st.integers(0, 2000), max_size=6))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_passage_agrees_with_the_map_of_its_document(blocks: list[str], breaks: list[int]) -> None:
    """Its text is the document's at its span, and every character of it has the section and page the document gives it."""
    text = "\n\n".join(blocks).strip() or "x"
    known = places.paged(
        places.outline(text), [(at, page) for page, at in enumerate(sorted({0, *breaks}), 1) if at < len(text)]
    )
    document = Document("d", "", text, places=known)
    for passage in passages(document, ChunkingSettings(size=32, overlap=8)):
        assert passage.text == text[passage.start : passage.end]
        for at in {passage.start, (passage.start + passage.end) // 2, passage.end - 1}:
            assert places.within(passage.places, at, at + 1) == places.within(known, at, at + 1)
        tops = {place.section.partition(places.PART)[0] for place in passage.places}
        assert len(tops) == 1 or tokens.fits(text, 32)
