"""What a sweep can vary: named axes, and any key of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError

from assistant.analysis.reduction import Method, Reduction
from configs.errors import SettingsError
from configs.settings import Settings
from prompts import library

# Axis → the key of the settings that it varies.
KEYS = {
    "weights": "retrieval.dense_weight",
    "fusion": "retrieval.fusion",
    "instructions": "embedding.domain",
    "chunks": "chunking.size",
    "rerankers": "rerank.provider",
}
# Axis → how it makes vectors smaller.
METHODS: Mapping[str, Method] = {"dimensions": "truncation", "pca": "pca", "random": "random"}
NAMED = ("dimensions", "pca", "random", "quantization", *KEYS)
# Run where none is asked for: those for which the corpus is embedded once and nobody has to wait long.
DEFAULT = ("dimensions", "pca", "quantization", "weights", "fusion", "instructions", "rerankers")

_DIMENSIONS = (32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
_WEIGHTS = ("0", "0.2", "0.35", "0.5", "0.65", "0.8", "1")
_FUSIONS = ("convex", "rrf", "dbsf")
_CHUNKS = ("64", "128", "256", "512", "1024")
_QUANTIZED: tuple[Method, ...] = ("int8", "binary")
_NO_EMBEDDER = "the settings have no embedder (embedding.provider is none)"


@dataclass(frozen=True, slots=True)
class Variant:
    """One point of an axis: the settings there, or the same with smaller vectors; `flags` are what was set."""

    axis: str
    value: str
    settings: Settings
    flags: Mapping[str, str]
    reduced: Reduction | None = None


def changed(settings: Settings, flags: Mapping[str, str]) -> Settings:
    """The settings with these dotted keys on top.

    Raises:
        SettingsError: there is no such key, or the value is out of its bounds.
    """
    tree = settings.model_dump()
    for key, value in flags.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        told = ", ".join(f"{key} = {value}" for key, value in flags.items())
        raise SettingsError(
            f"{told}: {first['msg']}", fix="`citewell config show` lists all settings.", usage=True
        ) from None


def missing(axis: str, settings: Settings) -> str:
    """Why this axis cannot be varied under these settings; empty where it can."""
    dense = (
        axis in METHODS
        or axis == "quantization"
        or KEYS.get(axis, axis).startswith(("embedding.", "retrieval.dense_", "retrieval.fusion"))
    )
    if dense and settings.embedding.provider == "none":
        return _NO_EMBEDDER
    if axis == "rerankers" and settings.rerank.provider == "none":
        return "the settings have no reranker (rerank.provider is none)"
    return ""


def variants(axis: str, values: Sequence[str], settings: Settings, full: int | None, most: int) -> list[Variant]:
    """The points of an axis; without `values` a sensible set.

    `full` is the embedder's size, `most` what PCA can keep at most.

    Raises:
        SettingsError: there is no such axis, or a value is not one of it.
    """
    if axis in METHODS and full is not None:
        sizes = [_size(axis, value, full) for value in values] or [*(size for size in _DIMENSIONS if size < full), full]
        here = settings.embedding.dimensions or full
        kept = [size for size in sizes if size != here and (axis == "dimensions" or size < min(full, most))]
        return [_smaller(axis, str(size), settings, Reduction(METHODS[axis], size)) for size in kept]
    if axis == "quantization" and full is not None:
        return [_smaller(axis, name, settings, Reduction(_quantized(name), full)) for name in values or _QUANTIZED]
    key = KEYS.get(axis, axis)
    if "." not in key:
        raise SettingsError(
            f"there is no axis “{axis}”", fix=f"Axes: {', '.join(NAMED)}, or a key such as lexical.k.", usage=True
        )
    if not values and not (values := _usual(axis, settings)):
        raise SettingsError(f"no values are given for the axis {axis}", fix="Add --values A,B,C.", usage=True)
    return [_set(axis, key, value, settings) for value in values]


def _usual(axis: str, settings: Settings) -> Sequence[str]:
    usual = {
        "weights": _WEIGHTS,
        "fusion": _FUSIONS,
        "chunks": _CHUNKS,
        "instructions": tuple(library.instructions()),
        "rerankers": ("none", settings.rerank.provider),
    }
    return usual.get(axis, ())


def _smaller(axis: str, value: str, settings: Settings, reduced: Reduction) -> Variant:
    # Only truncation is a setting: the rest is shown so that it can be judged, not written into a profile.
    flags = {"embedding.dimensions": value} if axis == "dimensions" else {}
    return Variant(axis, value, settings, flags, reduced)


def _set(axis: str, key: str, value: str, settings: Settings) -> Variant:
    flags = {key: value}
    if key == "chunking.size" and value.isdecimal() and int(value) <= settings.chunking.overlap:
        flags["chunking.overlap"] = str(int(value) // 8)
    return Variant(axis, value, changed(settings, flags), flags)


def _size(axis: str, value: str, full: int) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= full:
        raise SettingsError(f"{axis} = {value}: a whole number from 1 to {full} is needed", usage=True)
    return int(value)


def _quantized(name: str) -> Method:
    method = next((method for method in get_args(Method) if method == name and name in _QUANTIZED), None)
    if method is None:
        raise SettingsError(f"quantization = {name}: one of {', '.join(_QUANTIZED)} is needed", usage=True)
    return Reduction(method, 1).method
