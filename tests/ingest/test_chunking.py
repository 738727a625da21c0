"""Chunking: every passage is a verbatim slice of its document, none too long, nothing left out."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from configs.settings import ChunkingSettings
from ingest import tokens
from ingest.chunking import passages
from ingest.documents import Document, Passage

SMALL = ChunkingSettings(size=32, overlap=8)

ENGLISH = st.sampled_from(
    [
        "Aspirin lowers the risk of stroke in adults with atrial fibrillation.",
        "See Fig. 2 (p<0.05, n=120), i.e. no effect...",
        "dose of 0.5 mg/kg,, then 1.0 mg/kg;; maximum 40 mg",
        "Not applicable.",
        "word " * 60,
        "x" * 300,
    ]
)
CHINESE = st.sampled_from(
    ["高血压患者应当控制血压，并且定期复查。", "糖尿病？！", "患者服用阿司匹林" * 12, "注意：剂量为0.5毫克；"]
)
SPACE = st.sampled_from([" ", "\n", "\n\n\n\n", "", "\u3000", "\t "])
ANYTHING = st.text(max_size=60)
TEXTS = st.lists(st.one_of(ENGLISH, CHINESE, SPACE, ANYTHING), min_size=1, max_size=30).map("".join)


def check(text: str, chunking: ChunkingSettings) -> list[Passage]:
    """The passages of a text, having checked what must hold for every text."""
    document = Document("d", "", text)
    result = passages(document, chunking)
    end = 0
    for ordinal, passage in enumerate(result):
        assert passage.ordinal == ordinal
        assert passage.text == text[passage.start : passage.end]
        assert tokens.count(passage.text) <= chunking.size + 2  # joined at a border, tokens can differ
        assert not text[end : passage.start].strip(), "something was left out"
        end = max(end, passage.end)
    assert not text[end:].strip(), "the end was left out"
    return result


@given(TEXTS.filter(str.strip))
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_passages_are_verbatim_slices_that_cover_the_text(text: str) -> None:
    """English, Chinese, mixed and broken text alike: what is cited can be found in its document."""
    check(text.strip(), SMALL)


@pytest.mark.parametrize(
    "text",
    [
        "ha " * 500,
        "Not applicable. " * 200,
        "高血压" * 300,
        "." * 3000,
        ". " * 2000,
        "a, b,, c; d.. e " * 100,
        "\n\n\n\nA first. \n\n\n\n B second.\n\n\n" * 50,
        "👩‍👩‍👧‍👦" * 100,
        "x" * 5000,
        "a. " * 9000,
    ],
    ids=["ha", "sentence", "chinese", "dots", "spaced dots", "commas", "paragraphs", "emoji", "one word", "letters"],
)
def test_text_that_repeats_itself_is_located_without_gaps(text: str) -> None:
    """Where a passage could stand in many places, the spans still cover the document in order."""
    result = check(text.strip(), SMALL)
    assert [p.start for p in result] == sorted(p.start for p in result)


def test_neighbours_overlap_by_whole_sentences() -> None:
    """A sentence at a border is found with what comes before and after it."""
    text = " ".join(f"Patient number {n} was given drug {n % 7} and did well." for n in range(40))
    result = check(text, ChunkingSettings(size=64, overlap=24))
    for before, after in itertools.pairwise(result):
        shared = text[after.start : before.end].strip()
        assert shared.startswith("Patient")
        assert shared.endswith("well.")
        assert tokens.count(shared) <= 24


def test_sentences_stay_whole() -> None:
    """No passage begins or ends inside a sentence that would fit."""
    text = " ".join(f"In trial {n} the drug had no effect, p = 0.{n}." for n in range(10, 60))
    for passage in check(text, ChunkingSettings(size=64, overlap=0)):
        assert passage.text.startswith("In trial")
        assert passage.text.endswith(".")


def test_a_document_that_fits_is_not_touched() -> None:
    """White space inside and at its ends stays; its passage is the document."""
    (passage,) = passages(Document("d", "T", "One.\n\n\n  Two. "), SMALL)
    assert (passage.text, passage.start, passage.end) == ("One.\n\n\n  Two. ", 0, 14)


def test_a_book_is_cut_in_reasonable_time() -> None:
    """A megabyte in one record takes seconds, not minutes."""
    text = "The patients of the second group were treated with aspirin once a day. " * 15_000
    assert len(check(text, ChunkingSettings())) > 400


def test_long_documents_are_cut_where_uv_installed_the_packages() -> None:
    """What uv installs are hard links, and NLTK, which llama-index would use, refuses to read those."""
    script = (
        "import sys; sys.modules['nltk'] = None; from ingest.chunking import passages;"
        "from ingest.documents import Document; from configs.settings import ChunkingSettings as C;"
        "assert len(passages(Document('d', 'T', 'A drug helped. ' * 500), C())) > 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_short_documents_do_not_wait_for_llama_index() -> None:
    """Its import takes a second, which a corpus of abstracts need not pay."""
    script = (
        "import sys; from ingest.chunking import passages; from ingest.documents import Document;"
        "from configs.settings import ChunkingSettings as C;"
        "passages(Document('d', 'T', 'word ' * 500), C()); assert 'llama_index.core' not in sys.modules;"
        "passages(Document('d', 'T', 'word ' * 900), C()); assert 'llama_index.core' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
