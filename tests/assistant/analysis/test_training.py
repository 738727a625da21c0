"""Training: figures of unseen examples, rare classes, PCA and its cost, texts kept on disk, the picture."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import f1_score

from assistant.analysis import training
from assistant.analysis.confusion import MOST, draw_confusion
from assistant.analysis.labelled import Texts, read_texts
from assistant.analysis.scores import Tally, accuracy, calibration_error, macro_f1
from configs.errors import InputError
from ingest.classifier import Classifier
from tests.support.classifiers import WORDS, examples, train

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory

LABELS = tuple(sorted(WORDS))


def _examples(count: int = 8, *, pca: int | None = None) -> training.Examples:
    rows = examples(count)
    counts, vocabulary = training.counted([row["text"] for row in rows])
    y = np.array([LABELS.index(row["label"]) for row in rows])
    random = np.random.default_rng(1)
    vectors = np.eye(3, dtype=np.float32)[y] @ random.standard_normal((3, 12), np.float32)
    vectors += 0.1 * random.standard_normal(vectors.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return training.Examples(y, LABELS, counts, vocabulary, vectors if pca else None, pca)


def test_macro_f1_is_scikit_learn_s() -> None:
    """The figure that is compared is the one that everyone computes, also where a label was never given or never stood."""
    random = np.random.default_rng(7)
    for size in (2, 5, 9):
        true, given = random.integers(0, size, 40), random.integers(0, max(1, size - 1), 40)
        tally = Tally.of(true, given, size + 2)
        assert macro_f1(tally) == pytest.approx(f1_score(true, given, average="macro", zero_division=0))
        assert accuracy(tally) == pytest.approx((true == given).mean())


def test_calibration_error_by_hand() -> None:
    """Two texts at 0.9, one right: 0.4 off; two at 0.5, one right: nothing off."""
    found = calibration_error(np.array([0.9, 0.9, 0.55, 0.45]), np.array([True, False, True, False]))
    assert found == pytest.approx((0.8 + 0.45 + 0.45) / 4)


async def test_what_is_read_scores_as_what_was_trained(settings: SettingsFactory, tmp_path: Path) -> None:
    """The classifier that labels, in numpy, gives the scores of the one that was fitted, by scikit-learn and scipy."""
    found = _examples()
    fitted = training._Fitted(found, np.arange(len(found.y)), "logistic", None)
    classifier = await train(tmp_path / "model", settings(), examples())
    assert classifier.card.head == "logistic"
    wanted = fitted.scores(found, np.arange(len(found.y)))
    scores, _ = classifier._scores([row["text"] for row in examples()], None)
    assert scores == pytest.approx(wanted, abs=1e-5)


def test_the_report_is_of_examples_not_seen() -> None:
    """Labels that mean nothing are found out: trained and judged on the same texts they would look right."""
    found = _examples()
    found.y = np.random.default_rng(3).permutation(found.y)
    report = training.train(found, 0.5, None, lambda done, total: None).report
    assert report["macro_f1"] < 0.6
    assert report["folds"] == 5


def test_folds_follow_the_rarest_class() -> None:
    """Two examples of a label give two folds; one gives none, and says which label it is."""
    assert training.check([0, 0, 0, 1, 1], "ab") == 2
    with pytest.raises(InputError, match="1 of 2 labels have fewer than two examples: “b”"):
        training.check([0, 0, 0, 1], "ab")
    with pytest.raises(InputError, match="every text has the same label, “a”"):
        training.check([0, 0], "a")


def test_pca_says_what_it_keeps_and_costs() -> None:
    """The variance that stays, macro-F1 with and without; more components than there can be are refused."""
    made = training.train(_examples(pca=3), 0.5, {"provider": "x"}, lambda done, total: None)
    told = made.report["pca"]
    assert told["components"] == 3
    assert 0.8 < told["variance_kept"] <= 1
    assert told["cost"] == pytest.approx(told["macro_f1_without"] - made.report["macro_f1"], abs=2e-4)
    assert made.arrays["pca_components"].shape == (3, 12)
    classifier = Classifier(made.card, made.arrays)
    rows = [row["text"] for row in examples()]
    vectors = _examples(pca=3).vectors
    assert [one.label for one in classifier.predict(rows, vectors)] == [row["label"] for row in examples()]
    with pytest.raises(InputError, match="not 99"):
        training.train(_examples(pca=99), 0.5, {}, lambda done, total: None)


def test_few_examples_make_nobody_certain() -> None:
    """Six texts, all told apart: their labels are likely, not beyond doubt."""
    made = training.train(_examples(2), 0.5, None, lambda done, total: None)
    shares = Classifier(made.card, made.arrays).predict_proba([row["text"] for row in examples(2)])
    assert shares.max() < 0.999


def test_many_texts_take_no_memory() -> None:
    """A hundred thousand texts of a kilobyte are on disk; each is found again, in any order."""
    tracemalloc.start()
    texts = Texts(f"{n} " + "x" * 1000 for n in range(20_000))
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()
    assert texts[19_999].startswith("19999 ")
    assert texts[-1] == texts[19_999]
    assert [text[:2] for text in texts[7:9]] == ["7 ", "8 "]
    assert len(list(texts)) == 20_000


def test_texts_come_plain_or_as_json() -> None:
    """A line that only begins like JSON is text; an id is kept; JSON without a text says what it has."""
    lines = ["plain", '{"text": " a ", "id": 3}', "{not JSON", '{"txt": "x"}']
    rows = read_texts((f"f:{n}", line) for n, line in enumerate(lines, 1))
    assert [next(rows) for _ in range(3)] == [("f:1", "plain", None), ("f:2", "a", 3), ("f:3", "{not JSON", None)]
    with pytest.raises(InputError, match="no “text”: this line has “txt”"):
        next(rows)


def test_the_picture_names_and_counts(tmp_path: Path) -> None:
    """Each label once a side, each count that is not 0, text as text, hostile names harmless; the commonest label first."""
    path = tmp_path / "confusion.svg"
    draw_confusion(np.array([[3, 1234], [0, 7]]), ["Кардиология", "<script>$x$</script>"], path, "title")
    drawn = path.read_text("utf-8")
    for text in ("1,234", ">3<", ">7<", "Кардиология", "&lt;script&gt;$x$&lt;/script&gt;", "true label"):
        assert text in drawn
    assert ">0<" not in drawn
    assert "<script>" not in drawn
    draw_confusion(np.eye(2, dtype=np.int64), ["a", "b"], tmp_path / "confusion.png", "title")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="no picture that can be read"):
        draw_confusion(np.eye(MOST + 1, dtype=np.int64), ["x"] * (MOST + 1), path, "title")


def test_names_that_no_font_has_stand_as_numbers(tmp_path: Path) -> None:
    """Rather than as empty boxes; the numbers are the order of the table."""
    path = tmp_path / "confusion.svg"
    draw_confusion(np.array([[3, 1], [0, 70]]), ["\U000f0000", "\U00013000"], path, "title")
    assert [path.read_text("utf-8").count(name) for name in (">#1<", ">#2<")] == [2, 2]


@pytest.mark.parametrize("set_", ["medical_abstracts", "zh_department"])
def test_real_abstracts_and_questions_are_told_apart(
    set_: str, shared_data: Path, settings: SettingsFactory, tmp_path: Path
) -> None:
    """A fifth of the real examples is enough to be far from chance; `tests.benchmarks.classes` has the figures."""
    import json

    lines = (shared_data / "classification" / f"{set_}_train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[::8]]
    sizes = {label: sum(row["label"] == label for row in rows) for label in {row["label"] for row in rows}}
    common = [row for row in rows if sizes[row["label"]] >= 5]
    classifier = asyncio.run(train(tmp_path / "model", settings(), common))
    assert classifier.card.trained["macro_f1"] > 0.4
