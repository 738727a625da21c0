"""The in-process embedder: FastEmbed (ONNX), from a model folder or from FastEmbed's own list of models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import NotInstalled, SettingsError
from configs.settings import EmbeddingSettings
from ingest.index.base import Vector
from prompts import library

if TYPE_CHECKING:
    from fastembed import TextEmbedding


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
            lambda: [vector.tolist() for vector in self._model.embed(list(texts), batch_size=self._settings.batch_size)]
        )


def _load(settings: EmbeddingSettings) -> TextEmbedding:
    try:
        from fastembed import TextEmbedding
        from loguru import logger
    except ImportError:
        raise NotInstalled("the in-process embedder needs FastEmbed", fix="pip install 'citewell[local]'") from None
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

    if not (folder / "model.onnx").is_file():
        raise SettingsError(
            "embedding.model_path holds no model.onnx",
            where=str(folder),
            fix="Name a folder with model.onnx, config.json and tokenizer.json.",
        )
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


def _dimensions(folder: Path) -> int:
    try:
        return int(json.loads((folder / "config.json").read_text("utf-8"))["hidden_size"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError("embedding.model_path holds no config.json with a hidden_size", where=str(folder)) from None
