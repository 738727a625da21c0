"""What the benchmarks share: interleaved repetitions, ratios, stub servers in processes of their own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
_STUB = """
import sys, time
from tests.support.openai_server import OpenAIServer
with OpenAIServer(dimensions=int(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def interleaved(runs: int, **subjects: Callable[[], float]) -> dict[str, list[float]]:
    """Measure each subject in turn, `runs` times, so that a noisy neighbour disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, measure in subjects.items():
            times[name].append(measure())
    return times


def report(
    title: str, times: Mapping[str, list[float]], baseline: str, unit: str = "ms", bound: float | None = None
) -> None:
    """Print median and best of each subject and its ratio to the baseline, by medians."""
    scale = {"ms": 1e3, "s": 1.0}[unit]
    base = statistics.median(times[baseline])
    print(f"\n{title}" + (f"  (bound: {bound} × {baseline})" if bound else ""))
    for name, values in times.items():
        median = statistics.median(values)
        print(
            f"  {name:<28} median {median * scale:9.2f} {unit}   best {min(values) * scale:9.2f} {unit}   × {median / base:.2f}"
        )


def stub_server(dimensions: int) -> AbstractContextManager[str]:
    """The fake model server in a process of its own; gives its base URL."""
    return _serving("-c", _STUB, str(dimensions))


def instant_server(dimensions: int, documents_a_second: int = 0) -> AbstractContextManager[str]:
    """An embedding server that costs next to nothing (`instant_server`), likewise; 0: as fast as it can."""
    return _serving("-m", "tests.benchmarks.instant_server", str(dimensions), str(documents_a_second))


@contextmanager
def _serving(*arguments: str) -> Iterator[str]:
    """A Python process that prints its address and ends with its standard input."""
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)


@contextmanager
def environment(**variables: str) -> Iterator[Path]:
    """An empty data folder, and these CITEWELL_ variables instead of the user's own."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("CITEWELL_")]:
            del os.environ[name]
        os.environ.update({"CITEWELL_DATA_DIR": folder, "CITEWELL_CONFIG": f"{folder}/config.toml"}, **variables)
        Path(folder, "config.toml").touch()
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(kept)


def lines(path: Path) -> list[dict[str, str]]:
    """The records of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
