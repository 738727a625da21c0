"""Pictures of terms: how near each is to each as a heat map, and clusters as a map in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.figure import COLOURS, MARKERS, canvas
from ingest.matrix import Matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

# Terms of a heat map: more cannot be read.
HEATED = 30
_NUMBERED = 22
_LONGEST_NAME = 40
_SHADES = 20
# A map of so few terms has room for all their names.
_ALL_NAMED = 200
# Clusters that are named at most, the largest: beyond these there is no room left.
_MOST_NAMES = 150
# A box, not an outline: that would turn text into paths, and an SVG into ten times its size.
_PAPER = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
_GREY = "#9a9a9a"


def draw_matrix(terms: Sequence[str], cosines: Matrix, asked: int, path: Path, title: str) -> None:
    """Cosines of terms, each with each; a line sets off the first `asked`, which are what was asked for."""
    names, count = [_shortened(term) for term in terms[:HEATED]], min(HEATED, len(terms))
    shown = cosines[:count, :count]
    side = 2.4 + 0.34 * count
    import matplotlib as mpl

    with canvas(path, title, width=side + 1.6, height=side + 0.4, labels=[*names, title]) as panels:
        ax = next(panels)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        low = float(min(0.0, shown.min()))
        mesh = ax.pcolormesh(
            shown, cmap=mpl.colormaps["Blues"].resampled(_SHADES), vmin=low, vmax=1, edgecolors="white", linewidth=0.6
        )
        ax.set_aspect("equal")
        ax.invert_yaxis()
        places = np.arange(count) + 0.5
        ax.set_yticks(places, names)
        ax.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
        ax.tick_params(length=0)
        for label in (*ax.get_yticklabels()[:asked], *ax.get_xticklabels()[:asked]):
            label.set_fontweight("bold")
        if count <= _NUMBERED:
            for y, x in np.ndindex(count, count):
                dark = shown[y, x] > low + 0.6 * (1 - low)
                text = f"{shown[y, x]:.2f}".replace("0.", ".", 1)
                ax.text(
                    x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "#222222"
                )
        if 0 < asked < count:
            ax.axhline(asked, color="#222222", linewidth=1)
            ax.axvline(asked, color="#222222", linewidth=1)
        bar = ax.figure.colorbar(mesh, ax=ax, fraction=0.035, pad=0.02)
        bar.set_label("cosine")
        bar.outline.set_visible(False)


def draw_map(
    places: NDArray[np.float32], terms: Sequence[str], members: Sequence[list[int]], path: Path, title: str
) -> None:
    """Each term at its place; `members` are the rows of each cluster, its name first: drawn with colour, marker, name.

    Rows in no cluster are small and grey. Where there is room, the other terms of a small map stand beside their points.
    A name that would cover another is left out, the smaller cluster's first.
    """
    shown = [_shortened(term) for term in terms]
    with canvas(path, title, width=9, height=7.2, labels=[*shown, title]) as panels:
        ax = next(panels)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        inside = {row for rows in members for row in rows}
        outside = [row for row in range(len(places)) if row not in inside]
        ax.scatter(places[outside, 0], places[outside, 1], s=7, color=_GREY, alpha=0.6, linewidth=0)
        for n, rows in enumerate(members):
            marker = MARKERS[n // len(COLOURS) % len(MARKERS)]
            ax.scatter(places[rows, 0], places[rows, 1], s=22, color=_colour(n), marker=marker, linewidth=0, alpha=0.85)
        ax.margins(0.06)
        ax.figure.draw_without_rendering()  # type: ignore[union-attr]  # the layout decides where a point lies
        taken: list[Bbox] = []
        for n, rows in enumerate(members[:_MOST_NAMES]):
            _write_name(ax, taken, places[rows], shown[rows[0]], color=_darker(_colour(n)), fontsize=8, weight="bold")
        if len(places) <= _ALL_NAMED:
            for n, rows in enumerate([*members, outside]):
                colour = _darker(_colour(n)) if n < len(members) else "#777777"
                for row in rows[1:] if n < len(members) else rows:
                    _write_name(ax, taken, places[[row]], shown[row], color=colour, fontsize=5.5)


def _write_name(ax: Axes, taken: list[Bbox], places: NDArray[np.float32], name: str, **style: Any) -> None:
    """A name above, below or beside these places, where it covers no other; else none."""
    edge = ax.get_window_extent()
    left, right = np.quantile(places[:, 0], (0.1, 0.9))
    bottom, top = np.quantile(places[:, 1], (0.1, 0.9))
    gap = style["fontsize"] - 1
    for x, y, place, ha, va in (
        ((left + right) / 2, top, (0, gap), "center", "bottom"),
        ((left + right) / 2, bottom, (0, -gap), "center", "top"),
        (right, (bottom + top) / 2, (gap, 0), "left", "center"),
        (left, (bottom + top) / 2, (-gap, 0), "right", "center"),
        ((left + right) / 2, top, (0, 2.5 * gap), "center", "bottom"),
        ((left + right) / 2, bottom, (0, -2.5 * gap), "center", "top"),
    ):
        at = (float(x), float(y))
        text = ax.annotate(
            name, at, xytext=place, textcoords="offset points", ha=ha, va=va, bbox=_PAPER, zorder=3, **style
        )
        box = text.get_window_extent()
        if edge.contains(box.x0, box.y0) and edge.contains(box.x1, box.y1) and not box.count_overlaps(taken):
            taken.append(box)
            return
        text.remove()


def _colour(n: int) -> str:
    return COLOURS[n % len(COLOURS)]


def _darker(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return (0.7 * red, 0.7 * green, 0.7 * blue)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
