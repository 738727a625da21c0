"""The in-process embedder: FastEmbed (ONNX), from a model folder or from FastEmbed's own list of models."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import NotInstalled, SettingsError
from configs.settings import EmbeddingSettings
from prompts import library

if TYPE_CHECKING:
    from fastembed import TextEmbedding

    from ingest.index.base import Vector

_MIB = 2**20


class InProcessEmbedder:
    """See `ingest.embedding.Embedder`.

    Raises:
        NotInstalled: FastEmbed is missing, or the model is not here and cannot be fetched.
        SettingsError: `embedding.model_path` is no folder with an ONNX model.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._instruction = library.instruction(settings.domain)
        self._settings = settings
        self._model = _load(settings)

    async def embed_query(self, question: str) -> Vector:
        """See `Embedder.embed_query`."""
        return (await self._embed([self._instruction.query(question)]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed_documents`."""
        prefix = self._instruction.document_prefix if self._settings.prefix_documents else ""
        return await self._embed([prefix + text for text in texts])

    async def close(self) -> None:
        """See `Embedder.close`."""

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        # ONNX releases the GIL, so a thread keeps the screen alive meanwhile.
        return await asyncio.to_thread(
            lambda: [
                self._shortened(vector.tolist())
                for vector in self._model.embed(list(texts), batch_size=self._settings.batch_size)
            ]
        )

    def _shortened(self, vector: list[float]) -> list[float]:
        """The first `embedding.dimensions` of a vector at length 1 again (Matryoshka); all of it where none are asked for."""
        if self._settings.dimensions is None or self._settings.dimensions >= len(vector):
            return vector
        kept = vector[: self._settings.dimensions]
        length = math.hypot(*kept) or 1.0
        return [value / length for value in kept]


def _load(settings: EmbeddingSettings) -> TextEmbedding:
    try:
        from fastembed import TextEmbedding
        from loguru import logger
    except ImportError:
        raise NotInstalled(
            "the in-process embedder needs FastEmbed",
            fix="pip install 'citewell[local]' (in a checkout: pip install -e '.[local]')",
        ) from None
    logger.disable("fastembed")  # it reports each failed download on the screen
    if settings.model_path is not None:
        return TextEmbedding(_registered(settings.model_path), specific_model_path=str(settings.model_path))
    try:
        return TextEmbedding(settings.model)
    except ValueError as error:
        raise NotInstalled(
            f"the embedding model {settings.model} is not here and could not be fetched ({error})",
            fix="Connect to the network once, or name a folder that holds it: --set embedding.model_path=FOLDER",
        ) from None


def _registered(folder: Path) -> str:
    """The name under which FastEmbed now knows the model of a folder: mean pooling, L2-normalised."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    _model_files(folder)
    name = f"citewell/{folder.name}"
    if name not in {model["model"] for model in TextEmbedding.list_supported_models()}:
        TextEmbedding.add_custom_model(
            name,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=name),
            dim=_dimensions(folder),
            model_file="model.onnx",
        )
    return name


def fingerprint(folder: Path) -> str:
    """16 hex digits that tell the model of a folder from others, by the sizes and the ends of its files.

    Their first and last MiB are read alone: weights that were trained otherwise differ there, and a search need not
    wait for the rest.

    Raises:
        SettingsError: it holds no model.onnx that can be read.
    """
    digest = hashlib.sha256()
    for path in _model_files(folder):
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                digest.update(f"{path.name} {size} ".encode() + file.read(_MIB))
                file.seek(max(0, size - _MIB))
                digest.update(file.read(_MIB))
        except OSError as error:
            raise SettingsError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return digest.hexdigest()[:16]


def _model_files(folder: Path) -> list[Path]:
    """model.onnx, and weights that it keeps beside it (model.onnx_data)."""
    if not (folder / "model.onnx").is_file():
        raise SettingsError(
            "embedding.model_path holds no model.onnx",
            where=str(folder),
            fix="Name a folder with model.onnx, config.json and tokenizer.json.",
        )
    return sorted(folder.glob("model.onnx*"))


def _dimensions(folder: Path) -> int:
    try:
        return int(json.loads((folder / "config.json").read_text("utf-8"))["hidden_size"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError("embedding.model_path holds no config.json with a hidden_size", where=str(folder)) from None
