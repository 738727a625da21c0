"""`citewell eval report`: one command from data to a page with tables and pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.assistant.commands.conftest import Called, Home, lines, told
from tests.assistant.commands.test_eval_sweep import hybrid
from tests.support.corpora import DRUGS, records
from tests.support.openai_server import OpenAIServer

_SETS = """
title = "Our | results"
[[sets]]
name = "Trials"
corpus = ["data/corpus.jsonl"]
queries = "data/queries.jsonl"
qrels = "data/qrels.tsv"
axes = ["dimensions"]
note = "made up."
[[sets]]
name = "Trials, words alone"
corpus = ["data/corpus.jsonl"]
queries = "data/queries.jsonl"
qrels = "data/qrels.tsv"
embed = false
"""


@pytest.fixture
def sets(home: Home) -> Path:
    """A file that names two collections, beside their data."""
    folder = home.folder / "data"
    folder.mkdir()
    asked = [{"_id": f"q{n}", "text": f"What did trial {n} of {DRUGS[n % 8]} show?"} for n in range(6)]
    (folder / "corpus.jsonl").write_text(lines(records(20)), "utf-8")
    (folder / "queries.jsonl").write_text(lines(asked), "utf-8")
    (folder / "qrels.tsv").write_text("".join(f"q{n}\tdoc-{n}\t1\n" for n in range(6)), "utf-8")
    path = home.folder / "sets.toml"
    path.write_text(_SETS, "utf-8")
    return path


def test_the_page_shows_every_system_with_its_interval(
    home: Home, called: Called, sets: Path, openai_server: OpenAIServer
) -> None:
    """Words, vectors and both side by side with significance, the sweep with its picture; every picture is there."""
    out = home.folder / "results"
    ran = called(home, "eval", "report", str(sets), "--out", str(out), *hybrid(openai_server))
    assert ran.returncode == 0, ran.stderr
    page = (out / "README.md").read_text("utf-8")
    rows = [
        line
        for line in page.replace("| set |", "").splitlines()
        if re.match(r"\| .*(words alone|vectors alone|reciprocal rank of both|hybrid) \|", line)
    ]
    assert [row.split(" | ")[3] for row in rows] == [
        "words alone",
        "vectors alone",
        "reciprocal rank of both",
        "hybrid",
        "words alone",
    ]
    assert all(re.search(r"\d\.\d{3} \(\d\.\d{3}–\d\.\d{3}\)", row) for row in rows)
    assert re.search(r"\| dimensions \| 32 \(\d+% of the variance\) \|.*\| 128 \|", page)
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert pictures == ["systems.svg", "trials.svg"]
    assert all((out / name).read_text("utf-8").lstrip().startswith("<?xml") for name in pictures)
    assert str(home.folder) not in page
    assert ran.stdout.count(str(out)) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[sets]]\nname = 1", "sets.toml: sets.0."),
        ("sets = [", "sets.toml: is not valid TOML"),
        ("title = 'x'", "sets.toml: sets: Field required"),
        (_SETS.replace("data/queries.jsonl", "data/gone.jsonl"), "Trials: there is no gone.jsonl"),
    ],
)
def test_a_file_of_sets_that_cannot_be_used_is_told(
    home: Home, called: Called, sets: Path, content: str, said: str
) -> None:
    """The key that is wrong, or the file that is missing, before anything is measured."""
    sets.write_text(content, "utf-8")
    told(called(home, "eval", "report", str(sets), "--out", str(home.folder / "results")), 1, said)
