"""Who has the folder of an embedded index: one process at a time, named in the lock file, with its socket if it shares."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import portalocker

from configs.errors import IndexInUse
from ingest.index.faults import CORRECT_FOLDER, failed, missing


@dataclass(frozen=True, slots=True)
class Holder:
    """What a lock file says of the process that has it, or had it last."""

    who: str
    socket: str
    """Where it can be reached; empty for one that keeps the index to itself."""


class Lock:
    """A held lock; the system frees it when this process ends, however it ends."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file

    def announce(self, who: str, socket: str = "") -> None:
        """Write down who has it, and where they can be reached."""
        with contextlib.suppress(OSError):
            self._file.truncate(0)
            self._file.write(f"{who}\n{socket}\n")
            self._file.flush()

    @property
    def stands(self) -> bool:
        """Whether it still keeps anyone out: not where its file was deleted or replaced."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def close(self) -> None:
        """Let go."""
        self._file.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def this_process() -> str:
    """This process as others are told of it: its number, program and command."""
    return f"process {os.getpid()} ({Path(sys.argv[0]).name} {' '.join(sys.argv[1:2])})".replace(" )", ")")


def holder(folder: Path) -> Holder:
    """Who has the index in `folder`, or had it last."""
    try:
        lines = (folder / "lock").read_text("utf-8", "replace").split("\n")
    except OSError:  # none; or held on a system where what is locked cannot be read
        lines = []
    who, socket, *_ = [*lines, "", ""]
    return Holder(who.strip() or "another process", socket)


def acquire(folder: Path, *, make: bool = False) -> Lock:
    """Take the index in `folder`, for this process alone; `make` makes the folder.

    Raises:
        IndexMissing, IndexInUse, IndexStoreError: no folder; held by another process; not to be written.
    """
    path = folder / "lock"
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except FileNotFoundError:
        raise missing(folder) from None
    except OSError as error:
        raise failed(folder, "written" if make else "opened", error, CORRECT_FOLDER) from error
    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        file.close()
        raise in_use(folder, holder(folder).who) from None
    lock = Lock(path, file)
    if not lock.stands:  # deleted between opening and locking
        lock.close()
        return acquire(folder, make=make)
    lock.announce(this_process())
    return lock


def in_use(folder: Path, who: str) -> IndexInUse:
    """The index in `folder` is held by someone else."""
    return IndexInUse(
        f"index “{folder.name}” is in use by {who}",
        where=str(folder),
        fix="Close that one first, or use another --index NAME.",
    )
