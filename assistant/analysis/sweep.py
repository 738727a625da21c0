"""Settings varied one axis at a time around those in force, each point measured against them over the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.analysis import axes, metrics
from assistant.analysis.axes import Variant, changed
from assistant.analysis.laboratory import Laboratory, Measured
from assistant.analysis.metrics import Difference, Interval
from assistant.analysis.reduction import Reduction
from configs.settings import Settings

# What fewer dimensions may cost in `SIZED_BY` where nothing else is said.
TOLERANCE = 0.01
SIZED_BY = "MRR@10"
MEASURES = ("nDCG@10", "MRR@10", "recall@10")
DECISIVE = "nDCG@10"
BASE = "as set"
BEST = "best of each"


@dataclass(frozen=True)
class Row:
    """One point: what it costs, how good it is, and whether it differs from the settings in force by chance alone."""

    axis: str
    value: str
    flags: Mapping[str, str]
    measured: Measured
    figures: Mapping[str, Interval]
    against: Difference | None
    """nDCG@10 less that of the settings in force; None for these themselves."""

    def to_json(self) -> dict[str, Any]:
        """As `citewell eval sweep --json` prints it."""
        times = self.measured.milliseconds
        return {
            "axis": self.axis,
            "value": self.value,
            "set": dict(self.flags),
            "metrics": {name: round(figure.mean, 6) for name, figure in self.figures.items()},
            "intervals": {name: [figure.low, figure.high] for name, figure in self.figures.items()},
            "dimensions": self.measured.dimensions,
            "bytes_per_vector": self.measured.bytes_per_vector,
            "variance_kept": None if self.measured.variance is None else round(self.measured.variance, 4),
            "milliseconds": None if times is None else {"p50": round(times[0], 3), "p95": round(times[1], 3)},
            "against_base": None if self.against is None else self.against.to_json(),
            "warnings": dict(self.measured.warnings),
        }


@dataclass(frozen=True)
class Swept:
    """All points, those in force first, and the axes that could not be varied, with the reason."""

    rows: Sequence[Row]
    skipped: Mapping[str, str]
    best: Row
    tolerance: float = TOLERANCE

    def axis(self, name: str) -> list[Row]:
        """The rows of an axis, and the settings in force among them as its full or present value."""
        return [row for row in self.rows if row.axis == name]

    @property
    def smallest(self) -> dict[str, Row]:
        """For each way to fewer dimensions that was tried, the fewest within `tolerance` of MRR@10 as set; none may be."""
        base = self.rows[0]
        least = base.figures[SIZED_BY].mean - self.tolerance
        found = {}
        for axis in axes.METHODS:
            near = [row for row in self.axis(axis) if row.figures[SIZED_BY].mean >= least]
            if near:
                found[axis] = min(near, key=lambda row: row.measured.bytes_per_vector or 0)
        return found

    def conclusions(self) -> list[str]:
        """What one would do: of each way to fewer dimensions, the fewest that cost next to nothing."""
        base, told = self.rows[0], []
        for axis, row in self.smallest.items():
            sizes = [one.measured.bytes_per_vector or 0 for one in (row, base)]
            kept = "" if row.measured.variance is None else f", {row.measured.variance:.0%} of the variance"
            figures = [one.figures[SIZED_BY].mean for one in (row, base)]
            told.append(
                f"Smallest by {axis} within {self.tolerance:g} of {SIZED_BY} as set: {row.value} ({SIZED_BY} "
                f"{figures[0]:.4f} for {figures[1]:.4f}, {sizes[0]:,} bytes a vector for {sizes[1]:,}{kept})"
            )
        return told

    def to_json(self) -> dict[str, Any]:
        """As `citewell eval sweep --json` prints it."""
        rows = [row.to_json() for row in self.rows]
        smallest = {axis: {"value": row.value, "within": self.tolerance} for axis, row in self.smallest.items()}
        return {"rows": rows, "skipped": dict(self.skipped), "best": self.best.to_json(), "smallest": smallest}


async def sweep(
    laboratory: Laboratory,
    settings: Settings,
    wanted: Mapping[str, Sequence[str]],
    within: float = 0.0,
) -> Swept:
    """Vary each wanted axis (name → values, none for the usual ones), then try the best of each together.

    The best is the highest nDCG@10, or the smallest and then fastest point that is `within` so much of it. Only what
    the settings can say takes part: PCA, random projections and simulated quantization are there to compare.

    Raises:
        SettingsError, ServerError, NotInstalled, IndexStoreError
    """
    skipped = {axis: reason for axis in wanted if (reason := axes.missing(axis, settings))}
    full = None if settings.embedding.provider == "none" else await laboratory.dimensions(settings)
    points: list[Variant] = []
    for axis in (axis for axis in wanted if axis not in skipped):
        points += axes.variants(axis, wanted[axis], settings, full, laboratory.documents)
    asked = settings.embedding.dimensions
    here = Reduction("truncation", asked) if full is not None and asked is not None and asked < full else None
    base = await laboratory.measure(settings, here, BASE)
    rows = [_row(Variant(BASE, _size(base), settings, {}), base, None)]
    for point in points:
        measured = await laboratory.measure(point.settings, point.reduced or here, f"{point.axis} {point.value}")
        rows.append(_row(point, measured, base))
    together = _together(rows, within)
    if len(together) > 1 and not any(row.flags == together for row in rows):
        reduced = next(
            (p.reduced for p in points if p.axis == "dimensions" and p.flags.items() <= together.items()), here
        )
        measured = await laboratory.measure(changed(settings, together), reduced, BEST)
        rows.append(_row(Variant(BEST, _told(together), settings, together), measured, base))
    best = _best([row for row in rows if row.flags or row.axis == BASE], within)
    return Swept(rows, skipped, best, within or TOLERANCE)


def _row(point: Variant, measured: Measured, base: Measured | None) -> Row:
    figures = metrics.summary(measured.per_query, MEASURES)
    against = None
    if base is not None:
        against = metrics.compare(base.per_query, measured.per_query, (DECISIVE,))[DECISIVE]
    return Row(point.axis, point.value, point.flags, measured, figures, against)


def _best(rows: Sequence[Row], within: float) -> Row:
    top = max(row.figures[DECISIVE].mean for row in rows)
    near = [row for row in rows if row.figures[DECISIVE].mean >= top - within]
    return min(
        near,
        key=lambda row: (
            (row.measured.bytes_per_vector or 0, -row.figures[DECISIVE].mean)
            if within
            else (-row.figures[DECISIVE].mean, row.measured.bytes_per_vector or 0)
        ),
    )


def _together(rows: Sequence[Row], within: float) -> dict[str, str]:
    """The best of each axis where it is not the setting in force."""
    flags: dict[str, str] = {}
    for axis in dict.fromkeys(row.axis for row in rows[1:]):
        best = _best([rows[0], *(row for row in rows if row.axis == axis and row.flags)], within)
        flags |= best.flags
    return flags


def _size(measured: Measured) -> str:
    return "words alone" if measured.dimensions is None else str(measured.dimensions)


def _told(flags: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in flags.items())
