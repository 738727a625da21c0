"""`citewell eval`: figures that can be checked by hand, rankings that anyone's tool can score, honest comparisons."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ir_measures
import pytest
from ir_measures import AP, RR, R, nDCG

from tests.assistant.commands.conftest import Called, Home, lines, told

# “aspirin stroke” finds both, then each alone, the shorter first; “gout” finds one.
CORPUS = [
    {"_id": "both", "title": "Aspirin in stroke", "text": "Aspirin after a stroke."},
    {"_id": "one", "title": "Aspirin", "text": "Aspirin for headache in adults."},
    {"_id": "other", "title": "Heparin", "text": "Heparin for clots, never mentioned with aspirin in this place."},
    {"_id": "gout", "title": "Gout", "text": "Gout hurts."},
]
QUESTIONS = [{"_id": "q1", "text": "aspirin stroke"}, {"_id": "q2", "text": "gout"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\tone\t1\nq1\tmissing\t1\nq2\tgout\t1\n"
SECOND = 1 / math.log2(3)


class Collection:
    """A test collection on disk and the command over it."""

    def __init__(self, home: Home, called: Called) -> None:
        self.home, self._called = home, called
        self.write("corpus.jsonl", lines(CORPUS))
        self.write("queries.jsonl", lines(QUESTIONS))
        self.write("qrels.tsv", QRELS)

    def write(self, name: str, text: str) -> Path:
        """A file of the collection."""
        path = self.home.folder / name
        path.write_text(text, "utf-8")
        return path

    def path(self, name: str) -> str:
        """Where it lies."""
        return str(self.home.folder / name)

    def run(self, *more: str, queries: str = "queries.jsonl", qrels: str = "qrels.tsv", **environment: str) -> Any:
        """`citewell eval retrieval` over the corpus."""
        files = ("--queries", self.path(queries), "--qrels", self.path(qrels), "--corpus", self.path("corpus.jsonl"))
        return self._called(self.home, "eval", "retrieval", *files, *more, **environment)

    def compare(self, a: str, b: str, *more: str) -> Any:
        """`citewell eval compare` of two files."""
        files = (self.path(a), self.path(b), "--qrels", self.path("qrels.tsv"))
        return self._called(self.home, "eval", "compare", *files, *more)


@pytest.fixture
def collection(home: Home, called: Called) -> Collection:
    """The small collection above."""
    return Collection(home, called)


def figures(ran: Any) -> dict[str, Any]:
    """What `--json` printed."""
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def run_of(rankings: Mapping[str, Sequence[str]]) -> str:
    """Rankings in the TREC run format."""
    return "".join(
        f"{question} Q0 {document} {rank} {100 - rank} tag\n"
        for question, ranking in rankings.items()
        for rank, document in enumerate(ranking, start=1)
    )


def test_the_figures_are_those_computed_by_hand(collection: Collection) -> None:
    """q1 finds one of two relevant documents, in second place; q2 finds its only one first."""
    found = figures(collection.run("--json"))
    assert found["questions"] == 2
    assert found["metrics"] == pytest.approx(
        {
            "nDCG@10": (SECOND / (1 + SECOND) + 1) / 2,
            "MRR@10": (1 / 2 + 1) / 2,
            "recall@5": (1 / 2 + 1) / 2,
            "recall@10": (1 / 2 + 1) / 2,
            "recall@100": (1 / 2 + 1) / 2,
            "MAP": ((1 / 2) / 2 + 1) / 2,
        },
        abs=1e-6,
    )
    assert not list(collection.home.data.glob("**/*.sqlite")), "the temporary index is gone"


def test_grades_count_linearly(collection: Collection) -> None:
    """A document of grade 2 in second place gains 2 / log2(3), as in trec_eval and BEIR, not 3."""
    collection.write("graded.tsv", "q1\t0\tboth\t1\nq1\t0\tone\t2\n")
    found = figures(collection.run("--json", qrels="graded.tsv"))
    assert found["metrics"]["nDCG@10"] == pytest.approx((1 + 2 * SECOND) / (2 + SECOND), abs=1e-6)
    assert found["unjudged_questions"] == 1


def test_per_query_figures_name_each_question(collection: Collection, tmp_path: Path) -> None:
    """Whoever wants to know which questions fail reads one line of JSON for each."""
    assert collection.run("--per-query", str(tmp_path / "per.jsonl")).returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "per.jsonl").read_text("utf-8").splitlines()]
    assert [(row["query"], row["MRR@10"], row["recall@10"]) for row in rows] == [("q1", 0.5, 0.5), ("q2", 1.0, 1.0)]


def test_another_tool_scores_the_run_alike(collection: Collection, tmp_path: Path) -> None:
    """The run file holds the ranking that was scored, to the last tie: trec_eval's figures are ours."""
    twins = [{"_id": f"twin-{n}", "title": "Measles", "text": "Measles spreads fast."} for n in range(8)]
    collection.write("corpus.jsonl", lines([*CORPUS, *twins]))
    collection.write("queries.jsonl", lines([*QUESTIONS, {"_id": "q3", "text": "measles"}]))
    judgments = QRELS + "q3\ttwin-6\t1\nq3\ttwin-1\t1\n"
    collection.write("qrels.tsv", judgments)
    ours = figures(collection.run("--json", "--run", str(tmp_path / "a.run")))["metrics"]
    first = (tmp_path / "a.run").read_text("utf-8").splitlines()[0].split()
    assert (first[:4], first[5]) == (["q1", "Q0", "both", "1"], "citewell")
    run = [
        ir_measures.ScoredDoc(question, document, float(score))
        for question, _, document, _, score, _ in map(str.split, (tmp_path / "a.run").read_text("utf-8").splitlines())
    ]
    qrels = [
        ir_measures.Qrel(question, document, int(grade))
        for question, document, grade in (line.split("\t") for line in judgments.splitlines()[1:])
    ]
    theirs = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10, AP, R @ 5], qrels, run)
    assert [ours["nDCG@10"], ours["MRR@10"], ours["MAP"], ours["recall@5"]] == pytest.approx(
        [theirs[nDCG @ 10], theirs[RR @ 10], theirs[AP], theirs[R @ 5]], abs=1e-6
    )


