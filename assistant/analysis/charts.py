"""Pictures of figures: quality against size, against a setting, and of systems side by side; PNG or SVG by suffix.

Colours are of Okabe and Ito's set, told apart by colour-blind readers; each line has a marker and a name besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.analysis.metrics import Interval
from assistant.analysis.sweep import BASE, BEST, MEASURES, Row, Swept
from configs.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v")
# Text stays text in an SVG, which keeps it small; and no date, so that the same figures give the same file.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "citewell",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
_NAMES = {
    "dimensions": "the first N dimensions, renormalised",
    "pca": "PCA",
    "random": "random projection",
    "quantization": "quantization (simulated)",
}
_SIZES = tuple(_NAMES)


def check_suffix(path: Path) -> None:
    """Say before the work that a picture's name has no suffix of a picture.

    Raises:
        InputError: neither .png nor .svg.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("a chart is a .png or a .svg", where=str(path), usage=True)


def draw_sweep(swept: Swept, path: Path, title: str) -> None:
    """One panel for the size of vectors (quality and latency), one for every other axis."""
    others = [axis for axis in dict.fromkeys(row.axis for row in swept.rows) if axis not in (BASE, BEST, *_SIZES)]
    sized = any(row.axis in _SIZES for row in swept.rows)
    count = 2 * sized + len(others)
    if not count:
        return
    with _figure(path, title, count) as panels:
        if sized:
            _draw_sizes(next(panels), swept)
            _draw_latency(next(panels), swept)
        for axis in others:
            _draw_axis(next(panels), swept.rows[0], swept.axis(axis), axis)


def draw_systems(
    systems: Mapping[str, Mapping[str, Interval]], path: Path, title: str, measure: str = "nDCG@10"
) -> None:
    """Each set's systems (set → system → figure) as points with their 95 % intervals."""
    names = list(dict.fromkeys(name for rows in systems.values() for name in rows))
    with _figure(path, title, 1, height=1.2 + 0.26 * sum(len(rows) + 1 for rows in systems.values())) as panels:
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
                    fmt=_MARKERS[n % len(_MARKERS)],
                    color=_COLOURS[n % len(_COLOURS)],
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
    """nDCG@10 against bytes, a line a method; the first dimensions with their interval and MRR@10 too."""
    base = swept.rows[0]
    for n, axis in enumerate(axis for axis in _SIZES if swept.axis(axis)):
        joined = [base] if axis != "quantization" else []
        rows = sorted([*joined, *swept.axis(axis)], key=lambda row: row.measured.bytes_per_vector or 0)
        sizes = [row.measured.bytes_per_vector or 0 for row in rows]
        marks: dict[str, Any] = {"marker": _MARKERS[n], "color": _COLOURS[n], "markersize": 5}
        style = "none" if axis == "quantization" else "-"
        ax.plot(sizes, _means(rows, "nDCG@10"), linestyle=style, label=f"nDCG@10, {_NAMES[axis]}", **marks)
        if axis == "dimensions":
            ax.fill_between(sizes, *_bounds(rows, "nDCG@10"), color=_COLOURS[n], alpha=0.15, linewidth=0)
            ax.plot(sizes, _means(rows, "MRR@10"), linestyle=":", label=f"MRR@10, {_NAMES[axis]}", **marks)
        if axis == "quantization":
            for row in rows:
                place = (float(row.measured.bytes_per_vector or 0), row.figures["nDCG@10"].mean)
                ax.annotate(row.value, place, textcoords="offset points", xytext=(6, -10))
    _size_scale(ax, swept)
    ax.set_ylabel("mean over questions")
    ax.set_title("Quality and size", fontsize=9)
    ax.legend(fontsize=7)


def _draw_latency(ax: Axes, swept: Swept) -> None:
    rows = [
        row for row in (*swept.rows[:1], *swept.axis("dimensions"), *swept.axis("pca")) if row.measured.milliseconds
    ]
    rows.sort(key=lambda row: row.measured.bytes_per_vector or 0)
    sizes = [row.measured.bytes_per_vector or 0 for row in rows]
    for n, name in enumerate(("median", "95th percentile")):
        times = [row.measured.milliseconds[n] for row in rows if row.measured.milliseconds]
        ax.plot(sizes, times, marker=_MARKERS[n], color=_COLOURS[n], linestyle="none", label=name, markersize=5)
    _size_scale(ax, swept)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("one search (ms)")
    ax.set_title("Latency and size (question embedded before)", fontsize=9)
    ax.legend(fontsize=7)


def _size_scale(ax: Axes, swept: Swept) -> None:
    sizes = sorted({row.measured.bytes_per_vector or 0 for row in (*swept.rows[:1], *swept.axis("dimensions"))})
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [f"{size:,}\n{size // 4} d" for size in sizes])
    ax.minorticks_off()
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
            beside, means, yerr=errors, fmt=_MARKERS[n], color=_COLOURS[n], capsize=2, label=measure, markersize=5
        )
        ax.axhline(base.figures[measure].mean, color=_COLOURS[n], linestyle="--", linewidth=0.8)
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


@contextmanager
def _figure(path: Path, title: str, panels: int, height: float = 3.2) -> Iterator[Iterator[Axes]]:
    """Panels to draw in, two a row; written at the end, without a screen and without the global state of pyplot."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    columns = min(2, panels)
    rows = -(-panels // columns)
    with mpl.rc_context(_STYLE):
        figure: Figure = NewFigure(figsize=(4.4 * columns if panels > 1 else 7, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=10)
        axes = [figure.add_subplot(rows, columns, n + 1) for n in range(panels)]
        yield iter(axes)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            figure.savefig(path, dpi=150, metadata=metadata)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
