"""kill -9 at any point of an ingest: the run after it ends with exactly the points of one that was never disturbed."""

from __future__ import annotations

import random
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from ingest import pipeline
from ingest.index.open import folder_of
from tests.support.corpora import Watcher, record, records
from tests.support.kills import forked, ingest_until, points_in

if TYPE_CHECKING:
    from pathlib import Path

    from configs.settings import Settings
    from tests.conftest import CorpusWriter, SettingsFactory
    from tests.support.openai_server import OpenAIServer

_DOCUMENTS = 32
_SEED = 20_261_121


@pytest.mark.xdist_group("forked")
@pytest.mark.parametrize(("edited", "points"), [(False, 3), (True, 7)], ids=["new", "edited"])
async def test_killed_anywhere_it_ends_as_if_undisturbed(
    edited: bool,
    points: int,
    settings: SettingsFactory,
    corpus: CorpusWriter,
    tmp_path: Path,
    openai_server: OpenAIServer,
) -> None:
    """None lost, none double, none of an older version, whatever it was doing; and the ledger knows them all."""
    flags: dict[str, Any] = {
        "embedding.provider": "openai",
        "embedding.url": openai_server.url,
        "chunking.size": 16,
        "chunking.overlap": 0,
        "index.shared": False,
    }
    before = tmp_path / "before"
    if edited:
        older = corpus([{**record(n), "abstract": f"Then {n}. " * 9} for n in range(16)], "before.jsonl")
        await pipeline.ingest([str(older)], settings(flags | {"data_dir": before}), Watcher())
    path = str(corpus(records(_DOCUMENTS)))
    context, draw = forked(), random.Random(_SEED)  # noqa: S311

    def start(name: str) -> tuple[Settings, dict[str, Any]]:
        if edited:
            shutil.copytree(before, tmp_path / name)
        own = flags | {"data_dir": str(tmp_path / name)}
        return settings(own), own

    calm, own = start("calm")
    status, calls = ingest_until(context, path, own, None)
    assert status == 0
    undisturbed = points_in(folder_of(calm))
    assert len(undisturbed) >= 2 * _DOCUMENTS
    for number, point in enumerate(draw.sample(range(1, calls * 99 // 100), points)):
        home, own = start(f"killed-{number}")
        assert ingest_until(context, path, own, point)[0] == -signal.SIGKILL
        assert ingest_until(context, path, own, None)[0] == 0, f"after a kill at call {point} of {calls}"
        assert points_in(folder_of(home)) == undisturbed, f"after a kill at call {point} of {calls}"
    again = await pipeline.ingest([path], home, Watcher())
    assert (again.documents, again.skipped) == (0, _DOCUMENTS)