def test_an_id_with_a_space_is_named_and_not_cut(collection: Collection, tmp_path: Path) -> None:
    """A TREC run is split at spaces: such an id would become another document's."""
    collection.write("corpus.jsonl", lines([*CORPUS, {"_id": "two words", "title": "Gout", "text": "Gout."}]))
    told(collection.run("--run", str(tmp_path / "a.run")), 1, "“two words”", "white space", "--per-query")
    assert not (tmp_path / "a.run").exists()


def test_intervals_are_the_same_every_time_and_hold_the_mean(collection: Collection) -> None:
    """Two runs of one command can be compared by eye: chance has a fixed seed."""
    first, second = (figures(collection.run("--json")) for _ in range(2))
    assert first["intervals"] == second["intervals"]
    low, high = first["intervals"]["MRR@10"]
    assert (low, high) == (0.5, 1.0)
    assert "0.500 to 1.000" in collection.run().stdout


def test_what_cannot_be_scored_is_counted_and_told(collection: Collection) -> None:
    """Questions nobody judged, judgments of questions not asked, relevant documents not in the index: none is a silent zero."""
    collection.write("queries.jsonl", lines([*QUESTIONS, {"_id": "q3", "text": "insulin"}]))
    collection.write("qrels.tsv", QRELS + "q9\tgout\t1\nq3\tgout\t0\n")
    ran = collection.run("--json")
    found = figures(ran)
    counts = ("questions", "unjudged_questions", "unasked_questions", "relevant_documents", "missing_documents")
    assert [found[key] for key in counts] == [2, 1, 1, 3, 1]
    assert "1 of 3 relevant documents are not in the index and count as missed." in ran.stderr


def test_a_filter_narrows_what_is_searched(collection: Collection) -> None:
    """What a filter is worth can be measured like any other setting: here it takes the distractor of q1 away."""
    collection.write("corpus.jsonl", lines([{**row, "year": 2000 if row["_id"] == "both" else 2020} for row in CORPUS]))
    assert figures(collection.run("--json", "--filter", "year>=2010"))["metrics"]["MRR@10"] == 1.0


def test_a_retracted_record_left_out_is_told_and_no_failure(collection: Collection) -> None:
    """A corpus with a retracted record is evaluated like any other: a script that looks at the status goes on."""
    row = {"_id": "gone", "title": "Aspirin", "text": "Aspirin for fever.", "retracted": True}
    collection.write("corpus.jsonl", f"{json.dumps(row)}\n{json.dumps({**row, '_id': 'one', 'retracted': False})}\n")
    collection.write("queries.jsonl", "q1\taspirin\n")
    collection.write("qrels.tsv", "q1\tone\t1\n")
    ran = collection.run()
    assert ran.returncode == 0
    assert "1 of 1 questions: 1 retracted record was left out" in ran.stderr


