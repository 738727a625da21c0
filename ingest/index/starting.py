"""How the owner of an embedded index is started: detached from terminal and pipes, its socket private, its log bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from configs.errors import IndexStoreError
from ingest.index import wire

_LARGEST_LOG = 2**20
# A socket's path may have 104 bytes on some systems, 108 on others; its name takes 22 (`owner.socket_in`).
_LONGEST_PLACE = 80
_BOOT = "import sys; sys.path.append(sys.argv[1]); from ingest.index.{module} import main; main()"


def command(module: str, *arguments: object) -> list[str]:
    """What runs `main` of a module of this package, wherever it lies; -P: nothing is imported from the current directory."""
    root = Path(__file__).parents[2]
    return [sys.executable, "-P", "-c", _BOOT.format(module=module), str(root), *map(str, arguments)]


def environment() -> dict[str, str]:
    """This process's, without citewell's own variables: what they hold, keys among it, is not the owner's business."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CITEWELL_")}


async def start(folder: Path, place: Path, idle: float) -> None:
    """Start an owner of the index in `folder`; returns once it can be reached. `idle` is in seconds.

    Raises:
        IndexMissing, IndexInUse, IndexStoreError: as it found the index.
    """
    with log() as descriptor:
        process = await asyncio.create_subprocess_exec(
            *command("owner", folder, place, idle),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            cwd="/",
            env=environment(),
            start_new_session=True,
        )
    told, _ = await process.communicate()
    try:
        said = json.loads(told)
    except ValueError:
        raise IndexStoreError(
            f"index “{folder.name}” cannot be opened: the process for it ended at once",
            where=str(folder),
            fix=f"{log_file()} says why.",
        ) from None
    if "error" in said:
        raise wire.error_from_json(said["error"])


def socket_place() -> Path | None:
    """A folder for sockets that only this user can enter; None where there can be none, as on Windows."""
    if sys.platform == "win32":
        return None
    # Not platformdirs' own: without XDG_RUNTIME_DIR it warns, and names a folder that nobody has made private.
    runtime, user = os.environ.get("XDG_RUNTIME_DIR"), f"citewell-{os.getuid()}"
    places = [Path(tempfile.gettempdir(), user), Path("/tmp", user)]  # noqa: S108 — looked at before it is used
    for place in [Path(runtime, "citewell"), *places] if runtime else places:
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            found = place.lstat()
        except OSError:
            continue
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        if private and len(os.fsencode(place)) <= _LONGEST_PLACE:
            return place
    return None


def log_file() -> Path:
    """Where owners write what befalls them."""
    return platformdirs.user_state_path("citewell") / "owner.log"


@contextlib.contextmanager
def log() -> Iterator[int]:
    """That file, open for a child to append to; a long one is put aside first. Where there can be none: nowhere."""
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_suffix(".log.old"))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
