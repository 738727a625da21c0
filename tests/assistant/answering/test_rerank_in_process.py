"""The in-process cross-encoder: FastEmbed over a real, if tiny, ONNX model made here."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from pathlib import Path

import pytest

from assistant.answering.rerank import open_reranking
from assistant.answering.retrieval import search
from configs.errors import NotInstalled, ServerGarbled, SettingsError
from configs.settings import Settings
from tests.assistant.answering.examples import fill
from tests.conftest import CorpusWriter, SettingsFactory
from tests.support import cross_encoder

HAS_FASTEMBED = importlib.util.find_spec("fastembed") is not None
needs_fastembed = pytest.mark.skipif(not HAS_FASTEMBED, reason="FastEmbed (the extra “local”) is not installed")
# The words of the check's right pairs, and of this test's own corpus.
WORDS = "metformin drug diabetes blood sugar lowers wrist treated broken fracture aspirin stroke after bleeding"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model."""
    return cross_encoder.make(tmp_path_factory.mktemp("models") / "pairs", WORDS)


def local(settings: SettingsFactory, folder: Path) -> Settings:
    """Settings that rerank with the model of a folder."""
    return settings({"rerank.provider": "fastembed", "rerank.model_path": folder, "rerank.timeout": 60})


@needs_fastembed
async def test_its_logits_come_out_as_probabilities(settings: SettingsFactory, folder: Path) -> None:
    """4 · equal pairs - 2, through the logistic function; such a model takes no instruction."""
    reranking = open_reranking(local(settings, folder))
    assert reranking is not None
    assert reranking.instruction == ""
    scores = await reranking.scores("aspirin after stroke", ["Nothing.", "Aspirin\nafter a stroke", "stroke"])
    assert scores == pytest.approx([1 / (1 + math.exp(-x)) for x in (-2, 10, 2)], abs=1e-6)
    await reranking.close()


@needs_fastembed
def test_the_searcher_uses_it(settings: SettingsFactory, folder: Path, corpus: CorpusWriter) -> None:
    """Citewell search with the model of a folder, and nothing fetched."""
    configured = local(settings, folder)
    records = [
        {"id": "often", "title": "Aspirin", "abstract": "Aspirin."},
        {"id": "all", "title": "A", "abstract": "About aspirin after a stroke and bleeding" + " more" * 200},
    ]
    asyncio.run(fill(configured, corpus(records)))
    found = search("aspirin after stroke", configured)
    assert not found.warnings
    assert [result.passage.doc_id for result in found.results] == ["all", "often"]


@needs_fastembed
async def test_a_model_without_sense_is_not_used(settings: SettingsFactory, tmp_path: Path) -> None:
    """One that knows none of the words scores all alike: the check on known texts finds that out."""
    reranking = open_reranking(local(settings, cross_encoder.make(tmp_path / "ignorant", "nothing at all")))
    assert reranking is not None
    with pytest.raises(ServerGarbled, match="mean nothing"):
        await reranking.scores("aspirin", ["Aspirin.", "Stroke."])
    await reranking.close()


@needs_fastembed
async def test_a_folder_without_a_model_is_told(settings: SettingsFactory, tmp_path: Path) -> None:
    """The message names the folder and what belongs in it."""
    reranking = open_reranking(local(settings, tmp_path))
    assert reranking is not None
    with pytest.raises(SettingsError, match=r"model\.onnx") as caught:
        await reranking.check()
    assert caught.value.where == str(tmp_path)


@needs_fastembed
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
async def test_a_damaged_model_is_told(name: str, settings: SettingsFactory, tmp_path: Path) -> None:
    """A download that broke off is one line with the folder's name, not a traceback."""
    broken = cross_encoder.make(tmp_path / "broken", WORDS)
    (broken / name).write_bytes(b"{")
    reranking = open_reranking(local(settings, broken))
    assert reranking is not None
    with pytest.raises(SettingsError, match="cannot be loaded") as caught:
        await reranking.check()
    assert caught.value.where == str(broken)


@pytest.mark.skipif(HAS_FASTEMBED, reason="FastEmbed is installed here")
async def test_a_missing_fastembed_names_its_extra(settings: SettingsFactory) -> None:
    """The message is the command that installs it."""
    reranking = open_reranking(settings({"rerank.provider": "fastembed"}))
    assert reranking is not None
    with pytest.raises(NotInstalled) as caught:
        await reranking.check()
    assert "citewell[local]" in caught.value.fix
