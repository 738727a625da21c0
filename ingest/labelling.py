"""Passages labelled by classifiers as they are stored, so that filters know `department:cardiology`.

A label stands with the passage and becomes a facet (`ingest.facets`). What a record says itself goes before it. A passage
that a classifier is unsure of gets none: `-has:department` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import SettingsError
from ingest.index.base import Entry

if TYPE_CHECKING:
    from configs.settings import ClassifySettings, Settings
    from ingest.classifier import Card, Classifier

_QUOTES = str.maketrans('"“”„＂', "'''''")
_FORM = "Write KEY=MODEL: a key of letters, digits and underscores, and the folder of a classifier."


class Labeller:
    """The classifiers of some settings, ready to label. With none it hands on what it is given."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError, InputError: a key that no filter could name; no model, or one of another embedder."""
        self._classifiers: dict[str, Classifier] = {}
        if not settings.classify.labels:
            return
        # Imported here: most runs label nothing and need no numpy.
        from ingest.classifier import Classifier

        for key, folder in parsed(settings.classify).items():
            classifier = Classifier.load(folder)
            classifier.check(settings)
            _check_values(key, classifier.card, folder)
            self._classifiers[key] = classifier

    def labelled(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The same entries, their passages with a label of each classifier that is sure of it."""
        if not self._classifiers or not entries:
            return entries
        import numpy as np

        texts = [entry.passage.searchable for entry in entries]
        has_vectors = all(entry.dense is not None for entry in entries)
        vectors = np.array([entry.dense for entry in entries], np.float32) if has_vectors else None
        labels: list[dict[str, str]] = [{} for _ in entries]
        for key, classifier in self._classifiers.items():
            for found, prediction in zip(labels, classifier.predict(texts, vectors), strict=True):
                if not prediction.unsure:
                    found[key] = prediction.label.translate(_QUOTES)
        return [
            replace(entry, passage=replace(entry.passage, labels=found))
            for entry, found in zip(entries, labels, strict=True)
        ]


def parsed(settings: ClassifySettings) -> dict[str, Path]:
    """Each key and the folder of its classifier.

    Raises:
        SettingsError: an assignment is none, or its key is one that no filter could name.
    """
    folders: dict[str, Path] = {}
    for assignment in settings.labels:
        key, folder = assigned(assignment)
        if key in folders:
            raise SettingsError(f"{key} is to be labelled by two classifiers", where="classify.labels", usage=True)
        folders[key] = folder
    return folders


def assigned(assignment: str) -> tuple[str, Path]:
    """`KEY=MODEL` as the key that filters use and the model's folder.

    Raises:
        SettingsError: as `parsed`.
    """
    # Imported here: filters are seldom needed by who stores.
    from ingest.facets import NO_LABELS, label_key
    from ingest.filters import FIELDS

    name, equals, folder = assignment.partition("=")
    key = label_key(name)
    if not equals or not folder.strip() or not key.isidentifier():
        raise SettingsError(f"“{assignment}” names no label", where="classify.labels", fix=_FORM, usage=True)
    if key in FIELDS or key in NO_LABELS:
        raise SettingsError(
            f"“{key}” means something else already and cannot be labelled",
            where="classify.labels",
            fix=f"Choose another key, such as {key}_class={folder}.",
            usage=True,
        )
    return key, Path(folder.strip()).expanduser()


def identities(settings: ClassifySettings) -> dict[str, str]:
    """The id of the classifier of each key, as a manifest remembers it.

    Raises:
        SettingsError, InputError: as `Labeller`.
    """
    from ingest.classifier import read_card

    return {key: read_card(folder).id for key, folder in parsed(settings).items()}


def _check_values(key: str, card: Card, folder: Path) -> None:
    from ingest.facets import LONGEST, fold

    for label in card.labels:
        if len(label) > LONGEST or not fold(label):
            raise SettingsError(
                f"its label “{label[:LONGEST]}” is no value that {key} could be filtered by",
                where=str(folder),
                fix=f"Train with labels of 1 to {LONGEST} characters.",
            )
