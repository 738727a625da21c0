"""Labels for texts by a trained classifier: read from plain arrays, no code, and computed with numpy alone.

A model is a folder: `classifier.json` says what it is, `weights.npz` holds its arrays. `citewell classify train` makes it.

    classifier = Classifier.load("model")
    classifier.predict(["Chest pain on exertion."])        # [Prediction(label='cardiology', probability=0.93, …)]
    classifier.predict_proba(["Chest pain on exertion."])  # shape (texts, labels), rows sum to 1

One that was trained with an embedder wants the vectors of the texts too (`ingest.matrix.embed_texts`).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from configs.errors import InputError, SettingsError
from ingest.bag import Bag, Floats
from ingest.index.base import made_embedding
from ingest.text import one_line

if TYPE_CHECKING:
    from configs.settings import Settings

FORMAT = 1
MANIFEST, WEIGHTS = "classifier.json", "weights.npz"
Features: TypeAlias = Literal["lexical", "embedding", "both"]
Matrix: TypeAlias = NDArray[np.float64]
# Larger than any that is trained here; what claims more is not read.
_LARGEST_MANIFEST = 16 * 2**20


class Prediction(NamedTuple):
    """The likeliest label of a text."""

    label: str
    probability: float
    """Calibrated: of the texts with 0.8, about 8 in 10 are labelled rightly."""
    unsure: bool
    """Less likely than the model's threshold, or nothing of the text is known to it."""


