"""Words to sparse vectors: what is taken as the same word, in English and in Chinese."""

from __future__ import annotations

import pytest

from configs.settings import LexicalSettings
from ingest.lexical import LexicalEncoder

ENCODER = LexicalEncoder(LexicalSettings())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("infections", "infection"),
        ("treated", "treating"),
        ("Aspirin", "aspirin"),
        ("ＡＳＰＩＲＩＮ　２００", "aspirin 200"),
        ("ﬁbrosis", "fibrosis"),
    ],
    ids=["plural", "inflection", "case", "full width", "ligature"],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    """A question finds a passage that says it in another form."""
    assert ENCODER.terms(one) == ENCODER.terms(other) != frozenset()


def test_chinese_is_segmented() -> None:
    """A Chinese question shares terms with a sentence that holds its words, and not with any other."""
    passage = ENCODER.terms("高血压患者应当控制血压，并且定期复查。")
    assert ENCODER.terms("高血压") & passage
    assert not ENCODER.terms("糖尿病") & passage


def test_a_query_of_stop_words_alone_is_empty() -> None:
    """The words “what is the” match nothing, instead of everything."""
    for text in ("what is the", "", "   ", "?!"):
        assert not ENCODER.query(text)


def test_repetition_saturates_and_length_counts() -> None:
    """BM25: the second mention adds less than the first, and a short passage outweighs a long one."""
    once, twice = (max(ENCODER.document(text).values) for text in ("aspirin", "aspirin aspirin"))
    assert once < twice < 2 * once
    (term,) = ENCODER.terms("aspirin")
    short, long = (ENCODER.document(f"aspirin {'filler ' * n}") for n in (5, 500))
    weights = [dict(zip(v.indices, v.values, strict=True))[term] for v in (short, long)]
    assert weights[0] > weights[1]


def test_the_same_text_is_the_same_vector() -> None:
    """Another encoder of the same settings, in another run, finds the same terms."""
    vector = LexicalEncoder(LexicalSettings()).document("Atrial fibrillation raises the risk of stroke.")
    again = ENCODER.document("Atrial fibrillation raises the risk of stroke.")
    assert dict(zip(vector.indices, vector.values, strict=True)) == dict(zip(again.indices, again.values, strict=True))
