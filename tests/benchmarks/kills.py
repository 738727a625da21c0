"""An ingest killed (-9) at random points of its progress and taken up again, each time from an index that is being edited.

    python -m tests.benchmarks.kills [kills] [seed]

Prints how many ended with exactly the points of an undisturbed run; the test does ten (tests/ingest/test_kills.py).
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from configs.loading import load
from ingest import pipeline
from ingest.index.open import folder_of
from tests.benchmarks.harness import environment, stub_server
from tests.support.corpora import Watcher, record, records
from tests.support.kills import forked, ingest_until, points_in

_DIMENSIONS = 64
_DOCUMENTS = 96


def main() -> None:
    """Kill and compare."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)  # noqa: S311
    with environment() as folder, stub_server(_DIMENSIONS) as url:
        flags = {"embedding.provider": "openai", "embedding.url": url, "chunking.size": 16, "chunking.overlap": 0}
        same = _compare(folder, {**flags, "index.shared": False}, kills, draw)
    print(f"{same} of {kills} killed ingests ended with the points of an undisturbed one")
    sys.exit(same != kills)


def _compare(folder: Path, flags: dict[str, Any], kills: int, draw: random.Random) -> int:
    older = _written(folder / "older.jsonl", [{**record(n), "abstract": f"Then {n}. " * 9} for n in range(48)])
    newer = _written(folder / "newer.jsonl", records(_DOCUMENTS))
    before = folder / "before"
    asyncio.run(pipeline.ingest([older], load(flags=flags | {"data_dir": str(before)}).settings, Watcher()))
    context = forked()

    def begun(name: str) -> tuple[Path, dict[str, Any]]:
        shutil.copytree(before, folder / name)
        own = flags | {"data_dir": str(folder / name)}
        return folder_of(load(flags=own).settings), own

    index, own = begun("calm")
    _, calls = ingest_until(context, newer, own, None)
    undisturbed = points_in(index)
    same = 0
    for number in range(kills):
        killed = 0
        while not killed:  # two runs differ by some calls, and one may be over before its point
            shutil.rmtree(folder / f"killed-{number}", ignore_errors=True)
            index, own = begun(f"killed-{number}")
            point = draw.randrange(1, calls)
            killed, _ = ingest_until(context, newer, own, point)
        ended, _ = ingest_until(context, newer, own, None)
        good = (killed, ended) == (-signal.SIGKILL, 0) and points_in(index) == undisturbed
        same += good
        if not good:
            print(f"differs: killed at call {point} of {calls}, statuses {killed} and {ended}")
        shutil.rmtree(folder / f"killed-{number}")
    return same


def _written(path: Path, corpus: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in corpus), "utf-8")
    return str(path)


if __name__ == "__main__":
    main()
