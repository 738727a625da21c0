"""Counting tokens (cl100k), without the network: llama-index carries tiktoken's file."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding


@cache
def encoding() -> Encoding:
    """Tiktoken's cl100k_base; the first call takes about a quarter of a second."""
    # find_spec, because importing llama_index.core for its folder would take over a second.
    spec = find_spec("llama_index.core")
    if spec is not None and spec.origin is not None:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(spec.origin).parent / "_static" / "tiktoken_cache"))
    import tiktoken

    return tiktoken.get_encoding("cl100k_base")


def count(text: str) -> int:
    """Tokens in `text`; special tokens in it count as ordinary text."""
    return len(encoding().encode_ordinary(text))


def fits(text: str, budget: int) -> bool:
    """Whether `text` has at most `budget` tokens; free for short texts, a token being a byte or more."""
    return len(text) * 4 <= budget or len(text.encode()) <= budget or count(text) <= budget