@dataclass(frozen=True)
class Card:
    """What a model says of itself; all of `classifier.json`."""

    id: str
    """SHA-256 of its weights and of all that is said here besides: 16 hex digits."""
    labels: tuple[str, ...]
    features: Features
    head: str
    temperature: float
    """What scores are divided by before they become probabilities (Guo et al., 2017)."""
    unsure_below: float
    embedding: Mapping[str, Any] | None = None
    """The embedder, in the terms of an index's manifest; None where words alone count."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """Figures of the training: examples, macro_f1 and so on."""
    format: int = FORMAT
    kind: str = "citewell classifier"


class Classifier:
    """A linear model over words, vectors or both. Read it with `load`."""

    def __init__(self, card: Card, arrays: Mapping[str, NDArray[Any]], where: str = "") -> None:
        """Raises KeyError, ValueError where arrays are missing or do not fit one another."""
        self.card = card
        self.where = where
        self.arrays = arrays
        self._coefficients: Floats = arrays["coefficients"]
        self._intercept: Floats = arrays["intercept"]
        vocabulary = arrays["terms"].tobytes().decode().split("\n") if arrays["terms"].size else []
        self._bag = Bag(vocabulary, arrays["idf"])
        self._mean, self._components = arrays["pca_mean"], arrays["pca_components"]
        _check_shapes(self, len(vocabulary))

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the columns of `predict_proba`."""
        return self.card.labels

    @property
    def needs_vectors(self) -> bool:
        """Whether the texts' vectors are wanted besides the texts."""
        return self.card.features != "lexical"

    def predict_proba(self, texts: Sequence[str], vectors: NDArray[Any] | None = None) -> Matrix:
        """Probabilities, shape (texts, labels), each row's sum 1.

        Args:
            texts: what is to be labelled.
            vectors: shape (texts, dimensions), of the embedder that the model was trained with, embedded as documents.

        Raises:
            SettingsError: it needs vectors and has none, or those of another size.
        """
        scores, _ = self._scores(texts, vectors)
        return softmax(scores / self.card.temperature)

    def predict(self, texts: Sequence[str], vectors: NDArray[Any] | None = None) -> list[Prediction]:
        """The likeliest label of each text; arguments and errors as those of `predict_proba`."""
        return [prediction for prediction, _ in self.both(texts, vectors)]

    def both(self, texts: Sequence[str], vectors: NDArray[Any] | None = None) -> list[tuple[Prediction, Matrix]]:
        """Each text's prediction with its row of probabilities, at the price of one."""
        scores, known = self._scores(texts, vectors)
        rows = softmax(scores / self.card.temperature)
        return [(self._prediction(row, bool(any_known)), row) for row, any_known in zip(rows, known, strict=True)]

    def _prediction(self, row: Matrix, any_known: bool) -> Prediction:
        best = int(row.argmax())
        probability = float(row[best])
        return Prediction(self.labels[best], probability, not any_known or probability < self.card.unsure_below)

    def _scores(self, texts: Sequence[str], vectors: NDArray[Any] | None) -> tuple[Matrix, NDArray[np.bool_]]:
        """Shape (texts, labels), and of which texts anything was known."""
        scores = np.tile(self._intercept.astype(np.float64), (len(texts), 1))
        known = np.zeros(len(texts), np.bool_)
        words = len(self._bag.vocabulary)
        if words:
            for n, text in enumerate(texts):
                columns, values = self._bag.row(text)
                scores[n] += values @ self._coefficients[columns]
                known[n] = bool(len(columns))
        if self.needs_vectors:
            rows = self._reduced(vectors, len(texts))
            scores += rows @ self._coefficients[words:]
            known |= rows.any(axis=1)
        return scores, known

    def _reduced(self, vectors: NDArray[Any] | None, count: int) -> Matrix:
        if vectors is None:
            raise SettingsError(
                "this classifier needs the vectors of the texts, by the embedder that it was trained with",
                where=self.where,
                fix="In Python: vectors = (await ingest.matrix.embed_texts(texts, settings)).vectors.",
            )
        size = self._mean.size or len(self._coefficients) - len(self._bag.vocabulary)
        if vectors.shape != (count, size):
            raise SettingsError(f"vectors of shape ({count}, {size}) are needed, not {vectors.shape}", where=self.where)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = vectors / np.where(lengths == 0, 1, lengths)
        if self._mean.size:
            rows = np.where(lengths == 0, 0, (rows - self._mean) @ self._components.T)
        return np.asarray(rows, np.float64)

    def check(self, settings: Settings, dimensions: int | None = None) -> None:
        """See that these settings have the embedder that it was trained with; without `dimensions`, any size will do.

        Raises:
            SettingsError: names both sides.
        """
        made = self.card.embedding
        if made is None:
            return
        now = made_embedding(settings, dimensions or settings.embedding.dimensions or made.get("dimensions"))
        same_file = bool(made.get("model_file")) and made.get("model_file") == now.get("model_file")
        ignored = {"model"} if same_file else set()
        for key, value in made.items():
            if key not in ignored and now.get(key) != value:
                told = json.dumps(now.get(key), ensure_ascii=False)
                raise SettingsError(
                    f"the classifier was trained with embedding {key} = {json.dumps(value, ensure_ascii=False)}, "
                    f"the settings now say {told}",
                    where=self.where,
                    fix=f"Use that embedder (it was {_shown(made)}; see --profile, --set embedding.…); or train anew.",
                )

    @classmethod
    def load(cls, folder: str | Path) -> Classifier:
        """Read a model. It runs no code, whoever made it.

        Raises:
            InputError: it is none, is damaged, or was made by a newer citewell.
        """
        folder = Path(folder)
        card = read_card(folder)
        try:
            raw = (folder / WEIGHTS).read_bytes()
        except OSError as error:
            raise _no_model(folder, f"its {WEIGHTS} cannot be read: {error.strerror}") from None
        if _identity(card, raw) != card.id:
            raise _no_model(folder, f"{WEIGHTS} and {MANIFEST} do not belong together, or are damaged")
        try:
            return cls(card, _arrays(folder / WEIGHTS), str(folder))
        except (KeyError, ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise _no_model(folder, f"{WEIGHTS} is damaged: {one_line(str(error))}") from None


def read_card(folder: Path) -> Card:
    """What a model says of itself, its weights unread.

    Raises:
        InputError: as `Classifier.load`.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            told = json.loads(file.read(_LARGEST_MANIFEST).decode())
    except OSError as error:
        reason = f"there is no {MANIFEST} in it" if folder.is_dir() else f"it cannot be read: {error.strerror}"
        raise _no_model(folder, reason) from None
    except (ValueError, RecursionError):
        raise _no_model(folder, f"its {MANIFEST} is no JSON") from None
    if not isinstance(told, dict) or told.get("kind") != Card.kind:
        raise _no_model(folder, f"its {MANIFEST} does not speak of one")
    if not isinstance(told.get("format"), int) or told["format"] > FORMAT:
        raise InputError("the classifier was made by a newer citewell", where=str(folder), fix="Upgrade citewell.")
    try:
        return _card(told)
    except (KeyError, TypeError, ValueError):
        raise _no_model(folder, f"its {MANIFEST} is damaged") from None


def _card(told: Mapping[str, Any]) -> Card:
    labels = tuple(told["labels"])
    temperature, unsure = float(told["temperature"]), float(told["unsure_below"])
    sound = len(labels) > 1 and all(isinstance(label, str) for label in labels) and 0 < temperature < float("inf")
    if not sound or told["features"] not in ("lexical", "embedding", "both"):
        raise ValueError("not what a classifier says")
    embedding = None if told["embedding"] is None else dict(told["embedding"])
    if (embedding is None) != (told["features"] == "lexical"):
        raise ValueError("an embedder is named where none is used, or the reverse")
    return Card(
        str(told["id"]),
        labels,
        told["features"],
        str(told["head"]),
        temperature,
        unsure,
        embedding,
        dict(told["trained"]),
        int(told["format"]),
    )


def write(folder: Path, card: Card, arrays: Mapping[str, NDArray[Any]]) -> Card:
    """Store a model in a folder that is there or can be made; the card comes last, with its `id`, so that half a model is none.

    Raises:
        InputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        with (folder / WEIGHTS).open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        identity = _identity(card, (folder / WEIGHTS).read_bytes())
        card = Card(**{**asdict(card), "id": identity})
        text = json.dumps(asdict(card), ensure_ascii=False, indent=1)
        (folder / MANIFEST).write_text(text + "\n", "utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    return card


def softmax(scores: Matrix) -> Matrix:
    """Scores, shape (texts, labels), as probabilities."""
    raised: Matrix = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _identity(card: Card, weights: bytes) -> str:
    said = json.dumps({**asdict(card), "id": ""}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(hashlib.sha256(weights).digest() + said.encode()).hexdigest()[:16]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as packed:
        if sum(item.file_size for item in packed.infolist()) > path.stat().st_size:
            raise ValueError("it is compressed, which no classifier is")
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _check_shapes(model: Classifier, words: int) -> None:
    arrays, labels = model.arrays, len(model.card.labels)
    rows, components = len(arrays["coefficients"]), arrays["pca_components"]
    wanted = {"coefficients": (rows, labels), "intercept": (labels,), "idf": (words,)}
    if arrays["pca_mean"].size:
        wanted |= {"pca_components": (rows - words, arrays["pca_mean"].size)}
    lexical = model.card.features == "lexical"
    if (
        any(arrays[name].shape != shape or arrays[name].dtype != np.float32 for name, shape in wanted.items())
        or (lexical and (rows != words or components.size))
        or (model.card.features == "embedding" and words)
        or not np.isfinite(arrays["coefficients"]).all()
    ):
        raise ValueError("its arrays do not fit one another")


def _shown(made: Mapping[str, Any]) -> str:
    size = f", {made['dimensions']} dimensions" if made.get("dimensions") else ""
    return f"{made.get('provider')} {one_line(str(made.get('model')))}{size}"


def _no_model(folder: Path, reason: str) -> InputError:
    return InputError(
        f"this is no classifier: {reason}",
        where=str(folder),
        fix="Name a folder that `citewell classify train … --out FOLDER` made.",
        usage=True,
    )
