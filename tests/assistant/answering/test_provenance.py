"""An answer's record names the settings that shaped it, and nothing that is nobody else's business."""

from __future__ import annotations

import json

from assistant.answering.provenance import shaping
from ingest.index.base import Manifest
from tests.conftest import SettingsFactory


def test_what_shaped_an_answer_is_kept_without_secrets_addresses_and_paths(settings: SettingsFactory) -> None:
    """A transcript may be sent to anyone: no key, no server, no folder of this machine is in it."""
    made = settings(
        {
            "generation.url": "http://gpu-7.internal:8000/v1",
            "generation.api_key": "sk-secret",
            "generation.model": "/home/somebody/models/Qwen3-8B",
            "embedding.model_path": "/home/somebody/minilm",
            "retrieval.limit": 9,
        }
    )
    told = shaping(made, Manifest.of(made, None))
    assert told["retrieval"]["limit"] == 9
    assert told["generation"]["model"] == "Qwen3-8B"
    text = json.dumps(told)
    assert not [word for word in ("secret", "somebody", "internal", "://", str(made.data_dir)) if word in text]


def test_the_hash_of_an_index_tells_two_makings_apart(settings: SettingsFactory) -> None:
    """The same index always has the same hash; one made anew, with the same settings even, has another."""
    made = settings()
    first, second = Manifest.of(made, None), Manifest.of(made, None)
    hashes = [shaping(made, one)["index"]["manifest"] for one in (first, first, second)]
    assert hashes[0] == hashes[1] != hashes[2]
