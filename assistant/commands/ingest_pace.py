"""How fast an ingest goes, and how long it will still take: in words, and as figures for `--events`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ingest.progress import Summary

# The rate is that of the last so many seconds: what was skipped at the start says nothing of what is embedded now.
_WINDOW = 60.0
# Before so many seconds have passed, what is left is not guessed.
_TOO_SOON = 2.0


class Pace:
    """Told each summary by `heard`; says what it makes of the latest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._heard: deque[tuple[float, int]] = (
            deque()
        )  # from the first batch on: what starting took says nothing of the pace
        self._summary = Summary()

    def heard(self, summary: Summary) -> None:
        """The counts now."""
        now = self._clock()
        self._summary = summary
        self._heard.append((now, summary.done))
        while len(self._heard) > 2 and self._heard[1][0] < now - _WINDOW:
            self._heard.popleft()

    @property
    def seconds_left(self) -> float | None:
        """Until all records are dealt with that are expected; None where that cannot be told (yet)."""
        if not self._heard:
            return None
        (then, before), (now, done) = self._heard[0], self._heard[-1]
        left = self._summary.expected - done
        if not self._summary.expected or left < 0 or now - then < _TOO_SOON or done == before:
            return None
        return left * (now - then) / (done - before)

    def to_json(self) -> dict[str, Any]:
        """Rates over the whole run, and what is left."""
        seconds, left = self._seconds(), self.seconds_left
        return {
            "documents_per_second": round(self._summary.done / seconds, 1),
            "tokens_per_second": round(self._summary.tokens / seconds),
            "seconds_left": None if left is None else round(left),
        }

    def __str__(self) -> str:
        """Counts, rates, and what is left."""
        summary, seconds, left = self._summary, self._seconds(), self.seconds_left
        parts = [f"{summary.documents:,} documents", f"{summary.done / seconds:,.0f}/s"]
        parts += [] if left is None else [f"{in_words(left)} left of about {summary.expected:,} records"]
        parts += [f"{summary.tokens / seconds:,.0f} tokens/s"] if summary.tokens else []
        parts += [f"{summary.passages:,} passages", f"{summary.skipped:,} unchanged"]
        parts += [f"{summary.failed:,} rejected"] if summary.failed else []
        parts += [f"{summary.recalled:,} vectors known"] if summary.recalled else []
        parts += [f"{summary.retries:,} repeated"] if summary.retries else []
        return ", ".join(parts)

    def _seconds(self) -> float:
        return max(self._clock() - self._began, 0.001)


def in_words(seconds: float) -> str:
    """A time as one says it: “40 s”, “12 min”, “3 h 20 min”."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
