"""An index over a few records, filled once; tests differ in the servers they point it at."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from configs.settings import Settings
from tests.assistant.answering.examples import RECORDS, fill
from tests.conftest import SettingsFactory


@pytest.fixture(scope="session")
def filled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose default index holds `RECORDS`, lexical only; nobody writes to it."""
    folder = tmp_path_factory.mktemp("filled")
    corpus = folder / "records.jsonl"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    asyncio.run(fill(Settings(data_dir=folder), corpus))
    return folder


@pytest.fixture
def filled(filled_folder: Path, settings: SettingsFactory) -> SettingsFactory:
    """`settings` over the index that holds `RECORDS`."""
    return lambda flags=None, **more: settings({"data_dir": filled_folder, **(flags or {})}, **more)


@pytest.fixture(scope="session")
def pubmedqa(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Settings:
    """Settings over an index of PubMedQA's 1,000 abstracts, lexical only; nobody writes to it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("pubmedqa"))
    asyncio.run(fill(settings, shared_data / "pubmedqa" / "corpus.jsonl"))
    return settings
