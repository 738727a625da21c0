"""Files of texts to a trained classifier, and a classifier's figures on labelled texts that were held back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.labelled import MOST_LABELS, Texts, read_labelled
from assistant.analysis.scores import Tally, accuracy, calibration_error, macro_f1
from configs.errors import InputError
from ingest.classifier import Classifier, Prediction, write
from ingest.index.base import made_embedding
from ingest.matrix import embed_blocks, embed_texts
from ingest.text import one_line

if TYPE_CHECKING:
    from assistant.analysis.training import Trained
    from configs.settings import Settings
    from ingest.progress import Observer

Wanted: TypeAlias = Literal["auto", "lexical", "embedding", "both"]
Stage: TypeAlias = Callable[[str, int, int], None]
# Texts that are labelled at once.
_BLOCK = 256


@dataclass
class Data:
    """Labelled texts, on disk; in memory only a number or two a text."""

    texts: Texts = field(default_factory=Texts)
    y: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What was left out and why, as `file:line: …`."""
    repeats: int = 0
    """Lines left out because their text came before."""
    contrary: int = 0
    """How many of these have another label than the first."""


def read(path: Path, labels: Sequence[str] = (), *, once: bool = False) -> Data:
    """The labelled texts of a file; `labels` come first in the numbering, the rest follow in the order of the alphabet.

    `once` keeps the first of texts that read the same, but for case: in two folds, one would give away the other.

    Raises:
        InputError: as `read_labelled`; nothing that can be used; so many labels that they are none.
    """
    data, numbers = Data(), {label: n for n, label in enumerate(labels)}
    first: dict[int, int] = {}  # hash of a text → number of its label
    for where, text, label in read_labelled(path):
        if not text or not label:
            data.skipped.append(f"{where}: {'the text' if not text else 'the label'} is blank")
            continue
        if once and (same := hash(one_line(text).casefold())) in first:
            data.repeats += 1
            data.contrary += first[same] != numbers.get(label)
            continue
        data.texts.append(text)
        data.y.append(numbers.setdefault(label, len(numbers)))
        if once:
            first[same] = data.y[-1]
        if len(numbers) - len(labels) > MOST_LABELS:
            raise InputError(
                f"more than {MOST_LABELS:,} different labels stand there",
                where=where,
                fix="A label is one of a few classes; is “label” the right column?",
            )
    if not data.y:
        raise InputError("holds no labelled text that is not blank", where=str(path))
    known, found = list(numbers)[: len(labels)], list(numbers)[len(labels) :]
    data.labels = [*known, *sorted(found)]
    order = {label: n for n, label in enumerate(data.labels)}
    renumbered = [order[label] for label in numbers]
    data.y = [renumbered[n] for n in data.y]
    return data


async def trained(
    data: Data,
    settings: Settings,
    wanted: Wanted,
    pca: int | None,
    unsure_below: float,
    tell: Stage,
    observer: Observer,
) -> Trained:
    """A classifier of these texts; texts that the embedder refuses are left out and noted.

    Raises:
        InputError, SettingsError, ServerError: too few examples; no embedder where one is wanted; it fails.
    """
    from assistant.analysis import training  # needs the extra

    training.check(data.y, data.labels)
    features = ("both" if settings.embedding.provider != "none" else "lexical") if wanted == "auto" else wanted
    if pca and features == "lexical":
        raise InputError(
            "PCA is of vectors, and no embedder is used", fix="Leave out --pca; or add --profile local.", usage=True
        )
    vectors, embedding = None, None
    kept = np.arange(len(data.y))
    if features != "lexical":
        found = await embed_texts(data.texts, settings, progress=_stage(tell, "Embedding"), observer=observer)
        vectors, embedding = found.vectors, made_embedding(settings, found.vectors.shape[1])
        kept = np.array([n for n in range(len(data.y)) if n not in found.refused], np.intp)
        data.skipped += [f"text {n + 1}: the embedder refuses it: {why.what}" for n, why in found.refused.items()]
        training.check([data.y[n] for n in kept], data.labels)
    counts, vocabulary = None, list[str]()
    if features != "embedding":
        counts, vocabulary = training.counted(data.texts, _stage(tell, "Counting words"))
        if not vocabulary:  # nothing but signs and single letters
            if features == "lexical":
                raise InputError("the texts hold no word of two letters or more", fix="Is “text” the right column?")
            counts = None
    examples = training.Examples(
        np.array(data.y)[kept],
        tuple(data.labels),
        counts if counts is None or len(kept) == len(data.y) else counts[kept],
        vocabulary,
        vectors if vectors is None or len(kept) == len(data.y) else vectors[kept],
        pca,
    )
    return training.train(examples, unsure_below, embedding, _stage(tell, "Training"))


