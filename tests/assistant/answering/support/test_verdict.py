"""The verdicts as a whole: what cannot be compared is unchecked, and the figures the project promises hold on real abstracts."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answering.support import check, check_with
from assistant.answering.support.analysis import analysed
from ingest.index.base import Vector
from tests.benchmarks import support as benchmark


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311


ABSTRACT = "Aspirin reduced mortality in 120 patients. It did not cause bleeding."


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("", ABSTRACT),
        ("Aspirin reduced mortality.", "  "),
        ("…", ABSTRACT),
        ("Aspirin reduced mortality.", "阿司匹林降低了死亡率。"),
        ("阿司匹林降低了死亡率。", ABSTRACT),
        ("Аспирин снизил смертность.", ABSTRACT),
        ("Das Aspirin hat die Sterblichkeit nicht gesenkt.", ABSTRACT),
    ],
)
def test_what_cannot_be_compared_is_unchecked(sentence: str, source: str) -> None:
    """Silence is not agreement, and another language is not a falsehood."""
    assert check(sentence, source).verdict == "unchecked"


def test_a_sentence_about_something_else_is_unsupported() -> None:
    """A citation that has nothing to do with its sentence is the plainest of faults, and its score is low."""
    found = check("Cortical neurons fire in response to visual stimuli.", ABSTRACT)
    assert found.verdict == "unsupported"
    assert found.score < 0.3
    assert {reason.kind for reason in found.reasons} == {"overlap"}


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200), st.text(max_size=400))
def test_no_text_breaks_the_check(sentence: str, source: str) -> None:
    """Whatever a model or a document holds, there is a verdict, a score within 0 … 1, and a span inside the source."""
    found = check(sentence, source)
    assert 0 <= found.score <= 1
    assert math.isfinite(found.score)
    assert found.span is None or 0 <= found.span[0] < found.span[1] <= len(source)


class _Meaning:
    """An embedder for which all texts mean the same."""

    async def embed_query(self, question: str) -> Vector:
        return [1.0, 0.0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        return [[1.0, 0.0] for _ in texts]

    async def close(self) -> None:
        pass


def test_an_embedder_lets_other_words_count() -> None:
    """A sentence that shares few words with its source is not unsupported where the two mean the same."""
    sentence = "Acetylsalicylic acid lowered the death rate of 120 people."
    alone, together = check(sentence, ABSTRACT), asyncio.run(check_with(_Meaning(), sentence, ABSTRACT))
    assert together.score > alone.score


def test_a_dozen_sentences_are_checked_in_milliseconds(shared_data: Path) -> None:
    """12 sentences against 8 abstracts each, nothing analysed before; the bound of 50 ms, tripled for a busy machine."""
    pairs = benchmark.sample(shared_data, _chance(1), 8)
    sentences, sources = [s for s, _ in pairs][:12], list(dict.fromkeys(a for _, a in pairs))[:8]
    check(*pairs[0])
    analysed.cache_clear()
    started = time.process_time()
    for sentence in sentences:
        for source in sources:
            check(sentence, source)
    assert time.process_time() - started < 0.150


def test_one_thing_changed_is_caught_and_nothing_changed_is_not(shared_data: Path) -> None:
    """The promised rates, on a sample of SciFact, PubMedQA and PubMed abstracts."""
    rng = _chance(2)
    pairs = benchmark.sample(shared_data, rng, 60)
    caught = benchmark.perturbed(pairs, rng).caught
    for group, bound in benchmark.BOUNDS.items():
        hits = [hit for name, kinds in benchmark.KINDS.items() if group in kinds for hit in caught[name]]
        assert sum(hits) / len(hits) >= bound, group
    flagged = [pair for pair in pairs if check(*pair).verdict != "supported"]
    assert len(flagged) / len(pairs) <= 0.03


def test_true_claims_pass_and_false_ones_rank_below(shared_data: Path) -> None:
    """SciFact's train claims: few true ones are rejected; other abstracts and contradictions score lower."""
    figures = benchmark.claim_figures(benchmark.scifact(shared_data, _chance(3)))
    assert figures.rejected <= 0.15
    assert figures.against_other >= 0.90
    assert figures.against_contradicted >= 0.62
