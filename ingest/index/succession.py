"""How an embedded index takes the place of an older one of its name; a kill at any moment leaves one of them whole.

{data_dir}/indexes/.{name}.new/    the new one, while it is built
                   {name}/next/    the same, once it is whole: this one rename decides

Whoever has the lock of {name} then moves the parts of `next` to where they belong (`finish`), as often as it takes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

_NEXT = "next"
# The manifest comes last: with it, the new one is complete.
_PARTS = ("shard", "ledger.sqlite", "manifest.json")
# What SQLite keeps beside a ledger belongs to the old one: the new one was closed.
_OF_THE_OLD = ("ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-journal")


def folder_beside(folder: Path) -> Path:
    """Where the successor of the index in `folder` is built; no index can have that name."""
    return folder.with_name(f".{folder.name}.new")


def succeed(folder: Path) -> None:
    """Let the finished, closed index beside take the place of the one in `folder`; only for who has the lock of that."""
    finish(folder)
    folder_beside(folder).rename(folder / _NEXT)
    finish(folder)


def finish(folder: Path) -> None:
    """Do what is left to do of a succession that was decided; only for who has the lock."""
    coming = folder / _NEXT
    if not coming.is_dir():
        return
    for part in _PARTS:
        source, target = coming / part, folder / part
        if not source.exists():
            continue  # it is in its place already, or the successor has none
        if part == "shard":
            shutil.rmtree(target, ignore_errors=True)
        elif part == "ledger.sqlite":
            for name in _OF_THE_OLD:
                (folder / name).unlink(missing_ok=True)
        source.replace(target)
    shutil.rmtree(coming)
