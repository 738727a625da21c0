"""`citewell plan`: the arithmetic of a large corpus, and what it rests on."""

from __future__ import annotations

import json

import pytest

from assistant.commands.cli import run
from ingest.planning import ASSUMED, plan


def test_the_arithmetic_can_be_checked_by_hand() -> None:
    """A million documents of two passages, 1,024 dimensions: Qdrant's own formula, and seconds from tokens."""
    made = plan(1e6, {"passages_per_document": 2, "tokens_per_passage": 300}, tokens_per_second=50_000)
    assert (made.vectors, made.vector_bytes, made.tokens) == (2e6, 2e6 * 4096, 6e8)
    assert made.gpu_hours == pytest.approx(6e8 / 50_000 / 3600)
    assert made.hours(4) == pytest.approx(made.gpu_hours / 4)
    none, scalar, binary = made.sizes
    lexical = 2e6 * ASSUMED["terms_per_passage"].value * 16
    assert none.memory == pytest.approx(2e6 * 1024 * 4 * 1.5 + lexical)
    assert scalar.memory == pytest.approx(2e6 * 1024 * 1.5 + lexical)
    assert binary.memory == pytest.approx(2e6 * 1024 / 8 * 1.5 + lexical)
    assert none.disk < binary.disk < scalar.disk


def test_copies_cost_as_often_and_want_three_nodes() -> None:
    """Two copies take twice the memory, and a cluster that loses a node keeps its majority."""
    (one,), (two,) = (plan(1e5, {}, replicas=n, quantization="scalar").sizes for n in (1, 2))
    assert two.memory == 2 * one.memory
    assert (one.nodes, one.shards, two.nodes, two.shards) == (1, 1, 3, 6)


def test_every_assumption_is_shown_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that were given, so that the plan can be passed on."""
    assert run(["plan", "--documents", "37e6", "--dimensions", "256", "--gpus", "8"]) == 0
    said = capsys.readouterr().out
    assert "37,000,000 documents" in said
    assert "dimensions = 256\n      given" in said
    for name, one in ASSUMED.items():
        assert name == "dimensions" or one.source in said
    assert "hours on 8 GPUs" in said


def test_a_measured_speed_goes_before_the_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    """And what the estimate would have rested on is not shown."""
    assert (
        run(["plan", "--documents", "1000", "--tokens-per-second", "1000", "--quantization", "binary", "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["tokens_per_second"] == 1000
    assert "flops" not in told["assumptions"]
    assert [size["quantization"] for size in told["sizes"]] == ["binary"]
    assert told["hours"] == pytest.approx(told["tokens"] / 1000 / 3600)


@pytest.mark.parametrize("documents", ["0", "-1", "nan", "inf", "many"])
def test_what_is_no_number_of_documents_is_refused(documents: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the usual status for wrong usage."""
    assert run(["plan", "--documents", documents]) == 2
    assert "--documents" in capsys.readouterr().err
