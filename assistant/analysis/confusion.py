"""A confusion matrix as a picture: of the texts of each label (row), which share was given each (column)."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.figure import canvas, fonts_for
from configs.errors import InputError

# More labels make no picture that can be read.
MOST = 60
_SHORT, _LINE = 24, 16
# From here on a cell is dark, and its figure white.
_DARK = 0.55


def draw_confusion(confusion: NDArray[np.int64], labels: Sequence[str], path: Path, title: str) -> None:
    """Rows and columns in the same order, the commonest label first; a cell says how many texts, its colour which share of its row.

    Labels that no font here can write stand there as numbers; the table that the command prints says which is which.

    Raises:
        InputError: more labels than can be drawn; it cannot be written.
    """
    if len(labels) > MOST:
        raise InputError(f"{len(labels)} labels make no picture that can be read; {MOST} do", where=str(path))
    order = np.argsort(-confusion.sum(axis=1), kind="stable")
    counts = confusion[np.ix_(order, order)]
    names = _names([labels[n] for n in order])
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = len(labels)
    side = max(2.6, 0.46 * size)
    font = 9 if size <= 15 else 7 if size <= 30 else 5
    with canvas(path, title, width=side + 2.6, height=side + 1.9, labels=[*names, title]) as panels:
        ax = next(panels)
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        for row, column in np.argwhere(counts):
            dark = shares[row, column] > _DARK
            ax.text(
                column,
                row,
                f"{counts[row, column]:,}",
                ha="center",
                va="center",
                fontsize=font,
                color="white" if dark else "#222222",
                fontweight="bold" if row == column else "normal",
            )
        ax.set_xticks(range(size), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=font)
        ax.set_yticks(range(size), names, fontsize=font)
        ax.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        ax.grid(False)
        ax.grid(True, which="minor", color="white", linewidth=1.5)
        ax.tick_params(which="both", length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel("label given")
        ax.set_ylabel("true label")


def _names(labels: Sequence[str]) -> list[str]:
    """Labels short enough to stand at an axis, in two lines at most; those that no font here has, by number."""
    _, missing = fonts_for(labels)
    return [
        _short(label) if label.isprintable() and not set(label) & set(missing) else f"#{n}"
        for n, label in enumerate(labels, start=1)
    ]


def _short(label: str) -> str:
    wide = any(unicodedata.east_asian_width(letter) in "WF" for letter in label)
    if wide:
        return label if len(label) <= _LINE else label[: _LINE - 1] + "…"
    lines = textwrap.wrap(label, _SHORT, max_lines=2, placeholder=" …") or [label[:_SHORT]]
    return "\n".join(lines)
