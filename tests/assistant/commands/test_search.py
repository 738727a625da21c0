"""`citewell search`: the shape that scripts rely on."""

from __future__ import annotations

import json

from tests.assistant.answering.examples import RECORDS
from tests.assistant.commands.conftest import MODULE, Called, Home


def test_json_is_one_line_of_ranked_whole_passages(sample: Home) -> None:
    """Every field of the contract, best first, the passage whole, metadata as it was given."""
    ran = sample.run("search", "first-line drug for diabetes or stroke", "--json", "--limit", "2")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("\n") == 1
    hits = json.loads(ran.stdout)
    assert len(hits) == 2
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert hits[0]["score"] >= hits[1]["score"]
    assert {"rank", "score", "doc_id", "passage", "title", "text", "metadata"} <= set(hits[0])
    assert hits[0] | {"score": 0} == {
        "rank": 1,
        "score": 0,
        "doc_id": "metformin",
        "passage": 0,
        "title": RECORDS[0]["title"],
        "text": RECORDS[0]["abstract"],
        "start": 0,
        "end": len(RECORDS[0]["abstract"]),
        "section": None,
        "pages": None,
        "metadata": {"year": 2021, "journal": "Example Medicine"},
        "labels": {},
        "flags": [],
        "filter": "",
    }


def test_a_question_comes_from_standard_input_as_well(sample: Home) -> None:
    """`echo 布洛芬 | python -m assistant search --json`."""
    ran = sample.run("search", "--json", stdin="布洛芬的用量\n", command=MODULE)
    assert [hit["doc_id"] for hit in json.loads(ran.stdout)] == ["ibuprofen-zh"]


def test_nothing_found_is_an_empty_list_and_no_failure(sample: Home, called: Called) -> None:
    """A script sees `[]`, a reader a sentence; both status 0."""
    ran = called(sample, "search", "zyzzyva", "--json")
    assert (ran.returncode, ran.stdout) == (0, "[]\n")
    ran = called(sample, "search", "zyzzyva")
    assert ran.returncode == 0
    assert "Nothing in the index" in ran.stdout


def test_plain_results_name_the_document_and_show_its_beginning(sample: Home) -> None:
    """Rank, title, journal, year, id and the passage's beginning, with no colour in a pipe."""
    ran = sample.run("search", "metformin", FORCE_COLOR="1")
    assert "  1. Metformin in type 2 diabetes · Example Medicine · 2021 · metformin" in ran.stdout
    assert "Metformin is the first-line drug" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_why_tells_how_each_result_came_to_its_rank(sample: Home, called: Called) -> None:
    """For a reader a line under each result; for a script an object with results and the search as a whole."""
    ran = called(sample, "search", "metformin dose", "--why")
    assert ran.returncode == 0
    assert "(words #1 (" in ran.stdout
    told = json.loads(called(sample, "search", "metformin dose", "--why", "--json").stdout)
    assert [row["why"]["lexical"]["rank"] for row in told["results"]] == [row["rank"] for row in told["results"]]
    assert told["results"][0]["why"]["dense"] is None
    assert {"instruction", "expanded", "dropped", "below_cut"} <= set(told["why"])
