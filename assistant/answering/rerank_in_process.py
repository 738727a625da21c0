"""The in-process reranker: a cross-encoder by FastEmbed (ONNX), from a model folder or FastEmbed's own list."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.answering.rerank import probabilities
from configs.errors import NotInstalled, ServerGarbled, SettingsError
from configs.settings import RerankSettings

if TYPE_CHECKING:
    from fastembed.rerank.cross_encoder import TextCrossEncoder

_NEEDED = ("model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
# Passages differ in length, and a batch is as slow as its longest.
_BATCH = 8


class InProcessReranker:
    """See `rerank.Reranker`. The model is loaded at the first question, in a thread."""

    def __init__(self, settings: RerankSettings) -> None:
        self._settings = settings
        self._model: TextCrossEncoder | None = None
        self._loading = threading.Lock()

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.scores`; the model's logits through the logistic function."""
        return await asyncio.to_thread(self._scores, question, list(texts))

    async def close(self) -> None:
        """See `Reranker.close`."""

    def _scores(self, question: str, texts: list[str]) -> list[float]:
        with self._loading:
            if self._model is None:
                self._model = _load(self._settings)
        try:
            return probabilities([float(score) for score in self._model.rerank(question, texts, batch_size=_BATCH)])
        except (TypeError, ValueError, RuntimeError) as error:
            raise ServerGarbled(
                f"the model is no cross-encoder with one score a pair ({error})",
                where=str(self._settings.model_path or self._settings.model),
                fix="Name another: rerank.model or rerank.model_path.",
            ) from error


def _load(settings: RerankSettings) -> TextCrossEncoder:
    try:
        # Imported here: numpy and the ONNX runtime take a second.
        from fastembed.rerank.cross_encoder import TextCrossEncoder
        from loguru import logger
    except ImportError:
        raise NotInstalled(
            "the in-process reranker needs FastEmbed",
            fix="pip install 'citewell[local]' (in a checkout: pip install -e '.[local]')",
        ) from None
    logger.disable("fastembed")  # it reports each failed download on the screen
    if settings.model_path is not None:
        name = _registered(settings.model_path)
        try:
            return TextCrossEncoder(name, specific_model_path=str(settings.model_path))
        except Exception as error:  # the ONNX runtime and the tokenizer raise bare Exception
            raise SettingsError(
                f"rerank.model_path holds a model that cannot be loaded ({error})", where=str(settings.model_path)
            ) from error
    try:
        return TextCrossEncoder(settings.model)
    except ValueError as error:
        raise NotInstalled(
            f"the reranking model {settings.model} is not here and could not be fetched ({error})",
            fix="Connect to the network once, or name a folder that holds it: --set rerank.model_path=FOLDER",
        ) from None


def _registered(folder: Path) -> str:
    """The name under which FastEmbed now knows the model of a folder."""
    from fastembed.common.model_description import ModelSource
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    if missing := [name for name in _NEEDED if not (folder / name).is_file()]:
        raise SettingsError(
            f"rerank.model_path holds no {', '.join(missing)}",
            where=str(folder),
            fix=f"Name a folder with {', '.join(_NEEDED)}.",
        )
    name = f"citewell/{folder.name}"
    if name.lower() not in {model["model"].lower() for model in TextCrossEncoder.list_supported_models()}:
        TextCrossEncoder.add_custom_model(name, sources=ModelSource(hf=name), model_file="model.onnx")
    return name
