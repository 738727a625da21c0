"""Files for people: whole or not at all, open to their owner only, and never over what is there unless told to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from configs.errors import InputError


def write(path: Path, text: str, *, force: bool = False) -> Path:
    """Make a file of mode 600 appear whole; `force` lets it take the place of an earlier one.

    Raises:
        InputError: a file that is there already, no such folder, or one that cannot be written.
    """
    try:
        if not path.parent.is_dir():
            raise InputError("there is no such folder", where=str(path.parent), fix="Make it first, or name another.")
        _appear(path, text, force=force)
    except FileExistsError:
        raise InputError(
            "exists already and is not overwritten",
            where=str(path),
            fix="Name another file, remove this one, or use --force.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the file could not be written: {reason}", where=str(path)) from error
    return path


def _appear(path: Path, text: str, *, force: bool) -> None:
    if os.path.lexists(path) and not force:
        raise FileExistsError
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".citewell-", suffix=".part")  # mode 600
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            partial.replace(path)
            return
        try:
            path.hardlink_to(partial)  # unlike a renaming, this cannot replace what is there
        except FileExistsError:
            raise
        except OSError:  # no hard links here: a memory stick, say
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
