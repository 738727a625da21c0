"""`citewell classify`: what it prints and writes, and every input that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.errors import InputError
from tests.assistant.commands.conftest import Called, Home, lines, told
from tests.support.classifiers import examples
from tests.support.openai_server import OpenAIServer


@pytest.fixture
def data(home: Home) -> Path:
    """A file of labelled texts."""
    path = home.folder / "labelled.jsonl"
    path.write_text(lines(examples()), "utf-8")
    return path


@pytest.fixture
def model(home: Home, data: Path, called: Called) -> str:
    """The classifier of that file."""
    ran = called(home, "classify", "train", "--data", str(data), "--out", str(home.folder / "model"))
    assert ran.returncode == 0, ran.stderr
    return str(home.folder / "model")


def train(called: Called, home: Home, text: str | bytes, *more: str) -> Any:
    """`citewell classify train` of a file with this content."""
    path = home.folder / "given.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return called(home, "classify", "train", "--data", str(path), "--out", str(home.folder / "made"), *more)


def test_training_tells_how_right_it_will_be(home: Home, data: Path, called: Called) -> None:
    """Figures with their spread, a row for each class, what thresholds leave, and the picture; the same as JSON."""
    chart, out = home.folder / "confusion.svg", home.folder / "model"
    arguments = ("classify", "train", "--data", str(data), "--out", str(out), "--chart", str(chart))
    ran = called(home, *arguments)
    assert ran.returncode == 0, ran.stderr
    for words in ("24 examples, by words", "macro-F1", "± ", "over 5 folds", "心血管科", "Unsure below"):
        assert words in ran.stdout
    assert "cardiology" in chart.read_text("utf-8")
    assert sorted(path.name for path in out.iterdir()) == ["classifier.json", "weights.npz"]

    report = json.loads(called(home, *arguments, "--json").stdout)
    assert report["labels"] == sorted(report["classes"])
    assert report["macro_f1"] > 0.8
    assert {"macro_f1_sd", "accuracy", "calibration_error", "head", "features", "confusion", "id"} <= report.keys()


def test_the_table_of_classes_keeps_within_the_terminal(
    home: Home, data: Path, model: str, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a row has no room, the label stands above its figures: none is folded."""
    monkeypatch.setenv("COLUMNS", "40")
    shown = called(home, "classify", "evaluate", "--model", model, "--data", str(data)).stdout
    head, *rows = shown[shown.index("    precision") :].splitlines()
    assert [row.strip() for row in rows[::2]] == ["cardiology", "neurology", "心血管科"]
    assert all(len(row) == len(head) <= 40 for row in rows[1::2])


def test_prediction_of_standard_input(home: Home, model: str) -> None:
    """A line of JSON for each text, plain or JSON, with the line and the id it came with; a blank one is told, status 3.

    With --json too, which scripts give to every command.
    """
    sent = '高血压，心律不齐\n\n{"text": "A seizure at night, migraine", "id": "n1"}\n{"text": " "}\n'
    ran = home.run("classify", "predict", "--model", model, stdin=sent)
    assert ran.returncode == 3, ran.stderr
    assert home.run("classify", "predict", "--model", model, "--json", stdin=sent).stdout == ran.stdout
    first, second, third = map(json.loads, ran.stdout.splitlines())
    assert (first["line"], first["label"]) == (1, "心血管科")
    assert (second["line"], second["id"], second["label"]) == (3, "n1", "neurology")
    assert sum(second["probabilities"].values()) == pytest.approx(1, abs=0.001)
    assert second["probability"] == second["probabilities"]["neurology"]
    assert third == {"line": 4, "error": "it is blank"}


def test_evaluation_of_held_back_texts(home: Home, data: Path, model: str, called: Called) -> None:
    """Accuracy and macro-F1 of the likeliest labels; a label that the classifier does not know counts as wrong and is told."""
    held = home.folder / "held.jsonl"
    rows = [*examples(2), {"text": "A rash of the arm.", "label": "dermatology"}, {"text": "", "label": "neurology"}]
    held.write_text(lines(rows), "utf-8")
    chart = home.folder / "held.png"
    arguments = ("classify", "evaluate", "--data", str(held), "--model", model)
    ran = called(home, *arguments, "--json", "--chart", str(chart))
    assert ran.returncode == 3
    report = json.loads(ran.stdout)
    assert report["accuracy"] == pytest.approx(6 / 7, abs=1e-4)
    assert report["macro_f1"] < 0.8
    assert (report["examples"], report["skipped"]) == (7, 1)
    assert report["unknown_labels"] == ["dermatology"]
    assert "no label “dermatology”" in ran.stderr
    assert f"Left out: {held}:8: the text is blank" in ran.stderr
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert "macro-F1" in called(home, *arguments).stdout