def store(folder: Path, made: Trained) -> str:
    """Write a trained classifier; its id."""
    return write(folder, made.card, made.arrays).id


async def predictions(
    classifier: Classifier, texts: Sequence[str], settings: Settings, tell: Stage, observer: Observer
) -> AsyncIterator[tuple[int, list[tuple[Prediction, NDArray[np.float64]]], dict[int, str]]]:
    """Blocks of predictions: the number of the first text, its predictions with their probabilities, and those refused.

    Raises:
        SettingsError, ServerError, NotInstalled: the settings have another embedder, or it fails.
    """
    if not classifier.needs_vectors:
        for start in range(0, len(texts), _BLOCK):
            block = texts[start : start + _BLOCK]
            yield start, classifier.both(block), {start + n: "it is blank" for n, text in enumerate(block) if not text}
            tell("Labelling", start + len(block), len(texts))
        return
    classifier.check(settings)
    progress = _stage(tell, "Embedding")
    async with aclosing(embed_blocks(texts, settings, progress=progress, observer=observer)) as blocks:
        async for block_ in blocks:
            classifier.check(settings, block_.vectors.shape[1])
            texts_ = texts[block_.start : block_.start + len(block_.vectors)]
            refused = {n: why.what for n, why in block_.refused.items()}
            yield block_.start, classifier.both(texts_, block_.vectors), refused


@dataclass(frozen=True)
class Evaluated:
    """Figures of a classifier on labelled texts."""

    report: dict[str, Any]
    confusion: NDArray[np.int64]
    labels: list[str]


async def evaluate(
    classifier: Classifier, data: Data, settings: Settings, tell: Stage, observer: Observer
) -> Evaluated:
    """How right a classifier is on texts it has not seen; what it is unsure of counts with its likeliest label."""
    given, probabilities, unsure = (np.zeros(len(data.y), kind) for kind in (np.intp, np.float64, np.bool_))
    refused: dict[int, str] = {}
    numbers = {label: n for n, label in enumerate(classifier.labels)}
    async for start, found, no in predictions(classifier, data.texts, settings, tell, observer):
        refused |= no
        for n, (one, _) in enumerate(found, start):
            given[n], probabilities[n], unsure[n] = numbers[one.label], one.probability, one.unsure
    y, kept = np.array(data.y), np.array([n not in refused for n in range(len(data.y))])
    data.skipped += [f"text {n + 1}: the embedder refuses it: {why}" for n, why in refused.items()]
    if not kept.any():
        raise InputError("the embedder refuses every text")
    tally = Tally.of(y[kept], given[kept], len(data.labels))
    right, sure = (given == y)[kept], ~unsure[kept]
    counts = np.bincount(y[kept])
    report = {
        "accuracy": round(accuracy(tally), 4),
        "macro_f1": round(macro_f1(tally), 4),
        "examples": int(kept.sum()),
        "majority": round(float(counts.max() / counts.sum()), 4),
        "calibration_error": round(calibration_error(probabilities[kept], right), 4),
        "unsure_below": classifier.card.unsure_below,
        "unsure": round(float(1 - sure.mean()), 4),
        "accuracy_of_sure": round(float(right[sure].mean()), 4) if sure.any() else None,
        "unknown_labels": data.labels[len(classifier.labels) :],
        "classes": tally.per_class(data.labels),
        "labels": data.labels,
        "confusion": tally.confusion.tolist(),
    }
    return Evaluated(report, tally.confusion, data.labels)


def _stage(tell: Stage, name: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(name, done, total)
