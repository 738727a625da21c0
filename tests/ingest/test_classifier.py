"""A classifier: what it says of texts, with numpy alone; files that are none; labels in the index, in both homes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from assistant.answering.retrieval import Searcher
from configs.errors import CitewellError, IndexMismatch, InputError, SettingsError
from ingest import bag
from ingest.classifier import MANIFEST, WEIGHTS, Classifier
from ingest.documents import Passage
from ingest.facets import classified
from ingest.filters import parse
from ingest.index.open import open_index
from ingest.matrix import embed_texts
from ingest.rebuild import rebuild
from tests.support.classifiers import WORDS, examples, train
from tests.support.corpora import Watcher

if TYPE_CHECKING:
    from configs.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.ingest.conftest import Ingest
    from tests.support.openai_server import OpenAIServer
    from tests.support.qdrant_server import QdrantServer

ALONE = """
import sys
for name in ("sklearn", "scipy", "matplotlib"):
    sys.modules[name] = None
from ingest.classifier import Classifier
print(Classifier.load(sys.argv[1]).predict(["A seizure."])[0].label)
"""
RECORDS = [
    {"id": "heart", "title": "", "text": "Angina on exertion and heart failure."},
    {"id": "head", "title": "", "text": "Migraine with aura, and a seizure."},
    {"id": "zh", "title": "", "text": "高血压怎样治疗，心律不齐"},
    {"id": "said", "title": "", "text": "Angina after a migraine.", "department": "Surgery"},
    {"id": "strange", "title": "", "text": "Xyzzy plugh qwerty."},
]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of words, of three departments."""
    from configs.settings import Settings

    folder = tmp_path_factory.mktemp("classifier") / "model"
    asyncio.run(train(folder, Settings(), examples(), unsure_below=0.45))
    return folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """One that a test may damage."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in (MANIFEST, WEIGHTS):
        (folder / name).write_bytes((model / name).read_bytes())
    return folder


@pytest.fixture(params=["embedded", "server"])
def flags(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of each home."""
    if request.param == "embedded":
        return {}
    server: QdrantServer = request.getfixturevalue("qdrant_server")
    return {"index.home": "server", "index.url": server.url}


async def found(home: Settings, where: str) -> set[str]:
    """The documents that pass a filter."""
    searcher = await Searcher.open(home)
    try:
        hits = await searcher.search("angina migraine seizure 高血压 xyzzy heart", where=parse(where))
        return {hit.passage.doc_id for hit in hits.results}
    finally:
        await searcher.close()


def test_it_labels_with_numpy_alone(model: Path) -> None:
    """Who only labels needs no scikit-learn."""
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, str(model)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.stdout == "neurology\n", ran.stderr


def test_labels_with_probabilities(model: Path) -> None:
    """The likeliest label of each text, Chinese too; rows sum to 1 in the order of `labels`; what is strange is unsure."""
    classifier = Classifier.load(model)
    assert classifier.labels == tuple(sorted(WORDS))
    texts = ["Heart failure and angina.", "心律不齐，高血压", "Xyzzy", ""]
    shares = classifier.predict_proba(texts)
    assert shares.shape == (4, 3)
    assert shares.sum(axis=1) == pytest.approx(np.ones(4))
    predictions = classifier.predict(texts)
    assert [one.label for one in predictions[:2]] == ["cardiology", "心血管科"]
    assert [one.unsure for one in predictions] == [False, False, True, True]
    assert [one.probability for one in predictions] == pytest.approx(shares.max(axis=1))
    assert classifier.predict([]) == []


def test_case_width_and_script_are_read_alike() -> None:
    """Full-width letters are letters; Chinese counts by character and pair, since it writes no spaces."""
    assert bag.terms("ＡＢＣ Abc x") == {"abc": 2}
    assert set(bag.terms("肝病 HBV")) == {"肝", "病", "肝病", "hbv"}


def _pickled(folder: Path) -> None:
    np.savez(folder / WEIGHTS, coefficients=np.array([{}], dtype=object))