def test_a_search_that_was_not_as_asked_is_no_success(collection: Collection, home: Home, called: Called) -> None:
    """Figures of a hybrid search whose embedder was away would be lexical ones: the status and a note say so."""
    from tests.support.openai_server import OpenAIServer

    with OpenAIServer() as server:
        hybrid = ("--profile", "sglang", "--set", f"embedding.url={server.url}", "--set", "embedding.dimensions=64")
        assert called(home, "ingest", collection.path("corpus.jsonl"), *hybrid).returncode == 0
    ran = called(
        home,
        "eval",
        "retrieval",
        "--queries",
        collection.path("queries.jsonl"),
        "--qrels",
        collection.path("qrels.tsv"),
        *hybrid,
    )
    assert ran.returncode == 3
    assert "2 of 2 questions: Searched by words alone" in ran.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("queries.jsonl", '{"_id": "q1", "text": "x"}\n{bad\n', "queries.jsonl:2: not valid JSON"),
        ("queries.jsonl", '{"_id": "q1"}\n', "queries.jsonl:1: a question without text"),
        ("queries.jsonl", '{"text": "x"}\n', "queries.jsonl:1: a question without an id"),
        ("queries.jsonl", "q1\tx\nq1\ty\n", "queries.jsonl:2: the question “q1” stands there twice"),
        ("queries.jsonl", "\n", "holds no question"),
        ("queries.jsonl", "just words\n", "queries.jsonl:1: neither a JSON object nor two columns"),
        ("qrels.tsv", "q1\tone\n", "qrels.tsv:1: 2 columns"),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\nq1\tone\tyes\n", "qrels.tsv:2: the grade “yes”"),
        ("qrels.tsv", "q1\tone\t1\nq1\tone\t2\n", "qrels.tsv:2: “one” is judged twice"),
        ("qrels.tsv", "x1\tone\t1\n", "no question has a relevant document"),
    ],
)
def test_a_bad_line_is_named(collection: Collection, name: str, content: str, said: str) -> None:
    """A file that cannot be used stops the command with its place and the form that is needed."""
    collection.write(name, content)
    told(collection.run(), 1, said)


def test_wrong_usage_is_told_before_any_work(collection: Collection, tmp_path: Path) -> None:
    """A result that could not be written is found out before the hour of work, not after it."""
    told(collection.run("--run", str(tmp_path / "nowhere" / "a.run")), 2, "there is no such folder")
    told(collection.run("--run", "/proc/a.run"), 2, "/proc/a.run: cannot be written", "Name another --run")


def test_without_the_extra_the_command_says_what_to_install(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who installed citewell alone is told the one command that is missing."""
    monkeypatch.delitem(sys.modules, "assistant.analysis.metrics", raising=False)
    monkeypatch.delattr("assistant.analysis.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    told(collection.run(), 1, "ir_measures", "pip install 'citewell[analysis]'")


def test_a_run_compared_with_itself_shows_no_difference(collection: Collection) -> None:
    """Identical runs: p is 1, the difference 0 and its interval empty."""
    collection.write("a.run", run_of({"q1": ["both", "one"], "q2": ["gout"]}))
    found = figures(collection.compare("a.run", "a.run", "--json"))["metrics"]
    for one in found.values():
        assert one["p"] == 1.0
        assert one["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
        assert (one["better"], one["worse"]) == (0, 0)


def test_p_is_the_share_of_swaps_that_differ_as_much(collection: Collection) -> None:
    """B is better on all of three questions: of the 8 ways to swap the runs, 2 differ as much, so p = 1/4."""
    collection.write("qrels.tsv", "q1\td\t1\nq2\td\t1\nq3\td\t1\n")
    collection.write("a.run", run_of({question: ["x", "d"] for question in ("q1", "q2", "q3")}))
    collection.write("b.run", run_of({question: ["d", "x"] for question in ("q1", "q2", "q3")}))
    one = figures(collection.compare("a.run", "b.run", "--json"))["metrics"]["MRR@10"]
    assert one["p"] == 0.25
    assert (one["a"], one["b"], one["difference"]["mean"], one["better"]) == (0.5, 1.0, 0.5, 3)
    assert "3 / 0" in collection.compare("a.run", "b.run").stdout


def test_a_question_that_one_run_lacks_counts_nothing_there(collection: Collection) -> None:
    """Leaving hard questions out of a run does not make it better, and is told."""
    collection.write("a.run", run_of({"q1": ["one"], "q2": ["gout"]}))
    collection.write("b.run", run_of({"q2": ["gout"]}))
    ran = collection.compare("a.run", "b.run", "--json")
    assert figures(ran)["metrics"]["MRR@10"]["b"] == 0.5
    assert "b.run does not rank 1 questions; they count 0." in ran.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("q1 Q0 one 1 2.0\n", "b.run:1: 5 columns, not 6"),
        ("q1 Q0 one 1 high tag\n", "b.run:1: the score “high” is no number"),
        ("q1 Q0 one 1 2 t\nq1 Q0 one 2 1 t\n", "b.run:2: “one” is ranked twice"),
        ("", "holds no ranking"),
    ],
)
def test_a_bad_line_of_a_run_is_named(collection: Collection, content: str, said: str) -> None:
    """A run of another tool that cannot be read stops the comparison with its place."""
    collection.write("a.run", run_of({"q1": ["one"]}))
    collection.write("b.run", content)
    told(collection.compare("a.run", "b.run"), 1, said)
