"""The processes that hold embedded indexes: found by their sockets, and ended, so that no test leaves one behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from collections.abc import Iterable
from pathlib import Path


def pid_of(address: Path) -> int | None:
    """The process that listens at a socket; None where nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(address))
        except OSError:
            return None
        option = getattr(socket, "SO_PEERCRED", None)
        if option is None:  # not Linux: they leave when they are not used
            return None
        return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, 12))[0])


def end(addresses: Iterable[Path]) -> None:
    """Kill -9 whoever listens at these sockets, and remove them."""
    for address in addresses:
        pid = pid_of(address)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        address.unlink(missing_ok=True)
