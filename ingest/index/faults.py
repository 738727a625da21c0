"""What the system and Qdrant Edge say of an embedded index's folder, as errors with a remedy."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from configs.errors import IndexMissing, IndexStoreError

# Bytes that must be free to open an index (which takes about 11 MiB) or to store in it. Edge writes to sparse files
# mapped into memory, and there a full disk is no error but a SIGBUS.
_HEADROOM = 64 * 2**20
CHECK_DISK = "Check the free disk space, then run the same command again; what was stored is kept."
CORRECT_FOLDER = "Correct data_dir, or who may write there."
_FREE_SPACE = "Free some space there, then run the same command again; what was stored is kept."
# What mends an error of the system; none of them is mended by making the index anew.
_SYSTEM_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FREE_SPACE),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR), CORRECT_FOLDER),
}
_SYSTEM_ERROR = re.compile(r"os error (\d+)")  # as Rust says it


@contextlib.contextmanager
def explained(folder: Path, doing: str, fix: str = "") -> Iterator[None]:
    """Whatever Qdrant Edge raises as one of our errors; `doing` says what could not be done."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Edge raises bare Exception, and a panic in Rust is no Exception at all
        raise failed(folder, doing, error, fix) from error


def failed(folder: Path, doing: str, error: BaseException, fix: str = "") -> IndexStoreError:
    """The index in `folder` cannot be opened, read or written, and what mends it."""
    told = _SYSTEM_ERROR.search(str(error))
    number = error.errno if isinstance(error, OSError) else int(told[1]) if told else None
    fix = _SYSTEM_FIXES.get(number or 0) or fix
    rebuild = f"Restore it from a backup, or rebuild it: citewell index delete {folder.name}, then ingest again."
    reason = getattr(error, "strerror", None) or error
    return IndexStoreError(f"index “{folder.name}” cannot be {doing}: {reason}", where=str(folder), fix=fix or rebuild)


def missing(folder: Path) -> IndexMissing:
    """There is no index in `folder`."""
    return IndexMissing(
        f"there is no index “{folder.name}” yet", fix="citewell ingest PATH… makes it; citewell demo needs none."
    )


def need_space(folder: Path, more: int = 0) -> None:
    """See that its disk has room for what comes: `more` bytes, and some to spare.

    Raises:
        OSError: ENOSPC, with both figures.
    """
    free = shutil.disk_usage(folder).free
    if free < _HEADROOM + more:
        reason = f"{free / 2**20:.0f} MiB are free on its disk, {(_HEADROOM + more) // 2**20} MiB are needed"
        raise OSError(errno.ENOSPC, reason)
