"""`citewell classify`: labels for texts, learned from labelled ones; a department, a condition, an urgency."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from assistant.analysis.extras import needed
from assistant.commands import output
from assistant.commands.ingest import SOME_REJECTED
from assistant.commands.ingest_watch import Watch
from assistant.commands.options import Loaded, with_settings
from assistant.commands.places import check_chart, check_place
from assistant.commands.progress import counted
from configs.errors import InputError
from ingest.text import one_line

if TYPE_CHECKING:
    import io

    from assistant.analysis.classes import Data, Wanted

T = TypeVar("T")
_READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(path_type=Path)
_WRITABLE = click.Path(dir_okay=False, writable=True, path_type=Path)
_MOST_NOTES = 5
_WIDEST_LABEL = 40
_CHART = click.option("--chart", type=_WRITABLE, help="Draw the confusion matrix there: .svg or .png.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
_USES = {"lexical": "words", "embedding": "vectors", "both": "words and vectors"}


@click.group(
    epilog=output.example(
        "citewell classify train --data labelled.jsonl --out model",
        "citewell classify predict --model model < texts.txt",
        "citewell ingest notes.jsonl --label department=model",
    )
)
def classify() -> None:
    """Label texts: train on labelled ones, predict, evaluate. Training needs citewell[analysis]."""


@classify.command(
    epilog=output.example(
        "citewell classify train --data labelled.jsonl --out model --chart confusion.svg",
        "citewell classify train --data labelled.jsonl --out model --profile local --pca 64 --json",
    )
)
@click.option("--data", type=_READABLE, required=True, help='Lines of {"text", "label"}.')
@click.option("--out", type=_FOLDER, required=True, help="The folder that becomes the classifier.")
@click.option(
    "--features",
    type=click.Choice(["auto", "lexical", "embedding", "both"]),
    default="auto",
    help="Words, vectors or both (default: both where there is an embedder).",
)
@click.option("--pca", type=click.IntRange(1, 100_000), help="Keep so many components of the vectors; says the cost.")
@click.option(
    "--unsure-below", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Probability of the label."
)
@_CHART
@_JSON
@with_settings
def train(
    *,
    data: Path,
    out: Path,
    features: Wanted,
    pca: int | None,
    unsure_below: float,
    chart: Path | None,
    as_json: bool,
    loaded: Loaded,
) -> int:
    """Learn labels from examples, and say how right they will be.

    Every example is judged by a model that has not seen it (five stratified folds), and probabilities are calibrated on
    that. Without an embedder words count, and characters where words are not spaced; with one (--profile local, sglang)
    its vectors too. What is less likely than --unsure-below is told as unsure. The folder holds plain arrays, no code.
    """
    with needed("training a classifier"):
        import scipy  # noqa: F401 — what is missing is told before the work, not after
        import sklearn  # noqa: F401
    from assistant.analysis import classes  # needs numpy, which a --help need not wait for

    _check_chart(chart)
    _check_folder(out)
    read = classes.read(data, once=True)
    if read.repeats:
        other = f", {read.contrary:,} of them with another label" if read.contrary else ""
        output.complain(
            f"Note: {read.repeats:,} lines repeat a text that came before{other}; the first of each counts."
        )
    made = _run(lambda tell: classes.trained(read, loaded.settings, features, pca, unsure_below, tell, Watch()))
    identity = classes.store(out, made)
    _note(read)
    if as_json:
        told = {"model": str(out), "id": identity, "labels": made.card.labels, **made.report}
        output.put_json(
            {**told, "confusion": made.confusion.tolist(), "skipped": len(read.skipped), "repeats": read.repeats}
        )
    else:
        _put_training(out, made.report)
    if chart is not None:
        _draw(made.confusion.tolist(), made.card.labels, chart, f"{data.name}: examples not seen in training")
    return SOME_REJECTED if read.skipped else 0


@classify.command(
    epilog=output.example(
        "echo 'Crushing chest pain on exertion.' | citewell classify predict --model model",
        "citewell classify predict texts.jsonl --model model > labels.jsonl",
    )
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--model", type=_FOLDER, required=True, help="A folder made by citewell classify train.")
@click.option("--json", is_flag=True, expose_value=False, help="As other commands have it; the output is JSON anyway.")
@with_settings
def predict(file: Path, *, model: Path, loaded: Loaded) -> int:
    """Label texts: one a line, or JSON Lines with "text" (and "id"), of FILE or standard input.

    A line of JSON for each: label, probability, whether the model is unsure, and the probability of every label.
    """
    from assistant.analysis.labelled import Texts, read_texts
    from ingest.classifier import Classifier

    classifier = Classifier.load(model)
    texts, lines, ids = Texts(), [], {}
    for n, (where, text, identity) in enumerate(read_texts(_lines(file))):
        texts.append(text)
        lines.append(int(where.rpartition(":")[2]))
        if identity is not None:
            ids[n] = identity
    if not lines:
        raise InputError("there is no text to label", where="standard input" if str(file) == "-" else str(file))

    def row(n: int) -> dict[str, Any]:
        return {"line": lines[n], **({"id": ids[n]} if n in ids else {})}

    async def labelled(tell: Callable[[str, int, int], None]) -> bool:
        from assistant.analysis.classes import predictions

        failed = False
        async for start, found, refused in predictions(classifier, texts, loaded.settings, tell, Watch()):
            failed = failed or bool(refused)
            for n, (one, shares) in enumerate(found, start):
                if n in refused:
                    output.put_json({**row(n), "error": refused[n]})
                    continue
                rounded = {
                    label: round(float(share), 4) for label, share in zip(classifier.labels, shares, strict=True)
                }
                told = {**one._asdict(), "probability": round(one.probability, 4), "probabilities": rounded}
                output.put_json({**row(n), **told})
        return failed

    return SOME_REJECTED if _run(labelled) else 0


@classify.command(
    epilog=output.example("citewell classify evaluate --data held.jsonl --model model --chart confusion.svg --json")
)
@click.option("--data", type=_READABLE, required=True, help='Lines of {"text", "label"} that were not trained on.')
@click.option("--model", type=_FOLDER, required=True, help="A folder made by citewell classify train.")
@_CHART
@_JSON
@with_settings
def evaluate(*, data: Path, model: Path, chart: Path | None, as_json: bool, loaded: Loaded) -> int:
    """How right a classifier is on labelled texts that it has not seen.

    Accuracy, macro-F1 and each label's precision, recall and F1 count the likeliest label of every text, unsure or not.
    """
    from assistant.analysis import classes
    from ingest.classifier import Classifier

    _check_chart(chart)
    classifier = Classifier.load(model)
    read = classes.read(data, classifier.labels)
    found = _run(lambda tell: classes.evaluate(classifier, read, loaded.settings, tell, Watch()))
    if unknown := found.report["unknown_labels"]:
        named = ", ".join(f"“{one_line(label)}”" for label in unknown[:_MOST_NOTES])
        output.complain(f"Note: the classifier knows no label {named}; texts of it count as wrong.")
    _note(read)
    if as_json:
        output.put_json({"model": str(model), **found.report, "skipped": len(read.skipped)})
    else:
        _put_evaluation(found.report)
    if chart is not None:
        _draw(found.confusion.tolist(), found.labels, chart, f"{data.name}: labelled by {model.name}")
    return SOME_REJECTED if read.skipped else 0


def _run(work: Callable[[Callable[[str, int, int], None]], Coroutine[Any, Any, T]]) -> T:
    with _stages() as tell:
        return asyncio.run(work(tell))


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """Yields what is told `(stage, done, of how many)`; each stage has its bar."""
    with ExitStack() as stack:
        current: tuple[str, Callable[[int, int], None]] = ("", lambda done, total: None)

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal current
            if stage != current[0]:
                stack.close()
                current = (stage, stack.enter_context(counted(stage)))
            current[1](done, total)

        yield tell


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    from assistant.analysis.judged import numbered, numbered_in

    if str(file) == "-":
        yield from numbered_in(cast("io.BufferedReader", sys.stdin.buffer), "standard input")
    else:
        yield from numbered(file)


def _check_chart(chart: Path | None) -> None:
    """Say before the work that the picture could not be drawn."""
    if chart is None:
        return
    with needed("a chart"):
        from assistant.analysis.confusion import draw_confusion  # noqa: F401
    check_chart(chart)


def _check_folder(out: Path) -> None:
    """Say before the work that the classifier could not be written; what is no classifier is not touched."""
    from ingest.classifier import MANIFEST, WEIGHTS

    if out.is_dir() and any(out.iterdir()) and not ((out / MANIFEST).exists() or (out / WEIGHTS).exists()):
        raise InputError("the folder holds something else", where=str(out), fix="Name another --out.", usage=True)
    if out.exists() and not out.is_dir():
        raise InputError("is a file; a classifier is a folder", where=str(out), fix="Name another --out.", usage=True)
    check_place(out / WEIGHTS if out.is_dir() else out, "--out")


def _draw(confusion: list[list[int]], labels: Any, chart: Path, title: str) -> None:
    import numpy as np

    from assistant.analysis.confusion import draw_confusion

    draw_confusion(np.array(confusion), labels, chart, title)


def _note(read: Data) -> None:
    for reason in read.skipped[:_MOST_NOTES]:
        output.complain(f"Left out: {one_line(reason)}")
    if len(read.skipped) > _MOST_NOTES:
        output.complain(f"… and {len(read.skipped) - _MOST_NOTES:,} more left out")


def _put_training(out: Path, report: Mapping[str, Any]) -> None:
    uses = _USES[report["features"]]
    output.heading(f"{one_line(str(out))}: {report['examples']:,} examples, by {uses} ({report['head']})")
    output.say(f"  macro-F1  {report['macro_f1']:.3f} ± {report['macro_f1_sd']:.3f} over {report['folds']} folds")
    output.say(f"  accuracy  {report['accuracy']:.3f} ± {report['accuracy_sd']:.3f}")
    if pca := report.get("pca"):
        output.say(
            f"  PCA keeps {pca['components']} components, {pca['variance_kept']:.1%} of the variance; "
            f"macro-F1 without it {pca['macro_f1_without']:.3f} (cost {pca['cost']:+.3f})"
        )
    _put_classes(report["classes"])
    output.say(f"\n  Probabilities are off by {report['calibration_error']:.3f} on average. Unsure below:")
    for row in report["thresholds"]:
        if row["accuracy_of_sure"] is not None:
            output.say(f"    {row['unsure_below']:.1f}  sure of {row['sure']:.1%}, right {row['accuracy_of_sure']:.1%}")


def _put_evaluation(report: Mapping[str, Any]) -> None:
    output.heading(f"{report['examples']:,} texts")
    output.say(f"  macro-F1  {report['macro_f1']:.3f}")
    output.say(f"  accuracy  {report['accuracy']:.3f} (the commonest label alone: {report['majority']:.3f})")
    sure = report["accuracy_of_sure"]
    right = "" if sure is None else f"; right where it is sure {sure:.1%}"
    output.say(f"  unsure    {report['unsure']:.1%} (below {report['unsure_below']}){right}")
    _put_classes(report["classes"])


def _put_classes(classes: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.cells import cell_len, set_cell_size

    width = min(_WIDEST_LABEL, output.width() - 2, max(map(cell_len, classes)))
    beside = width if width + 38 <= output.width() else 0  # a row that would fold has its label on a line of its own
    output.say(f"\n  {'':<{beside}}  precision  recall     F1  examples")
    for label, row in sorted(classes.items(), key=lambda item: -item[1]["examples"]):
        figures = f"{row['precision']:9.3f}  {row['recall']:6.3f}  {row['f1']:5.3f}  {row['examples']:8,}"
        if not beside:
            output.say(f"  {set_cell_size(one_line(label), width)}".rstrip())
        output.say(f"  {set_cell_size(one_line(label), beside)}  {figures}")