def test_a_label_filters_from_the_command_line(home: Home, model: str, called: Called) -> None:
    """`ingest --label` and `search --filter`; as a setting too, which an ingest that names none then keeps.

    `index info` tells which labels there are, since a filter must name one of them; and each hit, what it was labelled.
    """
    notes = home.folder / "notes.jsonl"
    notes.write_text(
        lines([{"id": "a", "text": "Angina, heart failure."}, {"id": "b", "text": "Migraine, a seizure."}])
    )
    label = f"department={model}"
    assert called(home, "ingest", str(notes), "--label", label).returncode == 0
    ran = called(home, "search", "angina migraine", "--filter", "department:neurology", "--json")
    assert [(hit["doc_id"], hit["labels"]) for hit in json.loads(ran.stdout)] == [("b", {"department": "neurology"})]
    assert "(no title) · department: neurology · b" in called(home, "search", "migraine").stdout
    assert "[1] (no title) · department: neurology · b" in called(home, "ask", "What is a migraine, a seizure?").stdout
    (source,) = json.loads(called(home, "ask", "What is a migraine, a seizure?", "--json").stdout)["sources"]
    assert source["labels"] == {"department": "neurology"}
    card = json.loads(Path(model, "classifier.json").read_text("utf-8"))
    shown = called(home, "index", "info", "default").stdout
    assert f"department: labelled by classifier {card['id']}: cardiology 1, neurology 1" in shown
    told(called(home, "ingest", str(notes)), 1, "labelled with classifier", "--label department=MODEL")
    labels = {"CITEWELL_CLASSIFY__LABELS": json.dumps([label])}
    assert "2 unchanged" in called(home, "ingest", str(notes), **labels).stdout
    told(called(home, "ingest", str(notes), "--label", "year=x"), 2, "means something else already", "year_class=x")


def test_an_embedder_adds_its_vectors(home: Home, data: Path, called: Called, openai_server: OpenAIServer) -> None:
    """Both count where both are there; PCA says its cost; vectors are cached; without the embedder the model is refused."""
    out = str(home.folder / "dense")
    settings = {"CITEWELL_EMBEDDING__PROVIDER": "openai", "CITEWELL_EMBEDDING__URL": openai_server.url}
    arguments = ("classify", "train", "--data", str(data), "--out", out, "--pca", "5")
    ran = called(home, *arguments, **settings)
    assert ran.returncode == 0, ran.stderr
    assert "by words and vectors" in ran.stdout
    assert "PCA keeps 5 components" in ran.stdout
    openai_server.requests.clear()
    again = json.loads(called(home, *arguments, "--json", **settings).stdout)
    assert openai_server.embedded == ["dimensions"]
    assert again["pca"]["components"] == 5
    evaluated = ("classify", "evaluate", "--data", str(data), "--model", out, "--json")
    assert json.loads(called(home, *evaluated, **settings).stdout)["accuracy"] > 0.9
    told(called(home, *evaluated), 1, 'provider = "openai"', 'the settings now say "none"')
    told(called(home, *arguments), 2, "PCA is of vectors")
    told(called(home, *arguments[:-2], "--features", "both"), 1, "no embedder is configured")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"question": "x", "class": "y"}\n', ["given.jsonl:1", "no “text” and no “label”", "“question”, “class”"]),
        ('{"text": "x", "label": "y"}\n{"text": "x"}\n', ["given.jsonl:2", "no “label”", "“text”"]),
        ("[1]\n", ["given.jsonl:1", "a JSON object is needed"]),
        ("text,label\n", ["given.jsonl:1", "not valid JSON"]),
        ('{"text": 5, "label": "y"}\n', ["“text” is no string but 5"]),
        ('{"text": "x", "label": ["y"]}\n', ["“label” is neither text nor number"]),
        (b'{"text": "\xff", "label": "y"}\n', ["given.jsonl:1", "not UTF-8"]),
        ("", ["holds no labelled text"]),
        ('{"text": " ", "label": "y"}\n', ["no labelled text that is not blank"]),
        ('{"text": "x", "label": "y"}\n' * 3, ["every text has the same label, “y”"]),
        (
            '{"text": "x", "label": 1}\n{"text": "z", "label": true}\n',
            ["2 of 2 labels have fewer than two examples: “1”, “true”"],
        ),
        (
            '{"text": "x", "label": 1}\n{"text": "y", "label": 1}\n{"text": "?", "label": 2}\n{"text": "!", "label": 2}\n',
            ["no word of two letters"],
        ),
        ("".join(f'{{"text": "{n}", "label": "{n}"}}\n' for n in range(1100)), ["1,000 different labels"]),
    ],
)
def test_data_that_cannot_be_learned_from(content: str | bytes, words: list[str], home: Home, called: Called) -> None:
    """The file, the line and the columns that are there; nothing is written."""
    told(train(called, home, content), 1, *words)
    assert not (home.folder / "made").exists()


