"""How far the reading of files has come, so that whoever waits can be told how much is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Meter:
    """Bytes and records read of these files; a reading thread writes it, anyone may look."""

    def __init__(self, files: Sequence[str]) -> None:
        sizes = [_size(name) for name in files]
        self._whole = 0 if None in sizes else sum(size or 0 for size in sizes)
        self._past = 0
        self._here = 0
        self._records = 0

    def took(self, position: int) -> None:
        """One more record, and the reader is that many bytes into its file (packed, if the file is)."""
        self._records += 1
        self._here = position

    def ended(self, size: int) -> None:
        """A file of so many bytes is read."""
        self._past, self._here = self._past + size, 0

    def expected(self) -> int:
        """About how many records there are in all, by the bytes that those took which were read; 0: not known."""
        read = self._past + self._here
        return round(self._records * max(self._whole / read, 1)) if self._whole and read else 0


def _size(name: str) -> int | None:
    """None for what has no size: standard input, a pipe, a query, a file that is gone."""
    try:
        path = Path(name)
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None
