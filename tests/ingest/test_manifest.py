"""The manifest: an index is only ever used with the settings it was made with."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from configs.errors import IndexMismatch
from ingest.index.base import Manifest
from ingest.index.open import create_index, open_index

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory

DENSE = {"embedding.provider": "openai", "embedding.model": "Qwen/Qwen3-Embedding-0.6B", "embedding.dimensions": 64}


@pytest.mark.parametrize(
    ("made", "now", "told"),
    [
        ({}, DENSE, ('provider = "none"', '"openai"')),
        (DENSE, {}, ('provider = "openai"', '"none"')),
        (DENSE, DENSE | {"embedding.model": "Qwen/Qwen3-Embedding-8B"}, ("0.6B", "8B")),
        (DENSE, DENSE | {"embedding.dimensions": 32}, ("dimensions = 64", "32")),
        (
            DENSE,
            DENSE | {"embedding.prefix_documents": True},
            ('document_prefix = ""', '"Biomedical literature: "'),
        ),
        ({}, {"chunking.size": 256}, ("chunking size = 512", "256")),
        ({}, {"chunking.overlap": 0}, ("chunking overlap = 64", "0")),
        ({}, {"lexical.k": 2.0}, ("lexical k = 1.2", "2.0")),
        ({}, {"lexical.average_length": 100}, ("average_length = 160.0", "100.0")),
    ],
    ids=["to dense", "to lexical", "model", "dimensions", "prefix", "size", "overlap", "k", "length"],
)
async def test_a_mismatch_names_both_sides_and_the_remedy(
    made: dict[str, Any], now: dict[str, Any], told: tuple[str, str], settings: SettingsFactory
) -> None:
    """What the index was made with, what the settings say now, and the commands that mend it."""
    home = settings(made)
    await (await create_index(home, home.embedding.dimensions if made else None)).close()
    with pytest.raises(IndexMismatch) as caught:
        await open_index(settings(now), writing=True)
    assert "“default”" in caught.value.what
    before, after = told
    assert before in caught.value.what
    assert caught.value.what.endswith(f"now say {after}") or after in caught.value.what.partition("now say")[2]
    assert "citewell ingest --rebuild --index default" in caught.value.fix
    await (await open_index(home)).close()


@pytest.mark.parametrize(
    ("made", "now"),
    [
        ({}, DENSE),
        (DENSE, {}),
        (DENSE, DENSE | {"embedding.model": "other; model", "embedding.dimensions": 32}),
        (DENSE | {"embedding.model": "a; model"}, DENSE | {"embedding.provider": "fastembed"}),
        (DENSE, DENSE | {"embedding.prefix_documents": True}),
        (DENSE | {"embedding.prefix_documents": True, "embedding.domain": "treatment"}, DENSE),
        (DENSE | {"embedding.prefix_documents": True, "chunking.size": 300}, {"chunking.overlap": 0}),
        ({}, {"chunking.size": 256, "lexical.k": 2.0, "lexical.average_length": 100}),
    ],
    ids=["to dense", "to lexical", "model", "provider", "prefix on", "prefix off", "much", "sizes"],
)
async def test_the_advice_of_a_mismatch_works(
    made: dict[str, Any], now: dict[str, Any], settings: SettingsFactory
) -> None:
    """Whoever adds the flags of the message, all of them at once, has the index open."""
    home = settings(made)
    await (await create_index(home, home.embedding.dimensions if made else None)).close()
    with pytest.raises(IndexMismatch) as caught:
        await open_index(settings(now), writing=True)
    said = re.search(r"made with: (.*?); or another --index NAME", caught.value.fix)
    assert said is not None
    flags = [flag.split("=", 1) for flag in shlex.split(said[1]) if flag != "--set"]
    await (await open_index(settings(now | dict(flags)), writing=True)).close()


async def test_questions_need_not_know_how_passages_were_cut(settings: SettingsFactory) -> None:
    """An index of longer passages is asked like any other; only who stores in it must cut as it does."""
    await (await create_index(settings({"chunking.size": 1024, "chunking.overlap": 256}), None)).close()
    await (await open_index(settings())).close()
    with pytest.raises(IndexMismatch, match="chunking size"):
        await open_index(settings(), writing=True)


def local(folder: Path, weights: bytes) -> dict[str, Any]:
    """Settings that embed in process with a model of these weights, in this folder."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(weights)
    return {"embedding.provider": "fastembed", "embedding.model_path": folder}


