"""`citewell eval sweep`: each point against the settings in force, as a table, a picture and a profile that works."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.assistant.commands.conftest import Called, Home, Ran, lines, told
from tests.support.corpora import DRUGS, records
from tests.support.openai_server import OpenAIServer

_DOCUMENTS = 40
# Vectors decide alone, so that what they lose is seen.
_DENSE = ("--set", "retrieval.dense_weight=1")


class Bench:
    """A corpus whose questions name the drug and illness of a record, and the sweep over it."""

    def __init__(self, home: Home, called: Called) -> None:
        self.home, self._called = home, called
        rows = records(_DOCUMENTS)
        (home.folder / "corpus.jsonl").write_text(lines(rows), "utf-8")
        asked = [{"_id": f"q{n}", "text": f"What did trial {n} of {DRUGS[n % 8]} show?"} for n in range(12)]
        (home.folder / "queries.jsonl").write_text(lines(asked), "utf-8")
        (home.folder / "qrels.tsv").write_text("".join(f"q{n}\tdoc-{n}\t1\n" for n in range(12)), "utf-8")

    @property
    def files(self) -> tuple[str, ...]:
        """The three of them, as flags."""
        folder = self.home.folder
        return (
            *("--queries", str(folder / "queries.jsonl")),
            *("--qrels", str(folder / "qrels.tsv")),
            *("--corpus", str(folder / "corpus.jsonl")),
        )

    def sweep(self, *more: str, server: OpenAIServer | None = None) -> Ran:
        """The command, hybrid where there is a server."""
        return self._called(self.home, "eval", "sweep", *self.files, *hybrid(server), *more)

    def call(self, *arguments: str, **environment: str) -> Ran:
        """Any other command."""
        return self._called(self.home, *arguments, **environment)


def hybrid(server: OpenAIServer | None) -> tuple[str, ...]:
    """Settings with this embedder."""
    if server is None:
        return ()
    flags = (
        "embedding.provider=openai",
        f"embedding.url={server.url}",
        "embedding.model=fake/model",
        "embedding.domain=none",
    )
    return tuple(part for flag in flags for part in ("--set", flag))


@pytest.fixture
def bench(home: Home, called: Called) -> Bench:
    """The corpus above."""
    return Bench(home, called)


def swept(ran: Ran, status: int = 0) -> dict[str, Any]:
    """What `--json` printed."""
    assert ran.returncode == status, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_dimensions_show_what_is_lost_and_what_is_saved(bench: Bench, openai_server: OpenAIServer) -> None:
    """Each size has quality, bytes and latency beside those of the full vectors, which are what `retrieval` measures."""
    found = swept(bench.sweep("--axis", "dimensions", "--values", "8,32", "--json", *_DENSE, server=openai_server))
    base, small, half = found["rows"][:3]
    assert [(row["value"], row["bytes_per_vector"]) for row in (base, small, half)] == [
        ("64", 256),
        ("8", 32),
        ("32", 128),
    ]
    assert all(row["milliseconds"]["p50"] > 0 for row in found["rows"])
    assert small["against_base"]["a"] == pytest.approx(base["metrics"]["nDCG@10"], abs=1e-6)
    assert small["metrics"]["nDCG@10"] < base["metrics"]["nDCG@10"]
    whole = bench.call("eval", "retrieval", *bench.files, *hybrid(openai_server), *_DENSE, "--json")
    assert json.loads(whole.stdout)["metrics"]["nDCG@10"] == pytest.approx(base["metrics"]["nDCG@10"], abs=1e-6)


def test_truncation_and_pca_are_compared_and_the_smallest_that_serves_is_named(
    bench: Bench, openai_server: OpenAIServer
) -> None:
    """One command gives MRR@10, bytes, latency and variance of both, and says what one would take within a tolerance."""
    picture = bench.home.folder / "sizes.svg"
    wanted = ("--axis", "dimensions", "--values", "8,32", "--axis", "pca", "--values", "8,32", "--chart", str(picture))
    found = swept(bench.sweep(*wanted, "--within", "0.1", "--json", *_DENSE, server=openai_server))
    rows = {(row["axis"], row["value"]): row for row in found["rows"]}
    base = rows["as set", "64"]["metrics"]["MRR@10"]
    for axis in ("dimensions", "pca"):
        small, large = rows[axis, "8"], rows[axis, "32"]
        assert 0 < small["variance_kept"] < large["variance_kept"] <= 1
        assert (small["bytes_per_vector"], large["bytes_per_vector"]) == (32, 128)
        assert large["milliseconds"]["p50"] > 0
        near = [value for value in ("8", "32") if rows[axis, value]["metrics"]["MRR@10"] >= base - 0.1]
        assert found["smallest"].get(axis, {}).get("value") == (near[0] if near else None)
    assert found["smallest"]
    told = bench.sweep(*wanted, "--within", "0.1", *_DENSE, server=openai_server).stdout
    assert "within 0.1 of MRR@10 as set" in told
    assert "bytes a vector for 256" in told
    assert f"{rows['pca', '32']['variance_kept']:.1%}" in told
    texts = _texts(picture)
    assert {"PCA", "the first N dimensions (Matryoshka)", "the smallest in the grey band"} <= set(texts)


def test_the_corpus_is_embedded_once(bench: Bench, openai_server: OpenAIServer) -> None:
    """However many points there are, and in every later run: embedding is what costs hours."""
    arguments = (
        "--axis",
        "dimensions",
        "--axis",
        "weights",
        "--axis",
        "quantization",
        "--axis",
        "pca",
        "--values",
        "16",
    )
    swept(bench.sweep(*arguments, "--json", server=openai_server))
    assert len(openai_server.embedded) == _DOCUMENTS + 12
    swept(bench.sweep("--axis", "weights", "--values", "0.1", "--json", server=openai_server))
    assert len(openai_server.embedded) == _DOCUMENTS + 12


def test_quantization_says_that_its_time_is_not_known(bench: Bench, openai_server: OpenAIServer) -> None:
    """It is simulated in memory: quality and bytes are shown, a latency is not made up."""
    found = swept(bench.sweep("--axis", "quantization", "--json", server=openai_server))
    sizes = {row["value"]: (row["bytes_per_vector"], row["milliseconds"]) for row in found["rows"][1:]}
    assert sizes == {"int8": (64, None), "binary": (8, None)}


def test_the_best_setting_is_written_as_a_profile_that_works(bench: Bench, openai_server: OpenAIServer) -> None:
    """CITEWELL_CONFIG takes it as it is: what won is in force, with what the user had set besides, and no secret."""
    file = bench.home.folder / "best.toml"
    more = ("--write-profile", str(file), "--within", "1", "--set", "embedding.api_key=hush", "--json")
    found = swept(bench.sweep("--axis", "dimensions", "--values", "16,32", *more, server=openai_server))
    assert found["best"]["set"] == {"embedding.dimensions": "16"}
    written = tomllib.loads(file.read_text("utf-8"))
    assert written["embedding"]["dimensions"] == 16
    assert written["embedding"]["url"] == openai_server.url
    assert "hush" not in file.read_text("utf-8")
    shown = bench.call("config", "show", CITEWELL_CONFIG=str(file))
    assert shown.returncode == 0, shown.stderr
    assert "embedding.dimensions" in shown.stdout


def test_any_key_of_the_settings_is_an_axis(bench: Bench) -> None:
    """Words alone can be tuned too, and the bests of two axes are tried together."""
    found = swept(
        bench.sweep("--axis", "lexical.b", "--values", "0,0.75", "--axis", "chunks", "--values", "16,32", "--json")
    )
    assert [row["axis"] for row in found["rows"][:5]] == ["as set", "lexical.b", "lexical.b", "chunks", "chunks"]
    assert found["rows"][0]["bytes_per_vector"] is None
    assert found["rows"][2]["metrics"] == found["rows"][0]["metrics"]
    assert found["rows"][3]["set"] == {"chunking.size": "16", "chunking.overlap": "2"}


def test_axes_that_cannot_run_are_named(bench: Bench) -> None:
    """Without an embedder there is nothing to shorten: said, not left out in silence."""
    picture = bench.home.folder / "none.svg"
    ran = bench.sweep("--json", "--chart", str(picture))
    assert "nothing to draw" in ran.stderr
    assert not picture.exists()
    assert {row["axis"] for row in swept(ran)["rows"]} == {"as set"}
    assert "Skipped dimensions: the settings have no embedder" in ran.stderr
    assert "Skipped rerankers: the settings have no reranker" in ran.stderr


def test_axes_asked_for_that_all_cannot_run_are_a_mistake(bench: Bench) -> None:
    """Else a script takes status 0 for a sweep that never was; one that can run is enough."""
    wanted = ("--axis", "pca", "--axis", "rerankers")
    told(bench.sweep(*wanted), 2, "no embedder", "no reranker", "Add --profile local")
    ran = bench.sweep(*wanted, "--axis", "lexical.b", "--values", "", "--values", "", "--values", "0")
    assert ran.returncode == 0, ran.stderr
    assert "Skipped pca" in ran.stderr


def test_the_chart_is_a_picture_with_named_axes(bench: Bench, openai_server: OpenAIServer) -> None:
    """The same figures as a person looks at them: quality and latency over bytes, and the other axis beside them."""
    picture = bench.home.folder / "sweep.svg"
    axes = ("--axis", "dimensions", "--values", "16", "--axis", "weights", "--values", "0,1")
    ran = bench.sweep(*axes, "--chart", str(picture), server=openai_server)
    assert ran.returncode == 0, ran.stderr
    texts = _texts(picture)
    for label in (
        "bytes per vector, and dimensions",
        "one search (ms)",
        "weights (dashed: as set)",
    ):
        assert label in texts
    assert picture.stat().st_size < 100_000


def test_a_chart_called_png_is_one(bench: Bench) -> None:
    """The suffix decides."""
    picture = bench.home.folder / "sweep.PNG"
    assert bench.sweep("--axis", "lexical.b", "--values", "0", "--chart", str(picture)).returncode == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_table_has_bars_for_the_eye(bench: Bench, openai_server: OpenAIServer) -> None:
    """On a terminal the longest bar stands beside the best figure."""
    shown = bench.sweep("--axis", "dimensions", "--values", "8", *_DENSE, server=openai_server).stdout
    rows = {line.split()[0]: line for line in shown.splitlines() if "▇" in line or line.strip().startswith("8 ")}
    assert rows["64"].count("▇") == 24
    assert rows["8"].count("▇") < 24
    assert "Best: what is set" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--axis", "colour"), "there is no axis “colour”"),
        (("--axis", "lexical.k"), "no values are given"),
        (("--axis", "lexical.k", "--values", "-1"), "lexical.k = -1"),
        (("--axis", "retrieval.nonsense", "--values", "1"), "retrieval.nonsense = 1"),
        (("--chart", "picture.gif"), "a chart is a .png or a .svg"),
        (("--write-profile", "nowhere/best.toml"), "there is no such folder"),
        (("--write-profile", "/proc/best.toml"), "Name another --write-profile"),
        (("--chart", "/proc/x.svg"), "Name another --chart"),
        (("--values", "1,2"), "Each --values belongs to the --axis"),
    ],
)
def test_wrong_usage_is_told(bench: Bench, arguments: tuple[str, ...], said: str) -> None:
    """A mistyped axis, value or file name ends the command with status 2 before the work."""
    told(bench.sweep(*arguments), 2, said)


def test_a_size_beyond_the_model_is_told(bench: Bench, openai_server: OpenAIServer) -> None:
    """More dimensions than there are cannot be had by cutting."""
    told(bench.sweep("--axis", "dimensions", "--values", "65", server=openai_server), 2, "from 1 to 64")


def _texts(picture: Path) -> set[str]:
    """Every piece of text of an SVG."""
    return {(element.text or "").strip() for element in ET.parse(picture).iter() if element.tag.endswith("text")}  # noqa: S314 — our own file
