"""Where documents came from, so that what vanished from there can be told from what came from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from ingest.readers import registry


def named(name: str) -> str:
    """The source of the records of a file: its absolute path; a query and standard input stand for themselves."""
    return name if name == registry.STANDARD_INPUT or registry.is_query(name) else os.path.abspath(name)  # noqa: PTH100 — links stay as named


def covered_by(paths: Sequence[str]) -> Callable[[str], bool]:
    """Whether a source is one of these paths, in one of these folders, or matches one of these patterns."""
    names = [named(path) for path in paths]
    folders = tuple(os.path.join(name, "") for name, path in zip(names, paths, strict=True) if Path(path).is_dir())  # noqa: PTH118 — with its end

    def covered(source: str) -> bool:
        return source in names or source.startswith(folders) or any(fnmatch(source, name) for name in names)

    return covered
