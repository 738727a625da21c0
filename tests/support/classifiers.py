"""Small labelled corpora, and classifiers trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.analysis import classes
from configs.settings import Settings
from ingest.classifier import Classifier
from ingest.progress import Observer
from tests.assistant.commands.conftest import lines

if TYPE_CHECKING:
    from assistant.analysis.classes import Wanted

WORDS = {
    "cardiology": ("angina on exertion", "atrial fibrillation", "heart failure", "an infarction of the myocardium"),
    "neurology": ("migraine with aura", "a seizure at night", "tremor of the hand", "multiple sclerosis"),
    "心血管科": ("高血压怎样治疗", "心律不齐", "心脏早搏怎么办", "冠心病吃什么药"),
}


def examples(count: int = 8, **names: str) -> list[dict[str, Any]]:
    """`count` texts of each label; `names` are other names of labels."""
    return [
        {"text": f"Patient {n} came with {words[n % len(words)]}.", "label": names.get(label, label)}
        for label, words in WORDS.items()
        for n in range(count)
    ]


async def train(
    folder: Path, settings: Settings, rows: list[dict[str, Any]], *, wanted: Wanted = "auto", unsure_below: float = 0.0
) -> Classifier:
    """A classifier of these rows, in `folder`."""
    data = folder.with_suffix(".jsonl")
    data.write_text(lines(rows), "utf-8")
    made = await classes.trained(
        classes.read(data), settings, wanted, None, unsure_below, lambda stage, done, total: None, Observer()
    )
    classes.store(folder, made)
    return Classifier.load(folder)
