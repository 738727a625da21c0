"""`citewell eval answers`: figures of refusals and citations that can be checked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.assistant.commands.conftest import Called, Home, lines
from tests.support.openai_server import OpenAIServer

QUESTIONS: list[dict[str, Any]] = [
    {"question": "What is the first-line drug for type 2 diabetes?", "answerable": True, "doc_ids": ["metformin"]},
    {"question": "What is the usual dose of aspirin after a stroke?", "gold": ["aspirin"]},
    {"question": "What is the capital of France?", "answerable": False},
    {"question": "How long is amoxicillin given in mild pneumonia?"},
]


class Asking:
    """Questions on disk and the command over the sample index."""

    def __init__(self, home: Home, called: Called) -> None:
        self.home, self._called = home, called

    def run(self, text: str, *more: str, **environment: str) -> Any:
        """`citewell eval answers` over these lines."""
        path = self.home.folder / "questions.jsonl"
        path.write_text(text, "utf-8")
        return self._called(self.home, "eval", "answers", "--questions", str(path), *more, **environment)


@pytest.fixture
def asking(sample: Home, called: Called) -> Asking:
    """The command over the sample index."""
    return Asking(sample, called)


def means(ran: Any) -> dict[str, Any]:
    """What `--json` printed, the means alone."""
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return {
        key: value["mean"] if isinstance(value, dict) and "mean" in value else value for key, value in found.items()
    }


def test_quotes_are_counted_refused_and_checked(asking: Asking, tmp_path: Path) -> None:
    """Three of four answered from the right documents, the foreign one refused, every quote word for word."""
    lines_file = tmp_path / "lines.jsonl"
    found = means(asking.run(lines(QUESTIONS), "--json", "--per-query", str(lines_file)))
    assert (found["questions"], found["failed"], found["answered"]) == (4, 0, 0.75)
    assert (found["refusal_precision"], found["refusal_recall"], found["wrongly_refused"]) == (1.0, 1.0, 0.0)
    assert (found["cites_known"], found["verbatim"]) == (1.0, 1.0)
    assert (found["citation_recall"], found["citation_precision"]) == (1.0, 1.0)
    assert set(found["support"]) == {"supported"}
    rows = [json.loads(line) for line in lines_file.read_text("utf-8").splitlines()]
    assert [row["status"] for row in rows] == ["answered", "answered", "abstained", "answered"]
    assert rows[2]["confidence"] < 0.5 < rows[0]["confidence"]
    assert rows[0]["cited"][0] == "metformin"


def test_a_models_citations_count_as_alce_counts_them(asking: Asking, openai_server: OpenAIServer) -> None:
    """Of two sentences one is borne out; of its two citations one is needed, and the other sentence's is not."""
    openai_server.reply = [
        "Aspirin prevents a second stroke [1][2]. ",
        "It cures gout in 90 % [1].",
    ]
    asked = lines([{"question": "metformin for diabetes or aspirin after a stroke"}])
    found = means(asking.run(asked, "--json", CITEWELL_GENERATION__URL=openai_server.url))
    assert found["citation_recall"] == pytest.approx(1 / 2)
    assert found["citation_precision"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["verbatim"] is None
    assert found["support"]["supported"] == 1


def test_the_table_names_every_figure_that_there_is(asking: Asking) -> None:
    """A reader sees the figure, its interval and what it is; what nobody labelled is left out."""
    ran = asking.run(lines(QUESTIONS))
    assert ran.returncode == 0, ran.stderr
    assert "default: 4 questions" in ran.stdout
    assert "refusals that are right (precision)      1.000" in ran.stdout
    unlabelled = asking.run(lines([{"question": QUESTIONS[3]["question"]}])).stdout
    assert "answered, of all" in unlabelled
    assert "precision)  " not in unlabelled


def test_a_failing_model_is_counted_apart(asking: Asking, openai_server: OpenAIServer) -> None:
    """A server that is down is no refusal: the figures leave it out, and the exit status says so."""
    openai_server.stop()
    ran = asking.run(lines(QUESTIONS[:2]), "--json", CITEWELL_GENERATION__URL=openai_server.url)
    assert ran.returncode == 3
    assert json.loads(ran.stdout)["failed"] == 2
    assert json.loads(ran.stdout)["refusal_recall"] is None
    assert "2 questions failed and count nowhere" in ran.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "no “question”"),
        ('{"question": "a", "answerable": "yes"}', "neither true nor false"),
        ('{"question": "a", "doc_ids": "d"}', "no list of strings"),
        ("", "holds no question"),
    ],
)
def test_a_line_that_is_no_question_is_named(line: str, said: str, asking: Asking) -> None:
    """File and line, before anything is asked."""
    ran = asking.run(line)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "questions.jsonl" in ran.stderr
