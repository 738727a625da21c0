"""Pictures of figures: quality against size, against a setting, and of systems side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.analysis.figure import COLOURS, MARKERS, canvas
from assistant.analysis.metrics import Interval
from assistant.analysis.sweep import BASE, BEST, MEASURES, SIZED_BY, Row, Swept

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BESIDE = 1.05
_NAMES = {
    "dimensions": "the first N dimensions (Matryoshka)",
    "pca": "PCA",
    "random": "random projection",
    "quantization": "quantization (simulated)",
}
_SIZES = tuple(_NAMES)


def draw_sweep(swept: Swept, path: Path, title: str) -> bool:
    """Two panels for the size of vectors (quality and latency), one for every other axis; whether there was any."""
    others = [axis for axis in dict.fromkeys(row.axis for row in swept.rows) if axis not in (BASE, BEST, *_SIZES)]
    sized = any(row.axis in _SIZES for row in swept.rows)
    count = 2 * sized + len(others)
    if not count:
        return False
    with canvas(path, title, count) as panels:
        if sized:
            _draw_sizes(next(panels), swept)
            _draw_latency(next(panels), swept)
        for axis in others:
            _draw_axis(next(panels), swept.rows[0], swept.axis(axis), axis)
    return True


def draw_systems(
    systems: Mapping[str, Mapping[str, Interval]], path: Path, title: str, measure: str = "nDCG@10"
) -> None:
    """Each set's systems (set → system → figure) as points with their 95 % intervals."""
    names = list(dict.fromkeys(name for rows in systems.values() for name in rows))
    with canvas(path, title, 1, height=1.2 + 0.26 * sum(len(rows) + 1 for rows in systems.values())) as panels:
        ax, at, ticks = next(panels), 0.0, {}
        for group, rows in systems.items():
            ticks[at + (len(rows) - 1) / 2] = group
            for name, figure in rows.items():
                n = names.index(name)
                low, high = (figure.low or figure.mean), (figure.high or figure.mean)
                ax.errorbar(
                    figure.mean,
                    at,
                    xerr=[[figure.mean - low], [high - figure.mean]],
                    fmt=MARKERS[n % len(MARKERS)],
                    color=COLOURS[n % len(COLOURS)],
                    capsize=2,
                    markersize=5,
                    label=name,
                )
                at += 1
            at += 1
        ax.set_yticks(list(ticks), list(ticks.values()))
        ax.invert_yaxis()
        ax.set_xlabel(f"{measure} (mean over questions, 95 % interval)")
        labels = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        ax.legend(labels.values(), labels.keys(), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_sizes(ax: Axes, swept: Swept) -> None:
    """MRR@10 against bytes, a line a method; a ring round the smallest that costs next to nothing."""
    base = swept.rows[0]
    top = base.figures[SIZED_BY].mean
    ax.axhspan(top - swept.tolerance, top, color="#999999", alpha=0.18, linewidth=0)
    for n, axis in enumerate(axis for axis in _SIZES if swept.axis(axis)):
        rows = _by_size(swept, axis)
        sizes = [row.measured.bytes_per_vector or 0 for row in rows]
        marks: dict[str, Any] = {"marker": MARKERS[n], "color": COLOURS[n], "linestyle": "-"}
        if axis == "quantization":
            marks["linestyle"] = "none"
        ax.plot(sizes, _means(rows, SIZED_BY), label=_NAMES[axis], markersize=5, linewidth=1.6, **marks)
        for row in rows:
            told = row.value if axis == "quantization" else f"{row.measured.variance or 1:.0%}" if axis == "pca" else ""
            if told and row is not base:
                place = (float(row.measured.bytes_per_vector or 0), row.figures[SIZED_BY].mean)
                ax.annotate(told, place, textcoords="offset points", xytext=(0, 8), ha="center", fontsize=7)
        if (small := swept.smallest.get(axis)) is not None and small is not base:
            place = (float(small.measured.bytes_per_vector or 0), small.figures[SIZED_BY].mean)
            ax.plot(*place, "o", markersize=12, markerfacecolor="none", markeredgecolor=COLOURS[n], markeredgewidth=1.3)
    ax.plot([], [], "o", markersize=9, markerfacecolor="none", color="#666666", label="the smallest in the grey band")
    ax.margins(x=0.09, y=0.12)
    _size_scale(ax, swept)
    ax.set_ylabel(f"{SIZED_BY}, mean over questions")
    ax.set_title(f"Quality (grey: within {swept.tolerance:g} of what is set; %: variance kept)", fontsize=9)
    ax.legend(fontsize=7, loc="lower right")


def _draw_latency(ax: Axes, swept: Swept) -> None:
    """One search at each size: the median, and a line up to the 95th percentile; simulated points have none."""
    for n, axis in enumerate(axis for axis in _SIZES if swept.axis(axis)):
        rows = [row for row in _by_size(swept, axis) if row.measured.milliseconds]
        if len(rows) < 2:
            continue
        # Beside one another, or the lines of two methods would hide each other.
        sizes = [(row.measured.bytes_per_vector or 0) * _BESIDE**n for row in rows]
        times = [row.measured.milliseconds or (0.0, 0.0) for row in rows]
        ax.vlines(sizes, [t[0] for t in times], [t[1] for t in times], color=COLOURS[n], alpha=0.35, linewidth=3)
        marks: dict[str, Any] = {"marker": MARKERS[n], "color": COLOURS[n], "markersize": 5, "linewidth": 1.6}
        ax.plot(sizes, [t[0] for t in times], label=_NAMES[axis], **marks)
    _size_scale(ax, swept)
    # Room for the medians: what a busy machine does to the slowest searches may leave the picture at the top.
    medians = [
        row.measured.milliseconds[0] for axis in _SIZES for row in _by_size(swept, axis) if row.measured.milliseconds
    ]
    ax.set_ylim(0, 2.5 * max(medians, default=1.0))
    ax.margins(x=0.09)
    ax.set_ylabel("one search (ms)")
    ax.set_title("Latency: the median, and up to the 95th percentile", fontsize=9)
    ax.legend(fontsize=7, loc="upper right")


def _by_size(swept: Swept, axis: str) -> list[Row]:
    """The rows of an axis from the smallest vector to the largest, which is what is set."""
    joined = [] if axis == "quantization" else swept.rows[:1]
    return sorted([*joined, *swept.axis(axis)], key=lambda row: row.measured.bytes_per_vector or 0)


def _size_scale(ax: Axes, swept: Swept) -> None:
    sizes = sorted({row.measured.bytes_per_vector or 0 for row in (*swept.rows[:1], *swept.axis("dimensions"))})
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [f"{size:,}\n{size // 4} d" for size in sizes])
    ax.minorticks_off()
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("bytes per vector, and dimensions")


