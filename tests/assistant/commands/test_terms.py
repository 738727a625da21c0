"""`citewell terms`: near ones, groups and translations, as a table, as JSON, as a picture, and what is said of bad input."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from configs.errors import InputError
from tests.assistant.commands.conftest import Called, Home, Ran, told
from tests.support import faults
from tests.support.openai_server import OpenAIServer

_GROUPS = ("fever", "cough", "fracture")
_KINDS = ("acute", "mild", "severe", "chronic", "sudden", "old")
_MANY = [f"{group} {group} {group} {kind}" for group in _GROUPS for kind in _KINDS]


class Desk:
    """A user's folder with lists of terms, and the command over it."""

    def __init__(self, home: Home, called: Called, server: OpenAIServer) -> None:
        self.home, self._called, self.server = home, called, server

    def file(self, name: str, *terms: str) -> str:
        """A file of these lines."""
        path = self.home.folder / name
        path.write_text("".join(f"{term}\n" for term in terms), "utf-8")
        return str(path)

    def terms(self, *arguments: str) -> Ran:
        """The command with this server."""
        flags = ("provider=openai", f"url={self.server.url}", "model=fake/model", "wait=5")
        return self._called(self.home, "terms", *arguments, *(x for f in flags for x in ("--set", f"embedding.{f}")))

    def json(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """What `--json` printed."""
        ran = self.terms(*arguments, "--json")
        assert ran.returncode == status, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found


@pytest.fixture
def desk(home: Home, called: Called, openai_server: OpenAIServer) -> Desk:
    """The folder above."""
    return Desk(home, called, openai_server)


def test_similar_ranks_a_list_and_shows_the_matrix(desk: Desk) -> None:
    """The nearest first, each with its cosine and line; the matrix holds what was asked for and what was found."""
    file = desk.file("terms.txt", "dry cough", "", "high fever", "broken leg", "fever")
    found = desk.json("similar", "high fever today", "--to", file, "--top", "2")
    assert [row["term"] for row in found["queries"][0]["ranked"]] == ["high fever", "fever"]
    assert [row["line"] for row in found["queries"][0]["ranked"]] == [3, 5]
    assert found["matrix"]["terms"] == ["high fever today", "high fever", "fever"]
    assert found["matrix"]["cosine"][1][1] == pytest.approx(1, abs=1e-3)
    assert (found["domain"], found["lists"][0]["terms"]) == ("medical", 4)
    shown = desk.terms("similar", "high fever today", "--to", file, "--top", "2").stdout
    assert shown.index("high fever  ") < shown.index("Cosine of each with each")


@pytest.mark.parametrize(("columns", "bars"), [(40, False), (60, True), (80, True)])
def test_rankings_and_matrix_keep_within_the_terminal(
    columns: int, bars: bool, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many terms as there is room for, and it is said how many: no row of figures is folded."""
    monkeypatch.setenv("COLUMNS", str(columns))
    names = [f"fever of the {n}th day after the operation" for n in range(11)]
    shown = desk.terms("similar", "fever", "--to", desk.file("terms.txt", *names)).stdout
    ranking, matrix = shown.split("Cosine of each with each")
    heading, *rows = matrix.splitlines()
    assert heading == f"; the first {len(rows) - 1} of 11"
    assert all(len(row) <= columns for row in (*ranking.splitlines()[1:], *rows))
    assert ("▇" in ranking) == bars


def test_terms_are_compared_among_themselves(desk: Desk) -> None:
    """Without a list, each TERM is ranked against the others, never against itself."""
    found = desk.json("similar", "high fever", "mild fever", "broken leg")
    first = found["queries"][0]
    assert [row["term"] for row in first["ranked"]] == ["mild fever", "broken leg"]
    told(desk.terms("similar", "fever"), 2, "nothing to compare", "--to terms.txt")


def test_the_domain_changes_what_is_sent(desk: Desk) -> None:
    """Its instruction and its template; an unknown one is refused with the list, before anything is sent."""
    desk.json("similar", "consideration", "promise", "--domain", "legal")
    assert any(text.endswith("Query:promise, in law") for text in desk.server.embedded)
    desk.server.requests.clear()
    told(desk.terms("similar", "a", "b", "--domain", "opera"), 2, "no domain “opera”", "engineering", "terms.toml")
    assert desk.server.requests == []
    assert "in programming" in desk.terms("domains").stdout


def test_a_model_without_instructions_gets_none(desk: Desk) -> None:
    """Where the embedder's domain is none, as in the local profile, terms go out as they are."""
    desk.json("similar", "promise", "pledge", "--set", "embedding.domain=none")
    assert {"promise", "pledge"} <= set(desk.server.embedded)


def test_cluster_names_groups_and_keeps_the_variance(desk: Desk) -> None:
    """Each group under the name of a member; every term is in one or an outlier; PCA says what it kept."""
    file = desk.file("terms.txt", *_MANY)
    found = desk.json("cluster", file, "--pca", "0.95")
    groups = [{row["term"] for row in one["terms"]} for one in found["clusters"]]
    assert {group for terms in groups for group in _GROUPS if all(term.startswith(group) for term in terms)} == set(
        _GROUPS
    )
    assert all(one["name"] == one["terms"][0]["term"] for one in found["clusters"])
    assert sum(map(len, groups)) + len(found["outliers"]) == len(_MANY)
    assert found["pca"]["variance_kept"] >= 0.95
    assert found["pca"]["dimensions"] < found["dimensions"] == 64
    assert "of the variance" in desk.terms("cluster", file, "--pca", "5").stdout


def test_pictures_are_drawn(desk: Desk) -> None:
    """A heat map and a map, with names as text; Chinese too."""
    file = desk.file("terms.txt", *_MANY, "心脏骤停", "<b>$x$</b>")
    near, plane = desk.home.folder / "near.svg", desk.home.folder / "map.svg"
    assert desk.terms("similar", "fever acute", "心脏", "--to", file, "--chart", str(near)).returncode == 0
    assert "心脏骤停" in "".join(ET.fromstring(near.read_text("utf-8")).itertext())  # noqa: S314 — our own
    assert desk.terms("cluster", file, "--chart", str(plane)).returncode == 0
    assert "20 terms of terms.txt" in "".join(ET.fromstring(plane.read_text("utf-8")).itertext())  # noqa: S314 — our own
    told(desk.terms("cluster", file, "--chart", "map.gif"), 2, ".png or a .svg")
    told(desk.terms("cluster", file, "--chart", "nowhere/map.svg"), 2, "no such folder")
    for command in (("cluster", file), ("similar", "fever", "--to", file)):
        told(desk.terms(*command, "--chart", "/proc/x.svg"), 2, "/proc/x.svg: cannot be written", "another --chart")


@pytest.mark.parametrize("command", ["cluster", "similar"])
def test_a_picture_that_fails_after_all_costs_no_figures(
    desk: Desk, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a disk that fills up meanwhile takes with it what an embedder was paid for."""

    def full(*_: object) -> None:
        raise InputError("cannot be written: No space left on device")

    for name in ("draw_map", "draw_matrix"):
        monkeypatch.setattr(f"assistant.analysis.term_charts.{name}", full)
    file, chart = desk.file("terms.txt", *_MANY), str(desk.home.folder / "x.svg")
    ran = desk.terms(command, *((file,) if command == "cluster" else ("fever", "--to", file)), "--chart", chart)
    assert (ran.returncode, "fever" in ran.stdout) == (1, True), ran.stderr
    assert "No space left" in ran.stderr


def test_match_pairs_two_lists_with_recall(desk: Desk) -> None:
    """Pairs, who is the other's nearest, and recall where the right pairs are known: by line, by a table, by one table."""
    ours, theirs = desk.file("a.txt", "red fever", "dry cough"), desk.file("b.txt", "fever in red", "cough, dry", "leg")
    found = desk.json("match", ours, theirs, "--aligned")
    assert [(row["nearest"][0]["term"], row["mutual"]) for row in found["pairs"]] == [
        ("fever in red", True),
        ("cough, dry", True),
    ]
    assert (found["recall@1"]["value"], found["recall@5"]["of"]) == (1.0, 2)
    assert "end with lines 2 and 3" in desk.terms("match", ours, theirs, "--aligned").stderr
    assert "recall@1" not in desk.json("match", ours, theirs)
    pairs = desk.file("pairs.tsv", "en\tzh", "red fever\tleg", "dry cough\tcough, dry", "pox\tpocks")
    known = desk.terms("match", ours, theirs, "--truth", pairs)
    assert "recall@1 0.500" in known.stdout
    assert "✗ red fever ↔ fever in red" in known.stdout
    assert "1 pairs of" in known.stderr
    assert desk.json("match", pairs, "--columns", "zh,en")["recall@1"]["of"] == 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("match", "{one}"), 2, "two lists"),
        (("match", "{one}", "{one}", "--columns", "a,b"), 2, "one table"),
        (("match", "{table}", "--columns", "en"), 2, "two headings"),
        (("match", "{table}", "--columns", "en,fr"), 2, "has no column “fr”"),
        (("match", "{one}", "{one}", "--truth", "{one}"), 2, "a .tsv or a .csv"),
        (("cluster", "{one}"), 1, "there is 1"),
        (("cluster", "{two}"), 1, "--min-size 2"),
        (("cluster", "{empty}"), 1, "holds no term"),
        (("cluster", "{two}", "--min-size", "2", "--pca", "frog"), 2, "share of the variance"),
        (("cluster", "{two}", "--min-size", "2", "--pca", "9"), 2, "1 principal components"),
        (("cluster", "nowhere.txt"), 2, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, arguments: tuple[str, ...], status: int, words: str) -> None:
    """An empty list, one term, two, wrong columns: what is wrong and what to do, never a traceback."""
    files = {
        "one": desk.file("one.txt", "asthma"),
        "two": desk.file("two.txt", "asthma", "cough"),
        "empty": desk.file("empty.txt", "", " "),
        "table": desk.file("table.tsv", "en\tzh", "flu\t流感"),
    }
    ran = desk.terms(*(text.format(**files) for text in arguments))
    assert ran.returncode == status, ran.stderr
    assert "Traceback" not in ran.stderr
    assert words in ran.stderr


def test_what_is_no_term_is_named_and_the_status_says_so(desk: Desk) -> None:
    """An over-long line is told by its number; the rest is done, with exit status 3."""
    file = desk.file("terms.txt", "high fever", "a" * 2_000, "dry cough")
    ran = desk.terms("similar", "fever", "--to", file)
    assert ran.returncode == 3
    assert "terms.txt:2: has more than 1,000 characters" in ran.stderr
    assert desk.json("similar", "fever", "--to", file, status=3)["lists"][0]["rejected"][0]["line"] == 2
    ran = desk.terms("cluster", file)
    told(ran, 1, "a cluster takes 4 different terms", "terms.txt:2: has more than 1,000 characters")
    assert ran.stderr.count("terms.txt:2:") == 1


def test_terms_that_look_dangerous_stay_text(desk: Desk) -> None:
    """Escapes are gone before anything is sent or shown; markup is a term like others."""
    file = desk.file("terms.txt", "\x1b[31mred\x1b[0m fever", "[bold]x[/bold]")
    ran = desk.terms("similar", "fever", "--to", file)
    assert "\x1b" not in ran.stdout
    assert "red fever" in ran.stdout
    assert "[bold]x[/bold]" in ran.stdout
    assert not any("\x1b" in text for text in desk.server.embedded)


def test_without_an_embedder_and_with_a_broken_one(desk: Desk, called: Called) -> None:
    """The quickstart profile is told what to add; a server that fails is named."""
    file = desk.file("terms.txt", "fever", "cough")
    told(called(desk.home, "terms", "similar", "x", "--to", file), 1, "no embedder", "--profile local")
    desk.server.fault = faults.Status(401)
    told(desk.terms("similar", "x", "--to", file), 1, "embedding")
