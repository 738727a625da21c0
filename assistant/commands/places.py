"""Where results go: that they cannot be written there is told before the work, which takes minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from assistant.analysis.figure import check_suffix
from configs.errors import InputError


def check_place(path: Path | None, option: str) -> None:
    """Say before the work that `option` names a place where nothing can be written, found out by writing there.

    Raises:
        InputError: no such folder; the folder or the file that is there takes nothing.
    """
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent), fix="Make it first.", usage=True)
    try:
        if path.is_file():
            path.open("ab").close()
        elif not path.exists():  # a pipe or a device is left alone: who listens there would take it for the result
            tempfile.TemporaryFile(dir=path.absolute().parent).close()
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(path), fix=f"Name another {option}.", usage=True
        ) from None


def check_chart(chart: Path | None) -> None:
    """`check_place` for a picture.

    Raises:
        InputError: as there; neither .png nor .svg.
    """
    if chart is not None:
        check_suffix(chart)
        check_place(chart, "--chart")