def test_two_examples_of_each_label_do(home: Home, called: Called) -> None:
    """Numbers are labels too; blank rows are left out, named, and the status says so."""
    rows = [{"text": text, "label": label} for text, label in [("aa bb", 1), ("cc dd", 2.5), ("aa ee", 1), ("cc", 2.5)]]
    ran = train(called, home, lines([*rows, {"text": "", "label": 1}, {"text": "x", "label": None}]))
    assert ran.returncode == 3
    assert "given.jsonl:5: the text is blank" in ran.stderr
    assert "given.jsonl:6: the label is blank" in ran.stderr
    assert "over 2 folds" in ran.stdout
    assert json.loads((home.folder / "made" / "classifier.json").read_text("utf-8"))["labels"] == ["1", "2.5"]


def test_repeated_texts_do_not_flatter_the_figures(home: Home, data: Path, called: Called) -> None:
    """Else whoever trains on rows written three times is told 97 % of labels that are drawn by lot.

    Only training drops them: who evaluates has the figures of every line.
    """
    chance = np.random.default_rng(5)
    words = [f"w{n}x w{chance.integers(90)}y" for n in range(120)]
    rows = [{"text": text, "label": "ab"[chance.integers(2)]} for text in words]
    shouted = [{"text": f" {text.upper()}", "label": "a"} for text in words]
    ran = train(called, home, lines([*rows, *rows, *shouted]), "--json")
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["examples"], report["repeats"]) == (120, 240)
    assert report["macro_f1"] < 0.7
    contrary = sum(row["label"] == "b" for row in rows)
    assert f"240 lines repeat a text that came before, {contrary} of them with another label" in ran.stderr
    model = ("--model", str(home.folder / "made"))
    found = called(home, "classify", "evaluate", "--data", str(home.folder / "given.jsonl"), *model, "--json")
    assert json.loads(found.stdout)["examples"] == 360


def test_places_that_cannot_be_used_are_told_before_the_work(home: Home, data: Path, called: Called) -> None:
    """A folder that holds something else is not touched; no folder, a file, a picture that is none: wrong usage.

    A place that takes nothing is found out by writing there, or minutes of training are lost.
    """
    (home.folder / "mine").mkdir()
    (home.folder / "mine" / "thesis.txt").write_text("years of work")
    base = ("classify", "train", "--data", str(data), "--out")
    told(called(home, *base, str(home.folder / "mine")), 2, "holds something else")
    told(called(home, *base, str(data)), 2, "is a file")
    told(called(home, *base, str(home.folder / "no" / "model")), 2, "no such folder")
    told(called(home, *base, str(home.folder / "m"), "--chart", str(home.folder / "x.gif")), 2, ".png or a .svg")
    told(called(home, *base, "/proc/model"), 2, "/proc/model: cannot be written", "Name another --out")
    charted = (*base, str(home.folder / "m"), "--chart", "/proc/x.svg")
    told(called(home, *charted), 2, "/proc/x.svg: cannot be written", "Name another --chart")
    assert [path.name for path in (home.folder / "mine").iterdir()] == ["thesis.txt"]
    assert not (home.folder / "m").exists()


def test_a_picture_that_fails_after_all_costs_no_figures(
    home: Home, data: Path, called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a disk that fills up meanwhile takes the report of minutes of training with it."""

    def full(*_: object) -> None:
        raise InputError("cannot be written: No space left on device")

    monkeypatch.setattr("assistant.analysis.confusion.draw_confusion", full)
    out, chart = ("--out", str(home.folder / "m")), ("--chart", str(home.folder / "x.svg"))
    ran = called(home, "classify", "train", "--data", str(data), *out, *chart)
    assert (ran.returncode, "macro-F1" in ran.stdout) == (1, True), ran.stderr
    assert "No space left" in ran.stderr


def test_a_model_that_is_none(home: Home, data: Path, called: Called) -> None:
    """Wrong usage, with what would be one."""
    for name in ("nowhere", "."):
        path = str(home.folder / name)
        told(
            called(home, "classify", "evaluate", "--data", str(data), "--model", path),
            2,
            "no classifier",
            "--out FOLDER",
        )
    told(home.run("classify", "predict", "--model", str(data), stdin="x\n"), 2, "no classifier")


def test_nothing_to_label(home: Home, model: str) -> None:
    """An empty input is a mistake that is told."""
    told(home.run("classify", "predict", "--model", model, stdin="\n"), 1, "no text to label")
    told(home.run("classify", "predict", "--model", model, stdin=b"\xff\n"), 1, "standard input:1", "not UTF-8")


def test_a_text_that_is_none_is_told_as_that(home: Home, model: str) -> None:
    """Where “text” holds a number, the message shows it and does not say that there is no “text”."""
    told(home.run("classify", "predict", "--model", model, stdin='{"text": 4}\n'), 1, "“text” is no string but 4")


def test_training_without_its_extra_says_how_to_get_it(
    home: Home, data: Path, called: Called, monkeypatch: Any
) -> None:
    """Whoever only labels has no scikit-learn; training names the extra before it reads a line."""
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    ran = called(home, "classify", "train", "--data", str(data), "--out", str(home.folder / "m"))
    told(ran, 1, "citewell[analysis]")