@pytest.mark.parametrize(
    "weights", [b"y" + b"x" * 3_000_000, b"x" * 3_000_000 + b"y", b"x"], ids=["head", "tail", "size"]
)
async def test_vectors_of_two_models_never_mix(weights: bytes, tmp_path: Path, settings: SettingsFactory) -> None:
    """Another model in the folder is noticed whatever its name; the same one may lie elsewhere."""
    made = local(tmp_path / "one", b"x" * 3_000_001)
    await (await create_index(settings(made), 8)).close()
    with pytest.raises(IndexMismatch, match="model_file") as caught:
        await open_index(settings(local(tmp_path / "two", weights)))
    assert "--set embedding.model_path=FOLDER" in caught.value.fix
    with pytest.raises(IndexMismatch, match="model_file"):
        await open_index(settings({"embedding.provider": "fastembed"}))
    await (await open_index(settings(local(tmp_path / "moved", b"x" * 3_000_001)))).close()


async def test_a_model_folder_where_the_list_s_model_was_is_noticed(tmp_path: Path, settings: SettingsFactory) -> None:
    """The advice is to leave out the folder."""
    await (await create_index(settings({"embedding.provider": "fastembed"}), 8)).close()
    with pytest.raises(IndexMismatch, match="model_file = null") as caught:
        await open_index(settings(local(tmp_path / "one", b"x")))
    assert "no embedding.model_path" in caught.value.fix


@pytest.mark.parametrize(
    "change",
    [
        {"embedding.url": "http://elsewhere/v1"},
        {"embedding.batch_size": 3},
        {"retrieval.limit": 2},
        {"generation.model": "other"},
        {"embedding.dimensions": None},
    ],
)
async def test_what_does_not_touch_the_stored_passages_may_change(
    change: dict[str, Any], settings: SettingsFactory
) -> None:
    """Another address of the same model, or other answers over the same index, need no rebuilding."""
    await (await create_index(settings(DENSE), 64)).close()
    await (await open_index(settings(DENSE | change))).close()


async def test_the_query_instruction_may_change(settings: SettingsFactory) -> None:
    """Without a document prefix the domain is put before questions alone: no index depends on it."""
    await (await create_index(settings(DENSE), 64)).close()
    await (await open_index(settings(DENSE | {"embedding.domain": "treatment"}))).close()


async def test_an_index_can_be_looked_at_whatever_the_settings_say(settings: SettingsFactory) -> None:
    """`index info` shows what an index is before the settings are corrected."""
    await (await create_index(settings(DENSE), 64)).close()
    index = await open_index(settings(), check=False)
    assert index.manifest.dimensions == 64
    await index.close()


def test_a_manifest_survives_json(settings: SettingsFactory) -> None:
    """What is stored is what is read; each index has an identity of its own."""
    manifest = Manifest.of(settings(DENSE), 64)
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json())), "here") == manifest
    assert Manifest.of(settings(DENSE), 64).id != manifest.id


def test_no_secret_is_stored(settings: SettingsFactory) -> None:
    """Neither keys nor addresses go into an index that may be copied to others."""
    home = settings(DENSE | {"embedding.api_key": "sk-secret", "embedding.url": "http://secret-host/v1"})
    assert "secret" not in json.dumps(Manifest.of(home, 64).to_json())


async def test_questions_use_the_domain_an_index_was_made_for_unless_one_is_chosen(settings: SettingsFactory) -> None:
    """A corpus of drug leaflets is asked about drugs; `--domain`, a settings file or a variable goes before that."""
    made = settings({"embedding.domain": "drug-safety"})
    await (await create_index(made, None)).close()
    index = await open_index(settings())
    assert index.manifest.domain == "drug-safety"
    assert index.manifest.filled(settings()).embedding.domain == "drug-safety"
    assert index.manifest.filled(settings({"embedding.domain": "patient"})).embedding.domain == "patient"
    assert index.manifest.filled(settings({"embedding.domain": "literature"})).embedding.domain == "literature"
    await index.close()
    stored = index.manifest.to_json()
    del stored["domain"]
    assert Manifest.from_json(stored, "there").filled(settings()) == settings()
