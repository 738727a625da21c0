"""What shaped an answer, for its record: every setting that could change it, and none that is nobody else's business."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configs.settings import Settings
    from ingest.index.base import Manifest

# Where things run, who may use them, how they look and how long one waits: none of it is in the answer's words.
_SECTIONS = {"serve", "chat", "data_dir"}
_KEYS = ("url", "api_key", "timeout", "concurrency", "batch_size", "name")


def shaping(settings: Settings, manifest: Manifest) -> dict[str, Any]:
    """The settings by section, without secrets, addresses and paths, and `index.manifest`: its hash.

    The hash is that of how the index was made, of its id and so of its making; what it held is told by the
    content hashes of an answer's sources.
    """
    kept = {key: _kept(value) for key, value in settings.model_dump(mode="json", exclude=_SECTIONS).items()}
    made = json.dumps(manifest.to_json(), sort_keys=True, ensure_ascii=False)
    kept["index"] = {**kept["index"], "manifest": hashlib.sha256(made.encode()).hexdigest()[:16]}
    return kept


def without_path(model: str) -> str:
    """A model's name; of a folder on somebody's machine the last part alone."""
    return PurePath(model).name if model.startswith(("/", "~", ".")) or "\\" in model else model


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _kept(inner)
            for key, inner in value.items()
            if not (key.endswith(_KEYS) or "path" in key or "://" in str(inner))
        }
    return without_path(value) if isinstance(value, str) else value
