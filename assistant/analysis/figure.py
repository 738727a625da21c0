"""What every picture shares: PNG or SVG by suffix, one style, colours told apart by all, written without a screen.

Colours are of Okabe and Ito's set, told apart by colour-blind readers; whoever uses them adds a marker or a name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v")
# Text stays text in an SVG, which keeps it small; no date, so that the same figures give the same file; and
# a $ in a name is a $.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "citewell",
    "font.size": 9,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
# Of Windows, macOS and Linux, those with Chinese first.
_WIDER = (
    *(
        "Noto Sans CJK SC",
        "Noto Sans SC",
        "Source Han Sans SC",
        "PingFang SC",
        "Microsoft YaHei",
        "WenQuanYi Micro Hei",
    ),
    *(
        "WenQuanYi Zen Hei",
        "Noto Sans CJK JP",
        "SimHei",
        "Heiti SC",
        "Arial Unicode MS",
        "Noto Sans",
        "Segoe UI Symbol",
    ),
)


def check_suffix(path: Path) -> None:
    """Say before the work that a picture's name has no suffix of a picture.

    Raises:
        InputError: neither .png nor .svg.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("a chart is a .png or a .svg", where=str(path), usage=True)


def fonts_for(labels: Iterable[str]) -> tuple[list[str], str]:
    """The fonts in whose order a letter is looked for, and which letters of these labels none of them has.

    matplotlib brings DejaVu Sans, which has no Chinese: where it is needed the first of `_WIDER` installed here follows.
    """
    from matplotlib import font_manager, ft2font

    def lacking(name: str, wanted: set[str]) -> set[str]:
        font = ft2font.FT2Font(font_manager.findfont(name, fallback_to_default=False))
        return {letter for letter in wanted if ord(letter) not in font.get_charmap()}

    fonts = ["DejaVu Sans"]
    missing = lacking(fonts[0], {letter for label in labels for letter in label if letter.isprintable()})
    here = set(font_manager.get_font_names()) if missing else set()
    for name in _WIDER:
        if name in here and (left := lacking(name, missing)) != missing:
            fonts, missing = [*fonts, name], left
    return fonts, "".join(sorted(missing))


@contextmanager
def canvas(
    path: Path, title: str, panels: int = 1, *, width: float = 7, height: float = 3.2, labels: Iterable[str] = ()
) -> Iterator[Iterator[Axes]]:
    """Panels to draw in, two a row; written at the end, without a screen and without the global state of pyplot.

    `width` is that of a single panel, `height` of each, in inches; `labels` are texts that may need another font.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    columns = min(2, panels)
    rows = -(-panels // columns)
    fonts, missing = fonts_for(labels)
    with mpl.rc_context({**_STYLE, "font.family": [*fonts, "sans-serif"]}), warnings.catch_warnings():
        if missing:
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
        drawn: Figure = NewFigure(figsize=(4.4 * columns if panels > 1 else width, height * rows), layout="constrained")
        FigureCanvasAgg(drawn)
        drawn.suptitle(title, fontsize=10)
        axes = [drawn.add_subplot(rows, columns, n + 1) for n in range(panels)]
        yield iter(axes)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            drawn.savefig(path, dpi=150, metadata=metadata)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