def _edited(folder: Path, **changed: Any) -> None:
    card = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(card | changed), "utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"PK"), "do not belong together"),
        (lambda folder: (folder / WEIGHTS).unlink(), "cannot be read"),
        (_pickled, "do not belong together"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "no JSON"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"), "no JSON"),
        (lambda folder: (folder / MANIFEST).write_text('{"kind": "cat"}'), "does not speak of one"),
        (lambda folder: _edited(folder, labels=["a", "b", "c"]), "do not belong together"),
        (lambda folder: _edited(folder, labels="abc", temperature=0), "damaged"),
        (lambda folder: _edited(folder, format=99), "newer citewell"),
        (lambda folder: (folder / MANIFEST).unlink(), f"no {MANIFEST}"),
    ],
)
def test_a_damaged_or_foreign_model_is_refused(damage: Any, words: str, copy: Path) -> None:
    """By name and with its place: never half a model, never code that it brings."""
    damage(copy)
    with pytest.raises(InputError, match=words) as raised:
        Classifier.load(copy)
    assert raised.value.where == str(copy)


def test_a_consistent_stranger_still_runs_no_code(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one whose hash fits: pickled objects and arrays that do not fit one another are refused."""
    monkeypatch.setattr("ingest.classifier._identity", lambda card, weights: card.id)
    _pickled(copy)
    with pytest.raises(InputError, match="damaged"):
        Classifier.load(copy)
    names = ("coefficients", "intercept", "terms", "idf", "pca_mean", "pca_components")
    np.savez(copy / WEIGHTS, **{name: np.zeros((2, 2), np.float32) for name in names})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="damaged"):
        Classifier.load(copy)
    np.savez_compressed(copy / WEIGHTS, coefficients=np.zeros((10_000, 100), np.float32))
    with pytest.raises(InputError, match="compressed"):
        Classifier.load(copy)


def test_a_label_that_no_filter_goes_by_is_not_told() -> None:
    """Beside a hit found by what its record says, another department would be misread."""
    given = {"department": "cardiology", "condition": "stroke"}
    said = Passage("said", 0, "", "Angina.", 0, 7, "hash", "", {"Department": "Surgery"}, labels=given)
    assert classified(said) == {"condition": "stroke"}


async def test_labels_become_filters(
    flags: dict[str, Any], settings: SettingsFactory, ingest: Ingest, model: Path
) -> None:
    """In both homes: what a record says of itself goes before the classifier, what it is unsure of stays unlabelled."""
    home = settings({**flags, "classify.labels": [f"department={model}"]})
    await ingest(RECORDS, home)
    assert await found(home, "department:cardiology") == {"heart"}
    assert await found(home, "department:neurology,心血管科") == {"head", "zh"}
    assert await found(home, "department:surgery") == {"said"}
    assert await found(home, "-has:department") == {"strange"}
    plain = settings(flags)
    assert await found(plain, "department:neurology") == {"head"}, "who asks need not have the classifier"
    with pytest.raises(InputError, match="no record carries “departmen”") as raised:
        await found(plain, "departmen:neurology")
    assert raised.value.fix == "Did you mean department?"


async def test_a_key_that_the_manifest_names_is_known_though_nothing_was_labelled(
    settings: SettingsFactory, ingest: Ingest, model: Path
) -> None:
    """A filter on it finds nothing, which is true, rather than call it a mistake."""
    home = settings({"classify.labels": [f"ward={model}"]})
    await ingest(RECORDS[-1:], home)
    assert await found(home, "ward:cardiology") == set()


async def test_an_index_keeps_its_classifier_until_it_is_made_anew(
    flags: dict[str, Any], settings: SettingsFactory, ingest: Ingest, model: Path, tmp_path: Path
) -> None:
    """Run again it is free; without the classifier, or with another, nothing is stored; `--rebuild` labels all anew."""
    home = settings({**flags, "classify.labels": [f"department={model}"]})
    await ingest(RECORDS, home)
    summary, _ = await ingest(RECORDS, home)
    assert (summary.documents, summary.skipped) == (0, len(RECORDS))

    renamed = tmp_path / "renamed"
    await train(renamed, settings(), examples(cardiology="heart ward"))
    other = settings({**flags, "classify.labels": [f"department={renamed}"]})
    for now, words in ((settings(flags), "name none"), (other, "now name classifier")):
        with pytest.raises(IndexMismatch, match=words) as raised:
            await ingest(RECORDS, now)
        assert "--label department=MODEL" in raised.value.fix
    assert "--rebuild --index default --label department=MODEL" in raised.value.fix
    with pytest.raises(InputError, match="labels that would be lost: department") as lost:
        await rebuild([], settings(flags), Watcher())
    assert "--label department=MODEL" in lost.value.fix
    await rebuild([], other, Watcher())
    assert await found(other, 'department:"Heart Ward"') >= {"heart"}
    assert await found(other, "department:cardiology") == set()
    index = await open_index(other)
    assert index.manifest.labels == {"department": Classifier.load(renamed).card.id}
    await index.close()


async def test_an_embedder_s_classifier_labels_by_the_vectors_of_the_ingest(
    settings: SettingsFactory, ingest: Ingest, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    """Passages are embedded once, for the index and for the label; other settings are refused, both sides named."""
    flags = {"embedding.provider": "openai", "embedding.url": openai_server.url, "index.shared": False}
    home = settings(flags)
    classifier = await train(tmp_path / "dense", home, examples(), wanted="embedding")
    assert classifier.card.embedding is not None
    vectors = (await embed_texts(["A seizure at night."], home)).vectors
    assert classifier.predict(["A seizure at night."], vectors)[0].label == "neurology"
    with pytest.raises(SettingsError, match="needs the vectors"):
        classifier.predict(["A seizure."])
    with pytest.raises(SettingsError, match=r"shape \(1, 64\) are needed"):
        classifier.predict(["A seizure."], vectors[:, :5])

    openai_server.requests.clear()
    labelled = settings({**flags, "classify.labels": [f"department={tmp_path / 'dense'}"], "cache.kind": "none"})
    await ingest(RECORDS[:2], labelled)
    assert sorted(openai_server.embedded) == sorted(["dimensions", *(str(one["text"]) for one in RECORDS[:2])])
    assert await found(labelled, "department:neurology") == {"head"}
    with pytest.raises(SettingsError, match=r'trained with embedding model = .*, the settings now say "other"'):
        classifier.check(settings({**flags, "embedding.model": "other"}))
    with pytest.raises(SettingsError, match=r'provider = "openai", the settings now say "none"'):
        classifier.check(settings())
    with pytest.raises(SettingsError, match="provider"):  # nor is an index made that nothing could then be stored in
        await ingest(RECORDS, settings({"classify.labels": [f"department={tmp_path / 'dense'}"], "index.name": "none"}))
    assert not (home.data_dir / "indexes" / "none").exists()


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("year={model}", "means something else"),
        ("lang={model}", "means something else"),
        ("mesh={model}", "means something else"),
        ("department", "names no label"),
        ("1st-key={model}", "names no label"),
        ("department=/nowhere/at/all", "no classifier"),
    ],
)
async def test_a_label_that_cannot_be_is_told_before_anything_is_read(
    label: str, words: str, settings: SettingsFactory, ingest: Ingest, model: Path
) -> None:
    """A key that no filter could name, one that filters have already, a model that is not there: nothing is made."""
    home = settings({"classify.labels": [label.format(model=model)]})
    with pytest.raises(CitewellError, match=words):
        await ingest(RECORDS, home)
    assert not (home.data_dir / "indexes").exists()


async def test_odd_labels_can_be_filtered_by(settings: SettingsFactory, ingest: Ingest, tmp_path: Path) -> None:
    """Quotes, commas, escapes and blanks in a label: a filter finds it by what can be typed."""
    rows = examples(cardiology='Heart, "A"\x1b[31m & co', neurology="42")
    await train(tmp_path / "odd", settings(), rows)
    home = settings({"classify.labels": [f"ward={tmp_path / 'odd'}"]})
    await ingest(RECORDS[:2], home)
    assert await found(home, "ward:\"heart, 'a' & co\"") == {"heart"}
    assert await found(home, "ward:42") == {"head"}