def _draw_axis(ax: Axes, base: Row, rows: Sequence[Row], axis: str) -> None:
    """nDCG@10 and MRR@10 at each value, in order; a dashed line shows the settings in force."""
    places = range(len(rows))
    for n, measure in enumerate(MEASURES[:2]):
        means = _means(rows, measure)
        low, high = _bounds(rows, measure)
        errors = [[m - x for m, x in zip(means, low, strict=True)], [x - m for m, x in zip(means, high, strict=True)]]
        beside = [place + 0.16 * (n - 0.5) for place in places]
        ax.errorbar(
            beside, means, yerr=errors, fmt=MARKERS[n], color=COLOURS[n], capsize=2, label=measure, markersize=5
        )
        ax.axhline(base.figures[measure].mean, color=COLOURS[n], linestyle="--", linewidth=0.8)
    ax.set_xlabel(f"{axis} (dashed: {BASE})")
    ax.set_ylabel("mean over questions, 95 % interval")
    ax.set_xticks(places, [row.value for row in rows], rotation=45 if len(rows) > 4 else 0)
    ax.set_title(f"Quality and {axis}", fontsize=9)
    ax.legend(fontsize=7)


def _means(rows: Sequence[Row], measure: str) -> list[float]:
    return [row.figures[measure].mean for row in rows]


def _bounds(rows: Sequence[Row], measure: str) -> tuple[list[float], list[float]]:
    figures = [row.figures[measure] for row in rows]
    return (
        [figure.mean if figure.low is None else figure.low for figure in figures],
        [figure.mean if figure.high is None else figure.high for figure in figures],
    )
