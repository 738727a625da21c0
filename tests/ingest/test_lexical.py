"""Words to sparse vectors: what is taken as the same word, in English and in Chinese."""

from __future__ import annotations

import pytest

from configs.settings import LexicalSettings
from ingest.lexical import LexicalEncoder, SparseVector

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
        assert not ENCODER.question(text)


def matched(question: str, passage: SparseVector) -> float:
    """The score of a passage, all terms being equally rare."""
    asked = ENCODER.question(question)
    stored = dict(zip(passage.indices, passage.values, strict=True))
    return sum(w * stored.get(term, 0.0) for term, w in zip(asked.indices, asked.values, strict=True))


LETTER = (
    "Dear doctors, thank you for this service. My mother told me last week to write to you, she visits us on Sundays. "
    "{} She and my brother are worried and they want to know what can be done. Is there a treatment for {}? "
    "I would be grateful for any information. Many thanks, Maria from Ohio"
)


@pytest.mark.parametrize(
    ("letter", "about", "talk"),
    [
        (LETTER.format("It is cardiac amyloidosis.", "cardiac amyloidosis"), "cardiac amyloidosis", "My mother in Ohio told the doctor that she is worried about her family"),
        ("医生您好，我妈妈今年68岁，最近一直觉得很麻烦，请问帕金森病应该怎么办，帕金森病可以治疗吗？谢谢医生指导", "帕金森病的治疗", "医生您好，请问我妈妈应该怎么办，谢谢指导"),
    ],
    ids=["English", "Chinese"],
)  # fmt: skip
def test_a_whole_message_is_searched_by_what_it_is_about(letter: str, about: str, talk: str) -> None:
    """Greetings, family and thanks do not drown the two words that a patient's message is about."""
    assert matched(letter, ENCODER.document(about)) > 2 * matched(letter, ENCODER.document(talk))


def test_a_short_question_keeps_all_its_words() -> None:
    """“Mother” and “child” may be what a question is about; they are talk in a long message alone."""
    assert matched("mother to child transmission", ENCODER.document("from mother to child"))
    assert matched("怎么办", ENCODER.document("怎么办"))


def test_a_message_finds_the_passage_that_bears_its_topic_as_title() -> None:
    """Of two passages with the same words, the one entitled so answers a long message first; a long title says less."""
    letter = LETTER.format("", "amyloidosis")
    entitled, within, mentioned = (
        matched(letter, ENCODER.passage(title, "It runs in families and is treated with care."))
        for title in ("Amyloidosis", "Late onset amyloidosis in a farmer from the north", "Gout")
    )
    assert entitled > within > mentioned


def test_numbers_tell_passages_apart() -> None:
    """“Type 2 diabetes” prefers the passage on type 2 to that on type 1."""
    two, one = (ENCODER.document(f"diabetes of type {n} in adults") for n in (2, 1))
    assert matched("type 2 diabetes", two) > matched("type 2 diabetes", one)


def test_chinese_words_match_across_segmentations() -> None:
    """A word that the dictionary cuts otherwise in another sentence still brings its passage forward."""
    assert matched("慢性胃炎", ENCODER.document("萎缩性胃炎")) > 0
    assert len(set(ENCODER.document("高血压血压高血压").indices)) == len(ENCODER.document("高血压血压高血压").indices)


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
